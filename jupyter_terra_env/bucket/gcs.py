"""The bucket port over ``google-cloud-storage``: synchronous calls, and the one table from its errors to ours.

Importing this module imports the client (about 150 ms): ``bucket.threaded`` does it off the event loop, when needed.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, BinaryIO, Final

import google.auth.exceptions
import requests
from google.api_core import exceptions as api_errors
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from google.cloud.storage.retry import DEFAULT_RETRY

from jupyter_terra_env.bucket import gcs_history
from jupyter_terra_env.bucket.bounded_file import BoundedFile, FileFullError
from jupyter_terra_env.bucket.connection import Connection
from jupyter_terra_env.bucket.gcs_copies import restore, rewrite
from jupyter_terra_env.bucket.gcs_downloads import CannotUnpackError, crc32c_of, download
from jupyter_terra_env.bucket.gcs_errors import ours
from jupyter_terra_env.bucket.gcs_fields import matching, set_fields, version_of
from jupyter_terra_env.bucket.gcs_sessions import UploadContent, begin_session, finish_session
from jupyter_terra_env.bucket.known_causes import with_known_cause
from jupyter_terra_env.bucket.object_fields import ObjectFields
from jupyter_terra_env.bucket.store import (
    DamagedWrite,
    Keeps,
    KeptVersion,
    Listing,
    MatchVersion,
    MustNotExist,
    ObjectTooLarge,
    ObjectVersion,
    Precondition,
    SessionPlan,
    SupportsWrite,
)
from jupyter_terra_env.rules.errors import BucketError, BucketRefused, BucketTrouble, BucketUnavailable, ObjectNotFound

CONNECT_TIMEOUT_SECONDS: Final = 3.0
QUESTION_TIMEOUT_SECONDS: Final = 10.0
"""Longest silence while an object is looked up or fetched, or a folder listed: a person is waiting for it."""
_SINGLE_REQUEST_UPLOAD_BYTES: Final = 8 << 20
"""Above this the client uploads in a resumable session."""
_CHUNK_BYTES: Final = 16 << 20
"""Of such a session: what a break-off repeats, and what a time limit is for. A multiple of 256 KiB."""
_LISTED_FIELDS: Final = (
    "items(name,generation,metageneration,crc32c,size,updated,timeCreated,metadata,contentEncoding,"
    "cacheControl,contentDisposition,contentLanguage,contentType,customTime),prefixes,nextPageToken"
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
        self._connection = connection
        patience = (CONNECT_TIMEOUT_SECONDS, min(QUESTION_TIMEOUT_SECONDS, connection.read_timeout_seconds))
        # Repeating a read is harmless. A conditional write that is repeated after a lost answer fails against
        # itself, so writes get one attempt and are settled by reading back.
        self._repeated = DEFAULT_RETRY.with_delay(0.1, 2.0, 2.0).with_timeout(connection.retry_deadline_seconds)
        self._once = {"timeout": self._patience(0), "retry": None}
        self._asked = {"timeout": patience, "retry": self._repeated}

    def stat(self, name: str) -> ObjectVersion | None:
        """See ``BucketStore.stat``."""
        blob = self._handle.blob(name)
        try:
            with self._translated():
                blob.reload(**self._asked)
        except ObjectNotFound:
            return None
        return version_of(blob)

    def list(self, prefix: str, progress: Callable[[], None] | None = None) -> Listing:
        """See ``BucketStore.list``."""
        objects: list[ObjectVersion] = []
        prefixes: list[str] = []
        with self._translated(missing_means_bucket=True):
            pages = self._client.list_blobs(
                self._handle, prefix=prefix, delimiter="/", fields=_LISTED_FIELDS, **self._asked
            )
            for page in pages.pages:
                objects.extend(version_of(blob) for blob in page)
                prefixes.extend(sorted(page.prefixes))
                if progress is not None:
                    progress()
        return Listing(objects=tuple(objects), prefixes=tuple(prefixes))

    def list_all(self, prefix: str) -> tuple[ObjectVersion, ...]:
        """See ``BucketStore.list_all``."""
        with self._translated(missing_means_bucket=True):
            found = self._client.list_blobs(self._handle, prefix=prefix, fields=_LISTED_FIELDS, **self._asked)
            return tuple(version_of(blob) for blob in found)

    def read_into(
        self, name: str, generation: int, file: BinaryIO, *, most_bytes: int | None = None, is_earlier: bool = False
    ) -> None:
        """See ``BucketStore.read_into``."""
        with self._translated():
            download(
                partial(self._handle.blob, name, generation=generation if is_earlier else None),
                generation,
                BoundedFile(file, most_bytes),
                timeout=self._asked["timeout"],
                seconds=self._connection.retry_deadline_seconds,
            )

    def write(
        self,
        name: str,
        file: BinaryIO,
        *,
        content_type: str,
        metadata: Mapping[str, str],
        precondition: Precondition,
        fields: ObjectFields | None = None,
    ) -> ObjectVersion:
        """See ``BucketStore.write``."""
        checksum = crc32c_of(file)
        size = file.tell()
        blob = self._handle.blob(name, chunk_size=_CHUNK_BYTES)
        blob.metadata = dict(metadata)
        set_fields(blob, fields or ObjectFields())
        if size <= _SINGLE_REQUEST_UPLOAD_BYTES:
            how = {**self._once, "timeout": self._patience(size), "checksum": "crc32c"}
        else:
            # Within a resumable session a repeated chunk cannot take effect twice: the session knows how far it got.
            # The checksum is the service's to compare: after a mismatch the client would delete the object, at
            # any version it has by then.
            how = {"timeout": self._patience(_CHUNK_BYTES), "retry": self._repeated, "checksum": None}
            how["crc32c_checksum_value"] = checksum
        with self._translated():
            blob.upload_from_file(
                file, rewind=True, size=size, content_type=content_type, **matching(precondition), **how
            )
        return self._verified(version_of(blob), checksum)

    def begin_session(self, name: str, plan: SessionPlan) -> str:
        """See ``BucketStore.begin_session``."""
        with self._translated():
            return begin_session(self._handle.blob(name), plan, timeout=self._patience(0), retry=self._repeated)

    def finish_session(
        self, address: str, file: BinaryIO, plan: SessionPlan, progress: Callable[[int], None]
    ) -> ObjectVersion:
        """See ``BucketStore.finish_session``."""
        content = UploadContent(file, plan.size_bytes, progress)
        with self._translated():
            resource = finish_session(
                self._client._http,  # noqa: SLF001 - the session with the client's credentials, as below
                self._client.api_endpoint,
                address,
                content,
                self._repeated,
            )
        blob = self._handle.blob(resource["name"])
        blob._set_properties(resource)  # noqa: SLF001 - as the client does with each answer
        return self._verified(version_of(blob), plan.crc32c)

    def read_from(self, name: str, generation: int, start: int, file: SupportsWrite) -> None:
        """See ``BucketStore.read_from``."""
        with self._translated():
            self._handle.blob(name).download_to_file(
                file,
                start=start or None,
                raw_download=True,
                checksum=None,
                if_generation_match=generation,
                timeout=self._asked["timeout"],
                retry=self._repeated,
            )

    def patch_metadata(
        self, name: str, metadata: Mapping[str, str | None], precondition: MatchVersion
    ) -> ObjectVersion:
        """See ``BucketStore.patch_metadata``."""
        blob = self._handle.blob(name)
        blob.metadata = dict(metadata)
        with self._translated():
            blob.patch(**matching(precondition), **self._once)
        return version_of(blob)

    def delete(self, name: str, precondition: MatchVersion) -> None:
        """See ``BucketStore.delete``."""
        with self._translated():
            self._handle.blob(name).delete(**matching(precondition), **self._once)

    def copy(
        self,
        name: str,
        new_name: str,
        precondition: MatchVersion,
        *,
        metadata: Mapping[str, str],
        to_bucket: str | None = None,
        onto: Precondition | None = None,
    ) -> ObjectVersion:
        """See ``BucketStore.copy`` (Cloud Storage: Objects: rewrite)."""
        handle = self._client.bucket(to_bucket or self.bucket, user_project=self._handle.user_project)
        with self._translated():
            source = self._handle.blob(name)
            source.reload(if_generation_match=precondition.generation, **self._asked)
            if source.temporary_hold or source.event_based_hold:
                raise BucketRefused(self.bucket, BucketTrouble.OBJECT_HELD, name)
            if source.retention_expiration_time is not None:
                raise BucketRefused(self.bucket, BucketTrouble.RETENTION_POLICY, name)
            conditions = {
                **matching(onto or MustNotExist()),
                "if_source_generation_match": precondition.generation,
                "if_source_metageneration_match": precondition.metageneration,
            }
            how = {**self._once, "timeout": self._patience(source.size or 0)}
            named, copy, in_same_bucket = self._handle.blob(name), handle.blob(new_name), handle.name == self.bucket
            return version_of(rewrite(source, named, copy, metadata, conditions, how, in_same_bucket=in_same_bucket))

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
        return version_of(blob)

    def history(self, prefix: str, *, exactly: bool) -> tuple[KeptVersion, ...]:
        """See ``BucketStore.history``."""
        with self._translated(missing_means_bucket=True):
            return gcs_history.history(self._client, self._handle, prefix, version_of, self._asked, exactly=exactly)

    def keeps(self) -> Keeps:
        """See ``BucketStore.keeps``."""
        with self._translated(missing_means_bucket=True):
            return gcs_history.keeps(self._handle, self._asked)

    def restore(self, kept: KeptVersion, precondition: Precondition, *, metadata: Mapping[str, str]) -> ObjectVersion:
        """See ``BucketStore.restore`` (Cloud Storage: Objects: rewrite; Objects: restore)."""
        how = {**self._once, "timeout": self._patience(kept.version.size_bytes)}
        with self._translated():
            return version_of(restore(self._handle, kept, metadata, matching(precondition), self._asked, how))

    def granted(self, permissions: Iterable[str]) -> frozenset[str]:
        """Which of these permissions the caller has in the bucket (Cloud Storage: Buckets: testIamPermissions)."""
        with self._translated(missing_means_bucket=True):
            return frozenset(self._handle.test_iam_permissions(list(permissions), **self._asked))

    def _patience(self, size_bytes: int) -> tuple[float, float]:
        return CONNECT_TIMEOUT_SECONDS, self._connection.silence_seconds(size_bytes)

    def _verified(self, version: ObjectVersion, checksum: str) -> ObjectVersion:
        """The version that an upload made, if it holds what was sent.

        The answer alone may be damaged, so a mismatch is looked at again. Nothing is deleted: by then the object may
        be another person's.

        Raises:
            DamagedWrite: this very upload stored something else.
            BucketUnavailable: what it stored is not known; read back.
        """
        if version.crc32c == checksum:
            return version
        detail = f"the bucket says {version.crc32c} of what was sent as {checksum}"
        try:
            stored = self.stat(version.name)
        except BucketError as error:
            raise BucketUnavailable(self.bucket, BucketTrouble.CORRUPT_TRANSFER, detail) from error
        if stored is None or stored.generation != version.generation:
            raise BucketUnavailable(self.bucket, BucketTrouble.CORRUPT_TRANSFER, detail)
        if stored.crc32c != checksum:
            raise DamagedWrite(self.bucket, stored, detail)
        return stored

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
            known = ours(error, self.bucket, missing_means_bucket=missing_means_bucket)
            embedded = self._connection.embedded_directory is not None
            raise with_known_cause(known, os.environ, is_embedded=embedded) from error
        except FileFullError as error:
            raise ObjectTooLarge(self.bucket, str(error)) from error
        except CannotUnpackError as error:
            raise BucketRefused(self.bucket, BucketTrouble.UNREADABLE_OBJECT, str(error)) from error
