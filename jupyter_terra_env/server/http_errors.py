"""The one table from this package's errors to HTTP answers."""

import contextlib
from collections.abc import Iterator

from tornado.web import HTTPError

from jupyter_terra_env.rules.errors import (
    BucketError,
    BucketTrouble,
    BucketUnavailable,
    ObjectNotFound,
    OperationRefused,
    RefusalReason,
    TerraEnvError,
    WorkspaceConflict,
)
from jupyter_terra_env.rules.status import Place, WorkStatus

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


def as_http_error(error: TerraEnvError, path: str) -> HTTPError:
    """The HTTP answer for an error."""
    match error:
        case ObjectNotFound():
            return HTTPError(404, f"No such file or directory: {path}", reason="not-found")
        case WorkspaceConflict():
            return HTTPError(409, str(error), reason=error.reason.value)
        case OperationRefused(reason=RefusalReason.OUTSIDE_WORKSPACE):
            return HTTPError(404, str(error), reason=error.reason.value)
        case OperationRefused():
            return HTTPError(409, str(error), reason=error.reason.value)
        case BucketUnavailable():
            return HTTPError(503, error.sentence, reason=error.trouble.value)
        case BucketError():
            status = 403 if error.trouble in _FORBIDDEN else 503
            return HTTPError(status, error.sentence, reason=error.trouble.value)
        case _:
            return HTTPError(500, str(error))


def raise_on_conflict(status: WorkStatus) -> None:
    """Answer a save that met another version with 409; the edits stay on the disk."""
    if status.place is Place.CONFLICT:
        raise HTTPError(409, status.message, reason=status.reason)
