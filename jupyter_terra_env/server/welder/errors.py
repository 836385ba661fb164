"""Errors in Welder's words: status, code and body of each (W-srv/WelderApp.scala)."""

import errno
from dataclasses import dataclass
from typing import Any

from jupyter_terra_env.notebooks.linked_objects import InSafeFolder, NoStorageLink, NothingKnown
from jupyter_terra_env.rules.errors import LockHeldElsewhere, ObjectNotFound, WorkspaceConflict
from jupyter_terra_env.rules.storage_links import BadRequest

GENERATION_MISMATCH, NO_STORAGE_LINK, SAFE_MODE_SAVE, SAFE_MODE_DELETE, INVALID_LOCK = range(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer.

    Attributes:
        status: HTTP status.
        body: JSON to send; None for an empty body.
    """

    status: int
    body: Any = None


def error_answer(error: Exception, *, action: str, path: str, trace_id: str) -> Answer:
    """The answer to an error.

    Args:
        error: what happened.
        action: what was asked for: ``lock``, ``safeDelocalize``, ``delete``, or anything else.
        path: the local path in question, if there is one.
        trace_id: the request's.
    """
    status, code, message = _meaning(error, action, path)
    return Answer(status=status, body={"errorMessage": message, "errorCode": code, "traceId": trace_id})


_BY_TYPE: tuple[tuple[type[Exception], int, int | None], ...] = (
    (BadRequest, 400, None),
    (NoStorageLink, 412, NO_STORAGE_LINK),
    (WorkspaceConflict, 412, GENERATION_MISMATCH),
    (LockHeldElsewhere, 412, INVALID_LOCK),
    (NothingKnown, 412, INVALID_LOCK),
    (ObjectNotFound, 404, None),
)


def _meaning(error: Exception, action: str, path: str) -> tuple[int, int | None, str]:
    if isinstance(error, InSafeFolder):
        code, done = (SAFE_MODE_DELETE, "deleted") if action == "delete" else (SAFE_MODE_SAVE, "saved")
        return 412, code, f"{path} can't be {done} in the workspace since it's in safe mode"
    if isinstance(error, LockHeldElsewhere) and action == "lock":
        return 409, None, "lock is already acquired by someone else"
    if isinstance(error, OSError):
        cause = errno.errorcode.get(error.errno or 0, "EIO")
        return 500, None, f"{path or 'The file'}: this disk did not take it ({cause}); nothing was lost."
    return next(
        ((status, code, str(error)) for kind, status, code in _BY_TYPE if isinstance(error, kind)),
        (500, None, str(error)),
    )
