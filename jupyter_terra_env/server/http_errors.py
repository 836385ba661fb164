"""The one table from this package's errors to HTTP answers."""

import contextlib
import errno
import shutil
from collections.abc import Iterator

from tornado.web import HTTPError

from jupyter_terra_env.rules.errors import (
    FORBIDDEN,
    BucketError,
    BucketUnavailable,
    FilesStay,
    LockHeldElsewhere,
    NotWhole,
    ObjectNotFound,
    OperationRefused,
    RefusalReason,
    TerraEnvError,
    WorkspaceConflict,
)
from jupyter_terra_env.rules.shown_names import shown
from jupyter_terra_env.rules.status import REFUSED, WorkStatus
from jupyter_terra_env.rules.whole_content import Unfit

_REFUSED = {
    RefusalReason.OUTSIDE_WORKSPACE: 404,
    RefusalReason.NO_SUCH_VERSION: 404,
    RefusalReason.NO_TRASH: 400,
    RefusalReason.NOT_A_FILE: 400,
    RefusalReason.TOO_LARGE: 413,
    # No 409: with that, clients know that their save is on the disk.
    RefusalReason.NOT_SAVED_TOO_DEMANDING: 413,
    RefusalReason.READER_FAILED: 503,
}
"""Every other refusal is a 409. Jupyter has its own answers for paths outside its root and for a missing trash."""
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


@contextlib.contextmanager
def as_http_errors(path: str) -> Iterator[None]:
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
        # Jupyter's own save turns every error that it does not know into a 500.
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
                "This disk is read-only; nothing was saved. Keep this page open until this is fixed.",
                reason="read-only-disk",
            )
        case OSError(errno=errno.EIO):
            return Refusal(
                507, "The disk reported an error; nothing was overwritten. Keep this page open.", reason="disk-fails"
            )
        case OSError(errno=errno.ENAMETOOLONG):
            return Refusal(400, "This name is too long.", reason="name-too-long")
        case KeyError() | AttributeError() | TypeError() | ValueError() | ImportError():
            return Refusal(400, "What was sent cannot be saved as a notebook or file.", reason="malformed")
        case OSError():
            return _refused_by_disk(cause)
        case _:
            return None


def _refused_by_disk(cause: OSError) -> Refusal | None:
    """The answer for files that this server may not read or change, or that are none."""
    if isinstance(cause, shutil.SpecialFileError):
        return Refusal(
            400,
            "The file's checkpoint is not a file but a named pipe, a socket or a device: remove it.",
            reason=RefusalReason.NOT_A_FILE.value,
        )
    if cause.errno in {errno.EACCES, errno.EPERM}:
        return Refusal(
            403,
            "This server may not read or change this on the disk; nothing was changed. Correct its permissions.",
            reason=Unfit.NO_ACCESS.value,
        )
    return None


def as_http_error(error: TerraEnvError, path: str) -> Refusal:
    """The HTTP answer for an error; names in its sentence cannot change how the sentence reads."""
    sentence = shown(str(error))
    match error:
        case ObjectNotFound():
            return Refusal(404, f"No such file or directory: {shown(path)}", reason="not-found")
        case WorkspaceConflict() | LockHeldElsewhere():
            return Refusal(409, sentence, reason=error.reason.value)
        case NotWhole():
            return Refusal(400, sentence, reason=error.reason.value)
        case OperationRefused():
            return Refusal(_REFUSED.get(error.reason, 409), sentence, reason=error.reason.value)
        case FilesStay():
            return Refusal(507, sentence, reason="files-stay")
        case BucketUnavailable():
            return Refusal(503, error.sentence, reason=error.trouble.value)
        case BucketError():
            status = 403 if error.trouble in FORBIDDEN else 503
            return Refusal(status, error.sentence, reason=error.trouble.value)
        case _:
            return Refusal(500, sentence)


def raise_when_refused(status: WorkStatus) -> None:
    """Answer a save that met another version, or another person's lock, with 409; the edits stay on the disk."""
    if status.place in REFUSED:
        raise Refusal(409, status.message, reason=status.reason)
