"""Builds the parts of a server's workspace notebooks and ties them together."""

import logging
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from jupyter_terra_env.bucket.clock import BucketClock, machine_clock
from jupyter_terra_env.bucket.connection import Connection
from jupyter_terra_env.bucket.store import BucketStore
from jupyter_terra_env.bucket.threaded import BucketThreads
from jupyter_terra_env.environment.identity import Person
from jupyter_terra_env.environment.private_folder import make_private
from jupyter_terra_env.environment.workspace_folders import make_workspace_folders
from jupyter_terra_env.notebooks.deliveries import Deliveries
from jupyter_terra_env.notebooks.earlier_versions import EarlierVersions
from jupyter_terra_env.notebooks.listing_badges import ListingBadges
from jupyter_terra_env.notebooks.locks.bucket_locks import BucketLocks
from jupyter_terra_env.notebooks.locks.lock_keeper import KeepingTimes, LockKeeper
from jupyter_terra_env.notebooks.locks.lock_table import LockTable
from jupyter_terra_env.notebooks.locks.lock_watch import LockWatch
from jupyter_terra_env.notebooks.preview.content import Previews
from jupyter_terra_env.notebooks.sharing import Sharing
from jupyter_terra_env.notebooks.statuses import Statuses
from jupyter_terra_env.notebooks.storage.bucket_listings import BucketListings
from jupyter_terra_env.notebooks.storage.foreign_debts import JOURNAL_NAME
from jupyter_terra_env.notebooks.storage.journal import Journal
from jupyter_terra_env.notebooks.storage.journal_database import JournalDatabase
from jupyter_terra_env.notebooks.storage.letter_case import warn_of_shared_names
from jupyter_terra_env.notebooks.storage.merge_bases import MergeBases
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.storage.working_copies import WorkingCopies
from jupyter_terra_env.notebooks.storage.write_gate import WriteGate
from jupyter_terra_env.notebooks.storage_links import StorageLinks
from jupyter_terra_env.notebooks.sync.unseen_edits import mark_existing_unseen
from jupyter_terra_env.notebooks.sync.upload_gate import STILL_SECONDS, UploadGate
from jupyter_terra_env.notebooks.untrusted.cage import Cage
from jupyter_terra_env.notebooks.workspace_notebooks import WorkspaceNotebooks
from jupyter_terra_env.rules.backoff import pause_seconds
from jupyter_terra_env.rules.workspace import Location, Workspace, Workspaces
from jupyter_terra_env.wiring.notebook_parts import NotebookParts
from jupyter_terra_env.wiring.rooms import Ground, build_moves, build_sync


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be built.

    Attributes:
        root: the server's root folder.
        state: folder of the journal, on the persistent disk.
        workspaces: the workspaces.
        connection: how buckets are reached.
        person: the owner of this environment.
        save_wait_seconds: how long a save waits for its upload.
        listing_max_age_seconds: how long a listing is shown again.
        keeping: the times of keeping locks.
        pace_seconds: the shortest time between two changes of one object.
        still_seconds: how long a file that a program wrote must not have changed before it is brought to the bucket.
        deliver_program_changes: whether what programs write into working copies is brought to the bucket.
        user_project: project to bill for requester-pays buckets that storage links name.
        log: the server's log.
    """

    root: Path
    state: Path
    workspaces: tuple[Workspace, ...]
    connection: Connection
    person: Person
    save_wait_seconds: float
    listing_max_age_seconds: float
    keeping: KeepingTimes
    pace_seconds: float
    still_seconds: float = STILL_SECONDS
    deliver_program_changes: bool = True
    user_project: str | None = None
    log: logging.Logger | logging.LoggerAdapter[logging.Logger]


def build(
    plan: Plan,
    *,
    in_use: Callable[[], Awaitable[Collection[str]]],
    announce: Callable[[Location], None],
) -> NotebookParts:
    """Build the parts.

    Args:
        plan: what is to be built.
        in_use: returns the API paths that kernels and their clients use.
        announce: called with a notebook whose status may have changed.

    Raises:
        SettingsError: a folder or the journal cannot be made.
    """
    make_workspace_folders(plan.root, plan.workspaces)
    warn_of_shared_names((plan.root / workspace.edit_directory for workspace in plan.workspaces), plan.log)
    clock = BucketClock(local_ms=machine_clock(), log=plan.log)
    threads = BucketThreads(plan.connection, monotonic=time.monotonic, clock=clock)
    make_private(plan.state, root=plan.root, journal=JOURNAL_NAME)
    database = JournalDatabase(plan.state / JOURNAL_NAME, log=plan.log)
    journal = Journal(database, new_token=lambda: secrets.token_hex(8))
    workspaces = Workspaces(plan.workspaces)

    def bucket_of(workspace: Workspace) -> BucketStore:
        return threads.bucket(workspace.bucket, workspace.user_project)

    def locks_of(workspace: Workspace) -> BucketLocks:
        # Threads of their own: a renewal never waits behind transfers.
        bucket = threads.bucket(workspace.bucket, workspace.user_project, urgent=True)
        return BucketLocks(bucket, me=plan.person.holder_in(workspace), now_ms=clock.now_ms)

    storage = NotebookStorage(
        root=plan.root,
        bucket_of=bucket_of,
        journal=journal,
        copies=WorkingCopies(),
        locate=workspaces.locate,
        writes=WriteGate(monotonic=time.monotonic, interval_seconds=plan.pace_seconds),
    )
    cage = Cage(plan.log)
    gate = UploadGate(
        storage.copies, wall=time.time, monotonic=time.monotonic, still_seconds=plan.still_seconds, cage=cage
    )
    locks = LockTable(
        storage,
        locks_of=locks_of,
        holder_of=plan.person.holder_in,
        now_ms=clock.now_ms,
        is_time_known=lambda: clock.is_set,
    )
    locks.on_change(announce)
    listings = BucketListings(
        storage, max_age_seconds=plan.listing_max_age_seconds, monotonic=time.monotonic, log=plan.log
    )
    ground = Ground(
        root=plan.root,
        state=plan.state,
        workspaces=workspaces,
        storage=storage,
        database=database,
        listings=listings,
        bases=MergeBases(plan.state / "bases"),
        locks=locks,
        gate=gate,
        cage=cage,
        pause_seconds=_pause_seconds,
        log=plan.log,
    )
    sync = build_sync(
        ground,
        on_news=announce,
        on_written=listings.forget,
        save_wait_seconds=plan.save_wait_seconds,
        delivers=plan.deliver_program_changes,
    )
    keeper = LockKeeper(
        locks,
        storage.writes,
        LockWatch(storage, locks, now_ms=clock.now_ms, log=plan.log),
        in_use=in_use,
        monotonic=time.monotonic,
        log=plan.log,
        times=plan.keeping,
    )
    locks.on_change(keeper.lock_changed)
    moves = build_moves(ground, sync, on_moved=keeper.moved)
    links = StorageLinks(
        workspaces,
        storage,
        listings,
        sync.localizer,
        sync.delocalizer,
        root=plan.root,
        state=plan.state,
        user_project=plan.user_project,
        log=plan.log,
    )
    links.load()
    mark_existing_unseen(journal, plan.root, workspaces)
    directories = [directory for workspace in workspaces.all for directory, _ in workspace.directories()]
    storage.copies.sweep_later([plan.root / directory for directory in directories])
    _log_workspaces(plan)
    statuses = Statuses(storage, locks, sync.delocalizer, listings, email_of=plan.person.email_of, log=plan.log)
    return NotebookParts(
        workspaces=workspaces,
        links=links,
        notebooks=WorkspaceNotebooks(
            storage=storage,
            localizer=sync.localizer,
            keeper=keeper,
            gate=gate,
            moves=moves.moves,
            saving=sync.saving,
            views=sync.localizer.views,
        ),
        statuses=statuses,
        deliveries=Deliveries(workspaces, storage, sync.delocalizer, sync.foreign_edits, statuses, log=plan.log),
        storage=storage,
        listings=listings,
        badges=ListingBadges(storage, sync.delocalizer, locks, sync.foreign_edits),
        locks=locks,
        keeper=keeper,
        localizer=sync.localizer,
        delocalizer=sync.delocalizer,
        saving=sync.saving,
        foreign_edits=sync.foreign_edits,
        gate=gate,
        conflicts=sync.conflicts,
        previews=Previews(storage),
        versions=EarlierVersions(storage, locks, sync.localizer, sync.delocalizer, on_change=listings.forget),
        sharing=Sharing(storage, locks),
        recovery=moves.recovery,
        cage=cage,
        database=database,
        bucket_threads=threads,
        log=plan.log,
    )


def _pause_seconds(failures: int, passing: bool) -> float:  # noqa: FBT001 - a callback
    return pause_seconds(failures, passing=passing, chance=random.random())


def _log_workspaces(plan: Plan) -> None:
    for workspace in plan.workspaces:
        plan.log.info(
            "jupyter_terra_env: workspace %r: gs://%s/%s in the folder %r.",
            workspace.name,
            workspace.bucket,
            workspace.prefix,
            workspace.edit_directory,
        )
