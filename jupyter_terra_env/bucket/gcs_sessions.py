"""Resumable sessions that outlive their process (Cloud Storage: "Resumable uploads").

The client goes on with a session only as long as its process lives. Here the address is the caller's to keep; the
requests are those of the documentation: a status query (``bytes */SIZE``), and chunks from where the service is.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

import google.auth.exceptions
import requests
from google.api_core import exceptions as api_errors

from jupyter_terra_env.bucket.gcs_fields import matching
from jupyter_terra_env.bucket.store import SessionGone, SessionPlan

CHUNK_BYTES: Final = 128 << 20
"""What one request brings; a multiple of 256 KiB. After a break-off the service has most of what arrived of it."""
_PIECE_BYTES: Final = 1 << 20
_TIMEOUT: Final = (3.0, 60.0)
_MOST_IN_VAIN: Final = 3
_PASSING: Final = (
    requests.exceptions.RequestException,
    google.auth.exceptions.TransportError,
    api_errors.ServerError,
    api_errors.TooManyRequests,
)


class UploadContent:
    """A file as the body of requests: read at any position, and counted as it leaves.

    Args:
        file: open for reading, on a disk.
        size_bytes: how much of it is uploaded.
        progress: called with the number of bytes that have left.
    """

    def __init__(self, file: BinaryIO, size_bytes: int, progress: Callable[[int], None]) -> None:
        self.size_bytes = size_bytes
        self.progress = progress
        self._descriptor = file.fileno()

    def part(self, start: int, end: int) -> "UploadPart":
        """The bytes from ``start`` to ``end``, exclusively."""
        return UploadPart(self, start, end)

    def read(self, start: int, end: int) -> bytes:
        """Read; short if the file has become shorter."""
        return os.pread(self._descriptor, min(_PIECE_BYTES, end - start), start)


class UploadPart:
    """The body of one request. It can be sent again."""

    def __init__(self, content: UploadContent, start: int, end: int) -> None:
        self._content = content
        self._start = start
        self._end = end

    def __len__(self) -> int:
        return self._end - self._start

    def __iter__(self) -> Iterator[bytes]:
        at = self._start
        while at < self._end:
            piece = self._content.read(at, self._end)
            if not piece:
                # The service would wait for the rest.
                raise requests.exceptions.RequestException("the file has become shorter")
            yield piece
            at += len(piece)
            self._content.progress(at)


def begin_session(blob: Any, plan: SessionPlan, *, timeout: Any, retry: Any) -> str:
    """Begin a session; see ``BucketStore.begin_session``.

    Args:
        blob: the object's handle.
        plan: what it is to make.
        timeout: as ``requests`` has it.
        retry: the client's policy; sessions that are begun twice harm nothing.
    """
    blob.metadata = dict(plan.metadata)
    # The service compares: the client would delete the object after a mismatch, at any version it has by then.
    blob._patch_property("crc32c", plan.crc32c)  # noqa: SLF001 - the client has no public name for it
    address: str = blob.create_resumable_upload_session(
        content_type=plan.content_type,
        size=plan.size_bytes,
        checksum=None,
        timeout=timeout,
        retry=retry,
        **matching(plan.precondition),
    )
    return address


def finish_session(http: Any, endpoint: str, address: str, content: UploadContent, retry: Any) -> dict[str, Any]:
    """Send what is missing; see ``BucketStore.finish_session``.

    Args:
        http: the client's session of ``requests``, with its credentials.
        endpoint: where the client's service is.
        address: the session.
        content: what is uploaded.
        retry: the client's policy for requests that may be repeated.

    Returns:
        The resource of the object that was made.

    Raises:
        SessionGone: there is no such session at this service.
        Exception: as the client raises.
    """
    if urlsplit(address)[:2] != urlsplit(endpoint)[:2]:
        raise SessionGone("the session is another service's")
    session = _Session(http, address, content)
    ask = retry(session.ask)
    vain = 0
    done: int | dict[str, Any] = ask()
    while isinstance(done, int):
        before, failure = done, None
        try:
            done = session.send(before)
        except _PASSING as error:
            failure, done = error, ask()
        if isinstance(done, int):
            vain = 0 if done > before else vain + 1
            if vain == _MOST_IN_VAIN:
                raise failure or api_errors.ServiceUnavailable("the upload does not advance")
    return done


class _Session:
    """Requests to one session. Each returns how many bytes the service has, or at the end the object's resource."""

    def __init__(self, http: Any, address: str, content: UploadContent) -> None:
        self._http = http
        self._address = address
        self._content = content

    def ask(self) -> int | dict[str, Any]:
        """Ask how much has arrived."""
        return self._put(f"bytes */{self._content.size_bytes}", None)

    def send(self, start: int) -> int | dict[str, Any]:
        """Send the chunk that begins at ``start``."""
        size = self._content.size_bytes
        end = min(start + CHUNK_BYTES, size)
        return self._put(f"bytes {start}-{end - 1}/{size}", self._content.part(start, end))

    def _put(self, content_range: str, body: "UploadPart | None") -> int | dict[str, Any]:
        headers = {"Content-Range": content_range}
        answer = self._http.request("PUT", self._address, data=body, headers=headers, timeout=_TIMEOUT)
        if answer.status_code in {200, 201}:
            resource: dict[str, Any] = answer.json()
            self._content.progress(self._content.size_bytes)
            return resource
        if answer.status_code == 308:
            arrived = answer.headers.get("Range", "")
            has = int(arrived.rpartition("-")[2]) + 1 if arrived else 0
            self._content.progress(has)
            return has
        if answer.status_code in {404, 410}:
            raise SessionGone(f"the service answered {answer.status_code}")
        raise api_errors.from_http_response(answer)
