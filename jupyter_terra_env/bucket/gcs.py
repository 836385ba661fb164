"""The bucket port over ``google-cloud-storage``: synchronous calls, and the one table from its errors to ours.

Importing this module imports the client (about 150 ms): ``bucket.threaded`` does it off the event loop, when needed.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import google.auth.exceptions
import requests
from google.api_core import exceptions as api_errors
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from google.cloud.storage.retry import DEFAULT_RETRY
from requests.adapters import HTTPAdapter

from jupyter_terra_env.bucket.clock import BucketClock
from jupyter_terra_env.bucket.connection import Connection
from jupyter_terra_env.bucket.store import Listing, MatchVersion, MustNotExist, ObjectVersion, Precondition
from jupyter_terra_env.rules.addresses import is_loopback_address
from jupyter_terra_env.rules.errors import (
    BucketError,
    BucketRefused,
    BucketTrouble,
    BucketUnavailable,
    ObjectNotFound,
    PreconditionFailed,
)

CONNECT_TIMEOUT_SECONDS: Final = 3.0
QUESTION_TIMEOUT_SECONDS: Final = 10.0
"""Longest silence while an object is looked up or a folder listed: somebody is waiting to see what is on the disk."""
_SINGLE_REQUEST_UPLOAD_BYTES: Final = 8 << 20
"""Above this the client uploads in a resumable session."""
_LISTED_FIELDS: Final = (
    "items(name,generation,metageneration,crc32c,size,updated,timeCreated,metadata),prefixes,nextPageToken"
)


class GcsBucket:
    """One bucket through one client; safe to share between threads.

    Args:
        client: a storage client, shared by the buckets of a server.
        bucket: bucket name without ``gs://``.
        user_project: project to bill (requester pays), or None.
        connection: time limits.
    """

    def __init__(self, client: Any, bucket: str, user_project: str | None, connection: Connection) -> None:
        self.bucket = bucket
        self._client = client
        self._handle = client.bucket(bucket, user_project=user_project)
        timeout = (CONNECT_TIMEOUT_SECONDS, connection.read_timeout_seconds)
        patience = (CONNECT_TIMEOUT_SECONDS, min(QUESTION_TIMEOUT_SECONDS, connection.read_timeout_seconds))
        # Repeating a read is harmless. A conditional write that is repeated after a lost answer fails against
        # itself, so writes get one attempt and are settled by reading back.
        self._once = {"timeout": timeout, "retry": None}
        self._retried = {
            "timeout": timeout,
            "retry": DEFAULT_RETRY.with_delay(0.1, 2.0, 2.0).with_timeout(connection.retry_deadline_seconds),
        }
        self._asked = {**self._retried, "timeout": patience}

    def stat(self, name: str) -> ObjectVersion | None:
        """See ``BucketStore.stat``."""
        blob = self._handle.blob(name)
        try:
            with self._translated():
                blob.reload(**self._asked)
        except ObjectNotFound:
            return None
        return _version(blob)

    def list(self, prefix: str) -> Listing:
        """See ``BucketStore.list``."""
        objects: list[ObjectVersion] = []
        prefixes: list[str] = []
        with self._translated(missing_means_bucket=True):
            pages = self._client.list_blobs(
                self._handle, prefix=prefix, delimiter="/", fields=_LISTED_FIELDS, **self._asked
            )
            for page in pages.pages:
                objects.extend(_version(blob) for blob in page)
                prefixes.extend(sorted(page.prefixes))
        return Listing(objects=tuple(objects), prefixes=tuple(prefixes))

    def list_all(self, prefix: str) -> tuple[ObjectVersion, ...]:
        """See ``BucketStore.list_all``."""
        with self._translated(missing_means_bucket=True):
            found = self._client.list_blobs(self._handle, prefix=prefix, fields=_LISTED_FIELDS, **self._asked)
            return tuple(_version(blob) for blob in found)

    def read_into(self, name: str, generation: int, file: BinaryIO) -> None:
        """See ``BucketStore.read_into``."""
        with self._translated():
            self._handle.blob(name).download_to_file(file, if_generation_match=generation, **self._retried)

    def write(
        self,
        name: str,
        file: BinaryIO,
        *,
        content_type: str,
        metadata: Mapping[str, str],
        precondition: Precondition,
    ) -> ObjectVersion:
        """See ``BucketStore.write``."""
        blob = self._handle.blob(name)
        blob.metadata = dict(metadata)
        size = file.seek(0, os.SEEK_END)
        # Within a resumable session a repeated chunk cannot take effect twice: the session knows how far it got.
        attempts = self._once if size <= _SINGLE_REQUEST_UPLOAD_BYTES else self._retried
        with self._translated():
            blob.upload_from_file(
                file, rewind=True, size=size, content_type=content_type, **_matching(precondition), **attempts
            )
        return _version(blob)

    def patch_metadata(
        self, name: str, metadata: Mapping[str, str | None], precondition: MatchVersion
    ) -> ObjectVersion:
        """See ``BucketStore.patch_metadata``."""
        blob = self._handle.blob(name)
        blob.metadata = dict(metadata)
        with self._translated():
            blob.patch(**_matching(precondition), **self._once)
        return _version(blob)

    def delete(self, name: str, precondition: MatchVersion) -> None:
        """See ``BucketStore.delete``."""
        with self._translated():
            self._handle.blob(name).delete(**_matching(precondition), **self._once)

    def move(self, name: str, new_name: str, precondition: MatchVersion) -> ObjectVersion:
        """See ``BucketStore.move`` (Cloud Storage: Objects: move, atomic in every bucket)."""
        with self._translated():
            blob = self._handle.move_blob(
                self._handle.blob(name),
                new_name,
                if_generation_match=0,
                if_source_generation_match=precondition.generation,
                if_source_metageneration_match=precondition.metageneration,
                **self._once,
            )
        return _version(blob)

    def granted(self, permissions: Iterable[str]) -> frozenset[str]:
        """Which of these permissions the caller has in the bucket (Cloud Storage: Buckets: testIamPermissions)."""
        with self._translated(missing_means_bucket=True):
            return frozenset(self._handle.test_iam_permissions(list(permissions), **self._retried))

    @contextlib.contextmanager
    def _translated(self, *, missing_means_bucket: bool = False) -> Iterator[None]:
        try:
            yield
        except (
            api_errors.GoogleAPIError,
            google.auth.exceptions.GoogleAuthError,
            requests.exceptions.RequestException,
            InvalidResponse,
            DataCorruption,
        ) as error:
            raise _ours(error, self.bucket, missing_means_bucket=missing_means_bucket) from error


def connect(connection: Connection, clock: BucketClock | None = None) -> Any:
    """Make a client: of the embedded bucket, of an emulator, or of Cloud Storage.

    ``STORAGE_EMULATOR_HOST`` makes the client anonymous; otherwise Application Default Credentials are used.

    Raises:
        BucketRefused: there are no credentials.
        BucketUnavailable: the embedded bucket cannot be opened.
    """
    client = _client(connection)
    if clock is not None:
        client._http.hooks["response"].append(  # noqa: SLF001 - as below
            lambda response, *_, **__: clock.observe(response.headers.get("Date"))
        )
    return client


def _client(connection: Connection) -> Any:
    # The client would otherwise ask for the bucket's metadata on its own, which object-only roles may not.
    os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "1")
    if connection.embedded_directory is not None:
        return _embedded_client(connection.embedded_directory)
    emulator = os.environ.get("STORAGE_EMULATOR_HOST")
    if emulator:
        client = storage.Client(project="emulator", credentials=AnonymousCredentials())
        # Its address may hold a token, which is no proxy's business.
        client._http.trust_env = not is_loopback_address(emulator)  # noqa: SLF001 - as below
    else:
        try:
            client = storage.Client()
        except google.auth.exceptions.GoogleAuthError as error:
            raise _ours(error, "(all)", missing_means_bucket=False) from error
        except OSError:
            # The project cannot be determined; objects do not need one.
            client = storage.Client(project="none")
    # Without this, .netrc would replace the token.
    client._http.auth = _as_it_is  # noqa: SLF001 - as below
    # Not blocking: the threads bound the concurrency, and waiting for a connection has no time limit.
    pool = _Connections(pool_connections=connection.concurrency, pool_maxsize=connection.concurrency)
    # The client offers no public way to size its pool; a test pins this attribute.
    client._http.mount("https://", pool)  # noqa: SLF001
    client._http.mount("http://", pool)  # noqa: SLF001
    return client


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """The request with the credentials that it has."""
    return request


class _Connections(HTTPAdapter):
    """A pool to which the connections of failed downloads come back.

    The client streams downloads and drops error answers unread, which keeps their connections until the garbage
    collector finds them.
    """

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request; read an error's answer at once."""
        response = super().send(request, *args, **kwargs)
        if response.status_code >= 400:
            _ = response.content
        return response


