"""The ways out of a conflict, none of which loses anything. Protocol: docs/protocol/conflicts.md."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from jupyter_terra_env.bucket.store import ObjectTooLarge, ObjectVersion
from jupyter_terra_env.notebooks.locks.lock_table import LockTable
from jupyter_terra_env.notebooks.storage.file_digests import FileDigest
from jupyter_terra_env.notebooks.storage.merge_bases import MergeBases
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.storage.object_versions import Rounds
from jupyter_terra_env.notebooks.sync.delocalizer import Delocalizer
from jupyter_terra_env.notebooks.sync.localizer import Localizer
from jupyter_terra_env.notebooks.sync.merging import ASKED_FOR, LOOKING, MOST_BYTES, merged
from jupyter_terra_env.notebooks.sync.resolution import ConflictResolution, Resolution, name_of
from jupyter_terra_env.notebooks.untrusted.cage import Cage, NotDoneError
from jupyter_terra_env.notebooks.untrusted.limits import Limits
from jupyter_terra_env.rules.edit_lock import read_lock
from jupyter_terra_env.rules.errors import (
    BucketError,
    ObjectNotFound,
    OperationRefused,
    PreconditionFailed,
    RefusalReason,
)
from jupyter_terra_env.rules.status import REFUSED
from jupyter_terra_env.rules.whole_content import BROKEN
from jupyter_terra_env.rules.workspace import Location

MOST_SHOWN_BYTES = 20 << 20
"""Larger notebooks are not read for comparing: no page could show them side by side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictVersions:
    """Both sides of a conflict.

    Attributes:
        reason: why they have parted (``ConflictReason`` or ``LockReason``).
        too_large: one of them is too large to be compared.
        mine: the working copy; None when it is too large.
        mine_version: names mine in ``Conflicts.resolve``.
        is_deleted: whether there is no object any more.
        theirs: the object's content; None when it was deleted, or is too large.
        theirs_version: names theirs, or that it was deleted, in ``Conflicts.resolve``.
        theirs_updated: when theirs was stored, UTC.
        base: what both began with, if it is known.
        merged: both together, if they can be merged.
        theirs_owner: who last edited theirs, as edit locks name them; None where that is not known.
        mine_updated: when mine was last saved on this disk, UTC.
        not_merged: why they are not merged here (``RefusalReason``); None when they are.
    """

    reason: str
    too_large: bool
    mine: bytes | None
    mine_version: str
    is_deleted: bool
    theirs: bytes | None
    theirs_version: str
    theirs_updated: datetime | None
    base: bytes | None
    merged: bytes | None
    not_merged: str | None
    theirs_owner: str | None = None
    mine_updated: datetime | None = None


@dataclass(frozen=True, slots=True)
class Composed:
    """A merge that a person has composed, cell by cell, from the two versions the request names.

    Attributes:
        content: the notebook, as Jupyter stores it.
    """

    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """What names both sides now.

    Attributes:
        mine: as in ``ConflictVersions``; None when there is no working copy.
        theirs: as in ``ConflictVersions``; None when the bucket cannot be asked.
    """

    mine: str | None
    theirs: str | None


