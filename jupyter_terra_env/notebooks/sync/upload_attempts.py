"""One conditional upload of a working copy, recorded before it leaves and settled afterwards.

Protocol: docs/protocol/write-attempts.md, docs/protocol/open-and-save.md.
"""

import mimetypes
from collections.abc import Callable

from jupyter_terra_env.bucket.object_fields import ObjectFields
from jupyter_terra_env.bucket.store import DamagedWrite, MatchVersion, MustNotExist, ObjectVersion, Precondition
from jupyter_terra_env.notebooks.locks.lock_table import LockTable
from jupyter_terra_env.notebooks.storage.file_digests import FileDigest, Snapshot
from jupyter_terra_env.notebooks.storage.kept_fields import custom_in, fields_in
from jupyter_terra_env.notebooks.storage.merge_bases import MergeBases
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.storage.object_versions import as_remote
from jupyter_terra_env.rules.errors import (
    BucketRefused,
    BucketUnavailable,
    ConflictReason,
    ObjectNotFound,
    PreconditionFailed,
    WorkspaceConflict,
)
from jupyter_terra_env.rules.readback import WriteAttempt, is_own_write, with_write_id
from jupyter_terra_env.rules.sync import (
    ABSENT_GENERATION,
    Baseline,
    adopted_checksum,
    conflict_between,
    has_unsaved_edits,
    is_settled,
    may_still_change,
)
from jupyter_terra_env.rules.workspace import Location

NOTEBOOK_CONTENT_TYPE = "application/x-ipynb+json"
_BYTES = "application/octet-stream"
_SAY_NOTHING = (None, _BYTES, "text/plain")
"""What uploads give that do not know better."""


