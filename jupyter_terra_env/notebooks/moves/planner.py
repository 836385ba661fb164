"""Plans renames and deletions: finds the objects and the versions they are about.

A move that cannot be completed is refused here, before anything changes.
"""

import asyncio
from collections.abc import Iterable

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.concurrency import for_each
from jupyter_terra_env.notebooks.locks.lock_table import LockTable
from jupyter_terra_env.notebooks.moves.intents import PlannedObject, SeenVersion
from jupyter_terra_env.notebooks.moves.name_checks import (
    not_in_workspace_yet,
    not_shown,
    not_to_take_out,
    require_kept_there,
    require_shown,
)
from jupyter_terra_env.notebooks.moves.notebook_checks import NotebookChecks
from jupyter_terra_env.notebooks.moves.object_writes import ObjectWrites
from jupyter_terra_env.notebooks.storage.durable_moves import files_below
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.sync.delocalizer import Delocalizer
from jupyter_terra_env.notebooks.sync.localizer import Localizer
from jupyter_terra_env.rules.errors import ConflictReason, WorkspaceConflict
from jupyter_terra_env.rules.status import Place
from jupyter_terra_env.rules.sync import ABSENT_GENERATION, Baseline
from jupyter_terra_env.rules.whole_content import Unfit
from jupyter_terra_env.rules.workspace import Location

_STILL_WAITS_SECONDS = (0.5, 0.5, 1.0, 0.5)
"""Waits for a program that has just finished writing: a file counts as still two seconds after its last write."""

Plan = tuple[PlannedObject, ...]
Seen = ObjectVersion | SeenVersion


