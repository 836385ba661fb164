"""Rename and delete single notebooks: the bucket first, conditionally, then the disk.

What cannot be done whole is refused before anything changes.
"""

from jupyter_terra_env.bucket.store import MatchVersion, ObjectVersion
from jupyter_terra_env.notebooks.delocalizer import Delocalizer
from jupyter_terra_env.notebooks.folders import Folders
from jupyter_terra_env.notebooks.places import Places
from jupyter_terra_env.notebooks.refusals import name_exists
from jupyter_terra_env.rules.errors import (
    BucketTrouble,
    BucketUnavailable,
    ConflictReason,
    ObjectNotFound,
    OperationRefused,
    PreconditionFailed,
    RefusalReason,
    WorkspaceConflict,
)
from jupyter_terra_env.rules.status import Place
from jupyter_terra_env.rules.sync import ABSENT_GENERATION, Baseline
from jupyter_terra_env.rules.workspace import Location

_ROUNDS = 5


class Moves:
    """Renames and deletes notebooks of an edit folder.

    Args:
        places: disk, buckets and journal.
        folders: told of every change.
        delocalizer: brings edits to the bucket before the object moves.
    """

    def __init__(self, places: Places, folders: Folders, delocalizer: Delocalizer) -> None:
        self._places = places
        self._folders = folders
        self._delocalizer = delocalizer

    async def delete_object(self, location: Location) -> None:
        """Delete the object of a notebook, if the bucket still holds the version that was seen here.

        Raises:
            WorkspaceConflict: somebody changed it since.
            BucketUnavailable, BucketRefused: as the port says; nothing was deleted.
        """
        baseline = await self._places.baseline(location)
        seen = None if baseline is None else _seen(baseline)
        if seen is None:
            seen = await self._current(location)
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
            raise _kept_changing(location)
        await self._places.forget(location)
        self._delocalizer.forget(location)
        self._folders.forget(location)

    async def rename(self, old: Location, new: Location) -> None:
        """Rename a notebook within an edit folder, object and working copy.

        Raises:
            OperationRefused: the new name exists, or the edits could not be brought to the bucket first.
            WorkspaceConflict: somebody changed the object since it was opened.
            BucketUnavailable, BucketRefused: as the port says; nothing was renamed.
        """
        if await self._places.copies.run(self._places.os_path(new).exists):
            raise name_exists(new)
        await self._pay(old)
        baseline = await self._places.baseline(old)
        seen = None if baseline is None else _seen(baseline)
        if seen is None:
            seen = await self._current(old)
        if seen is None:
            raise ObjectNotFound(f"{old.api_path} is neither on this disk nor in the workspace.")
        version = await self._move_object(old, new, seen)
        await self._move_working_copy(old, new, version)
        for place in (old, new):
            self._folders.forget(place)
            self._delocalizer.forget(place)

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
        raise _kept_changing(old)

    async def _move_working_copy(self, old: Location, new: Location, version: ObjectVersion) -> None:
        copies = self._places.copies
        old_path, new_path = self._places.os_path(old), self._places.os_path(new)
        baseline = await self._places.baseline(old)
        async with copies.lock(old_path), copies.lock(new_path):
            try:
                moved = await copies.move(old_path, new_path)
            except FileExistsError as error:
                # A save under the new name came first. Both files stay, and both are listed.
                raise name_exists(new) from error
        if moved and baseline is not None:
            await self._places.forget(new)
            await self._places.advance(new, None, version, baseline.crc32c or version.crc32c)
        await self._places.forget(old)

    async def _same_content(self, location: Location, seen: MatchVersion, error: Exception) -> MatchVersion | None:
        """Settle a conditional delete or move whose effect is not known.

        Returns:
            The version to name in the next attempt; None when the object is gone.

        Raises:
            WorkspaceConflict: the object holds other content than the one seen.
            Exception: the error itself, when nothing has changed and trying again at once would not help.
        """
        current = await self._current(location)
        if current is None:
            return None
        if current.generation != seen.generation:
            raise WorkspaceConflict(ConflictReason.REMOTE_CHANGED) from error
        if current == seen:
            raise error
        return current

    async def _current(self, location: Location) -> MatchVersion | None:
        version = await self._places.stat(location)
        if version is None:
            return None
        return MatchVersion(generation=version.generation, metageneration=version.metageneration)


def _seen(baseline: Baseline) -> MatchVersion | None:
    if baseline.generation == ABSENT_GENERATION:
        return None
    return MatchVersion(generation=baseline.generation, metageneration=baseline.metageneration)


def _kept_changing(location: Location) -> BucketUnavailable:
    return BucketUnavailable(location.workspace.bucket, BucketTrouble.OVERLOADED, "the object kept changing")
