"""Earlier versions of notebooks that the bucket has kept, also of deleted ones.

Protocol: docs/protocol/earlier-versions.md.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from jupyter_terra_env.bucket.store import (
    Keeps,
    Kept,
    KeptVersion,
    MustNotExist,
    ObjectTooLarge,
    ObjectVersion,
    Precondition,
)
from jupyter_terra_env.notebooks.locks.lock_table import LockTable
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.sync.delocalizer import Delocalizer
from jupyter_terra_env.notebooks.sync.localizer import Localizer
from jupyter_terra_env.rules.edit_lock import read_lock
from jupyter_terra_env.rules.errors import (
    BucketRefused,
    BucketUnavailable,
    ConflictReason,
    ObjectNotFound,
    OperationRefused,
    PreconditionFailed,
    RefusalReason,
    WorkspaceConflict,
)
from jupyter_terra_env.rules.readback import WRITE_ID_KEY
from jupyter_terra_env.rules.workspace import Location

MOST_BYTES = 100 << 20
"""Of a version that is copied out or compared: it is read into memory."""
_NAMES_TRIED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a bucket has of a notebook.

    Attributes:
        versions: newest first; the live one is among them.
        keeps: what the bucket keeps from now on; None when this role may not ask.
    """

    versions: tuple[KeptVersion, ...]
    keeps: Keeps | None

    def saved_by(self, kept: KeptVersion) -> str | None:
        """Who saved a version, as a lock names its holder; None when that is not known.

        A save goes over a version that carries its author's lock, and that version keeps the record.
        """
        before = next((one for one in self.versions if one.version.created < kept.version.created), None)
        lock = None if before is None else read_lock(before.version.metadata)
        saved_at_ms = kept.version.created.timestamp() * 1000
        return lock.holder.owner if lock is not None and lock.expires_at_ms >= saved_at_ms else None


