"""The ways out of a conflict, none of which loses anything. Protocol: docs/protocol/conflicts.md."""

import asyncio
import io
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.base_contents import BaseContents
from jupyter_terra_env.notebooks.delocalizer import Delocalizer
from jupyter_terra_env.notebooks.disk_moves import move_file
from jupyter_terra_env.notebooks.held_locks import HeldLocks
from jupyter_terra_env.notebooks.localizer import Localizer
from jupyter_terra_env.notebooks.merging import MOST_BYTES, merged
from jupyter_terra_env.notebooks.places import Places, kept_changing
from jupyter_terra_env.notebooks.regular_files import read_regular
from jupyter_terra_env.rules.errors import (
    ConflictReason,
    ObjectNotFound,
    OperationRefused,
    PreconditionFailed,
    RefusalReason,
    WorkspaceConflict,
)
from jupyter_terra_env.rules.status import REFUSED
from jupyter_terra_env.rules.ways_out import WayOut
from jupyter_terra_env.rules.workspace import Location

_ROUNDS = 5
_NO_VERSION = "none"
"""Names theirs when it was deleted: a notebook that has come back since is not what was looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Both sides of a conflict.

    Attributes:
        reason: why they have parted (``ConflictReason`` or ``LockReason``).
        mine: the working copy.
        theirs: the object's content; None when it was deleted.
        theirs_version: names theirs, or that it was deleted, in ``Conflicts.resolve``.
        theirs_updated: when theirs was stored, UTC.
        base: what both began with, if it is known.
        merged: both together, if they can be merged.
    """

    reason: str
    mine: bytes
    theirs: bytes | None
    theirs_version: str
    theirs_updated: datetime | None
    base: bytes | None
    merged: bytes | None


