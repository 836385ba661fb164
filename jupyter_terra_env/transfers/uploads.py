"""One file to one object: small ones in one request, large ones in a session that a later process can go on with."""

import io
import mimetypes
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from jupyter_terra_env.bucket.store import (
    BucketStore,
    DamagedWrite,
    MustNotExist,
    ObjectVersion,
    Precondition,
    SessionGone,
    SessionPlan,
)
from jupyter_terra_env.notebooks.storage.regular_files import open_regular
from jupyter_terra_env.rules.copy_decisions import CopyReason
from jupyter_terra_env.rules.errors import (
    BucketError,
    BucketTrouble,
    BucketUnavailable,
    ObjectNotFound,
    PreconditionFailed,
)
from jupyter_terra_env.transfers.checksums import PIECE_BYTES, RunningChecksum
from jupyter_terra_env.transfers.items import BucketTarget, CopyRefused, DiskSource, FileIdentity, OnDisk
from jupyter_terra_env.transfers.part_files import LARGE_BYTES
from jupyter_terra_env.transfers.session_records import SessionRecord, SessionRecords

_NOTEBOOK_TYPE = "application/x-ipynb+json"
_ANY_TYPE = "application/octet-stream"
_PACKED_TYPES = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}


class Uploads:
    """Uploads files.

    Args:
        records: the sessions of earlier processes.
        on_disk: runs a function that blocks for the disk.
        now: epoch seconds.
    """

    def __init__(
        self,
        records: SessionRecords,
        *,
        on_disk: OnDisk,
        now: Callable[[], float],
    ) -> None:
        self._records = records
        self._on_disk = on_disk
        self._now = now

    async def upload(
        self, source: DiskSource, target: BucketTarget, bucket: BucketStore, progress: Callable[[int], None]
    ) -> None:
        """Upload a file, on the condition that its target is as it was looked at.

        Args:
            source: the file.
            target: the object.
            bucket: its bucket.
            progress: called, on any thread, with the number of bytes that have left.

        Raises:
            CopyRefused: the file or the object has changed.
            OSError, OperationRefused: the file cannot be read.
            BucketUnavailable, BucketRefused: as the port says.
        """
        content: Content = await self._on_disk(lambda: Content.of(source.path))
        try:
            with content.file:
                await settled(
                    bucket,
                    target,
                    content.crc32c,
                    content.identity.size_bytes,
                    lambda: self._send(content, source.path, target, bucket, progress),
                )
        except (BucketError, CopyRefused) as error:
            if content.has_changed(source.path):
                self._records.forget(source.path, target.bucket, target.name)
                raise CopyRefused(CopyReason.CHANGED, "the file changed while it was uploaded") from error
            raise
        if content.is_large:
            self._records.forget(source.path, target.bucket, target.name)

    async def _send(
        self,
        content: "Content",
        source: Path,
        target: BucketTarget,
        bucket: BucketStore,
        progress: Callable[[int], None],
    ) -> ObjectVersion:
        precondition: Precondition = target.replaces or MustNotExist()
        content_type = type_of(target.name)
        if not content.is_large:
            version = await bucket.write(
                target.name, content.file, content_type=content_type, metadata={}, precondition=precondition
            )
            progress(content.identity.size_bytes)
            return version
        plan = SessionPlan(
            size_bytes=content.identity.size_bytes,
            crc32c=content.crc32c,
            content_type=content_type,
            precondition=precondition,
        )
        record = self._records.find(source, target.bucket, target.name, precondition)
        if record is not None and (record.identity, record.crc32c) == (content.identity, content.crc32c):
            try:
                return await bucket.finish_session(record.address, content.file, plan, progress)
            except SessionGone:
                progress(0)
        address = await bucket.begin_session(target.name, plan)
        record = SessionRecord(
            address=address,
            identity=content.identity,
            crc32c=content.crc32c,
            precondition=precondition,
            begun=self._now(),
        )
        await self._on_disk(lambda: self._records.keep(source, target.bucket, target.name, record))
        try:
            return await bucket.finish_session(address, content.file, plan, progress)
        except SessionGone as error:
            raise BucketUnavailable(target.bucket, BucketTrouble.SERVER_ERROR, str(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The content of a file at one moment.

    Attributes:
        file: open for reading; in memory if it is small.
        identity: what the disk reported of it.
        crc32c: its checksum.
    """

    file: BinaryIO
    identity: FileIdentity
    crc32c: str

    @classmethod
    def of(cls, path: Path) -> "Content":
        """Open a file, and read it once. Blocks.

        Raises:
            CopyRefused: it changed meanwhile.
            OSError, OperationRefused: it cannot be read.
        """
        file = open_regular(path)
        try:
            identity = FileIdentity.of(os.fstat(file.fileno()))
            checksum, kept = RunningChecksum(), io.BytesIO()
            is_large = identity.size_bytes > LARGE_BYTES
            while piece := file.read(PIECE_BYTES):
                checksum.update(piece)
                if not is_large:
                    kept.write(piece)
            if FileIdentity.of(os.fstat(file.fileno())) != identity:
                raise CopyRefused(CopyReason.CHANGED, "the file changed while it was read")
        except BaseException:
            file.close()
            raise
        if not is_large:
            file.close()
        return cls(file=file if is_large else kept, identity=identity, crc32c=checksum.value)

    @property
    def is_large(self) -> bool:
        """Whether it goes in a session."""
        return self.identity.size_bytes > LARGE_BYTES

    def has_changed(self, path: Path) -> bool:
        """Whether the path has another content by now, as far as the disk reports it. Blocks briefly."""
        try:
            return FileIdentity.of(path.lstat()) != self.identity
        except OSError:
            return True


async def settled(
    bucket: BucketStore,
    target: BucketTarget,
    crc32c: str,
    size_bytes: int,
    write: Callable[[], Awaitable[ObjectVersion]],
) -> None:
    """Do a write, and find out what became of it if its answer does not say.

    Args:
        bucket: where it is done.
        target: what is written, and what it replaces.
        crc32c: checksum of the content.
        size_bytes: its length.
        write: sends the request.

    Raises:
        CopyRefused: the object has changed since it was looked at; it is left as it is.
        BucketUnavailable, BucketRefused: as the port says; the object is as it was looked at, or that is unknown.
    """
    try:
        await write()
    except DamagedWrite as damaged:
        await bucket.delete(target.name, damaged.stored.precondition)
        raise
    except (PreconditionFailed, ObjectNotFound, BucketUnavailable) as error:
        found = await bucket.stat(target.name)
        if found is not None and (found.crc32c, found.size_bytes) == (crc32c, size_bytes):
            return  # The answer was lost; or another program has put the same content there.
        seen = None if found is None else found.precondition
        if isinstance(error, BucketUnavailable) and seen == target.replaces:
            raise
        why = f"gs://{target.bucket}/{target.name} has changed since the copy began, and was left as it is"
        raise CopyRefused(CopyReason.CHANGED, why) from error


def type_of(name: str) -> str:
    """The media type of a name, as the service is to report it."""
    if name.endswith(".ipynb"):
        return _NOTEBOOK_TYPE
    kind, packed = mimetypes.guess_type(name, strict=False)
    return (_PACKED_TYPES.get(packed, _ANY_TYPE) if packed else kind) or _ANY_TYPE
