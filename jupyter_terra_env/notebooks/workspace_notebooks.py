"""The notebooks of a server's workspaces, as the server's surface uses them."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.bucket.threaded import BucketThreads
from jupyter_terra_env.closing import ClosingSteps
from jupyter_terra_env.notebooks.earlier_versions import EarlierVersions
from jupyter_terra_env.notebooks.listing_badges import ListingBadges
from jupyter_terra_env.notebooks.locks.lock_keeper import LockKeeper
from jupyter_terra_env.notebooks.locks.lock_table import LockTable
from jupyter_terra_env.notebooks.moves.moves import Moves
from jupyter_terra_env.notebooks.moves.recovery import MoveRecovery
from jupyter_terra_env.notebooks.preview.content import Previews
from jupyter_terra_env.notebooks.storage.bucket_listings import BucketListings
from jupyter_terra_env.notebooks.storage.foreign_debts import on_the_disk, payable_as, sentence
from jupyter_terra_env.notebooks.storage.journal import Debt
from jupyter_terra_env.notebooks.storage.journal_database import JournalDatabase
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.storage_links import StorageLinks
from jupyter_terra_env.notebooks.sync.conflicts import Conflicts
from jupyter_terra_env.notebooks.sync.delocalizer import Delocalizer
from jupyter_terra_env.notebooks.sync.foreign_edits import ForeignEdits
from jupyter_terra_env.notebooks.sync.localizer import Localizer
from jupyter_terra_env.notebooks.sync.resolution import name_of
from jupyter_terra_env.notebooks.sync.saving import Saving
from jupyter_terra_env.notebooks.sync.upload_gate import UploadGate
from jupyter_terra_env.notebooks.untrusted.cage import Cage
from jupyter_terra_env.rules import status
from jupyter_terra_env.rules.errors import ObjectNotFound, OperationRefused
from jupyter_terra_env.rules.gone import Gone
from jupyter_terra_env.rules.lock_view import READ_ONLY, LockView
from jupyter_terra_env.rules.shown_names import shown
from jupyter_terra_env.rules.status import Place, WorkStatus, not_on_this_disk
from jupyter_terra_env.rules.status import gone as gone_from_workspace
from jupyter_terra_env.rules.workspace import Location, Workspace, Workspaces

UPLOADS_SECONDS = 10.0
_LOCKS_SECONDS = 5.0
_STEP_SECONDS = 3.0
"""For each step of an end, beyond what it is given to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenVersion:
    """The content of an object, as it was last seen.

    Attributes:
        name: names it; opaque.
        saved_at: when the bucket was given it.
    """

    name: str
    saved_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookStatus:
    """What is known of a notebook.

    Attributes:
        location: the notebook.
        work: where its work is.
        lock: who edits it.
        saved_at: when the bucket was given the content that the working copy last equalled; None when not known.
        seen: the object as it was last read or written; None when there is none, or it is not known.
        gone: what became of the object, if it was there and is not any more.
    """

    location: Location
    work: WorkStatus
    lock: LockView
    saved_at: datetime | None
    seen: SeenVersion | None = None
    gone: Gone | None = None

    @property
    def is_writable(self) -> bool:
        """Whether it may be edited here."""
        return self.lock.state not in READ_ONLY


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryResult:
    """What became of everything the bucket was owed.

    Attributes:
        paid: API paths of the notebooks that are in the workspace now.
        unpaid: the others; they stay on the disk and in the journal.
        foreign: debts to buckets of workspaces that are not configured here; they stay, too.
    """

    paid: tuple[str, ...]
    unpaid: tuple[NotebookStatus, ...]
    foreign: tuple[Debt, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceNotebooks:
    """The wired parts.

    Attributes:
        workspaces: which folders they look after.
        links: the workspaces that clients of Welder's API make and release.
        storage: disk, buckets and journal by location.
        listings: listings.
        locks: who edits what.
        keeper: keeps and gives back locks.
        localizer: opening.
        delocalizer: uploading.
        saving: saving, and delivering what was saved.
        foreign_edits: what programs write into working copies.
        gate: keeps what is broken or half-written from the bucket.
        conflicts: the ways out when both sides have changed.
        previews: what a preview shows.
        versions: what the bucket has kept.
        badges: what a listing says beyond names.
        moves: renaming and deleting.
        recovery: finishes renames and deletions that were left halfway.
        cage: does the work on what others wrote.
        database: the journal's, behind ``storage``.
        bucket_threads: the threads behind ``storage``.
        email_of: the address behind the hash in a workspace's lock, when it may be shown.
        log: the server's log.
    """

    workspaces: Workspaces
    links: StorageLinks
    storage: NotebookStorage
    listings: BucketListings
    locks: LockTable
    keeper: LockKeeper
    localizer: Localizer
    delocalizer: Delocalizer
    saving: Saving
    foreign_edits: ForeignEdits
    gate: UploadGate
    conflicts: Conflicts
    previews: Previews
    versions: EarlierVersions
    badges: ListingBadges
    moves: Moves
    recovery: MoveRecovery
    cage: Cage
    database: JournalDatabase
    bucket_threads: BucketThreads
    email_of: Callable[[Workspace, str], str | None]
    log: logging.Logger | logging.LoggerAdapter[logging.Logger]

    async def start(self) -> None:
        """Go on with what was begun and owed when the last server ended."""
        await self.finish_begun_moves()
        for location in await self.owed():
            self.delocalizer.start(location)
        await self._log_foreign_debts()
        self.foreign_edits.start()
        self.links.start()

    async def finish_begun_moves(self) -> None:
        """Finish renames and deletions that were left halfway; what the bucket keeps from it is tried again later.

        Never raises.
        """
        await self.recovery.finish()

    async def owed(self) -> tuple[Location, ...]:
        """The notebooks that hold saves the bucket has not, by the journal; see also ``foreign_debts``."""
        located = [payable_as(debt, self.workspaces) for debt in await self.storage.debts()]
        return tuple(location for location in located if location is not None)

    async def foreign_debts(self) -> tuple[Debt, ...]:
        """Saves that are owed to buckets of workspaces that are not configured here."""
        foreign = [debt for debt in await self.storage.debts() if payable_as(debt, self.workspaces) is None]
        return await self.storage.copies.run(on_the_disk, foreign, self.storage.entry(""))

    async def _log_foreign_debts(self) -> None:
        for debt in await self.foreign_debts():
            self.log.warning("Not in the workspace: %s. %s", debt.path, sentence(debt))

    async def undelivered(self) -> tuple[Location, ...]:
        """All that the bucket has not: what is owed, and what programs wrote and nothing brings there by itself."""
        places = {location.api_path: location for location in await self.owed()}
        places.update((location.api_path, location) for location in await self.foreign_edits.undelivered())
        return tuple(places[path] for path in sorted(places))

    async def pay(self, deadline_seconds: float) -> DeliveryResult:
        """Try to bring everything that is owed to the bucket.

        Args:
            deadline_seconds: how long to try.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline_seconds):
                await self.foreign_edits.look()
        owed = await self.owed()
        await self.delocalizer.pay(owed, deadline_seconds)
        return await self.delivery_result([location.api_path for location in owed])

    async def delivery_result(self, sent: Iterable[str]) -> DeliveryResult:
        """What the journal says became of debts.

        Args:
            sent: API paths of the notebooks that were sent to the bucket.
        """
        still = {location.api_path: location for location in await self.undelivered()}
        unpaid = [await self.status_of_debt(still[path]) for path in sorted(still)]
        paid = tuple(path for path in sent if path not in still)
        return DeliveryResult(paid=paid, unpaid=tuple(unpaid), foreign=await self.foreign_debts())

    async def status_of(self, location: Location, work: WorkStatus | None = None) -> NotebookStatus:
        """What is known of a notebook, without asking the bucket.

        Args:
            location: the notebook.
            work: where its work is, when that is known already.

        Raises:
            ObjectNotFound: there is no such file on the disk, nor in a listing of the edit folder.
        """
        if work is None:
            work = await self._work_of(location)
        version = self.locks.last_version(location) if location.is_delocalized else None
        baseline = None if version is None else await self.storage.baseline(location)
        stored = version is not None and baseline is not None and version.generation == baseline.generation
        gone = self.locks.gone(location) if location.is_delocalized else None
        if gone is not None and work.place is Place.IN_WORKSPACE:
            work = gone_from_workspace(gone.how, is_on_disk=work != not_on_this_disk())
        return NotebookStatus(
            location=location,
            work=work,
            seen=None if version is None else SeenVersion(name=name_of(version), saved_at=version.created),
            gone=gone,
            lock=self.locks.view(location),
            saved_at=version.created if version is not None and stored else None,
        )

    async def status_of_debt(self, location: Location) -> NotebookStatus:
        """What is known of a notebook that owes something to the bucket, even if its file has gone.

        Never raises: one that cannot be looked at says so itself, and does not keep others from being named.
        """
        try:
            return await self.status_of(location)
        except OperationRefused as refused:
            work = status.not_to_be_read(refused)
        except ObjectNotFound:
            last = self.delocalizer.last_status(location)
            is_known = last is not None and last.place is status.Place.ON_DISK and last.reason is not None
            work = last if last is not None and is_known else status.gone_from_disk()
        except Exception:
            self.log.exception("A notebook that is not in the workspace cannot be looked at.")
            work = status.disk_unreadable()
        return NotebookStatus(location=location, work=work, lock=self.locks.view(location), saved_at=None)

    async def _work_of(self, location: Location) -> WorkStatus:
        try:
            return await self.delocalizer.current_status(location)
        except ObjectNotFound:
            if location.is_delocalized and self.listings.is_listed(location):
                return not_on_this_disk()
            raise

    async def shown_version(self, location: Location, instead: ObjectVersion | None) -> str | None:
        """Names the version that was shown to the person who has just read a notebook, as ``NotebookStatus.seen`` does.

        Args:
            location: the notebook.
            instead: the version in the bucket that was shown in the place of the working copy; None for that itself.

        Returns:
            What the working copy last equalled, where that was shown; None when nothing is known.
        """
        if instead is not None:
            return name_of(instead)
        baseline = await self.storage.baseline(location) if location.is_delocalized else None
        return None if baseline is None or baseline.crc32c is None else str(baseline.generation)

    def email_of_holder(self, location: Location) -> str | None:
        """The address of the holder of a notebook's lock, when it may be shown."""
        lock = self.locks.view(location).lock
        return None if lock is None else self.email_of(location.workspace, lock.holder.owner)

    def is_read_only(self, location: Location) -> bool:
        """Whether a notebook may be looked at only, as far as it is known."""
        return self.locks.view(location).state in READ_ONLY

    async def close(self, *, uploads_seconds: float = UPLOADS_SECONDS) -> None:
        """Pay what is owed, give locks back, then stop everything that runs in the background.

        Args:
            uploads_seconds: how long to try to pay; short after a flush that has just tried.
        """
        closing = ClosingSteps(self.log)
        await closing.step("ending storage links", self.links.close(), _STEP_SECONDS)
        await closing.step("ending the look at files", self.foreign_edits.close(), _STEP_SECONDS)
        await closing.step("ending openings", self.localizer.close(), _STEP_SECONDS)
        await closing.step("ending renames", self.recovery.close(), _STEP_SECONDS)
        await closing.step("paying debts", self.delocalizer.close(uploads_seconds), uploads_seconds + _STEP_SECONDS)
        await closing.step("naming debts", self._name_debts(), _STEP_SECONDS)
        await closing.step("giving back locks", self.keeper.close(_LOCKS_SECONDS), _LOCKS_SECONDS + _STEP_SECONDS)
        await closing.step("ending listings", self.listings.close(), _STEP_SECONDS)
        closing.call("ending checks", self.gate.close)
        closing.call("ending requests", self.bucket_threads.close)
        if self.storage.copies.close():
            closing.call("closing the journal", self.database.close)
        else:
            # The journal is used by what hangs: closing it would wait, too. What is in it is durable.
            self.log.warning("While stopping: the disk does not answer; nothing more is waited for.")

    async def _name_debts(self) -> None:
        for location in await self.undelivered():
            debt = await self.status_of_debt(location)
            self.log.warning("Not in the workspace at the end: %s. %s", shown(location.api_path), debt.work.message)
        await self._log_foreign_debts()
