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
from jupyter_terra_env.rules.shown_names import shown
from jupyter_terra_env.rules.status import REFUSED, WorkStatus

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
        known = None if error.status_code < 500 else _known_cause(error.__cause__, path)
        if known is None:
            raise
        raise known from error
    except OSError as error:
        known = _known_cause(error, path)
        if known is None:
            raise
        raise known from error


def _known_cause(cause: BaseException | None, path: str) -> HTTPError | None:
    """The answer for errors of a disk, and of models that only fail when they are written."""
    match cause:
        case TerraEnvError():
            return as_http_error(cause, path)
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return HTTPError(507, "This disk is full; nothing was overwritten. Free some space, then save again.")
        case OSError(errno=errno.EROFS):
            return HTTPError(
                403,
                "This disk is read-only; nothing was saved. Keep this page open until it is mended.",
                reason="read-only-disk",
            )
        case OSError(errno=errno.EIO):
            return HTTPError(507, "This disk fails; nothing was overwritten. Keep this page open.", reason="disk-fails")
        case PermissionError():
            return HTTPError(403, "This disk does not let the server use this file; nothing was changed.")
        case OSError(errno=errno.ENAMETOOLONG):
            return HTTPError(400, "This name is too long.", reason="name-too-long")
        case KeyError() | AttributeError() | TypeError() | ValueError() | ImportError():
            return HTTPError(400, "What was sent cannot be saved as a notebook or file.", reason="malformed")
        case _:
            return None


def as_http_error(error: TerraEnvError, path: str) -> HTTPError:
    """The HTTP answer for an error; names in its sentence cannot change how the sentence reads."""
    sentence = shown(str(error))
    match error:
        case ObjectNotFound():
            return HTTPError(404, f"No such file or directory: {shown(path)}", reason="not-found")
        case WorkspaceConflict() | LockHeldElsewhere():
            return HTTPError(409, sentence, reason=error.reason.value)
        case OperationRefused(reason=RefusalReason.OUTSIDE_WORKSPACE):
            return HTTPError(404, sentence, reason=error.reason.value)
        case OperationRefused():
            return HTTPError(409, sentence, reason=error.reason.value)
        case BucketUnavailable():
            return HTTPError(503, error.sentence, reason=error.trouble.value)
        case BucketError():
            status = 403 if error.trouble in _FORBIDDEN else 503
            return HTTPError(status, error.sentence, reason=error.trouble.value)
        case _:
            return HTTPError(500, sentence)


def raise_when_refused(status: WorkStatus) -> None:
    """Answer a save that met another version, or somebody else's lock, with 409; the edits stay on the disk."""
    if status.place in REFUSED:
        raise HTTPError(409, status.message, reason=status.reason)