def _embedded_client(directory: Path) -> Any:
    # Only when used: Cloud Storage itself needs none of this.
    from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME, EmbeddedBucket  # noqa: PLC0415
    from jupyter_terra_env.bucket.embedded.errors import DatabaseUnusableError  # noqa: PLC0415
    from jupyter_terra_env.bucket.embedded.transport import ENDPOINT, EmbeddedAdapter  # noqa: PLC0415

    try:
        bucket = EmbeddedBucket(directory / DATABASE_NAME)
    except (DatabaseUnusableError, OSError) as error:
        raise BucketUnavailable(str(directory), BucketTrouble.UNREACHABLE, str(error)) from error
    client = storage.Client(
        project="embedded", credentials=AnonymousCredentials(), client_options={"api_endpoint": ENDPOINT}
    )
    adapter = EmbeddedAdapter(bucket)
    adapter.close = bucket.close  # type: ignore[method-assign]  # The client's end is the bucket's.
    client._http.mount(ENDPOINT, adapter)  # noqa: SLF001 - as in _client()
    return client


def _matching(precondition: Precondition) -> dict[str, int]:
    match precondition:
        case MustNotExist():
            return {"if_generation_match": 0}
        case MatchVersion():
            return {
                "if_generation_match": precondition.generation,
                "if_metageneration_match": precondition.metageneration,
            }


