"""From the raw request target to the operation that is asked for.

The path is split on "/" before anything is decoded, so that an object name may hold `%2F`, `/acl` or `/rewriteTo/`
and still be one piece.
"""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from jupyter_terra_env.bucket.embedded.errors import invalid, not_offered
from jupyter_terra_env.bucket.embedded.messages import Request

_OBJECT = "storage/v1/b/{bucket}/o/{object}"
_ROUTES = (
    ("GET", "storage/v1/b", "buckets.list"),
    ("POST", "storage/v1/b", "buckets.insert"),
    ("GET", "storage/v1/b/{bucket}", "buckets.get"),
    ("PATCH", "storage/v1/b/{bucket}", "buckets.patch"),
    ("PUT", "storage/v1/b/{bucket}", "buckets.update"),
    ("DELETE", "storage/v1/b/{bucket}", "buckets.delete"),
    ("GET", "storage/v1/b/{bucket}/iam/testPermissions", "buckets.testIamPermissions"),
    ("GET", "storage/v1/b/{bucket}/o", "objects.list"),
    ("GET", _OBJECT, "objects.get"),
    ("GET", f"download/{_OBJECT}", "objects.download"),
    ("PATCH", _OBJECT, "objects.patch"),
    ("PUT", _OBJECT, "objects.update"),
    ("DELETE", _OBJECT, "objects.delete"),
    ("POST", f"{_OBJECT}/rewriteTo/b/{{to_bucket}}/o/{{to_object}}", "objects.rewrite"),
    ("POST", f"{_OBJECT}/copyTo/b/{{to_bucket}}/o/{{to_object}}", "objects.copy"),
    ("POST", f"{_OBJECT}/moveTo/o/{{to_object}}", "objects.move"),
    ("POST", f"{_OBJECT}/compose", "objects.compose"),
    ("POST", f"{_OBJECT}/restore", "objects.restore"),
    ("POST", "upload/storage/v1/b/{bucket}/o", "objects.insert"),
    ("PUT", "upload/storage/v1/b/{bucket}/o", "objects.insert.chunk"),
    ("DELETE", "upload/storage/v1/b/{bucket}/o", "objects.insert.cancel"),
    ("POST", "batch/storage/v1", "batch"),
)
_API_ROOTS = frozenset({"storage", "download", "upload", "batch", "resumable"})


@dataclass(frozen=True, slots=True)
class Query:
    """The query of a request, decoded, in the order it was sent."""

    pairs: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str | None:
        """Return the last value given for `name`, or None."""
        return next((value for key, value in reversed(self.pairs) if key == name), None)

    def all(self, name: str) -> list[str]:
        """Return every value given for `name`."""
        return [value for key, value in self.pairs if key == name]

    def flag(self, name: str) -> bool:
        """Return whether `name` is true; clients write `true` and `True`."""
        return (self.get(name) or "").lower() == "true"

    def integer(self, name: str) -> int | None:
        """Return the number given for `name`, or None.

        Raises:
            ApiError: 400 when it is not a number.
        """
        text = self.get(name)
        return None if text is None else whole_number(text, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An operation of the API with its arguments; names that the operation does not take are empty.

    Attributes:
        operation: As the API's reference names it, such as "objects.patch". The requests of a resumable upload are
            "objects.insert.start", "objects.insert.chunk" and "objects.insert.cancel".
    """

    operation: str
    request: Request
    query: Query = field(default_factory=Query)
    bucket: str = ""
    object_name: str = ""
    to_bucket: str = ""
    to_object: str = ""


def route(request: Request) -> Call:
    """Find what a request asks for.

    Raises:
        ApiError: 400 for a target that is not UTF-8, 501 for a part of the API that is not offered.
    """
    path, _, query_text = request.target.partition("?")
    try:
        query = Query(tuple(parse_qsl(query_text, keep_blank_values=True, errors="strict")))
        operation, names = _match(_method(request), path.lstrip("/").split("/"))
    except UnicodeDecodeError:
        raise invalid("The request target is not valid UTF-8.") from None
    return Call(
        operation=_refined(operation, query),
        request=request,
        query=query,
        bucket=names.get("bucket", ""),
        object_name=names.get("object", ""),
        to_bucket=names.get("to_bucket", ""),
        to_object=names.get("to_object", ""),
    )


def whole_number(text: object, name: str) -> int:
    """Return a number that arrives as text.

    Raises:
        ApiError: 400 when it is not one.
    """
    digits = str(text)
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise invalid(f"Invalid value for {name}: {digits!r} is not a whole number.")
    return int(digits)


def _method(request: Request) -> str:
    if request.method == "POST":
        return (request.header("x-http-method-override") or "POST").upper()
    return "GET" if request.method == "HEAD" else request.method


def _match(method: str, pieces: list[str]) -> tuple[str, dict[str, str]]:
    for route_method, pattern, operation in _ROUTES:
        names = _captured(pattern.split("/"), pieces) if route_method == method else None
        if names is not None:
            return operation, names
    return _xml(method, pieces)


def _captured(pattern: list[str], pieces: list[str]) -> dict[str, str] | None:
    if len(pattern) != len(pieces):
        return None
    pairs = list(zip(pattern, pieces, strict=True))
    if any(part != piece for part, piece in pairs if not part.startswith("{")):
        return None
    return {part[1:-1]: _decoded(piece) for part, piece in pairs if part.startswith("{")}


def _xml(method: str, pieces: list[str]) -> tuple[str, dict[str, str]]:
    """Route what is not JSON API to the XML API, of which only reading an object is offered."""
    if method != "GET" or len(pieces) < 2 or pieces[0] in _API_ROOTS:
        raise not_offered(f"{method} /{'/'.join(pieces[:3])}")
    return "xml.get", {"bucket": _decoded(pieces[0]), "object": _decoded("/".join(pieces[1:]))}


def _decoded(piece: str) -> str:
    return unquote(piece, errors="strict")


def _refined(operation: str, query: Query) -> str:
    match operation, query.get("alt"), query.get("uploadType"):
        case "objects.get", "media", _:
            return "objects.download"
        case "objects.insert", _, "resumable":
            # The documentation says PUT for what follows; gcsfs, which is used with GCS, sends all by POST.
            return "objects.insert.chunk" if query.get("upload_id") else "objects.insert.start"
        case _:
            return operation
