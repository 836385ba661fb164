"""Ties together the rooms ``notebooks/sync/`` and ``notebooks/moves/``, on the ground that storage and locks are."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jupyter_terra_env.notebooks.locks.lock_table import LockTable
from jupyter_terra_env.notebooks.moves.act_owners import ActOwners
from jupyter_terra_env.notebooks.moves.executor import MoveExecutor
from jupyter_terra_env.notebooks.moves.intents import Intents
from jupyter_terra_env.notebooks.moves.moves import Moves
from jupyter_terra_env.notebooks.moves.name_checks import NameChecks
from jupyter_terra_env.notebooks.moves.notebook_checks import NotebookChecks
from jupyter_terra_env.notebooks.moves.object_writes import ObjectWrites
from jupyter_terra_env.notebooks.moves.planner import MovePlanner
from jupyter_terra_env.notebooks.moves.recovery import MoveRecovery
from jupyter_terra_env.notebooks.storage.bucket_listings import BucketListings
from jupyter_terra_env.notebooks.storage.journal_database import JournalDatabase
from jupyter_terra_env.notebooks.storage.merge_bases import MergeBases
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.sync.conflicts import Conflicts
from jupyter_terra_env.notebooks.sync.delocalizer import Delocalizer
from jupyter_terra_env.notebooks.sync.foreign_edits import LOOK_SECONDS, ForeignEdits
from jupyter_terra_env.notebooks.sync.localizer import Localizer
from jupyter_terra_env.notebooks.sync.saving import Saving
from jupyter_terra_env.notebooks.sync.seen_files import SeenFiles
from jupyter_terra_env.notebooks.sync.upload_attempts import UploadAttempts
from jupyter_terra_env.notebooks.sync.upload_gate import UploadGate
from jupyter_terra_env.notebooks.untrusted.cage import Cage
from jupyter_terra_env.rules.workspace import Location, Workspaces


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What is there before anything is synced or moved.

    Attributes:
        root: the server's root folder.
        state: folder of the journal.
        workspaces: the workspaces.
        storage: disk, buckets and journal by location.
        database: the journal's.
        listings: listings.
        bases: what edited working copies began with.
        locks: who edits what.
        gate: keeps what is broken or half-written from the bucket.
        cage: does the work on what others wrote.
        pause_seconds: how long to wait after so many failures, and whether their cause may pass by itself.
        log: the server's log.
    """

    root: Path
    state: Path
    workspaces: Workspaces
    storage: NotebookStorage
    database: JournalDatabase
    listings: BucketListings
    bases: MergeBases
    locks: LockTable
    gate: UploadGate
    cage: Cage
    pause_seconds: Callable[[int, bool], float]
    log: logging.Logger | logging.LoggerAdapter[logging.Logger]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRoom:
    """The parts that bring notebooks to the disk and to the bucket; see ``NotebookParts``."""

    localizer: Localizer
    delocalizer: Delocalizer
    saving: Saving
    foreign_edits: ForeignEdits
    conflicts: Conflicts


@dataclass(frozen=True, slots=True, kw_only=True)
class MovesRoom:
    """The parts that rename and delete.

    Attributes:
        moves: renaming and deleting.
        recovery: finishes what was left halfway.
        executor: takes the steps.
        intents: what was begun.
        owners: which servers are alive.
    """

    moves: Moves
    recovery: MoveRecovery
    executor: MoveExecutor
    intents: Intents
    owners: ActOwners


def build_sync(
    ground: Ground,
    *,
    on_news: Callable[[Location], None],
    on_written: Callable[[Location], None],
    save_wait_seconds: float,
    delivers: bool,
    look_seconds: float = LOOK_SECONDS,
) -> SyncRoom:
    """Build the parts of ``notebooks/sync/``.

    Args:
        ground: what they stand on.
        on_news: called with a notebook when the status of its work may have changed.
        on_written: called with a notebook after its object was written.
        save_wait_seconds: how long a save waits for its upload.
        delivers: whether what programs write into working copies is brought to the bucket.
        look_seconds: between two looks at all files.
    """
    storage, locks, bases = ground.storage, ground.locks, ground.bases
    delocalizer = Delocalizer(
        storage,
        locks,
        UploadAttempts(storage, locks, bases, on_change=on_written),
        ground.gate,
        on_news=on_news,
        save_wait_seconds=save_wait_seconds,
        pause_seconds=ground.pause_seconds,
        log=ground.log,
    )
    locks.on_change(delocalizer.lock_changed)
    localizer = Localizer(storage, delocalizer, locks, bases)
    return SyncRoom(
        localizer=localizer,
        delocalizer=delocalizer,
        saving=Saving(storage, delocalizer, localizer.unseen_edits, localizer.views),
        foreign_edits=ForeignEdits(
            storage,
            delocalizer,
            SeenFiles(ground.root, ground.workspaces),
            locate=ground.workspaces.locate,
            delivers=delivers,
            log=ground.log,
            look_seconds=look_seconds,
        ),
        conflicts=Conflicts(storage, localizer, delocalizer, locks, bases, ground.cage),
    )


def build_moves(ground: Ground, sync: SyncRoom, *, on_moved: Callable[[Location, Location], None]) -> MovesRoom:
    """Build the parts of ``notebooks/moves/``.

    Args:
        ground: what they stand on.
        sync: brings to the bucket, or to the disk, what is to be moved.
        on_moved: called with the old and the new place of each notebook.
    """
    storage, locks, listings, locate = ground.storage, ground.locks, ground.listings, ground.workspaces.locate
    writes = ObjectWrites(storage, locks)
    executor = MoveExecutor(
        storage, listings, sync.delocalizer, locks, writes, ground.bases, locate=locate, on_moved=on_moved
    )
    intents = Intents(ground.database, new_id=_new_id)
    owners = ActOwners(ground.state / "acts", new_id=_new_id)
    recovery = MoveRecovery(
        storage,
        intents,
        owners,
        executor,
        writes,
        locate=locate,
        pause_seconds=ground.pause_seconds,
        log=ground.log,
    )
    planner = MovePlanner(
        storage, sync.delocalizer, locks, sync.localizer, writes, NotebookChecks(storage, ground.gate)
    )
    return MovesRoom(
        moves=Moves(storage, planner, executor, recovery, NameChecks(storage, listings)),
        recovery=recovery,
        executor=executor,
        intents=intents,
        owners=owners,
    )


def _new_id() -> str:
    return secrets.token_hex(8)
