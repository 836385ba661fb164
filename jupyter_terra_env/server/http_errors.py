"""The one table from this package's errors to HTTP answers."""

import contextlib
import errno
from collections.abc import Iterator

from tornado.web import HTTPError

from jupyter_terra_env.rules.errors import (
    BucketError,
    BucketTrouble,
    BucketUnavailable,
    LockHeldElsewhere,
    ObjectNotFound,
    OperationRefused,
    RefusalReason,
    TerraEnvError,
    WorkspaceConflict,
)
from jupyter_terra_env.rules.status import REFUSED, WorkStatus

_NOT_FOUND = 404
_OWN_FAULT = 500
"""From here on a status says that something failed, not that it was refused."""


class Refusal(HTTPError):
    """An error that this package answers with; it reaches the client even from within another error."""


def refusal_within(error: BaseException | None) -> Refusal | None:
    """The refusal to answer in the place of an error that was raised from it, or while it was handled.

    Extensions that override a verb of the contents manager often turn every error into a 500 of their own.

    Args:
        error: what a handler is about to answer.

    Returns:
        The refusal; None when the error is an answer itself.
    """
    if error is None or (isinstance(error, HTTPError) and error.status_code < _OWN_FAULT):
        return None
    waiting, seen = [error], set[int]()
    while waiting:
        found = waiting.pop(0)
        if isinstance(found, Refusal) and (found is error or found.status_code != _NOT_FOUND):
            return found
        seen.add(id(found))
        within = [found.__cause__, found.__context__, *getattr(found, "exceptions", ())]
        waiting += [inner for inner in within if inner is not None and id(inner) not in seen]
    return None


_FORBIDDEN = {BucketTrouble.NO_CREDENTIALS, BucketTrouble.NO_PERMISSION, BucketTrouble.REQUESTER_PAYS}


@contextlib.contextmanager
def translated(path: str) -> Iterator[None]:
    """Turn this package's errors into HTTP errors.

    The answer's ``reason`` is for machines; its ``message`` is one constant sentence, because JupyterLab shows each
    different text in a dialog of its own.

    Args:
        path: API path the request was about.
    """
    try:
        yield
    except TerraEnvError as error:
        raise as_http_error(error, path) from error
    except HTTPError as error:
        # Jupyter's own save turns whatever it does not know into a 500.
        known = _as_refusal(error) if error.status_code < _OWN_FAULT else _known_cause(error.__cause__, path)
        if known is None or known is error:
            raise
        raise known from error
    except OSError as error:
        known = _known_cause(error, path)
        if known is None:
            raise
        raise known from error


def _as_refusal(error: HTTPError) -> Refusal:
    """The same answer as a refusal: what Jupyter refuses in a workspace folder reaches the client, too."""
    if isinstance(error, Refusal):
        return error
    message = error.log_message or ""
    text = message % error.args if error.args else message.replace("%%", "%")
    return Refusal(error.status_code, text, reason=error.reason)


def _known_cause(cause: BaseException | None, path: str) -> Refusal | None:
    """The answer for errors of a disk, and of models that only fail when they are written."""
    match cause:
        case TerraEnvError():
            return as_http_error(cause, path)
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return Refusal(507, "This disk is full; nothing was overwritten. Free some space, then save again.")
        case OSError(errno=errno.EROFS):
            return Refusal(
                403,
                "This disk is read-only; nothing was saved. Keep this page open until it is mended.",
                reason="read-only-disk",
            )
        case OSError(errno=errno.EIO):
            return Refusal(507, "This disk fails; nothing was overwritten. Keep this page open.", reason="disk-fails")
        case OSError(errno=errno.ENAMETOOLONG):
            return Refusal(400, "This name is too long.", reason="name-too-long")
        case KeyError() | AttributeError() | TypeError() | ValueError() | ImportError():
            return Refusal(400, "What was sent cannot be saved as a notebook or file.", reason="malformed")
        case _:
            return None


def as_http_error(error: TerraEnvError, path: str) -> Refusal:
    """The HTTP answer for an error."""
    match error:
        case ObjectNotFound():
            return Refusal(404, f"No such file or directory: {path}", reason="not-found")
        case WorkspaceConflict() | LockHeldElsewhere():
            return Refusal(409, str(error), reason=error.reason.value)
        case OperationRefused(reason=RefusalReason.OUTSIDE_WORKSPACE):
            return Refusal(404, str(error), reason=error.reason.value)
        case OperationRefused():
            return Refusal(409, str(error), reason=error.reason.value)
        case BucketUnavailable():
            return Refusal(503, error.sentence, reason=error.trouble.value)
        case BucketError():
            status = 403 if error.trouble in _FORBIDDEN else 503
            return Refusal(status, error.sentence, reason=error.trouble.value)
        case _:
            return Refusal(500, str(error))


def raise_when_refused(status: WorkStatus) -> None:
    """Answer a save that met another version, or somebody else's lock, with 409; the edits stay on the disk."""
    if status.place in REFUSED:
        raise Refusal(409, status.message, reason=status.reason)