def _version(blob: Any) -> ObjectVersion:
    return ObjectVersion(
        name=blob.name,
        generation=blob.generation,
        metageneration=blob.metageneration,
        crc32c=blob.crc32c or "",
        size_bytes=blob.size or 0,
        updated=blob.updated,
        created=blob.time_created,
        metadata=dict(blob.metadata or {}),
    )


def _ours(error: Exception, bucket: str, *, missing_means_bucket: bool) -> Exception:
    """The one table from the client's errors to this package's."""
    if isinstance(error, api_errors.RetryError) and isinstance(error.cause, Exception):
        return _ours(error.cause, bucket, missing_means_bucket=missing_means_bucket)
    if isinstance(error, InvalidResponse):
        error = api_errors.from_http_status(error.response.status_code, str(error))
    if isinstance(error, api_errors.GoogleAPICallError):
        return _from_answer(error, bucket, missing_means_bucket=missing_means_bucket)
    return _from_transport(error, bucket)


_TROUBLES: Final = {
    400: BucketTrouble.BAD_REQUEST,
    401: BucketTrouble.NO_CREDENTIALS,
    403: BucketTrouble.NO_PERMISSION,
    408: BucketTrouble.OVERLOADED,
    429: BucketTrouble.OVERLOADED,
}


def _from_answer(error: Any, bucket: str, *, missing_means_bucket: bool) -> Exception:
    code, detail = int(error.code or 0), str(error.message)
    if code in {304, 412}:
        return PreconditionFailed(detail)
    if code == 404:
        if missing_means_bucket or "bucket does not exist" in detail.lower():
            return BucketRefused(bucket, BucketTrouble.BUCKET_NOT_FOUND, detail)
        return ObjectNotFound(detail)
    if code in {400, 403} and "requester pays" in detail.lower():
        return BucketRefused(bucket, BucketTrouble.REQUESTER_PAYS, detail)
    trouble = _TROUBLES.get(code, BucketTrouble.BAD_REQUEST if code < 500 else BucketTrouble.SERVER_ERROR)
    if code == 410:  # An upload session that is gone; the next attempt begins another.
        trouble = BucketTrouble.SERVER_ERROR
    passing = trouble in {BucketTrouble.OVERLOADED, BucketTrouble.SERVER_ERROR}
    return (BucketUnavailable if passing else BucketRefused)(bucket, trouble, detail)


def _from_transport(error: Exception, bucket: str) -> BucketError:
    detail = f"{type(error).__name__}: {error}"
    match error:
        case DataCorruption():
            return BucketUnavailable(bucket, BucketTrouble.CORRUPT_TRANSFER, detail)
        case google.auth.exceptions.TransportError() | google.auth.exceptions.RefreshError(retryable=True):
            return BucketUnavailable(bucket, BucketTrouble.UNREACHABLE, detail)
        case google.auth.exceptions.GoogleAuthError():
            return BucketRefused(bucket, BucketTrouble.NO_CREDENTIALS, detail)
        case _:
            return BucketUnavailable(bucket, BucketTrouble.UNREACHABLE, detail)
