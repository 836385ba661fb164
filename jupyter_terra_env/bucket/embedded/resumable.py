"""Resumable uploads (GCS: "Resumable uploads", `uploadType=resumable`).

The upload and the bytes received so far are in the database, so that any process on it can go on with them.
Preconditions are judged when the last byte is there, not before. Checksums are computed between the transaction that
stores the last byte and the one that makes the object, so that a large upload does not hold up other writers; if the
program dies in between, the client's next status query makes the object.
"""

import json
import re
import sqlite3
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

from jupyter_terra_env.bucket.embedded import contents, stored_buckets, stored_objects, uploads
from jupyter_terra_env.bucket.embedded.buckets import required_bucket
from jupyter_terra_env.bucket.embedded.database import Database, Transaction
from jupyter_terra_env.bucket.embedded.errors import ApiError, invalid, not_found
from jupyter_terra_env.bucket.embedded.messages import Request, Resource, Response
from jupyter_terra_env.bucket.embedded.preconditions import Preconditions
from jupyter_terra_env.bucket.embedded.properties import resource_in
from jupyter_terra_env.bucket.embedded.resources import object_resource
from jupyter_terra_env.bucket.embedded.routes import Call, Query, whole_number
from jupyter_terra_env.bucket.embedded.times import microseconds