class UploadAttempts:
    """Uploads a working copy over its baseline, and finds out what became of uploads that got no answer.

    Args:
        storage: disk, buckets and journal.
        locks: an upload renews the lock.
        bases: keeps what the bucket holds.
        on_change: called with a location after its object was written.
    """

    def __init__(
        self,
        storage: NotebookStorage,
        locks: LockTable,
        bases: MergeBases,
        *,
        on_change: Callable[[Location], None],
    ) -> None:
        self._storage = storage
        self._locks = locks
        self._bases = bases
        self._on_change = on_change

    async def upload(
        self,
        location: Location,
        baseline: Baseline,
        snapshot: Snapshot,
        content: Snapshot,
        *,
        unanswered: Callable[[BucketUnavailable], None] = lambda _: None,
    ) -> None:
        """Upload once, and settle what can be settled. It renews the lock, or makes it for a new object.

        Args:
            location: the working copy.
            baseline: what it last equalled.
            snapshot: what is uploaded, as the working copy's file.
            content: the same in a file that no one else can write into while it travels.
            unanswered: called before an upload without an answer is settled, which takes a while in an outage.

        Raises:
            WorkspaceConflict: another person's version is there, or the object is gone.
            BucketUnavailable, BucketRefused: as the port says.
        """
        attempt = await self._storage.begin_attempt(location, baseline, snapshot.digest)
        if attempt is None:
            return  # Working copy or baseline has moved on: the caller looks again.
        os_path = self._storage.os_path(location)
        await self._storage.copies.run(self._bases.pin, location.api_path, os_path, snapshot)
        try:
            version = await self._write(location, baseline, content, attempt)
        except (PreconditionFailed, ObjectNotFound):
            await self.read_back(location, baseline, snapshot.digest)
        except BucketRefused:
            await self._storage.end_attempt(attempt)
            raise
        except DamagedWrite as damaged:
            # What lies there is ours for certain: the next attempt replaces it.
            await self._storage.advance(location, baseline, damaged.stored, damaged.stored.crc32c)
            raise
        except BucketUnavailable as error:
            unanswered(error)
            if not await self.read_back(location, baseline, snapshot.digest):
                raise
        else:
            await self._record(location, baseline, version, version.crc32c)
        finally:
            self._storage.writes.changed(location)

    async def read_back(self, location: Location, baseline: Baseline, digest: FileDigest) -> bool:
        """Settle uploads whose effect is not known (promise P4).

        Args:
            location: the working copy.
            baseline: what it last equalled, if the journal knows nothing newer.
            digest: what the working copy holds.

        Returns:
            True when the bucket holds the working copy's bytes, or an upload of ours; False when no upload of ours has
            taken effect yet, and the working copy may be uploaded again.

        Raises:
            WorkspaceConflict: another person's version is there, or the object is gone.
            LockHeldElsewhere: another person is editing an object that was never here.
            BucketUnavailable, BucketRefused: as the port says.
        """
        baseline = await self._storage.baseline(location) or baseline
        if is_settled(baseline, digest.crc32c):
            return True  # An opening has found our version and recorded it.
        version = await self._storage.stat(location)
        remote = as_remote(version)
        if remote is not None and version is not None:
            self._locks.record_version(location, version)
            if is_own_write(remote, baseline.attempts) or remote.crc32c == digest.crc32c:
                await self._record(location, baseline, version, remote.crc32c)
                return True
            if baseline.generation == remote.generation != ABSENT_GENERATION:
                await self._record(location, baseline, version, adopted_checksum(baseline, remote))
                return False
        parted = conflict_between(baseline, remote)
        if parted is ConflictReason.NAME_TAKEN and version is not None:
            self._locks.require_free(location, version)  # Who edits it is why nothing is sent.
            if version.size_bytes == 0:
                # No one can lose anything of an empty object: the new notebook replaces it.
                await self._record(location, baseline, version, version.crc32c)
                return False
        if parted is not None:
            raise WorkspaceConflict(parted)
        return False

    async def end_open_attempts(self, location: Location, baseline: Baseline, digest: FileDigest) -> None:
        """Find out what became of open attempts, for a working copy that equals its baseline again.

        Afterwards the journal has no open attempt of this baseline, or the working copy has to be uploaded.

        Raises:
            WorkspaceConflict: the object is gone.
            LockHeldElsewhere: another person is editing.
            BucketUnavailable, BucketRefused: as the port says.
        """
        try:
            await self.read_back(location, baseline, digest)
        except WorkspaceConflict as parted:
            if parted.reason is ConflictReason.REMOTE_DELETED or has_unsaved_edits(baseline, digest.crc32c):
                raise
            # Another person's newer version: the working copy holds nothing that is not in the bucket's history.
            await self._storage.settle_attempts(location, digest)
            return
        version = self._locks.last_version(location)
        if may_still_change(await self._storage.baseline(location), as_remote(version)):
            # The request may still arrive. Another metageneration keeps it out.
            await self._locks.acquire(location, version)

    async def take_lock(self, location: Location, baseline: Baseline, digest: FileDigest) -> None:
        """Take the lock of an object that others may have had meanwhile, and see that it still holds what we saw.

        Raises:
            LockHeldElsewhere: another person is editing.
            WorkspaceConflict, BucketUnavailable, BucketRefused: see ``read_back``.
        """
        try:
            version = await self._locks.acquire(location)
        except ObjectNotFound:
            version = None
        if version is None or version.generation != baseline.generation:
            await self.read_back(location, baseline, digest)

    async def _write(
        self, location: Location, baseline: Baseline, snapshot: Snapshot, attempt: WriteAttempt
    ) -> ObjectVersion:
        metadata = {**custom_in(baseline.metadata), **self._locks.fresh_record(location)}
        fields = fields_in(baseline.metadata) or ObjectFields()
        return await self._storage.bucket(location).write(
            location.object_name,
            snapshot.file,
            content_type=content_type(location.name, fields.content_type),
            fields=fields,
            metadata=with_write_id(metadata, attempt),
            precondition=_precondition(baseline),
        )

    async def _record(self, location: Location, baseline: Baseline, version: ObjectVersion, crc32c: str) -> None:
        if (
            await self._storage.record(location, baseline, version, crc32c)
            and version.generation != baseline.generation
        ):
            await self._storage.copies.run(self._bases.keep_pinned, location.api_path)
        self._locks.record_version(location, version)
        self._on_change(location)


def content_type(name: str, stored: str | None = None) -> str:
    """The media type an object of this name is stored with.

    Args:
        name: file name.
        stored: what it is stored with; it stays, unless it says nothing of a notebook. None for a new object, which
            gets what Terra UI gives it, or the type of its name.
    """
    if name.endswith(".ipynb"):
        return NOTEBOOK_CONTENT_TYPE if stored in _SAY_NOTHING else stored
    if stored is not None:
        return stored
    if name.lower().endswith((".r", ".rmd")):
        return _BYTES
    return mimetypes.guess_type(name)[0] or _BYTES


def _precondition(baseline: Baseline) -> Precondition:
    if baseline.generation == ABSENT_GENERATION:
        return MustNotExist()
    return MatchVersion(generation=baseline.generation, metageneration=baseline.metageneration)
