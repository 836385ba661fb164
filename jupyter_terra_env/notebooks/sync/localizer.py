"""Localize: bring an object to the disk when it is opened. Protocol and races: docs/protocol/open-and-save.md."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.locks.lock_table import LockTable
from jupyter_terra_env.notebooks.storage.file_digests import FileDigest
from jupyter_terra_env.notebooks.storage.keeping import Keeping
from jupyter_terra_env.notebooks.storage.merge_bases import MergeBases
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.storage.object_versions import Rounds, as_remote
from jupyter_terra_env.notebooks.storage.patience import no_answer
from jupyter_terra_env.notebooks.storage.temporary_files import temporary_file
from jupyter_terra_env.notebooks.sync.delocalizer import Delocalizer
from jupyter_terra_env.notebooks.sync.installing import Look, VersionInstaller
from jupyter_terra_env.notebooks.sync.late_answers import LateAnswers
from jupyter_terra_env.notebooks.sync.unseen_edits import UnseenEdits
from jupyter_terra_env.notebooks.sync.views import Views, refuse_too_large
from jupyter_terra_env.rules import status
from jupyter_terra_env.rules.edit_lock import Claim, read_lock
from jupyter_terra_env.rules.errors import (
    BucketError,
    BucketRefused,
    ConflictReason,
    LockHeldElsewhere,
    ObjectNotFound,
)
from jupyter_terra_env.rules.lock_view import READ_ONLY, LockState
from jupyter_terra_env.rules.status import Place
from jupyter_terra_env.rules.sync import (
    OpenStep,
    Remote,
    Standing,
    adopted_checksum,
    decide_open,
    standing,
)
from jupyter_terra_env.rules.workspace import Location, Mode

_OTHERS = {Claim.OTHERS, Claim.MINE_ELSEWHERE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What opening a notebook came to.

    Attributes:
        downloaded: the working copy was downloaded just now.
        read_only: the notebook may be looked at, not edited.
        shown: the version in the bucket that is to be shown instead of the working copy; None for the working copy.
    """

    downloaded: bool = False
    read_only: bool = False
    shown: ObjectVersion | None = None


_TAKE_ANOTHER_LOOK = None
"""Something changed meanwhile."""


