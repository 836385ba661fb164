"""Uploads in one request: `uploadType=multipart` and `uploadType=media` (GCS JSON API: objects.insert)."""

import re
from dataclasses import dataclass

from jupyter_terra_env.bucket.embedded import contents, stored_objects
from jupyter_terra_env.bucket.embedded.buckets import required_bucket
from jupyter_terra_env.bucket.embedded.contents import Digest
from jupyter_terra_env.bucket.embedded.database import Database
from jupyter_terra_env.bucket.embedded.errors import invalid
from jupyter_terra_env.bucket.embedded.messages import Request, Resource, Response
from jupyter_terra_env.bucket.embedded.names import check_object_name
from jupyter_terra_env.bucket.embedded.preconditions import Preconditions
from jupyter_terra_env.bucket.embedded.properties import replaced, resource_in
from jupyter_terra_env.bucket.embedded.resources import base64_text, object_resource
from jupyter_terra_env.bucket.embedded.responses import json_answer
from jupyter_terra_env.bucket.embedded.routes import Call, Query

_BOUNDARY = re.compile(r'multipart/related\s*;.*?\bboundary=(?:"([^"]+)"|([^\s;]+))', re.IGNORECASE)
_CONTENT_TYPE = re.compile(rb"^content-type:[ \t]*([^\r\n]*?)[ \t]*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What an upload brings: the resource it declares, and its bytes from `start` to `end` of the request's body."""

    resource: Resource
    content_type: str | None
    body: bytes
    start: int
    end: int

    def pieces(self) -> list[memoryview]:
        """Return views of the content."""
        return contents.views(self.body, self.start, self.end)


def insert(database: Database, call: Call) -> Response:
    """Answer an upload of one request: judged, and then stored, in one transaction."""
    upload = _read(call)
    name = object_name(call.query, upload.resource)
    conditions = Preconditions.of(call.query, call.request)
    digest = contents.digest(upload.pieces())
    check_digest(digest, upload.resource, call.request)
    properties = new_properties(upload.resource, call.query, upload.content_type)
    with database.write() as transaction:
        bucket = required_bucket(transaction, call)
        conditions.check_write(stored_objects.find_live(transaction, bucket.name, name))
        content_id = contents.begin(transaction)
        contents.append(transaction, content_id, 0, upload.pieces())
        contents.seal(transaction, content_id, digest)
        made = stored_objects.place(transaction, bucket, name, content_id, properties)
    return json_answer(call, object_resource(made, call.request.base_url))


def object_name(query: Query, resource: Resource) -> str:
    """Return the name of the object to be made: `name=` overrides the one in the resource.

    Raises:
        ApiError: 400 when there is none, or one that GCS does not allow.
    """
    name = query.get("name") or resource.get("name")
    if not isinstance(name, str):
        raise invalid("Required parameter: name")
    check_object_name(name)
    return name


def named_object(call: Call) -> str:
    """Return the object name of any call, as far as it can be known without the database."""
    name = call.object_name or call.query.get("name") or ""
    if name or call.operation != "objects.insert":
        return name
    return str(_read(call).resource.get("name") or "")


def new_properties(resource: Resource, query: Query, content_type: str | None) -> Resource:
    """Return the properties of an object that is uploaded.

    Raises:
        ApiError: 400 when a field has the wrong type.
    """
    defaults = {"contentType": content_type or "application/octet-stream"}
    encoding = query.get("contentEncoding")
    asked = {"contentEncoding": encoding} if encoding else {}
    return defaults | asked | replaced(resource)


def check_digest(digest: Digest, resource: Resource, request: Request) -> None:
    """Compare what arrived with the checksums that the client declared, in the resource or in X-Goog-Hash.

    Raises:
        ApiError: 400 when one differs.
    """
    sums = {"crc32c": base64_text(digest.crc32c), "md5": base64_text(digest.md5 or b"")}
    declared = [("crc32c", resource.get("crc32c")), ("md5", resource.get("md5Hash"))]
    for part in (request.header("x-goog-hash") or "").split(","):
        kind, _, value = part.strip().partition("=")
        declared.append((kind.lower(), value))
    for kind, expected in declared:
        if expected and kind in sums and expected != sums[kind]:
            raise invalid(f"Provided {kind} {expected!r} doesn't match calculated {sums[kind]!r}.")


def _read(call: Call) -> Upload:
    match call.query.get("uploadType"):
        case "multipart":
            return _read_multipart(call.request)
        case "media":
            content_type = call.request.header("content-type")
            body = call.request.body
            return Upload(resource={}, content_type=content_type, body=body, start=0, end=len(body))
        case other:
            raise invalid(f"Invalid value for uploadType: {other!r}.")


def _read_multipart(request: Request) -> Upload:
    """Read the two parts of multipart/related: the resource, then the content. The closing boundary must be there."""
    found = _BOUNDARY.match(request.header("content-type") or "")
    if found is None:
        raise invalid("A multipart upload needs the content type multipart/related with a boundary.")
    body, boundary = request.body, b"--" + (found.group(1) or found.group(2)).encode()
    first = 0 if body.startswith(boundary) else body.find(b"\r\n" + boundary) + 2
    second = body.find(b"\r\n" + boundary + b"\r\n", first)
    last = body.rfind(b"\r\n" + boundary + b"--")
    json_start = _after_headers(body, first, second)
    start = _after_headers(body, second, last)
    types = _CONTENT_TYPE.search(body[second:start].replace(b"\r\n", b"\n"))
    return Upload(
        resource=resource_in(body[json_start:second]),
        content_type=types.group(1).decode("latin-1") if types else None,
        body=body,
        start=start,
        end=last,
    )


def _after_headers(body: bytes, start: int, end: int) -> int:
    """Return where a part's content begins, between its boundary at `start` and the next one at `end`."""
    blank = body.find(b"\r\n\r\n", max(start, 0), end + 4) if 0 <= start < end else -1
    if blank < 0:
        raise invalid("Malformed multipart body: two parts and a closing boundary are needed.")
    return blank + 4
