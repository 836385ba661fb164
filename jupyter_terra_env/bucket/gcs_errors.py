"""The one table from the client library's errors to this package's."""

from typing import Any, Final

import google.auth.exceptions
from google.api_core import exceptions as api_errors
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse

from jupyter_terra_env.rules.bucket_answers import special_cause, without_accounts
from jupyter_terra_env.rules.errors import (
    BucketError,
    BucketRefused,
    BucketTrouble,
    BucketUnavailable,
    ObjectNotFound,
    PreconditionFailed,
)

_TROUBLES: Final = {
    400: BucketTrouble.BAD_REQUEST,
    401: BucketTrouble.NO_CREDENTIALS,
    403: BucketTrouble.NO_PERMISSION,
    405: BucketTrouble.NOT_OFFERED,
    408: BucketTrouble.OVERLOADED,
    410: BucketTrouble.SERVER_ERROR,  # An upload session that is gone; the next attempt begins another.
    429: BucketTrouble.OVERLOADED,
    501: BucketTrouble.NOT_OFFERED,
}


def ours(error: Exception, bucket: str, *, missing_means_bucket: bool = False) -> Exception:
    """The error of this package for one of the client library.

    Args:
        error: what the client raised.
        bucket: bucket name, for the sentence.
        missing_means_bucket: 404 is about the bucket, where no object was asked for.
    """
    if isinstance(error, api_errors.RetryError) and isinstance(error.cause, Exception):
        return ours(error.cause, bucket, missing_means_bucket=missing_means_bucket)
    if isinstance(error, InvalidResponse):
        error = api_errors.from_http_status(error.response.status_code, str(error), response=error.response)
    if isinstance(error, api_errors.GoogleAPICallError):
        return _from_answer(error, bucket, missing_means_bucket=missing_means_bucket)
    return _from_transport(error, bucket)


def _from_answer(error: Any, bucket: str, *, missing_means_bucket: bool) -> Exception:
    code, (reasons, message) = int(error.code or 0), _told(error)
    detail = without_accounts(str(error.message))
    special = special_cause(code, reasons, message)
    if special is not None:
        passing = special in {BucketTrouble.OVERLOADED, BucketTrouble.CORRUPT_TRANSFER}
        return (BucketUnavailable if passing else BucketRefused)(bucket, special, detail)
    if code in {304, 412}:
        return PreconditionFailed(detail)
    if code == 404:
        if missing_means_bucket or "bucket does not exist" in detail.lower():
            return BucketRefused(bucket, BucketTrouble.BUCKET_NOT_FOUND, detail)
        return ObjectNotFound(detail)
    trouble = _TROUBLES.get(code, BucketTrouble.BAD_REQUEST if code < 500 else BucketTrouble.SERVER_ERROR)
    passing = trouble in {BucketTrouble.OVERLOADED, BucketTrouble.SERVER_ERROR}
    return (BucketUnavailable if passing else BucketRefused)(bucket, trouble, detail)


def _told(error: Any) -> tuple[set[str], str]:
    """The reasons and the message of an error answer; of transfers the client keeps them in the answer's body only."""
    try:
        body = error.response.json()["error"]
    except (AttributeError, ValueError, TypeError, KeyError):
        body = {"message": str(error.message), "errors": error.errors or ()}
    if not isinstance(body, dict):
        return set(), str(body)
    listed = body.get("errors")
    # Other services of Google name the reason in the details.
    named = [*(listed if isinstance(listed, list | tuple) else ()), *_details(body)]
    reasons = {str(one["reason"]) for one in named if isinstance(one, dict) and one.get("reason")}
    return reasons, str(body.get("message", ""))


def _details(body: dict[str, Any]) -> list[Any]:
    details = body.get("details")
    return details if isinstance(details, list) else []


def _from_transport(error: Exception, bucket: str) -> BucketError:
    detail = without_accounts(f"{type(error).__name__}: {error}")
    match error:
        case DataCorruption():
            return BucketUnavailable(bucket, BucketTrouble.CORRUPT_TRANSFER, detail)
        case google.auth.exceptions.TransportError() | google.auth.exceptions.RefreshError(retryable=True):
            return BucketUnavailable(bucket, BucketTrouble.UNREACHABLE, detail)
        case google.auth.exceptions.GoogleAuthError():
            return BucketRefused(bucket, BucketTrouble.NO_CREDENTIALS, detail)
        case _:
            return BucketUnavailable(bucket, BucketTrouble.UNREACHABLE, detail)