class Localizer:
    """Makes the working copy what opening should show.

    Args:
        storage: disk, buckets and journal.
        delocalizer: uploads what an opened notebook still owes the bucket.
        locks: taken for what is opened to be edited.
        bases: keeps what a working copy began with.

    Attributes:
        kept_edits: keeps edits that were not shown.
        views: what opening would show, and what was shown last.
    """

    def __init__(self, storage: NotebookStorage, delocalizer: Delocalizer, locks: LockTable, bases: MergeBases) -> None:
        self._storage = storage
        self._delocalizer = delocalizer
        self._locks = locks
        self._installer = VersionInstaller(storage, delocalizer, bases)
        self.unseen_edits = UnseenEdits(storage)
        self._late = LateAnswers(storage, is_wanted=self._is_offline, on_answer=self._answered_late)
        self.views = Views(storage, locks, self.unseen_edits)

    async def open(
        self, location: Location, *, to_edit: bool = True, take_lock: bool = True, largest_bytes: int | None = None
    ) -> Opened:
        """Refresh the working copy from the bucket, unless it holds edits, and take the edit lock.

        A working copy is shown even when the bucket cannot be asked; the status then says so. A notebook that someone
        else edits is shown as the bucket has it, and its working copy is left alone.

        Args:
            location: the notebook.
            to_edit: take the lock; otherwise the content is only read.
            take_lock: unset, the lock stays as it is, and the content is still what opening to edit would show.
            largest_bytes: what is larger is not downloaded; None for any size.

        Raises:
            ObjectNotFound: neither disk nor bucket has it.
            OperationRefused: it is larger.
            BucketUnavailable, BucketRefused: it is not on the disk and the bucket cannot be asked.
        """
        if not location.belongs_in_bucket:
            return Opened()
        rounds = Rounds(location)
        while True:
            rounds.begin()
            look = await self._installer.look(location)
            if location.mode is Mode.PLAYGROUND and look.has_edits:
                return Opened()
            try:
                look, version = await self._ask(location, look, takes_lock=to_edit and take_lock)
                if version is not None and largest_bytes is not None:
                    refuse_too_large(location, version.size_bytes, largest_bytes)
                if version is not None and to_edit and location.is_delocalized:
                    opened = await self._open_to_edit(location, look, version, take_lock=take_lock)
                else:
                    opened = await self._open(location, look, version)
            except BucketError as error:
                return self._open_offline(location, look, error)
            if opened is not _TAKE_ANOTHER_LOOK:
                return opened

    async def close(self) -> None:
        """Give up what goes on in the background."""
        await self._late.close()

    @contextlib.asynccontextmanager
    async def content_of(self, location: Location, version: ObjectVersion) -> AsyncIterator[Path]:
        """A version's content, in a temporary file.

        Raises:
            ObjectNotFound, PreconditionFailed: the bucket no longer has this version.
            BucketUnavailable, BucketRefused: as the port says.
        """
        with temporary_file(self._storage.os_path(location)) as (file, temporary):
            await self._storage.bucket(location).read_into(location.object_name, version.generation, file)
            file.flush()
            yield temporary

    async def open_workspace_version(self, location: Location) -> Path | None:
        """Make the bucket's version the working copy, even over edits, which are kept beside it in a file of their own.

        An upload of these edits that is under way ends first: it makes another version.

        Returns:
            The OS path of the file that holds the edits; None when there were none.

        Raises:
            ObjectNotFound: the bucket has no such object.
            BucketUnavailable, BucketRefused: as the port says.
        """
        async with self._storage.writes.turn(location):
            return await self.replace_by_workspace_version(location)

    async def replace_by_workspace_version(
        self,
        location: Location,
        *,
        may_replace: Callable[[FileDigest | None, ObjectVersion | None], None] | None = None,
        owe_kept: Callable[[Path], None] | None = None,
    ) -> Path | None:
        """See ``open_workspace_version``; the caller holds the notebook's turn.

        Args:
            location: the notebook.
            may_replace: given the working copy and the object that this is about to act on, raises if it must not.
            owe_kept: called with the path of the file with the edits before it is made, which is then owed to the
                bucket; None to keep it on this disk only.
        """
        rounds = Rounds(location)
        while True:
            rounds.begin()
            look = await self._installer.look(location)
            version = await self._storage.stat(location)
            if may_replace is not None:
                may_replace(look.digest, version)
            if version is None:
                raise ObjectNotFound(f"{location.api_path} is not in the workspace.")
            keeping = None
            # A server that died between the file and its row leaves the version itself, with nothing known of it.
            if look.has_edits and look.crc32c != version.crc32c:
                kept = await self.unseen_edits.free_name(location)
                keeping = Keeping(kept=kept, owed_as=None if owe_kept is None else location.sibling(kept.name))
                if owe_kept is not None:
                    owe_kept(kept)
            if await self._installer.install(location, look, version, keeping=keeping):
                return None if keeping is None else keeping.kept

    async def discard(self, location: Location) -> None:
        """Remove a working copy that turned out to be unreadable, if it holds nothing but the bucket's version."""
        look = await self._installer.look(location)
        async with self._storage.copies.lock(look.os_path):
            if look.digest is not None and look.digest == await self._storage.copies.digest(look.os_path):
                if look.has_edits:
                    return
                await self._storage.copies.run(look.os_path.unlink)
                await self._storage.forget(location)

    def _open_offline(self, location: Location, look: Look, error: BucketError) -> Opened:
        if look.digest is None:
            raise error
        if location.is_delocalized:
            self._locks.record_unknown(location)
            because = status.offline if look.is_settled else status.not_yet_in_workspace
            self._delocalizer.report_status(location, because(error))
            self._late.go_on_asking(location)
        return Opened()

    def _is_offline(self, location: Location) -> bool:
        """Whether the last status is that of an opening that could not ask the bucket."""
        last = self._delocalizer.last_status(location)
        is_uploading = self._delocalizer.is_uploading(location)
        return not is_uploading and last is not None and last.place in {Place.OFFLINE, Place.ON_DISK}

    async def _answered_late(self, location: Location, version: ObjectVersion | None) -> None:
        """Report what the bucket holds, now that it has answered; the working copy, which is being shown, stays."""
        look = await self._installer.look(location)
        if look.digest is None or not self._is_offline(location):
            return
        claim = None if version is None else self._locks.record_version(location, version)
        if decide_open(look.baseline, look.crc32c, as_remote(version)) is OpenStep.DOWNLOAD:
            self._delocalizer.report_status(location, status.newer_in_workspace())
        elif version is None or claim not in _OTHERS:
            self._report(location, look, as_remote(version))
        else:
            self._report(location, look, as_remote(version), held=_held_by(version, claim))

    async def _open_to_edit(
        self, location: Location, look: Look, version: ObjectVersion, *, take_lock: bool
    ) -> Opened | None:
        """Take the lock, beside the download where there is one."""
        claim = self._locks.record_version(location, version)
        if claim in _OTHERS:
            return await self._open_read_only(location, look, version, claim)
        lock = read_lock(version.metadata)
        if not take_lock or (claim is Claim.MINE and lock is not None and not self._locks.is_due(lock)):
            return await self._open(location, look, version)
        taking = asyncio.create_task(self._taken(location, version))
        try:
            if decide_open(look.baseline, look.crc32c, as_remote(version)) is OpenStep.DOWNLOAD:
                opened = await self._open(location, look, version, taking=taking)
            else:
                version = await taking
                look = replace(look, baseline=await self._storage.baseline(location))
                opened = await self._open(location, look, version)
        except (LockHeldElsewhere, ObjectNotFound):
            return _TAKE_ANOTHER_LOOK
        finally:
            await _ended(taking)
        return opened and replace(opened, read_only=self._locks.view(location).state in READ_ONLY)

    async def _ask(self, location: Location, look: Look, *, takes_lock: bool) -> tuple[Look, ObjectVersion | None]:
        """The object as it is now, with our lock if taking that is all there is to ask, and the look that goes with it.

        Raises:
            BucketUnavailable, BucketRefused: the bucket cannot be asked.
        """
        taken = await self._take_at_once(location, look) if takes_lock else None
        if taken is not None:
            return replace(look, baseline=await self._storage.baseline(location)), taken
        stat = self._storage.stat if look.digest is None else self._storage.stat_soon
        return look, await stat(location)

    async def _take_at_once(self, location: Location, look: Look) -> ObjectVersion | None:
        """Take the lock if this environment was its last holder when the object was last seen here.

        Returns:
            The object with our lock on it, as it is now; None where it must be asked for.

        Raises:
            BucketUnavailable: the bucket does not answer.
        """
        known = self._locks.last_version(location)
        if known is None or look.crc32c is None or self._locks.view(location).state is not LockState.FREE:
            return None
        is_equal = standing(look.baseline, look.crc32c, as_remote(known)) is Standing.EQUAL
        # That another person's lock has expired is not known without the bucket's time.
        if not is_equal or not self._locks.is_own(location, known.metadata):
            return None
        with contextlib.suppress(LockHeldElsewhere, ObjectNotFound, BucketRefused):
            taken = await self._late.soon(asyncio.create_task(self._locks.acquire(location, known)))
            if taken is None:
                raise no_answer(location.workspace.bucket, self._storage.patience_seconds)
            return taken
        return None

    async def _taken(self, location: Location, version: ObjectVersion) -> ObjectVersion:
        """The version with our lock on it; as it is where the lock cannot be written, which the lock's view shows."""
        try:
            # A lock that is taken too late for this opening is kept all the same.
            taken = await self._late.soon(asyncio.create_task(self._locks.acquire(location, version)))
        except BucketError:
            return version
        if taken is None:
            self._locks.record_unknown(location)
        return taken or version

    async def _open_read_only(self, location: Location, look: Look, version: ObjectVersion, claim: Claim) -> Opened:
        """Show what the bucket has, and leave the working copy alone."""
        remote = as_remote(version)
        same = look.crc32c is not None and standing(look.baseline, look.crc32c, remote) is Standing.EQUAL
        if look.has_edits:
            self._report(location, look, remote, held=_held_by(version, claim))
            if not same:
                await self.unseen_edits.mark_unseen(location)
        else:
            self._delocalizer.forget_status(location)
        return Opened(read_only=True, shown=None if same else version)

    async def _open(
        self,
        location: Location,
        look: Look,
        version: ObjectVersion | None,
        *,
        taking: "asyncio.Task[ObjectVersion] | None" = None,
    ) -> Opened | None:
        """Do what the rules say.

        Args:
            location: the notebook.
            look: what was seen of the disk.
            version: the object.
            taking: gives the version with our lock on it, which is then the baseline.

        Returns:
            None when something changed meanwhile and the look must be taken again.
        """
        remote = as_remote(version)
        step = decide_open(look.baseline, look.crc32c, remote)
        if remote is None or version is None:
            if step is OpenStep.NOT_FOUND:
                raise ObjectNotFound(f"{location.api_path} is neither on this disk nor in the workspace.")
        elif step is OpenStep.DOWNLOAD:
            done = await self._installer.install(location, look, version, taking=taking)
            return Opened(downloaded=True) if done else _TAKE_ANOTHER_LOOK
        elif step is OpenStep.ADOPT:
            checksum = adopted_checksum(look.baseline, remote)
            if not await self._storage.advance(location, look.baseline, version, checksum):
                return _TAKE_ANOTHER_LOOK
        if location.is_delocalized:
            self._report(location, look, remote)
        return Opened()

    def _report(
        self, location: Location, look: Look, remote: Remote | None, *, held: LockHeldElsewhere | None = None
    ) -> None:
        """Report what is known after looking, and upload what is owed unless another person is editing."""
        if look.crc32c is None:
            return
        match standing(look.baseline, look.crc32c, remote):
            case Standing.EQUAL | Standing.NEVER_STORED:
                self._delocalizer.forget_status(location)
            case Standing.OWED:
                if held is None:
                    self._delocalizer.start(location)
                else:
                    self._delocalizer.report_status(location, status.locked(held))
            case ConflictReason() as parted:
                self._delocalizer.report_status(location, status.conflict(parted))


def _held_by(version: ObjectVersion, claim: Claim | None) -> LockHeldElsewhere:
    return LockHeldElsewhere(read_lock(version.metadata), by_same_person=claim is Claim.MINE_ELSEWHERE)


async def _ended(task: "asyncio.Task[ObjectVersion]") -> None:
    """Wait for a task whose outcome no longer matters."""
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()
