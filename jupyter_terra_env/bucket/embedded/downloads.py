"""Reading the bytes of an object: JSON API `alt=media`, and GET and HEAD of the XML API.

GCS JSON API, objects.get: ranges answer 206 or 416; an object stored with `contentEncoding: gzip` is inflated for
clients that do not accept gzip ("decompressive transcoding"), and then ranges are ignored.
"""

import gzip
import re
import zlib

from jupyter_terra_env.bucket.embedded import contents
from jupyter_terra_env.bucket.embedded.buckets import required_bucket
from jupyter_terra_env.bucket.embedded.database import Database, Transaction
from jupyter_terra_env.bucket.embedded.errors import error_response
from jupyter_terra_env.bucket.embedded.messages import Request, Response
from jupyter_terra_env.bucket.embedded.objects import required_object
from jupyter_terra_env.bucket.embedded.preconditions import Preconditions
from jupyter_terra_env.bucket.embedded.resources import base64_text, etag
from jupyter_terra_env.bucket.embedded.routes import Call
from jupyter_terra_env.bucket.embedded.stored_objects import StoredObject

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_PROPERTY_HEADERS = {
    "contentEncoding": "Content-Encoding",
    "contentDisposition": "Content-Disposition",
    "contentLanguage": "Content-Language",
    "cacheControl": "Cache-Control",
}


def download(database: Database, call: Call) -> Response:
    """Answer a download; the bytes and their headers come from one state of the database."""
    conditions = Preconditions.of(call.query, call.request)
    with database.read() as transaction:
        required_bucket(transaction, call)
        found = required_object(transaction, call, soft_deleted=call.query.flag("softDeleted"))
        conditions.check_read(found)
        headers = _headers(found)
        if call.operation == "xml.get":
            headers |= _metadata_headers(found)
        if _must_inflate(found, call.request):
            return _inflated(transaction, found, headers)
        return _ranged(transaction, found, call.request, headers)


def _headers(found: StoredObject) -> dict[str, str]:
    properties = found.properties
    checksums = [f"crc32c={base64_text(found.crc32c)}"]
    if found.md5:
        checksums.append(f"md5={base64_text(found.md5)}")
    headers = {
        "Content-Type": properties.get("contentType", "application/octet-stream"),
        "ETag": etag(found.generation, found.metageneration),
        "X-Goog-Generation": str(found.generation),
        "X-Goog-Metageneration": str(found.metageneration),
        "X-Goog-Hash": ",".join(checksums),
        "X-Goog-Storage-Class": properties.get("storageClass", "STANDARD"),
        "X-Goog-Stored-Content-Length": str(found.size),
        "X-Goog-Stored-Content-Encoding": properties.get("contentEncoding", "identity"),
    }
    return headers | {header: properties[field] for field, header in _PROPERTY_HEADERS.items() if field in properties}


def _metadata_headers(found: StoredObject) -> dict[str, str]:
    """Return the custom metadata as headers, which only the XML API does."""
    metadata: dict[str, str] = found.properties.get("metadata", {})
    sendable = {key: value for key, value in metadata.items() if re.fullmatch(r"[!#-'*+.^-z|~0-9A-Z-]+", key)}
    return {f"X-Goog-Meta-{key}": value for key, value in sendable.items()}


def _must_inflate(found: StoredObject, request: Request) -> bool:
    return (
        found.properties.get("contentEncoding") == "gzip"
        and "gzip" not in (request.header("accept-encoding") or "").lower()
        and "no-transform" not in found.properties.get("cacheControl", "").lower()
    )


def _inflated(transaction: Transaction, found: StoredObject, headers: dict[str, str]) -> Response:
    body = contents.read(transaction, found.content_id, 0, found.size)
    try:
        plain = gzip.decompress(body)
    except (OSError, EOFError, zlib.error):
        return Response(status=200, headers=headers, body=body)
    del headers["Content-Encoding"]
    headers["X-Guploader-Response-Body-Transformations"] = "gunzipped"
    headers["Warning"] = "214 UploadServer gunzipped"
    return Response(status=200, headers=headers, body=plain)


def _ranged(transaction: Transaction, found: StoredObject, request: Request, headers: dict[str, str]) -> Response:
    asked = _RANGE.fullmatch((request.header("range") or "").strip())
    if asked is None or asked.group() == "bytes=-":
        return Response(status=200, headers=headers, body=contents.read(transaction, found.content_id, 0, found.size))
    start, end = _bounds(asked.group(1), asked.group(2), found.size)
    if start >= end:
        refusal = error_response(416, "requestedRangeNotSatisfiable", "Request range not satisfiable")
        return refusal.with_header("Content-Range", f"bytes */{found.size}")
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.size}"
    return Response(status=206, headers=headers, body=contents.read(transaction, found.content_id, start, end))


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    """Return start and (exclusive) end of a range: `2-4`, `2-`, or `-3` for the last three bytes."""
    if not first:
        return max(size - int(last), 0), size
    return int(first), min(int(last) + 1, size) if last else size