_QUANTUM_BYTES = 256 * 1024
_KEPT = timedelta(days=7)
_CONTENT_RANGE = re.compile(r"bytes (?:([0-9]{1,18})-([0-9]{1,18})|\*)/([0-9]{1,18}|\*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredUpload:
    """A resumable upload under way, or finished.

    Attributes:
        received: How many bytes are stored.
        total: How many there will be, once the client has said so.
        resource: The resource that the client declared at the start, with its content type.
        answer: The resource answered at the end, for clients that lost that answer.
    """

    upload_id: str
    bucket: str
    name: str
    query: Query
    resource: Resource
    content_id: int
    received: int
    total: int | None
    answer: str | None

    @property
    def complete(self) -> bool:
        """Whether every byte is there."""
        return self.received == self.total


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """What a PUT to an upload says: bytes from `first` on (None: a mere status query), of `total` (None: unknown)."""

    first: int | None
    total: int | None


def start(database: Database, call: Call) -> Response:
    """Answer the request that opens an upload, with its address in Location."""
    resource = resource_in(call.request.body)
    name = uploads.object_name(call.query, resource)
    Preconditions.of(call.query, call.request)
    content_type = resource.get("contentType") or call.request.header("x-upload-content-type")
    resource["contentType"] = content_type or "application/octet-stream"
    uploads.new_properties(resource, call.query, None)
    length = call.request.header("x-upload-content-length")
    with database.write() as transaction:
        bucket = required_bucket(transaction, call)
        _forget_old(transaction)
        upload_id = transaction.new_id()
        transaction.run(
            "INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?, 0, ?, NULL, ?)",
            *(upload_id, bucket.name, name, json.dumps(call.query.pairs), json.dumps(resource)),
            contents.begin(transaction),
            whole_number(length, "X-Upload-Content-Length") if length else None,
            transaction.now_us,
        )
    path = f"/upload/storage/v1/b/{quote(bucket.name, safe='')}/o"
    address = urlencode({"uploadType": "resumable", "name": name, "upload_id": upload_id})
    headers = {"Location": f"{call.request.base_url}{path}?{address}", "X-GUploader-UploadID": upload_id}
    return Response(status=200, headers=headers)


def receive(database: Database, call: Call) -> Response:
    """Answer a PUT to an upload: store what is new, and make the object when all is there."""
    chunk = _chunk(call.request)
    with database.write() as transaction:
        upload = _required_upload(transaction, call)
        if upload.answer is None:
            upload = _extended(transaction, upload, chunk, call.request.body)
    if upload.answer is not None:
        return _finished(upload.answer)
    if not upload.complete:
        return _unfinished(upload)
    return _finish(database, call, upload)


def cancel(database: Database, call: Call) -> Response:
    """Answer a DELETE of an upload with 499, as GCS does."""
    with database.write() as transaction:
        upload = _required_upload(transaction, call)
        _forget(transaction, upload.upload_id, upload.content_id)
    return ApiError(499, "clientClosedRequest", "The upload was cancelled.").response()


def _finish(database: Database, call: Call, upload: StoredUpload) -> Response:
    with database.read() as transaction:
        digest = contents.digest(contents.pieces_of(transaction, upload.content_id))
    try:
        uploads.check_digest(digest, upload.resource, call.request)
    except ApiError:
        with database.write() as transaction:
            _forget(transaction, upload.upload_id, upload.content_id)
        raise
    with database.write() as transaction:
        upload = _required_upload(transaction, call)
        if upload.answer is not None:
            return _finished(upload.answer)
        bucket = stored_buckets.find(transaction, upload.bucket)
        if bucket is None:
            raise not_found(f"The specified bucket does not exist: {upload.bucket}")
        live = stored_objects.find_live(transaction, upload.bucket, upload.name)
        Preconditions.of(upload.query).check_write(live)
        contents.seal(transaction, upload.content_id, digest)
        properties = uploads.new_properties(upload.resource, upload.query, None)
        made = stored_objects.place(transaction, bucket, upload.name, upload.content_id, properties)
        answer = json.dumps(object_resource(made, call.request.base_url))
        transaction.run("UPDATE uploads SET answer = ? WHERE upload_id = ?", answer, upload.upload_id)
    return _finished(answer)


def _extended(transaction: Transaction, upload: StoredUpload, chunk: Chunk, body: bytes) -> StoredUpload:
    """Store the bytes of a chunk that are not there yet. A chunk that leaves a gap changes nothing.

    The answer to a gap is the true range, from which the client goes on.
    """
    total = upload.total if chunk.total is None else chunk.total
    if upload.total not in {None, total}:
        raise invalid(f"The upload was announced with {upload.total} bytes, not {total}.")
    received = upload.received
    if chunk.first is not None and chunk.first <= received:
        _check_size(chunk.first + len(body), total)
        known = min(received - chunk.first, len(body))
        received = contents.append(transaction, upload.content_id, received, contents.views(body, known))
    transaction.run("UPDATE uploads SET received = ?, total = ? WHERE upload_id = ?", received, total, upload.upload_id)
    return _required_id(transaction, upload.upload_id)


def _check_size(end: int, total: int | None) -> None:
    if total is not None and end > total:
        raise invalid(f"The upload has more than its {total} bytes.")
    if end != total and end % _QUANTUM_BYTES:
        raise invalid("All chunks but the last must be multiples of 256 KiB.")


def _chunk(request: Request) -> Chunk:
    """Read Content-Range; without it the body is all there is.

    Raises:
        ApiError: 400 when it is malformed, or does not fit the body.
    """
    header = request.header("content-range")
    if header is None:
        return Chunk(first=0, total=len(request.body))
    found = _CONTENT_RANGE.fullmatch(header.strip())
    if found is None:
        raise invalid(f"Failed to parse Content-Range header: {header!r}.")
    first, last, total_text = found.groups()
    total = None if total_text == "*" else int(total_text)
    if first is None:
        return Chunk(first=None, total=total)
    if int(last) - int(first) + 1 != len(request.body):
        raise invalid(f"Content-Range {header!r} does not fit a body of {len(request.body)} bytes.")
    return Chunk(first=int(first), total=total)


def _finished(answer: str) -> Response:
    headers = {"Content-Type": "application/json; charset=UTF-8"}
    return Response(status=200, headers=headers, body=answer.encode())


def _unfinished(upload: StoredUpload) -> Response:
    headers = {"X-GUploader-UploadID": upload.upload_id}
    if upload.received:
        headers["Range"] = f"bytes=0-{upload.received - 1}"
    return Response(status=308, headers=headers)


def _required_upload(transaction: Transaction, call: Call) -> StoredUpload:
    return _required_id(transaction, call.query.get("upload_id") or "")


def _required_id(transaction: Transaction, upload_id: str) -> StoredUpload:
    row = transaction.one("SELECT * FROM uploads WHERE upload_id = ?", upload_id)
    if row is None:
        raise not_found("No such upload.")
    return _from_row(row)


def _from_row(row: sqlite3.Row) -> StoredUpload:
    values: dict[str, Any] = dict(row)
    pairs = json.loads(values.pop("query"))
    del values["started_us"]
    resource = json.loads(values.pop("properties"))
    return StoredUpload(**values, query=Query(tuple((key, value) for key, value in pairs)), resource=resource)


def _forget_old(transaction: Transaction) -> None:
    """Drop uploads that began more than a week ago, the life GCS gives them."""
    limit = microseconds(transaction.now - _KEPT)
    rows = list(transaction.all("SELECT upload_id, content_id FROM uploads WHERE started_us < ?", limit))
    for row in rows:
        _forget(transaction, row["upload_id"], row["content_id"])


def _forget(transaction: Transaction, upload_id: str, content_id: int) -> None:
    transaction.run("DELETE FROM uploads WHERE upload_id = ?", upload_id)
    contents.discard(transaction, content_id)
