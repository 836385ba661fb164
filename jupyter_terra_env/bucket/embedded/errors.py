"""Refusals, in the words and the JSON shape of the GCS JSON API ("Status and error codes")."""

import json

from jupyter_terra_env.bucket.embedded.messages import Response


class ApiError(Exception):
    """A request that is refused.

    Attributes:
        status: The HTTP status.
        reason: The machine code in `errors[].reason`.
        message: The sentence for people.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message

    def response(self) -> Response:
        """Return the answer that says so. A 304 has no body."""
        if self.status == 304:
            return Response(status=304)
        return error_response(self.status, self.reason, self.message)


class DatabaseUnusableError(Exception):
    """The database file cannot serve: of a newer schema, of another program, or not a database."""


def error_response(status: int, reason: str, message: str) -> Response:
    """Return the JSON error body of the API as an answer."""
    detail = {"message": message, "domain": "global", "reason": reason}
    body = json.dumps({"error": {"code": status, "message": message, "errors": [detail]}})
    headers = {"Content-Type": "application/json; charset=UTF-8"}
    return Response(status=status, headers=headers, body=body.encode())


def not_found(what: str) -> ApiError:
    """Return 404 for something that does not exist."""
    return ApiError(404, "notFound", what)


def invalid(message: str) -> ApiError:
    """Return 400 for a request that makes no sense."""
    return ApiError(400, "invalid", message)


def conflict(message: str) -> ApiError:
    """Return 409 for a bucket in the way."""
    return ApiError(409, "conflict", message)


def precondition_failed() -> ApiError:
    """Return 412 for a precondition that does not hold."""
    return ApiError(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")


def not_modified() -> ApiError:
    """Return 304 for a read that asked for anything but what is there."""
    return ApiError(304, "notModified", "Not Modified")


def requester_pays() -> ApiError:
    """Return the refusal of a requester-pays bucket when no project is named to pay."""
    message = "Bucket is a requester pays bucket but no user project provided."
    return ApiError(400, "required", message)


def not_offered(what: str) -> ApiError:
    """Return 501 for a part of the API that the embedded bucket leaves out."""
    return ApiError(501, "notImplemented", f"The embedded bucket does not offer {what}.")
