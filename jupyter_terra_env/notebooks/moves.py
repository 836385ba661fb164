"""Rename and delete single notebooks: the bucket first, conditionally, then the disk.

What cannot be done whole is refused before anything changes.
"""

from jupyter_terra_env.bucket.store import MatchVersion, ObjectVersion
from jupyter_terra_env.notebooks.delocalizer import Delocalizer
from jupyter_terra_env.notebooks.folders import Folders
from jupyter_terra_env.notebooks.held_locks import HeldLocks
from jupyter_terra_env.notebooks.places import Places, as_remote, kept_changing
from jupyter_terra_env.notebooks.refusals import name_exists
from jupyter_terra_env.notebooks.temporary_files import make_parent
from jupyter_terra_env.rules.errors import (
    BucketUnavailable,
    ConflictReason,
    ObjectNotFound,
    OperationRefused,
    PreconditionFailed,
    RefusalReason,
    WorkspaceConflict,
)
from jupyter_terra_env.rules.readback import is_own_write
from jupyter_terra_env.rules.status import Place
from jupyter_terra_env.rules.sync import ABSENT_GENERATION, Baseline, is_same_content
from jupyter_terra_env.rules.workspace import Location

_ROUNDS = 5


class Moves:
    """Renames and deletes notebooks of an edit folder.

    Args:
        places: disk, buckets and journal.
        folders: told of every change.
        delocalizer: brings edits to the bucket before the object moves.
        locks: what somebody else edits stays where it is.
    """

    def __init__(self, places: Places, folders: Folders, delocalizer: Delocalizer, locks: HeldLocks) -> None:
        self._places = places
        self._locks = locks
        self._folders = folders
        self._delocalizer = delocalizer

    async def delete_object(self, location: Location) -> None:
        """Delete the object of a notebook, if the bucket still holds the version that was seen here.

        The caller has the notebook's turn. A working copy that never was the object, because somebody else has a
        notebook of this name, is no reason to delete theirs: then only the working copy goes.

        Raises:
            WorkspaceConflict: somebody changed it since.
            LockHeldElsewhere: somebody else is editing it.
            BucketUnavailable, BucketRefused: as the port says; nothing was deleted.
        """
        seen = await self._version_to_delete(location)
        for _ in range(_ROUNDS):
            if seen is None:
                break
            try:
                await self._places.bucket(location).delete(location.object_name, seen)
                break
            except ObjectNotFound:
                break
            except (PreconditionFailed, BucketUnavailable) as error:
                seen = await self._same_content(location, seen, error)
        else:
            raise kept_changing(location)
        await self._places.forget(location)
        self._delocalizer.forget(location)
        self._locks.forget(location)
        self._folders.forget(location)

    async def rename(self, old: Location, new: Location) -> None:
        """Rename a notebook within an edit folder, object and working copy.

        Raises:
            OperationRefused: the new name exists, or the edits could not be brought to the bucket first.
            WorkspaceConflict: somebody changed the object since it was opened.
            LockHeldElsewhere: somebody else is editing it.
            BucketUnavailable, BucketRefused: as the port says; nothing was renamed.
        """
        for _ in range(_ROUNDS):
            await self._pay(old)
            first, second = sorted((old, new), key=lambda place: place.api_path)
            async with self._delocalizer.turn(first), self._delocalizer.turn(second):
                if await self._places.has_edits(old):
                    continue  # A save came between: it has to reach the bucket first.
                await self._rename(old, new)
            break
        else:
            raise kept_changing(old)
        self._locks.moved(old, new)
        for place in (old, new):
            self._folders.forget(place)
            self._delocalizer.forget(place)
        if await self._places.has_edits(new):
            self._delocalizer.start(new)

    async def _rename(self, old: Location, new: Location) -> None:
        new_path = self._places.os_path(new)
        if await self._places.copies.run(new_path.exists):
            raise name_exists(new)
        await self._places.copies.run(make_parent, new_path)
        baseline = await self._places.baseline(old)
        seen = await self._version_to_move(old, baseline)
        if seen is None:
            raise ObjectNotFound(f"{old.api_path} is neither on this disk nor in the workspace.")
        version = await self._move_object(old, new, seen)
        try:
            await self._move_working_copy(old, new, version, baseline)
        except OSError as error:
            await self._move_back(old, new, version, baseline)
            if isinstance(error, FileExistsError):
                raise name_exists(new) from error
            raise

    async def _version_to_delete(self, location: Location) -> MatchVersion | None:
        baseline = await self._places.baseline(location)
        if baseline is not None and baseline.generation != ABSENT_GENERATION:
            return await self._version_to_move(location, baseline)
        version = await self._places.stat(location)
        digest = await self._places.copies.digest(self._places.os_path(location))
        if version is None or (digest is not None and digest.crc32c != version.crc32c):
            return None
        self._locks.require_free(location, version)
        return version.precondition

    async def _version_to_move(self, location: Location, baseline: Baseline | None) -> MatchVersion | None:
        """The version to name: the one seen here, if it carries our record, else the current one, if it is free."""
        if baseline is not None and (seen := _seen(baseline)) is not None and self._locks.may_write(location, baseline):
            return seen
        version = await self._places.stat(location)
        if version is None:
            return None
        known = baseline is not None and baseline.generation != ABSENT_GENERATION
        if known and not _is_same(baseline, version):
            raise WorkspaceConflict(ConflictReason.REMOTE_CHANGED)
        self._locks.require_free(location, version)
        return version.precondition

    async def _pay(self, location: Location) -> None:
        """Bring edits to the bucket, so that the object carries them along."""
        if (await self._places.copies.digest(self._places.os_path(location))) is None:
            return
        standing = await self._delocalizer.settle(location)
        if standing.place is Place.IN_WORKSPACE:
            return
        if standing.place is Place.CONFLICT and standing.reason is not None:
            raise WorkspaceConflict(ConflictReason(standing.reason))
        raise OperationRefused(
            RefusalReason.NOT_IN_WORKSPACE_YET,
            f"{location.api_path} was not renamed: its last changes are not in the workspace yet. {standing.message}",
        )

    async def _move_object(self, old: Location, new: Location, seen: MatchVersion) -> ObjectVersion:
        bucket = self._places.bucket(old)
        for _ in range(_ROUNDS):
            try:
                return await bucket.move(old.object_name, new.object_name, seen)
            except (ObjectNotFound, PreconditionFailed, BucketUnavailable) as error:
                target = await self._places.stat(new)
                if target is not None:
                    if isinstance(error, BucketUnavailable) and await self._current(old) is None:
                        return target  # It was moved; only the answer was lost.
                    raise name_exists(new) from error
                current = await self._same_content(old, seen, error)
                if current is None:
                    raise WorkspaceConflict(ConflictReason.REMOTE_DELETED) from error
                seen = current
        raise kept_changing(old)

    async def _move_working_copy(
        self, old: Location, new: Location, version: ObjectVersion, baseline: Baseline | None
    ) -> None:
        copies = self._places.copies
        old_path, new_path = self._places.os_path(old), self._places.os_path(new)
        first, second = sorted((old_path, new_path))
        async with copies.lock(first), copies.lock(second):
            moved = await copies.move(old_path, new_path)
        if moved and baseline is not None:
            await self._places.forget(new)
            await self._places.advance(new, None, version, baseline.crc32c or version.crc32c)
        await self._places.forget(old)

    async def _move_back(self, old: Location, new: Location, version: ObjectVersion, baseline: Baseline | None) -> None:
        """Undo the object's move, because the working copy could not follow."""
        restored = await self._places.bucket(old).move(new.object_name, old.object_name, version.precondition)
        if baseline is not None:
            await self._places.advance(old, baseline, restored, baseline.crc32c or restored.crc32c)

    async def _same_content(self, location: Location, seen: MatchVersion, error: Exception) -> MatchVersion | None:
        """Settle a conditional delete or move whose effect is not known.

        Returns:
            The version to name in the next attempt; None when the object is gone.

        Raises:
            WorkspaceConflict: the object holds other content than the one seen.
            Exception: the error itself, when nothing has changed and trying again at once would not help.
        """
        version = await self._places.stat(location)
        if version is None:
            return None
        current = version.precondition
        baseline = await self._places.baseline(location)
        own = baseline is not None and is_own_write(version, baseline.write_token)
        if current.generation != seen.generation and not own:
            raise WorkspaceConflict(ConflictReason.REMOTE_CHANGED) from error
        self._locks.require_free(location, version)
        if current == seen:
            raise error
        return current

    async def _current(self, location: Location) -> MatchVersion | None:
        version = await self._places.stat(location)
        return None if version is None else version.precondition


def _is_same(baseline: Baseline | None, version: ObjectVersion) -> bool:
    remote = as_remote(version)
    return remote is not None and is_same_content(baseline, remote)


def _seen(baseline: Baseline) -> MatchVersion | None:
    if baseline.generation == ABSENT_GENERATION:
        return None
    return MatchVersion(generation=baseline.generation, metageneration=baseline.metageneration)
