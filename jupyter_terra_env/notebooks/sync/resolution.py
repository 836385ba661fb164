"""One way out of a conflict, step by step. Protocol: docs/protocol/conflicts.md."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.locks.lock_table import LockTable
from jupyter_terra_env.notebooks.storage.durable_moves import move_file
from jupyter_terra_env.notebooks.storage.file_digests import FileDigest, digest_of
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.storage.object_versions import Rounds
from jupyter_terra_env.notebooks.storage.working_copies import ChangedMeanwhile
from jupyter_terra_env.notebooks.sync.delocalizer import Delocalizer
from jupyter_terra_env.notebooks.sync.localizer import Localizer
from jupyter_terra_env.notebooks.sync.saving import Saving
from jupyter_terra_env.rules.errors import (
    ConflictReason,
    ObjectNotFound,
    OperationRefused,
    RefusalReason,
    WorkspaceConflict,
)
from jupyter_terra_env.rules.workspace import Location

_ROUNDS = 5
_NO_VERSION = "none"
"""Names theirs when it was deleted: a notebook that has come back since is not what was looked at."""


class Resolution(StrEnum):
    """What a person may choose; append only, never rename."""

    KEEP_BOTH = "keep-both"
    TAKE_THEIRS = "take-theirs"
    REPLACE_THEIRS = "replace-theirs"
    MERGE = "merge"


class ConflictResolution:
    """Takes one way out of one conflict. The caller holds the notebook's turn until ``take`` has ended.

    Each step that replaces something names what it replaces: mine by its checksums, theirs by its generation. What has
    changed is looked at again, at most five times, or refused where the person named what they had looked at.

    Args:
        storage: disk, buckets and journal.
        localizer: shows the bucket's version.
        delocalizer: sends what was decided.
        locks: only their holder replaces what another person wrote.
        merge: merges mine with a version of theirs; gives None when that needs a person's decision.
        location: the notebook.

    Attributes:
        location: the notebook.
        touched: the places that may owe the bucket something from now on.
    """

    def __init__(
        self,
        storage: NotebookStorage,
        localizer: Localizer,
        delocalizer: Delocalizer,
        locks: LockTable,
        *,
        merge: Callable[[bytes, ObjectVersion | None], Awaitable[bytes | None]],
        location: Location,
    ) -> None:
        self._storage = storage
        self._localizer = localizer
        self._delocalizer = delocalizer
        self._locks = locks
        self._saving = Saving(storage, delocalizer, localizer.unseen_edits, localizer.views)
        self._merge_with = merge
        self.location = location
        self.touched: list[Location] = [location]
        self._os_path = storage.os_path(location)
        self._mine: str | None = None
        self._theirs: ObjectVersion | None = None

    async def begin(self, content: bytes | None, *, mine_version: str | None, theirs_version: str | None) -> None:
        """Make what is on the screen safe, and see that both sides are what was looked at.

        Args:
            content: what is on the screen; None when the working copy is that.
            mine_version: SHA-256 of the working copy that was looked at; None for any content.
            theirs_version: what was looked at, as ``name_of`` names it; None for any version.

        Raises:
            OperationRefused: mine has changed.
            WorkspaceConflict: theirs has changed.
        """
        self._mine = mine_version
        if content is not None:
            mine = await self._digest()
            try:
                await self._saving.save(self.location, content, replaces=None if mine_version is None else mine)
            except ChangedMeanwhile:
                raise _mine_changed() from None
            if mine_version is not None:
                self._mine = (await self._storage.copies.run(digest_of, content)).sha256
        await self._digest()
        self._theirs = await self._storage.stat(self.location)
        if theirs_version is not None and theirs_version != name_of(self._theirs):
            raise WorkspaceConflict(ConflictReason.REMOTE_CHANGED)

    async def take(self, way_out: Resolution) -> Path | None:
        """Do what is done on the disk and in the journal.

        Returns:
            The OS path of the file that holds mine; None when mine is the working copy.
        """
        match way_out:
            case Resolution.TAKE_THEIRS if self._theirs is None:
                return await self._set_aside()
            case Resolution.TAKE_THEIRS:
                return await self._localizer.replace_by_workspace_version(self.location, may_replace=self._require)
            case Resolution.KEEP_BOTH if self._theirs is not None:
                return await self._localizer.replace_by_workspace_version(
                    self.location, may_replace=self._require, owe_kept=self._owe_kept
                )
            case Resolution.KEEP_BOTH | Resolution.REPLACE_THEIRS:
                await self._replace()
                return None
            case Resolution.MERGE:
                return await self._merge()

    async def deliver(self, kept: Path | None) -> Path | None:
        """Bring what is owed to the bucket; a kept file whose name the bucket has by now gets the next one.

        Returns:
            The OS path of the file that holds mine in the end.
        """
        for place in list(self.touched):
            if not await self._storage.is_owed(place):
                continue
            status = await self._delocalizer.settle(place)
            for _ in range(_ROUNDS):
                if place == self.location or status.reason != ConflictReason.NAME_TAKEN:
                    break
                moved = await self._move_on(place)
                kept = self._storage.os_path(moved) if kept == self._storage.os_path(place) else kept
                place, status = moved, await self._delocalizer.settle(moved)  # noqa: PLW2901 - it goes on under this name
        return kept

    def _owe_kept(self, kept: Path) -> None:
        self.touched.append(self.location.sibling(kept.name))

    async def _digest(self) -> FileDigest:
        """What mine is now.

        Raises:
            OperationRefused: not what was looked at.
        """
        digest = await self._storage.copies.digest(self._os_path)
        if digest is None:
            raise ObjectNotFound(f"{self.location.api_path} is not on this disk.")
        self._require_mine(digest)
        return digest

    def _require_mine(self, digest: FileDigest | None) -> None:
        if self._mine is not None and (digest is None or digest.sha256 != self._mine):
            raise _mine_changed()

    def _require(self, mine: FileDigest | None, theirs: ObjectVersion | None) -> None:
        self._require_mine(mine)
        if theirs is None:
            raise WorkspaceConflict(ConflictReason.REMOTE_DELETED)
        if name_of(theirs) != name_of(self._theirs):
            raise WorkspaceConflict(ConflictReason.REMOTE_CHANGED)

    async def _set_aside(self) -> Path:
        """Theirs is deleted: the working copy goes, and mine is kept."""
        copies = self._storage.copies
        rounds = Rounds(self.location)
        while True:
            rounds.begin()
            mine = await self._digest()
            kept = await self._localizer.unseen_edits.free_name(self.location)
            async with copies.lock(self._os_path):
                if await copies.digest(self._os_path) != mine:
                    continue
                try:
                    await copies.run(move_file, self._os_path, kept)
                except FileExistsError:
                    continue
                await self._storage.forget(self.location)
                self._delocalizer.forget_status(self.location)
            return kept

    async def _replace(self) -> None:
        held = await self._take_lock()
        rounds = Rounds(self.location)
        while True:
            rounds.begin()
            if await self._stand_on(held, await self._digest()):
                return

    async def _merge(self) -> Path:
        held = None
        rounds = Rounds(self.location)
        while True:
            rounds.begin()
            mine = await self._digest()
            content = await self._storage.copies.run(self._os_path.read_bytes)
            merged = await self._merge_with(content, self._theirs)
            if merged is None:
                raise OperationRefused(
                    RefusalReason.CANNOT_MERGE,
                    "These versions cannot be merged without a decision. Keep both, take theirs or replace theirs.",
                )
            held = held or await self._take_lock()
            kept = await self._localizer.unseen_edits.free_name(self.location)
            try:
                await self._storage.save(self.location, merged, replaces=mine, keep_old_as=kept)
            except (ChangedMeanwhile, FileExistsError):
                continue
            # A save that waited meanwhile is on the disk now, and is merged in the next round.
            if await self._stand_on(held, await self._storage.copies.run(digest_of, merged)):
                return kept

    async def _take_lock(self) -> ObjectVersion | None:
        """Theirs, with our lock on it: from here on no one else replaces it."""
        if self._theirs is None:
            return None
        held = await self._locks.acquire(self.location, self._theirs)
        if held.generation != self._theirs.generation:
            raise WorkspaceConflict(ConflictReason.REMOTE_CHANGED)
        return held

    async def _stand_on(self, held: ObjectVersion | None, mine: FileDigest) -> bool:
        """Make theirs the baseline, so that mine may replace exactly that version.

        Returns:
            False when the working copy is not that any more, or its baseline changed meanwhile.
        """
        copies = self._storage.copies
        async with copies.lock(self._os_path):
            if await copies.digest(self._os_path) != mine:
                return False
            # The debt first: what no save wrote may be in conflict, too, and is owed from here on.
            await self._storage.owe_all([self.location])
            if held is None:
                await self._storage.expect_absent_again(self.location)
            else:
                baseline = await self._storage.baseline(self.location)
                if not await self._storage.advance(self.location, baseline, held, held.crc32c):
                    return False
            self._delocalizer.forget_status(self.location)
        return True

    async def _move_on(self, place: Location) -> Location:
        """Give a kept file, which the bucket never had, the next free name.

        Returns:
            The place of the file then: unchanged, if the file was changed since or no name was free.
        """
        copies, old = self._storage.copies, self._storage.os_path(place)
        async with self._storage.writes.turn(place), copies.lock(old):
            new = await self._localizer.unseen_edits.free_name(self.location)
            target = self.location.sibling(new.name)
            async with copies.lock(new):
                try:
                    await copies.run(self._move_on_now, place, target)
                except FileExistsError:
                    return place
            self._delocalizer.forget_status(place)
        self.touched.append(target)
        return target

    def _move_on_now(self, place: Location, target: Location) -> None:
        with self._storage.appearing_now(target):
            move_file(self._storage.os_path(place), self._storage.os_path(target))
        self._storage.forget_now(place)


def name_of(version: ObjectVersion | None) -> str:
    """How a version of theirs is named to a person's client, or that it is deleted."""
    # A lock that comes and goes changes nothing of what was looked at.
    return _NO_VERSION if version is None else str(version.generation)


def _mine_changed() -> OperationRefused:
    return OperationRefused(
        RefusalReason.MINE_CHANGED,
        "This notebook was saved on this disk since you looked at both versions; nothing was changed. "
        "Look at both versions again, then choose.",
    )
