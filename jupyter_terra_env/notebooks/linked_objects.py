"""What Welder's clients ask for, done on working copies, locks and buckets. Protocol: docs/protocol/storage-links.md.

Every call may come twice: clients repeat a request whose answer was lost.
"""

import asyncio
import contextlib
import itertools
import os
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from jupyter_terra_env.bucket.store import BucketStore, ObjectVersion
from jupyter_terra_env.notebooks.concurrency import for_each
from jupyter_terra_env.notebooks.moves.object_writes import ObjectWrites
from jupyter_terra_env.notebooks.storage.durable_names import keep_as, sync, sync_directory
from jupyter_terra_env.notebooks.storage.file_digests import digest_file
from jupyter_terra_env.notebooks.storage.object_versions import as_remote
from jupyter_terra_env.notebooks.storage.regular_files import open_regular
from jupyter_terra_env.notebooks.storage.temporary_files import temporary_file
from jupyter_terra_env.notebooks.storage_links import StorageLinks
from jupyter_terra_env.notebooks.sync.unseen_edits import unseen_edits_name
from jupyter_terra_env.notebooks.workspace_notebooks import WorkspaceNotebooks
from jupyter_terra_env.rules.edit_lock import Claim, read_lock
from jupyter_terra_env.rules.errors import (
    ConflictReason,
    LockHeldElsewhere,
    LockReason,
    ObjectNotFound,
    TerraEnvError,
    WorkspaceConflict,
)
from jupyter_terra_env.rules.status import Place, WorkStatus, brought_for_program
from jupyter_terra_env.rules.storage_links import BadRequest, Match
from jupyter_terra_env.rules.sync import Standing, standing
from jupyter_terra_env.rules.whole_content import NOTEBOOK_SUFFIX
from jupyter_terra_env.rules.workspace import Location

_SAVE_SECONDS = 50.0
"""Leonardo's proxy ends a request after 60 s."""
_LOCK_SECONDS = 180.0
"""Classic pages renew after 87 s, then each minute; a page that was closed leaves its lock for three minutes."""
_REMEMBERED = 4096
_DELETED_HERE = ""
"""The checksum of a baseline whose object a client deleted by this API: no file equals it, and a save makes it anew."""


class SyncStatus(StrEnum):
    """How file and object stand, in Welder's words (W-srv/ObjectService.scala)."""

    LIVE = "LIVE"
    LOCAL_CHANGED = "LOCAL_CHANGED"
    REMOTE_CHANGED = "REMOTE_CHANGED"
    DESYNCHRONIZED = "DESYNCHRONIZED"
    REMOTE_NOT_FOUND = "REMOTE_NOT_FOUND"


class NoStorageLink(TerraEnvError):
    """No storage link has this path."""


class InSafeFolder(TerraEnvError):
    """Files of a link's safe folder stay on the disk."""


class NothingKnown(TerraEnvError):
    """The object was never seen here: it is not deleted."""


