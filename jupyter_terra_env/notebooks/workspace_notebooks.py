"""The notebooks of a server's workspaces, as the server's surface uses them."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from jupyter_terra_env.bucket.threaded import BucketThreads
from jupyter_terra_env.notebooks.begun_moves import BegunMoves
from jupyter_terra_env.notebooks.conflicts import Conflicts
from jupyter_terra_env.notebooks.delocalizer import Delocalizer
from jupyter_terra_env.notebooks.folders import Folders
from jupyter_terra_env.notebooks.foreign_debts import on_the_disk, payable_as, sentence
from jupyter_terra_env.notebooks.foreign_edits import ForeignEdits
from jupyter_terra_env.notebooks.held_locks import HeldLocks
from jupyter_terra_env.notebooks.journal import Debt
from jupyter_terra_env.notebooks.journal_database import JournalDatabase
from jupyter_terra_env.notebooks.localizer import Localizer
from jupyter_terra_env.notebooks.lock_keeper import LockKeeper
from jupyter_terra_env.notebooks.marks import Marks
from jupyter_terra_env.notebooks.moves import Moves
from jupyter_terra_env.notebooks.places import Places
from jupyter_terra_env.notebooks.preview import Previews
from jupyter_terra_env.notebooks.untrusted.cage import Cage
from jupyter_terra_env.notebooks.upload_gate import UploadGate
from jupyter_terra_env.rules.errors import ObjectNotFound
from jupyter_terra_env.rules.lock_view import READ_ONLY, LockView
from jupyter_terra_env.rules.status import WorkStatus, not_on_this_disk
from jupyter_terra_env.rules.workspace import Location, Workspace, Workspaces

UPLOADS_SECONDS = 10.0
_LOCKS_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookStatus:
    """What is known of a notebook.

    Attributes:
        location: the notebook.
        work: where its work is.
        lock: who edits it.
        saved_at: when the bucket was given the content that the working copy last equalled; None when not known.
    """

    location: Location
    work: WorkStatus
    lock: LockView
    saved_at: datetime | None

    @property
    def is_writable(self) -> bool:
        """Whether it may be edited here."""
        return self.lock.state not in READ_ONLY


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
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
        places: disk, buckets and journal by location.
        folders: listings.
        locks: who edits what.
        keeper: keeps and gives back locks.
        localizer: opening.
        delocalizer: saving.
        foreign_edits: what programs write into working copies.
        gate: keeps what is broken or half-written from the bucket.
        conflicts: the ways out when both sides have changed.
        previews: what a preview shows.
        marks: what a listing says beyond names.
        moves: renaming and deleting.
        begun_moves: renames and deletions that were left halfway.
        cage: does the work on what others wrote.
        database: the journal's, behind ``places``.
        bucket_threads: the threads behind ``places``.
        email_of: the address behind the hash in a workspace's lock, when it may be told.
        log: the server's log.
    """

    workspaces: Workspaces
    places: Places
    folders: Folders
    locks: HeldLocks
    keeper: LockKeeper
    localizer: Localizer
    delocalizer: Delocalizer
    foreign_edits: ForeignEdits
    gate: UploadGate
    conflicts: Conflicts
    previews: Previews
    marks: Marks
    moves: Moves
    begun_moves: BegunMoves
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

    async def finish_begun_moves(self) -> None:
        """Finish renames and deletions that were left halfway; what the bucket keeps from it is tried again later.

        Never raises.
        """
        await self.begun_moves.finish()

    async def owed(self) -> tuple[Location, ...]:
        """The notebooks that hold saves the bucket has not, by the journal; see also ``foreign_debts``."""
        located = [payable_as(debt, self.workspaces) for debt in await self.places.debts()]
        return tuple(location for location in located if location is not None)

    async def foreign_debts(self) -> tuple[Debt, ...]:
        """Saves that are owed to buckets of workspaces that are not configured here."""
        foreign = [debt for debt in await self.places.debts() if payable_as(debt, self.workspaces) is None]
        return await self.places.copies.run(on_the_disk, foreign, self.places.entry(""))

    async def _log_foreign_debts(self) -> None:
        for debt in await self.foreign_debts():
            self.log.warning("Not in the workspace: %s. %s", debt.path, sentence(debt))

    async def undelivered(self) -> tuple[Location, ...]:
        """All that the bucket has not: what is owed, and what programs wrote and nothing brings there by itself."""
        places = {location.api_path: location for location in await self.owed()}
        places.update((location.api_path, location) for location in await self.foreign_edits.undelivered())
        return tuple(places[path] for path in sorted(places))

    async def pay(self, deadline_seconds: float) -> Payment:
        """Try to bring everything that is owed to the bucket.

        Args:
            deadline_seconds: how long to try.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline_seconds):
                await self.foreign_edits.look()
        owed = await self.owed()
        await self.delocalizer.pay(owed, deadline_seconds)
        return await self.payment([location.api_path for location in owed])

    async def payment(self, sent: Iterable[str]) -> Payment:
        """What the journal says became of debts.

        Args:
            sent: API paths of the notebooks that were sent to the bucket.
        """
        still = {location.api_path: location for location in await self.undelivered()}
        unpaid = [await self.status_of(still[path]) for path in sorted(still)]
        paid = tuple(path for path in sent if path not in still)
        return Payment(paid=paid, unpaid=tuple(unpaid), foreign=await self.foreign_debts())

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
        baseline = None if version is None else await self.places.baseline(location)
        stored = version is not None and baseline is not None and version.generation == baseline.generation
        return NotebookStatus(
            location=location,
            work=work,
            lock=self.locks.view(location),
            saved_at=version.created if version is not None and stored else None,
        )

    async def _work_of(self, location: Location) -> WorkStatus:
        try:
            return await self.delocalizer.current_status(location)
        except ObjectNotFound:
            if location.is_delocalized and self.folders.is_listed(location):
                return not_on_this_disk()
            raise

    def email_of_holder(self, location: Location) -> str | None:
        """The address of whoever holds a notebook's lock, when it may be told."""
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
        await self.foreign_edits.close()
        await self.localizer.close()
        await self.begun_moves.close()
        await self.delocalizer.close(uploads_seconds)
        for location in await self.undelivered():
            status = await self.status_of(location)
            self.log.warning("Not in the workspace at the end: %s. %s", location.api_path, status.work.message)
        await self._log_foreign_debts()
        await self.keeper.close(_LOCKS_SECONDS)
        await self.folders.close()
        self.gate.close()
        self.bucket_threads.close()
        self.places.copies.close()
        self.database.close()