class MovePlanner:
    """Finds the objects that a move is about, from disk, journal and bucket.

    Args:
        storage: disk, buckets and journal.
        delocalizer: brings edits to the bucket before their object moves.
        locks: knows whether the lock of a notebook is ours.
        localizer: brings notebooks that leave the workspace to the disk first.
        writes: refuses objects that another person is editing.
        checks: refuses a notebook's name for objects that are not notebooks.
    """

    def __init__(
        self,
        storage: NotebookStorage,
        delocalizer: Delocalizer,
        locks: LockTable,
        localizer: Localizer,
        writes: ObjectWrites,
        checks: NotebookChecks,
    ) -> None:
        self._storage = storage
        self._delocalizer = delocalizer
        self._locks = locks
        self._localizer = localizer
        self._writes = writes
        self._checks = checks

    async def working_copies(self, old: Location, *, is_folder: bool) -> list[Location]:
        """Return the files at or below a place of an edit folder that are delocalized."""
        if not is_folder:
            return [old] if old.is_delocalized else []
        return await self._storage.copies.run(self._working_copies_below, old)

    async def pay(self, notebooks: Iterable[Location]) -> None:
        """Upload edits, so that the objects that move include them.

        Raises:
            WorkspaceConflict, OperationRefused: an upload is not possible; the notebooks stay as they are.
        """
        await for_each([place for place in notebooks if await self._storage.has_edits(place)], self._pay)

    async def have_edits(self, notebooks: Iterable[Location]) -> bool:
        """Whether any working copy holds edits that its object does not have."""
        return any([await self._storage.has_edits(place) for place in notebooks])

    async def to_move(self, old: Location, new: Location, *, is_folder: bool) -> Plan:
        """Return the objects that get new names, in this workspace or another.

        Raises:
            OperationRefused: the other workspace would not keep or show one of them, or an object that is not a
                notebook would get a notebook's name.
            WorkspaceConflict: another person changed the notebook since it was opened.
            LockHeldElsewhere: another person is editing one of them.
            BucketUnavailable, BucketRefused: see the port.
        """
        if not is_folder:
            seen = await self._version_to_move(old, await self._storage.baseline(old))
            if seen is None:
                return ()
            await self._checks.require_fit(old, new, seen)
            return (PlannedObject.of(seen, old.object_name, new.object_name),)
        start = len(old.object_prefix)
        versions = await self._free_objects(old)
        if old.workspace is not new.workspace:
            require_kept_there(old, new, versions)
        return tuple(
            PlannedObject.of(version, version.name, new.object_prefix + version.name[start:]) for version in versions
        )

    async def to_delete(self, old: Location, *, is_folder: bool) -> Plan:
        """Return the objects to delete; see ``to_move``. A working copy that does not come from its object goes alone.

        Raises:
            OperationRefused: a folder holds objects that are not shown.
        """
        if not is_folder:
            seen = await self._version_to_delete(old)
            return () if seen is None else (PlannedObject.of(seen, old.object_name, None),)
        versions = await self._free_objects(old)
        require_shown(old, versions)
        by_name = {version.name: version for version in versions}
        for place in await self.working_copies(old, is_folder=True):
            if place.object_name in by_name:
                await self._require_seen(place, by_name[place.object_name])
        return tuple(PlannedObject.of(version, version.name, None) for version in versions)

    async def to_take_out(self, old: Location, *, is_folder: bool) -> Plan | None:
        """Return the objects to delete once their files have left the workspace; see ``to_move``.

        Returns:
            None if a file on the disk is missing or differs from its object: see ``bring_here``.

        Raises:
            OperationRefused: a folder holds objects that are not shown and cannot be files.
        """
        if not is_folder:
            if not await self._storage.copies.run(self._storage.os_path(old).is_file):
                return None
            return await self._as_gone(old)
        versions = await self._free_objects(old)
        if await self._not_here(old, versions):
            return None
        return tuple(PlannedObject.of(version, version.name, None) for version in versions)

    async def bring_here(self, old: Location, *, is_folder: bool) -> None:
        """Bring the newest content of a notebook, or of all notebooks of a folder, to the disk.

        Raises:
            ObjectNotFound: neither the disk nor the bucket has it.
            OperationRefused: a folder holds objects that cannot be files.
            BucketUnavailable, BucketRefused: see the port.
        """
        if is_folder:
            wanted = await self._not_here(old, await self._free_objects(old))
        else:
            wanted = [old]
        await for_each(wanted, self._bring_here)

    def _working_copies_below(self, folder: Location) -> list[Location]:
        os_path = self._storage.entry(folder.api_path)
        paths = (file.relative_to(os_path).as_posix() for file in files_below(os_path))
        return [place for path in paths if (place := folder.child(path)).is_delocalized]

    async def _free_objects(self, folder: Location) -> tuple[ObjectVersion, ...]:
        """Return every object below a folder, shown or not; refuse if another person is editing one of them."""
        listed = await self._storage.bucket(folder).list_all(folder.object_prefix)
        for version in listed:
            self._writes.require_free(folder.at(version.name), version, named=True)
        return listed

    async def _not_here(self, folder: Location, versions: Iterable[ObjectVersion]) -> list[Location]:
        """Return the notebooks whose working copy is missing or differs from the object."""
        versions = tuple(versions)
        if hidden := not_shown(folder, versions):
            raise not_to_take_out(folder, hidden)
        missing = []
        for version in versions:
            place = folder.at(version.name)
            if not place.belongs_in_bucket:
                continue  # The marker that some tools create for a folder.
            baseline = await self._storage.baseline(place)
            on_disk = await self._storage.copies.run(self._storage.os_path(place).is_file)
            if not on_disk or baseline is None or baseline.generation != version.generation:
                missing.append(place)
        return missing

    async def _bring_here(self, place: Location) -> None:
        await self._localizer.open(place, to_edit=False)

    async def _as_gone(self, old: Location) -> Plan:
        seen = await self._version_to_move(old, await self._storage.baseline(old))
        return () if seen is None else (PlannedObject.of(seen, old.object_name, None),)

    async def _pay(self, location: Location) -> None:
        standing = await self._delocalizer.settle(location)
        for wait_seconds in _STILL_WAITS_SECONDS:
            if standing.reason != Unfit.STILL_BEING_WRITTEN:
                break
            await asyncio.sleep(wait_seconds)
            standing = await self._delocalizer.settle(location)
        if standing.place is Place.CONFLICT and standing.reason is not None:
            raise WorkspaceConflict(ConflictReason(standing.reason), about=location.api_path)
        if standing.place is not Place.IN_WORKSPACE:
            raise not_in_workspace_yet(location, standing.message)

    async def _version_to_delete(self, location: Location) -> Seen | None:
        baseline = await self._storage.baseline(location)
        if baseline is not None and baseline.generation != ABSENT_GENERATION:
            # An upload of edits may have made a version that the journal does not know, if its answer was lost.
            certain = None if await self._storage.has_edits(location) else baseline
            return await self._version_to_move(location, certain, known=baseline)
        version = await self._storage.stat(location)
        digest = await self._storage.digest(location)
        if version is None or (digest is not None and digest.crc32c != version.crc32c):
            return None
        self._writes.require_free(location, version, named=False)
        return version

    async def _version_to_move(
        self, location: Location, baseline: Baseline | None, *, known: Baseline | None = None
    ) -> Seen | None:
        """Return the version to name: the one seen here if its lock is ours, else the current one if it is free.

        Args:
            location: the notebook.
            baseline: the version seen here, if the object is certainly at it.
            known: the version seen here; None means the same as ``baseline``.
        """
        if baseline is not None and (seen := _seen(baseline)) is not None and self._locks.may_write(location, baseline):
            return seen
        version = await self._storage.stat(location)
        if version is None:
            return None
        known = known or baseline
        has_seen = known is not None and known.generation != ABSENT_GENERATION
        if has_seen and not await self._is_same(location, known, version):
            raise WorkspaceConflict(ConflictReason.REMOTE_CHANGED)
        self._writes.require_free(location, version, named=False)
        return version

    async def _require_seen(self, place: Location, version: ObjectVersion) -> None:
        """Refuse to delete a version that its working copy does not come from."""
        baseline = await self._storage.baseline(place)
        if baseline is not None and baseline.generation != ABSENT_GENERATION:
            if not await self._is_same(place, baseline, version):
                raise WorkspaceConflict(ConflictReason.REMOTE_CHANGED, about=place.api_path)
            return
        if await self._storage.copies.run(self._storage.os_path(place).is_file) and not await self._is_same(
            place, baseline, version
        ):
            raise WorkspaceConflict(ConflictReason.NAME_TAKEN, about=place.api_path)

    async def _is_same(self, place: Location, baseline: Baseline | None, version: ObjectVersion) -> bool:
        """Whether an object holds what was seen here or what this disk holds now: it contains no unseen work."""
        if baseline is not None and baseline.generation == version.generation:
            return True
        digest = await self._storage.digest(place)
        return digest is not None and digest.crc32c == version.crc32c


def _seen(baseline: Baseline) -> SeenVersion | None:
    if baseline.generation == ABSENT_GENERATION:
        return None
    return SeenVersion(generation=baseline.generation, metageneration=baseline.metageneration, crc32c=baseline.crc32c)