class Conflicts:
    """Looks at conflicts, and resolves them.

    Args:
        storage: disk, buckets and journal.
        localizer: shows the bucket's version.
        delocalizer: sends what was decided.
        locks: only their holder replaces what another person wrote.
        bases: what both sides began with.
        cage: reads and merges what others wrote.
    """

    def __init__(
        self,
        storage: NotebookStorage,
        localizer: Localizer,
        delocalizer: Delocalizer,
        locks: LockTable,
        bases: MergeBases,
        cage: Cage,
    ) -> None:
        self._cage = cage
        self._storage = storage
        self._localizer = localizer
        self._delocalizer = delocalizer
        self._locks = locks
        self._bases = bases

    async def look(self, location: Location) -> ConflictVersions:
        """Both sides as they are now.

        Raises:
            OperationRefused: there is no conflict.
            ObjectNotFound: there is no working copy.
            BucketUnavailable, BucketRefused: as the port says.
        """
        reason = await self._reason(location)
        rounds = Rounds(location)
        while True:
            rounds.begin()
            version = await self._storage.stat(location)
            mine, digest = await self._read(location)
            try:
                theirs = None if version is None else await self._content(location, version, MOST_SHOWN_BYTES)
            except (ObjectNotFound, PreconditionFailed):
                continue
            base = await self._base(location)
            both, not_merged = await self._merged_soon(base, mine, theirs)
            return ConflictVersions(
                reason=reason,
                too_large=mine is None or (version is not None and theirs is None),
                mine=mine,
                mine_version=digest.sha256,
                is_deleted=version is None,
                theirs=theirs,
                theirs_version=name_of(version),
                theirs_updated=None if version is None else version.created,
                base=base,
                theirs_owner=None if version is None else self._owner(location, version),
                mine_updated=await self._storage.copies.run(_modified, self._storage.os_path(location)),
                merged=both,
                not_merged=not_merged,
            )

    async def versions(self, location: Location) -> Versions:
        """What names both sides now, conflict or none."""
        digest = await self._storage.digest(location)
        try:
            theirs = name_of(await self._storage.stat(location)) if location.belongs_in_bucket else None
        except BucketError:
            theirs = None
        return Versions(mine=None if digest is None else digest.sha256, theirs=theirs)

    async def resolve(
        self,
        location: Location,
        way_out: Resolution | Composed,
        *,
        content: bytes | None,
        theirs_version: str | None,
        mine_version: str | None = None,
    ) -> Path | None:
        """Take a way out.

        Args:
            location: the notebook.
            way_out: which; a composed merge needs both versions named, for it was made from these.
            content: what is on the screen, made safe first; None when the working copy is that.
            theirs_version: what was looked at, as ``ConflictVersions`` names it; None for any version.
            mine_version: SHA-256 of the working copy that was looked at; None for any content.

        Returns:
            The OS path of the file that holds mine; None when mine is the working copy.

        Raises:
            OperationRefused: there is no conflict (any more), nothing that could be merged, or mine has changed since
                it was looked at.
            WorkspaceConflict: theirs has changed since it was looked at.
            LockHeldElsewhere: replace, merge: another person is editing.
            BucketUnavailable, BucketRefused: as the port says.
        """
        resolution = ConflictResolution(
            self._storage,
            self._localizer,
            self._delocalizer,
            self._locks,
            merge=partial(self._merge, location, way_out),
            location=location,
        )
        async with self._storage.writes.turn(location):
            await self._reason(location)
            async with self._paid(resolution):
                await resolution.begin(content, mine_version=mine_version, theirs_version=theirs_version)
                kept = await resolution.take(Resolution.MERGE if isinstance(way_out, Composed) else way_out)
        try:
            return await resolution.deliver(kept)
        except BaseException:
            await self._start_uploads(resolution)
            raise

    @asynccontextmanager
    async def _paid(self, resolution: ConflictResolution) -> AsyncIterator[None]:
        """Within it, a way out may fail at any step: the upload of what it owes starts, and the status stays true."""
        before = await self._storage.baseline(resolution.location)
        try:
            yield
        except BaseException:
            if await self._storage.baseline(resolution.location) != before:
                self._delocalizer.forget_status(resolution.location)
            await self._start_uploads(resolution)
            raise

    async def _start_uploads(self, resolution: ConflictResolution) -> None:
        for place in resolution.touched:
            await self._delocalizer.start_if_owed(place)

    async def _merge(
        self, location: Location, way_out: Resolution | Composed, mine: bytes, version: ObjectVersion | None
    ) -> bytes | None:
        if isinstance(way_out, Composed):
            return way_out.content
        theirs = None if version is None else await self._content(location, version, MOST_BYTES)
        try:
            return await self._merged(await self._base(location), mine, theirs, ASKED_FOR)
        except NotDoneError as error:
            raise OperationRefused(
                error.reason,
                f"{location.api_path} was not merged: {error}. Nothing was changed. Keep both, take theirs or replace "
                "theirs.",
            ) from error

    def _owner(self, location: Location, version: ObjectVersion) -> str | None:
        """Who last edited theirs: its upload names them, or the last lock on it, unless that one is ours."""
        lock = read_lock(version.metadata)
        is_of_upload = version.metageneration == 1
        if lock is None or (not is_of_upload and self._locks.is_own(location, version.metadata)):
            return None
        return lock.holder.owner

    async def _reason(self, location: Location) -> str:
        status = await self._delocalizer.current_status(location)
        if status.reason is None or (status.place not in REFUSED and status.reason not in BROKEN):
            raise OperationRefused(
                RefusalReason.NO_CONFLICT, f"{location.api_path} is in no conflict with the workspace."
            )
        return status.reason

    async def _read(self, location: Location) -> tuple[bytes | None, FileDigest]:
        snapshot = await self._storage.copies.snapshot(self._storage.os_path(location))
        if snapshot is None:
            raise ObjectNotFound(f"{location.api_path} is not on this disk.")
        with snapshot.file:
            if snapshot.digest.size_bytes > MOST_SHOWN_BYTES:
                return None, snapshot.digest
            return await self._storage.copies.run(snapshot.file.read), snapshot.digest

    async def _content(self, location: Location, version: ObjectVersion, most_bytes: int) -> bytes | None:
        """A version's content; None when it is longer."""
        if version.size_bytes > most_bytes:
            return None
        with io.BytesIO() as file:
            try:
                await self._storage.bucket(location).read_into(
                    location.object_name, version.generation, file, most_bytes=most_bytes
                )
            except ObjectTooLarge:
                return None
            return file.getvalue()

    async def _base(self, location: Location) -> bytes | None:
        baseline = await self._storage.baseline(location)
        if baseline is None or baseline.crc32c is None:
            return None
        return await self._storage.copies.run(self._bases.read, location.api_path, baseline.crc32c)

    async def _merged_soon(
        self, base: bytes | None, mine: bytes | None, theirs: bytes | None
    ) -> tuple[bytes | None, str | None]:
        """Both sides merged, if that takes little; else why not."""
        try:
            both = await self._merged(base, mine, theirs, LOOKING)
        except NotDoneError as error:
            return None, error.reason
        return both, RefusalReason.CANNOT_MERGE if both is None else None

    async def _merged(
        self, base: bytes | None, mine: bytes | None, theirs: bytes | None, limits: Limits
    ) -> bytes | None:
        if base is None or mine is None or theirs is None:
            return None
        return await merged(self._cage, base, mine, theirs, limits=limits)


def _modified(os_path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(os_path.stat().st_mtime, UTC)
    except OSError:
        return None