class NotDelivered(TerraEnvError):
    """The file is on the disk and not in the bucket yet; the upload goes on by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standings:
    """How a file of a link stands to its object.

    Attributes:
        match: the file's link.
        status: how they stand; None in the safe folder.
        locked_by: owner of the lock that holds now; None for none.
    """

    match: Match
    status: SyncStatus | None
    locked_by: str | None = None


class LinkedObjects:
    """Localizes, saves, locks and deletes by local path.

    Args:
        links: which link a path belongs to.
        notebooks: the parts that do it.
        root: the server's root folder.
    """

    def __init__(self, links: StorageLinks, notebooks: WorkspaceNotebooks, root: Path) -> None:
        self._links = links
        self._notebooks = notebooks
        self._storage = notebooks.storage
        self._writes = ObjectWrites(notebooks.storage, notebooks.locks)
        self._root = root
        self._reported_absent: dict[str, None] = {}

    async def localize(self, entries: Iterable[tuple[tuple[str, str] | bytes, str]]) -> None:
        """Bring objects or data to paths; edits that the bucket has not are kept in files beside.

        Args:
            entries: sources (bucket and object name, or content) and paths below the server's root.

        Raises:
            ObjectNotFound: an object does not exist; other entries may be done.
            BadRequest: a path leads out of the server's root.
            BucketUnavailable, BucketRefused, OSError: as the parts say.
        """

        async def localize(entry: tuple[tuple[str, str] | bytes, str]) -> None:
            await self._localize(*entry)

        await for_each(entries, localize)

    async def metadata(self, path: str) -> Standings:
        """How a file stands to its object, by one request to the bucket.

        Raises:
            NoStorageLink: the path has no link.
            BucketUnavailable, BucketRefused: as the port says.
        """
        match, place = self._match(path)
        if match.is_safe or place is None:
            return Standings(match=match, status=None)
        version = await self._storage.stat(place)
        if version is None:
            self._notebooks.locks.record_absent(place)
            self._remember_absent(path)
            return Standings(match=match, status=SyncStatus.REMOTE_NOT_FOUND)
        self._reported_absent.pop(path, None)
        claim = self._notebooks.locks.record_version(place, version)
        lock = read_lock(version.metadata)
        owner = lock.holder.owner if lock is not None and claim is not Claim.FREE else None
        digest = await self._storage.copies.digest(self._storage.os_path(place))
        baseline = await self._storage.baseline(place)
        if digest is None:
            status = SyncStatus.DESYNCHRONIZED
        elif standing(baseline, digest.crc32c, as_remote(version)) is Standing.EQUAL:
            if digest.crc32c == version.crc32c:
                await self._storage.record(place, baseline, version, digest.crc32c)
            status = SyncStatus.LIVE
        elif baseline is None or baseline.crc32c is None:
            status = SyncStatus.DESYNCHRONIZED
        elif standing(baseline, digest.crc32c, as_remote(version)) is Standing.OWED:
            status = SyncStatus.LOCAL_CHANGED
        else:
            status = SyncStatus.REMOTE_CHANGED
        return Standings(match=match, status=status, locked_by=owner)

    async def lock(self, path: str) -> None:
        """Take or renew the edit lock, and hold it for three minutes; also from another environment of this person.

        Raises:
            NoStorageLink, InSafeFolder: there is nothing to lock.
            ObjectNotFound: the bucket does not have it.
            LockHeldElsewhere: another person holds the lock.
            BucketUnavailable, BucketRefused: as the port says.
        """
        place = self._edit_place(path)
        locks = self._notebooks.locks
        try:
            await locks.acquire(place)
        except LockHeldElsewhere as held:
            if not held.by_same_person:
                raise
            await locks.take_over(place)
        except ObjectNotFound as error:
            raise ObjectNotFound(f"{place.workspace.bucket}/{place.object_name} not found") from error
        self._notebooks.keeper.touch(place, _LOCK_SECONDS)

    async def save(self, path: str) -> None:
        """Bring a file that a program has just written to the bucket; returns when the bucket has it.

        A file that the link's pattern does not name stays on the disk, and that is no error.

        Raises:
            NoStorageLink, InSafeFolder: the path is not saved to a bucket.
            ObjectNotFound: there is no such file.
            WorkspaceConflict: the object is not the one the file came from.
            LockHeldElsewhere: another person holds the lock.
            NotDelivered: the bucket does not have it yet.
        """
        place = self._edit_place(path)
        if not place.is_delocalized:
            return
        os_path = self._storage.os_path(place)
        digest = await self._storage.copies.digest(os_path)
        if digest is None:
            raise ObjectNotFound(f"{path} is not on this disk.")
        is_programs = await self._is_programs(place, os_path)
        # The program says that it has finished: no need to wait until the file has been still for a while.
        await self._storage.copies.vouch_for(os_path, digest)
        baseline = await self._storage.baseline(place)
        if baseline is not None and baseline.crc32c == _DELETED_HERE:
            await self._storage.expect_absent_again(place)
        if await self._storage.has_edits(place):
            await self._storage.owe_all([place])
        self._notebooks.localizer.views.shows_working_copy(place)
        work = await self._notebooks.delocalizer.after_save(place, wait_seconds=_SAVE_SECONDS)
        if work.reason == ConflictReason.REMOTE_DELETED and path in self._reported_absent:
            # The client knows that the object has gone, and saves all the same: it is created again.
            await self._storage.expect_absent_again(place)
            work = await self._notebooks.delocalizer.after_save(place, wait_seconds=_SAVE_SECONDS)
        self._raise_for(place, work)
        self._reported_absent.pop(path, None)
        if is_programs:
            self._notebooks.delocalizer.report_status(place, brought_for_program())

    async def delete(self, path: str) -> None:
        """Delete the object that a file was last equal to; the file stays. If there is no object, that is no error.

        Raises:
            NoStorageLink, InSafeFolder: the path is not saved to a bucket.
            NothingKnown: there is an object, which was never seen here.
            WorkspaceConflict: the object is another one by now.
            LockHeldElsewhere: another person holds the lock.
            BucketUnavailable, BucketRefused: as the port says.
        """
        place = self._edit_place(path)
        async with self._notebooks.storage.writes.turn(place):
            baseline = await self._storage.baseline(place)
            version = await self._storage.stat(place)
            if version is not None:
                self._notebooks.locks.require_free(place, version)
                if baseline is None or baseline.crc32c is None:
                    raise NothingKnown(f"{path} was never localized here.")
                if baseline.generation != version.generation and baseline.crc32c != version.crc32c:
                    raise WorkspaceConflict(ConflictReason.REMOTE_CHANGED)
                await self._writes.delete(place, version)
                await self._storage.forget(place)
                await self._leave_file(place, version)
            elif baseline is None or baseline.crc32c is None:
                await self._storage.forget(place)
        self._remember_absent(path)
        self._notebooks.locks.forget(place)
        self._notebooks.delocalizer.forget_status(place)
        self._notebooks.listings.forget(place)

    # Parts

    def _match(self, path: str) -> tuple[Match, Location | None]:
        found = self._links.match(path)
        if found is None:
            raise NoStorageLink(f"No storage link found for {path}")
        return found

    def _edit_place(self, path: str) -> Location:
        match, place = self._match(path)
        if match.is_safe or place is None:
            raise InSafeFolder(path)
        return place

    async def _is_programs(self, place: Location, os_path: Path) -> bool:
        """Whether a program has written what is on the disk: a tab that shows the notebook does not show that."""
        copies = self._storage.copies
        if await copies.run(copies.is_as_placed, os_path):
            return False
        # The look at the folder may have brought it to the bucket before this call came.
        was_brought = self._notebooks.delocalizer.last_status(place) == brought_for_program()
        return was_brought or await self._storage.has_edits(place)

    async def _leave_file(self, place: Location, deleted: ObjectVersion) -> None:
        """Have the file of a deleted object not be taken for a program's new notebook: it would go to the bucket."""
        if await self._storage.copies.digest(self._storage.os_path(place)) is not None:
            await self._storage.advance(place, None, deleted, _DELETED_HERE)

    def _remember_absent(self, path: str) -> None:
        self._reported_absent[path] = None
        while len(self._reported_absent) > _REMEMBERED:
            del self._reported_absent[next(iter(self._reported_absent))]

    def _raise_for(self, place: Location, work: WorkStatus) -> None:
        match work.place:
            case Place.IN_WORKSPACE:
                return
            case Place.CONFLICT:
                raise WorkspaceConflict(ConflictReason(str(work.reason)))
            case Place.LOCKED:
                raise LockHeldElsewhere(
                    self._notebooks.locks.view(place).lock, by_same_person=work.reason == LockReason.LOCKED_ELSEWHERE
                )
            case _:
                raise NotDelivered(work.message)

    async def _localize(self, source: tuple[str, str] | bytes, path: str) -> None:
        if isinstance(source, bytes):
            await self._put(path, lambda file: _write(file, source))
            return
        bucket_name, name = source
        found = self._links.match(path)
        place = None if found is None else found[1]
        if place is not None and place.belongs_in_bucket and _is_object_of(place, bucket_name, name):
            await self._open_workspace_version(place)
            return
        bucket = self._notebooks.bucket_threads.bucket(bucket_name, self._user_project(bucket_name))
        version = await bucket.stat(name)
        if version is None:
            raise ObjectNotFound(f"{bucket_name}/{name} not found")
        await self._put(path, lambda file: self._fetch(bucket, name, version.generation, file))

    async def _open_workspace_version(self, place: Location) -> None:
        """Make the bucket's version the working copy; a tab that shows the one it replaces is notified."""
        copies, os_path = self._storage.copies, self._storage.os_path(place)
        before = await copies.digest(os_path)
        await self._notebooks.localizer.open_workspace_version(place)
        self._notebooks.localizer.views.shows_working_copy(place)
        if before is not None and before != await copies.digest(os_path):
            self._notebooks.delocalizer.report_status(place, brought_for_program())

    def _user_project(self, bucket: str) -> str | None:
        """Who pays for a bucket: the operator's project, for buckets that are linked here."""
        return next((one.user_project for one in self._notebooks.workspaces.all if one.bucket == bucket), None)

    async def _fetch(self, bucket: BucketStore, name: str, generation: int, file: Path) -> None:
        with file.open("r+b") as target:
            await bucket.read_into(name, generation, target)

    async def _put(self, path: str, fill: Callable[[Path], Awaitable[None]]) -> None:
        """Put a file into the server's root, whole; what it replaces and may hold edits is kept in another file."""
        run = self._storage.copies.run
        target = await run(self._inside, path)
        found = self._links.match(path)
        is_saved = found is not None and found[1] is not None and found[1].belongs_in_bucket
        keeps = is_saved or target.suffix == NOTEBOOK_SUFFIX
        with temporary_file(target) as (file, temporary):
            await fill(temporary)
            async with self._storage.copies.lock(target):
                await run(_replace, file, temporary, target, keeps=keeps)

    def _inside(self, path: str) -> Path:
        """The real path of a file below the server's root.

        Raises:
            BadRequest: a symbolic link leads out of it, or it is no file's or one of the server's own.
        """
        root = os.path.realpath(self._root)
        target = os.path.realpath(os.path.join(root, *path.split("/")))  # noqa: PTH118
        if not target.startswith(root.rstrip(os.sep) + os.sep) or os.path.isdir(target):  # noqa: PTH112
            raise BadRequest("localDestinationPath: expected the path of a file below the server's root")
        if self._links.is_within_state(Path(target)):
            raise BadRequest("localDestinationPath: this folder is the server's own")
        return Path(target)


def _is_object_of(place: Location, bucket: str, name: str) -> bool:
    # Terra's pages join a link's folder and a name; a folder that ends in a slash then has two.
    return place.workspace.bucket == bucket and place.object_name == name.replace("//", "/")


async def _write(file: Path, content: bytes) -> None:
    await asyncio.to_thread(file.write_bytes, content)


def _replace(file: BinaryIO, complete: Path, target: Path, *, keeps: bool) -> None:
    sync(file.fileno())
    if keeps and target.exists() and not _is_same(file, target):
        _keep(target)
    complete.replace(target)
    sync_directory(target.parent)


def _is_same(file: BinaryIO, target: Path) -> bool:
    with open_regular(target) as present:
        return digest_file(present) == digest_file(file)


def _keep(target: Path) -> None:
    for number in itertools.count(1):
        with contextlib.suppress(FileExistsError):
            keep_as(target, unseen_edits_name(target, number))
            return
