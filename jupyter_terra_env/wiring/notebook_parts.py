"""The parts of a server's workspace notebooks: what is handed to the surface, and what starts and ends with it."""

import logging
from dataclasses import dataclass

from jupyter_terra_env.bucket.threaded import BucketThreads
from jupyter_terra_env.closing import ClosingSteps
from jupyter_terra_env.notebooks.deliveries import Deliveries
from jupyter_terra_env.notebooks.earlier_versions import EarlierVersions
from jupyter_terra_env.notebooks.listing_badges import ListingBadges
from jupyter_terra_env.notebooks.locks.lock_keeper import LockKeeper
from jupyter_terra_env.notebooks.locks.lock_table import LockTable
from jupyter_terra_env.notebooks.moves.recovery import MoveRecovery
from jupyter_terra_env.notebooks.preview.content import Previews
from jupyter_terra_env.notebooks.sharing import Sharing
from jupyter_terra_env.notebooks.statuses import Statuses
from jupyter_terra_env.notebooks.storage.bucket_listings import BucketListings
from jupyter_terra_env.notebooks.storage.journal_database import JournalDatabase
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.storage_links import StorageLinks
from jupyter_terra_env.notebooks.sync.conflicts import Conflicts
from jupyter_terra_env.notebooks.sync.delocalizer import Delocalizer
from jupyter_terra_env.notebooks.sync.foreign_edits import ForeignEdits
from jupyter_terra_env.notebooks.sync.localizer import Localizer
from jupyter_terra_env.notebooks.sync.saving import Saving
from jupyter_terra_env.notebooks.sync.upload_gate import UploadGate
from jupyter_terra_env.notebooks.untrusted.cage import Cage
from jupyter_terra_env.notebooks.workspace_notebooks import WorkspaceNotebooks
from jupyter_terra_env.rules.workspace import Workspaces
from jupyter_terra_env.server.contents.parts import ContentsParts
from jupyter_terra_env.server.handler_parts import HandlerParts

UPLOADS_SECONDS = 10.0
_LOCKS_SECONDS = 5.0
_STEP_SECONDS = 3.0
"""For each step of an end, beyond what it is given to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookParts:
    """The wired parts. Only what starts a server knows them all.

    Attributes:
        workspaces: which folders they look after.
        links: the workspaces that clients of Welder's API make and release.
        notebooks: opening, renaming and deleting.
        statuses: what is known of each notebook.
        deliveries: what the bucket does not have yet.
        storage: disk, buckets and journal by location.
        listings: listings.
        badges: what a listing says beyond names.
        locks: who edits what.
        keeper: keeps and gives back locks.
        localizer: brings objects to the disk.
        delocalizer: uploads.
        saving: saving, and delivering what was saved.
        foreign_edits: what programs write into working copies.
        gate: keeps what is broken or half-written from the bucket.
        conflicts: the ways out when both sides have changed.
        previews: what a preview shows.
        versions: what the bucket has kept.
        sharing: who else has a file.
        recovery: finishes renames and deletions that were left halfway.
        cage: does the work on what others wrote.
        database: the journal's, behind ``storage``.
        bucket_threads: the threads behind ``storage``.
        log: the server's log.
    """

    workspaces: Workspaces
    links: StorageLinks
    notebooks: WorkspaceNotebooks
    statuses: Statuses
    deliveries: Deliveries
    storage: NotebookStorage
    listings: BucketListings
    badges: ListingBadges
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
    sharing: Sharing
    recovery: MoveRecovery
    cage: Cage
    database: JournalDatabase
    bucket_threads: BucketThreads
    log: logging.Logger | logging.LoggerAdapter[logging.Logger]

    @property
    def for_contents(self) -> ContentsParts:
        """What the contents manager needs."""
        return ContentsParts(
            workspaces=self.workspaces,
            notebooks=self.notebooks,
            statuses=self.statuses,
            storage=self.storage,
            listings=self.listings,
            badges=self.badges,
            saving=self.saving,
            views=self.localizer.views,
            keeper=self.keeper,
        )

    @property
    def for_handlers(self) -> HandlerParts:
        """What the handlers need."""
        return HandlerParts(
            workspaces=self.workspaces,
            notebooks=self.notebooks,
            statuses=self.statuses,
            storage=self.storage,
            listings=self.listings,
            views=self.localizer.views,
            keeper=self.keeper,
            deliveries=self.deliveries,
            conflicts=self.conflicts,
            previews=self.previews,
            versions=self.versions,
            sharing=self.sharing,
            cage=self.cage,
        )

    async def start(self) -> None:
        """Go on with what was begun and owed when the last server ended."""
        await self.recovery.finish()
        await self.deliveries.start()
        self.foreign_edits.start()
        self.links.start()

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
        await closing.step("naming debts", self.deliveries.log_undelivered(), _STEP_SECONDS)
        await closing.step("giving back locks", self.keeper.close(_LOCKS_SECONDS), _LOCKS_SECONDS + _STEP_SECONDS)
        await closing.step("ending listings", self.listings.close(), _STEP_SECONDS)
        closing.call("ending checks", self.gate.close)
        closing.call("ending requests", self.bucket_threads.close)
        if self.storage.copies.close():
            closing.call("closing the journal", self.database.close)
        else:
            # The journal is used by what hangs: closing it would wait, too. What is in it is durable.
            self.log.warning("While stopping: the disk does not answer; nothing more is waited for.")