class EarlierVersions:
    """Lists, reads, restores and copies out what a bucket has kept.

    Args:
        storage: disk, buckets and journal.
        locks: restoring is a write, and needs the lock.
        localizer: brings a restored version to the working copy.
        delocalizer: what the bucket has not goes there first.
        on_change: called with a location after its object was written.
    """

    def __init__(
        self,
        storage: NotebookStorage,
        locks: LockTable,
        localizer: Localizer,
        delocalizer: Delocalizer,
        *,
        on_change: Callable[[Location], None],
    ) -> None:
        self._storage = storage
        self._locks = locks
        self._localizer = localizer
        self._delocalizer = delocalizer
        self._on_change = on_change

    async def history(self, location: Location) -> History:
        """What the bucket has of a notebook, live or deleted. Three requests.

        Raises:
            BucketUnavailable, BucketRefused: as the port says.
        """
        _require_in_bucket(location)
        versions = await self._storage.bucket(location).history(location.object_name, exactly=True)
        return History(versions=versions, keeps=await self._keeps(location))

    async def deleted(self, folder: Location) -> tuple[KeptVersion, ...]:
        """The newest version of each object at or below a folder that is not live any more. Two requests or more.

        Raises:
            BucketUnavailable, BucketRefused: as the port says.
        """
        prefix = folder.object_prefix
        newest: dict[str, KeptVersion] = {}
        for kept in await self._storage.bucket(folder).history(prefix, exactly=False):
            name = kept.version.name
            # Of the same moment, the live one counts.
            if name not in newest or kept.kept is Kept.LIVE:
                newest[name] = kept
        return tuple(kept for kept in newest.values() if kept.kept is not Kept.LIVE)

    async def content(self, location: Location, generation: int, *, most_bytes: int = MOST_BYTES) -> bytes:
        """A version's content.

        Args:
            location: the notebook.
            generation: names the version.
            most_bytes: the longest content that is of use.

        Raises:
            OperationRefused: the bucket does not have this version, or not for reading; or it is too large.
            BucketUnavailable, BucketRefused: as the port says.
        """
        _require_in_bucket(location)
        with io.BytesIO() as file:
            try:
                await self._storage.bucket(location).read_into(
                    location.object_name, generation, file, most_bytes=most_bytes, is_earlier=True
                )
            except ObjectTooLarge as error:
                raise OperationRefused(
                    RefusalReason.TOO_LARGE,
                    f"This version of {location.api_path} is too large to be read here. Restore it instead.",
                ) from error
            except (ObjectNotFound, PreconditionFailed) as error:
                raise _not_kept(location) from error
            return file.getvalue()

    async def restore(self, location: Location, generation: int) -> None:
        """Make a version live again, as a new one, and the working copy, if there is one.

        Raises:
            OperationRefused: the bucket does not have this version, or the working copy holds what the bucket has not;
                nothing has changed.
            LockHeldElsewhere: another person is editing the notebook.
            WorkspaceConflict: the object has changed meanwhile, or there is one by now.
            BucketUnavailable, BucketRefused: as the port says.
        """
        _require_in_bucket(location)
        if await self._storage.has_edits(location):
            await self._delocalizer.settle(location)
        async with self._storage.writes.turn(location):
            kept = await self._kept(location, generation)
            if kept.kept is not Kept.LIVE:
                await self._restore(location, kept)
            if await self._storage.digest(location) is not None:
                await self._localizer.replace_by_workspace_version(location)
        self._delocalizer.forget_status(location)

    async def copy_out(self, location: Location, generation: int) -> Location:
        """Make a new notebook of a version, beside the old one.

        Returns:
            Where it is.

        Raises:
            OperationRefused: the bucket does not have this version, or not for reading; it is too large, or there is no
                free name.
            OSError: the disk is full, read-only or failing.
            BucketUnavailable, BucketRefused: as the port says.
        """
        kept = await self._kept(location, generation)
        content = await self.content(location, generation)
        for number in range(1, _NAMES_TRIED + 1):
            place = location.sibling(_name_of_copy(location.name, kept.version, number))
            if await self._storage.stat(place) is not None:
                continue
            try:
                await self._storage.create(place, content)
            except FileExistsError:
                continue
            if place.is_delocalized:
                self._delocalizer.start(place)
            self._on_change(place)
            return place
        raise OperationRefused(
            RefusalReason.NAME_EXISTS,
            f"{location.api_path} was not copied: there are {_NAMES_TRIED} copies of this version already.",
        )

    async def _keeps(self, location: Location) -> Keeps | None:
        try:
            return await self._storage.bucket(location).keeps()
        except BucketRefused:
            return None  # A role for objects only, which is enough for everything else.

    async def _kept(self, location: Location, generation: int) -> KeptVersion:
        for kept in await self._storage.bucket(location).history(location.object_name, exactly=True):
            if kept.version.generation == generation:
                return kept
        raise _not_kept(location)

    async def _restore(self, location: Location, kept: KeptVersion) -> None:
        if await self._storage.has_edits(location):
            raise OperationRefused(
                RefusalReason.NOT_IN_WORKSPACE_YET,
                f"{location.api_path} was not restored: it has edits on this disk that are not in the workspace. "
                "Save them, or settle its conflict first.",
            )
        live = await self._storage.stat(location)
        stands_on = None if live is None else await self._locks.acquire(location, live)
        precondition: Precondition = MustNotExist() if stands_on is None else stands_on.precondition
        kept_metadata = {key: value for key, value in kept.version.metadata.items() if key != WRITE_ID_KEY}
        metadata = {**kept_metadata, **self._locks.fresh_record(location)}
        try:
            made = await self._storage.bucket(location).restore(kept, precondition, metadata=metadata)
        except (PreconditionFailed, ObjectNotFound, BucketUnavailable) as error:
            made = await self._settled(location, kept, stands_on, error)
        if kept.kept is Kept.SOFT_DELETED:
            made = await self._with_our_lock(location, made)
        self._locks.record_version(location, made)
        self._on_change(location)

    async def _with_our_lock(self, location: Location, made: ObjectVersion) -> ObjectVersion:
        """Replace the lock's record that came with a version: it was another person's when it was replaced."""
        record = self._locks.fresh_record(location)
        try:
            return await self._storage.bucket(location).patch_metadata(location.object_name, record, made.precondition)
        except (PreconditionFailed, ObjectNotFound, BucketUnavailable):
            # It is restored, with our lock or without: what there is now shows it.
            return await self._storage.stat(location) or made

    async def _settled(
        self, location: Location, kept: KeptVersion, stands_on: ObjectVersion | None, error: Exception
    ) -> ObjectVersion:
        """Find out what became of a restoring without a clear answer; see the protocol's second race."""
        found = await self._storage.stat(location)
        if found is not None and (stands_on is None or found.generation != stands_on.generation):
            if found.crc32c == kept.version.crc32c:
                return found
            reason = ConflictReason.NAME_TAKEN if stands_on is None else ConflictReason.REMOTE_CHANGED
            raise WorkspaceConflict(reason) from error
        if isinstance(error, ObjectNotFound):
            raise _not_kept(location) from error
        if found is not None:
            await self._locks.acquire(location, found)
        elif stands_on is not None:
            raise WorkspaceConflict(ConflictReason.REMOTE_DELETED) from error
        raise error


def _require_in_bucket(location: Location) -> None:
    if not location.is_delocalized:
        raise OperationRefused(
            RefusalReason.WORKSPACE_COPY,
            f"{location.api_path} stays on this disk: the workspace keeps no versions of it.",
        )


def _not_kept(location: Location) -> OperationRefused:
    return OperationRefused(
        RefusalReason.NO_SUCH_VERSION,
        f"The bucket does not have this version of {location.api_path}, or not to read. List the versions again.",
    )


def _name_of_copy(name: str, version: ObjectVersion, number: int) -> str:
    path = PurePosixPath(name)
    ordinal = "" if number == 1 else f" {number}"
    return f"{path.stem} ({version.created:%Y-%m-%d %H.%M.%S}{ordinal}){path.suffix}"