class Conflicts:
    """Looks at conflicts, and resolves them.

    Args:
        places: disk, buckets and journal.
        localizer: shows the bucket's version.
        delocalizer: sends what was decided.
        locks: only their holder replaces what somebody else wrote.
        bases: what both sides began with.
    """

    def __init__(
        self, places: Places, localizer: Localizer, delocalizer: Delocalizer, locks: HeldLocks, bases: BaseContents
    ) -> None:
        self._places = places
        self._localizer = localizer
        self._delocalizer = delocalizer
        self._locks = locks
        self._bases = bases

    async def look(self, location: Location) -> Sides:
        """Both sides as they are now.

        Raises:
            OperationRefused: there is no conflict.
            ObjectNotFound: there is no working copy.
            BucketUnavailable, BucketRefused: as the port says.
        """
        reason = await self._reason(location)
        for _ in range(_ROUNDS):
            version = await self._places.stat(location)
            mine = await self._read(location)
            try:
                theirs = None if version is None else await self._content(location, version)
            except (ObjectNotFound, PreconditionFailed):
                continue
            base = await self._base(location)
            return Sides(
                reason=reason,
                mine=mine,
                theirs=theirs,
                theirs_version=_name_of(version),
                theirs_updated=None if version is None else version.created,
                base=base,
                merged=await self._merged(base, mine, theirs),
            )
        raise kept_changing(location)

    async def resolve(
        self, location: Location, way_out: WayOut, *, content: bytes | None, theirs_version: str | None
    ) -> Path | None:
        """Take a way out.

        Args:
            location: the notebook.
            way_out: which.
            content: what is on the screen, made safe first; None when the working copy is that.
            theirs_version: what was looked at, as ``Sides`` names it; None for whatever is there.

        Returns:
            The OS path of the file that holds mine; None when mine is the working copy.

        Raises:
            OperationRefused: there is no conflict (any more), or nothing that could be merged.
            WorkspaceConflict: theirs has changed since it was looked at.
            LockHeldElsewhere: replace, merge: somebody else is editing.
            BucketUnavailable, BucketRefused: as the port says.
        """
        async with self._delocalizer.turn(location):
            await self._reason(location)
            if content is not None:
                await self._localizer.kept_edits.keep_not_shown(location)
                await self._places.save(location, content)
            version = await self._places.stat(location)
            if theirs_version is not None and theirs_version != _name_of(version):
                raise WorkspaceConflict(ConflictReason.REMOTE_CHANGED)
            kept, deliver = await self._act(location, way_out, version)
            self._delocalizer.forget(location)
        for place in deliver:
            await self._delocalizer.settle(place)
        return kept

    async def _act(
        self, location: Location, way_out: WayOut, version: ObjectVersion | None
    ) -> tuple[Path | None, list[Location]]:
        """Do what is done on the disk and in the journal.

        Returns:
            The file that holds mine, and what is to be delivered then.
        """
        match way_out:
            case WayOut.TAKE_THEIRS if version is None:
                return await self._set_aside(location), []
            case WayOut.TAKE_THEIRS:
                return await self._localizer.open_workspace_version(location), []
            case WayOut.KEEP_BOTH if version is not None:
                return await self._keep_both(location)
            case WayOut.KEEP_BOTH | WayOut.REPLACE_THEIRS:
                await self._stand_on(location, await self._take_lock(location, version))
                return None, [location]
            case WayOut.MERGE:
                return await self._merge(location, version), [location]

    async def _keep_both(self, location: Location) -> tuple[Path, list[Location]]:
        kept = await self._localizer.kept_edits.free_name(location)
        place = location.sibling(kept.name)
        await self._places.save(place, await self._read(location))
        await self._localizer.open_workspace_version(location, kept_already=kept)
        return kept, [place]

    async def _set_aside(self, location: Location) -> Path:
        kept = await self._localizer.kept_edits.free_name(location)
        copies, os_path = self._places.copies, self._places.os_path(location)
        async with copies.lock(os_path):
            await copies.run(move_file, os_path, kept)
            await self._places.forget(location)
        return kept

    async def _merge(self, location: Location, version: ObjectVersion | None) -> Path:
        mine = await self._read(location)
        theirs = None if version is None else await self._content(location, version)
        result = await self._merged(await self._base(location), mine, theirs)
        if result is None:
            raise OperationRefused(
                RefusalReason.CANNOT_MERGE,
                "These versions cannot be merged without a decision. Keep both, take theirs or replace theirs.",
            )
        held = await self._take_lock(location, version)
        kept = await self._localizer.kept_edits.free_name(location)
        await self._places.copies.keep_as(self._places.os_path(location), kept)
        await self._places.save(location, result)
        await self._stand_on(location, held)
        return kept

    async def _take_lock(self, location: Location, version: ObjectVersion | None) -> ObjectVersion | None:
        """Theirs, with our lock on it: from here on nobody else replaces it."""
        if version is None:
            return None
        held = await self._locks.acquire(location, version)
        if held.generation != version.generation:
            raise WorkspaceConflict(ConflictReason.REMOTE_CHANGED)
        return held

    async def _stand_on(self, location: Location, held: ObjectVersion | None) -> None:
        """Make theirs the baseline, so that mine may replace exactly that version."""
        if held is None:
            await self._places.expect_absent_again(location)
            return
        baseline = await self._places.baseline(location)
        if not await self._places.advance(location, baseline, held, held.crc32c):
            raise kept_changing(location)

    async def _reason(self, location: Location) -> str:
        status = await self._delocalizer.current_status(location)
        if status.place not in REFUSED or status.reason is None:
            raise OperationRefused(
                RefusalReason.NO_CONFLICT, f"{location.api_path} is in no conflict with the workspace."
            )
        return status.reason

    async def _read(self, location: Location) -> bytes:
        try:
            return await self._places.copies.run(read_regular, self._places.os_path(location))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise ObjectNotFound(f"{location.api_path} is not on this disk.") from error

    async def _content(self, location: Location, version: ObjectVersion) -> bytes:
        with io.BytesIO() as file:
            await self._places.bucket(location).read_into(location.object_name, version.generation, file)
            return file.getvalue()

    async def _base(self, location: Location) -> bytes | None:
        baseline = await self._places.baseline(location)
        if baseline is None or baseline.crc32c is None:
            return None
        return await self._places.copies.run(self._bases.read, location.api_path, baseline.crc32c)

    async def _merged(self, base: bytes | None, mine: bytes, theirs: bytes | None) -> bytes | None:
        if base is None or theirs is None or max(map(len, (base, mine, theirs))) > MOST_BYTES:
            return None
        return await asyncio.to_thread(merged, base, mine, theirs)


def _name_of(version: ObjectVersion | None) -> str:
    # A lock that comes and goes changes nothing of what was looked at.
    return _NO_VERSION if version is None else str(version.generation)
