"""Cloud environments without a server: a disk, a journal and the parts of ``notebooks/``, on one embedded bucket."""

import asyncio
import contextlib
import itertools
import logging
import os
import re
import shutil
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest import mock
from urllib.parse import quote

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from jupyter_terra_env.bucket import gcs_client
from jupyter_terra_env.bucket.clock import BucketClock, machine_clock
from jupyter_terra_env.bucket.connection import Connection
from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME, EmbeddedBucket
from jupyter_terra_env.bucket.embedded.faults import FaultPlan
from jupyter_terra_env.bucket.embedded.http_front import EmbeddedServer
from jupyter_terra_env.bucket.embedded.messages import Request
from jupyter_terra_env.bucket.embedded.transport import ENDPOINT, EmbeddedAdapter
from jupyter_terra_env.bucket.threaded import BucketThreads
from jupyter_terra_env.environment.identity import Person
from jupyter_terra_env.notebooks.earlier_versions import EarlierVersions
from jupyter_terra_env.notebooks.locks.bucket_locks import BucketLocks
from jupyter_terra_env.notebooks.locks.lock_table import LockTable
from jupyter_terra_env.notebooks.moves.intents import Intent
from jupyter_terra_env.notebooks.moves.moves import Renaming
from jupyter_terra_env.notebooks.storage.bucket_listings import BucketListings
from jupyter_terra_env.notebooks.storage.journal import Journal
from jupyter_terra_env.notebooks.storage.journal_database import JournalDatabase
from jupyter_terra_env.notebooks.storage.merge_bases import MergeBases
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.storage.working_copies import WorkingCopies
from jupyter_terra_env.notebooks.storage.write_gate import WriteGate
from jupyter_terra_env.notebooks.sync.unseen_edits import mark_existing_unseen
from jupyter_terra_env.notebooks.sync.upload_gate import UploadGate
from jupyter_terra_env.notebooks.untrusted.cage import Cage
from jupyter_terra_env.rules.edit_lock import ENVIRONMENT_KEY, EXPIRY_KEY, OWNER_KEY, Claim, claim_of, owner_hash
from jupyter_terra_env.rules.errors import ObjectNotFound, PreconditionFailed
from jupyter_terra_env.rules.workspace import Workspace, Workspaces
from jupyter_terra_env.wiring.rooms import Ground, build_moves, build_sync

BUCKET = "a-bucket"
WORKSPACE = Workspace(
    name="ws",
    bucket=BUCKET,
    prefix="notebooks/",
    edit_directory="ws/edit",
    playground_directory="ws/playground",
    pattern=re.compile(r".*\.ipynb"),
)
OTHER_WORKSPACE = replace(
    WORKSPACE, name="other", prefix="other/", edit_directory="other/edit", playground_directory="other/playground"
)
UPLOADS = "objects.insert"
_SERVERS = itertools.count(1)


def anything(name, file, size_bytes, baseline_crc32c):
    """Judges content as tests do that are about other things than notebooks: it is whole."""


def taken_by(email, environment="elsewhere", left_seconds=170):
    """The record of someone who holds an edit lock."""
    expiry = str(int((time.time() + left_seconds) * 1000))
    return {
        OWNER_KEY: owner_hash(BUCKET, email),
        EXPIRY_KEY: expiry,
        ENVIRONMENT_KEY: f"{environment}@{expiry}",
    }


@dataclass
class Outsider:
    """The bucket as another person uses it: another client on the same engine, without faults."""

    engine: EmbeddedBucket
    client: storage.Client = field(init=False)

    def __post_init__(self):
        self.client = storage.Client(
            project="p", credentials=AnonymousCredentials(), client_options={"api_endpoint": ENDPOINT}
        )
        self.client._http.mount(ENDPOINT, EmbeddedAdapter(self.engine))
        self.client.create_bucket(BUCKET)

    @property
    def bucket(self):
        return self.client.bucket(BUCKET)

    def keep_history(self, *, soft_delete_days=0):
        """Keep what is replaced or deleted: as noncurrent versions, or soft-deleted."""
        bucket = self.bucket
        bucket.versioning_enabled = not soft_delete_days
        bucket.soft_delete_policy.retention_duration_seconds = soft_delete_days * 24 * 3600
        bucket.patch()

    def put(self, name, content, metadata=None, content_type="application/x-ipynb+json", **conditions):
        blob = self.bucket.blob("notebooks/" + name)
        blob.metadata = metadata
        blob.upload_from_string(content, content_type=content_type, **conditions)
        return blob

    def put_plain(self, name):
        """Make an object without the client in between: for many."""
        target = f"/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={quote(name, safe='')}"
        answer = self.engine.handle(Request(method="POST", target=target, headers={}, body=b"x", base_url=ENDPOINT))
        assert answer.status == 200, answer.body

    def lock(self, name, **metadata):
        """Patch custom metadata, as another program that takes the edit lock does."""
        blob = self.bucket.blob("notebooks/" + name)
        blob.metadata = metadata or {"lastLockedBy": "0" * 64, "lockExpiresAt": "1700000180000"}
        blob.patch()

    def get(self, name):
        return self.bucket.get_blob("notebooks/" + name)

    def content(self, name):
        blob = self.get(name)
        return None if blob is None else blob.download_as_bytes()

    def delete(self, name, **conditions):
        self.bucket.blob("notebooks/" + name).delete(**conditions)

    def names(self):
        return [blob.name.removeprefix("notebooks/") for blob in self.client.list_blobs(BUCKET)]

    def names_ever(self):
        """Names of all objects that ever were. Needs ``keep_history``."""
        return {blob.name.removeprefix("notebooks/") for blob in self.client.list_blobs(BUCKET, versions=True)}

    def history(self, name):
        """Content of every generation that ever was, oldest first. Needs ``keep_history``."""
        blobs = self.client.list_blobs(BUCKET, prefix="notebooks/" + name, versions=True)
        found = sorted((blob for blob in blobs if blob.name == "notebooks/" + name), key=lambda blob: blob.generation)
        return {
            blob.generation: self.bucket.blob(blob.name, generation=blob.generation).download_as_bytes()
            for blob in found
        }

    def close(self):
        self.client.close()
        self.client._http.close()


@contextlib.contextmanager
def directory_in_memory():
    """A folder on a file system in memory, where there is one: for what a test need not find on a disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as directory:
        yield Path(directory)


@contextlib.contextmanager
def shared_bucket():
    """An engine with one bucket in it, and an outsider."""
    with directory_in_memory() as directory, EmbeddedBucket(directory / DATABASE_NAME) as engine:
        outsider = Outsider(engine)
        try:
            yield outsider
        finally:
            outsider.close()


async def until(condition):
    """Wait until something in another thread has come about."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - threads set no asyncio events
            await asyncio.sleep(0.01)


class Environment:
    """One disk with its journal. ``restart`` makes new parts on the same disk, as after ``kill -9``."""

    def __init__(self, root: Path, engine: EmbeddedBucket, runner: asyncio.Runner, *, name="e", owner=None, **settings):
        self.root = root
        self.run = runner.run
        self.name = name
        self._owner = owner or name
        self._runner = runner
        self.ahead_ms = 0
        self.faults = FaultPlan()
        self.changed = []
        self._dead = []
        self._engine = engine
        self._settings = settings
        # Ids are random outside tests: two servers of one name on one disk never give the same.
        server = next(_SERVERS)
        self._tokens = (f"{name}-{server}-{number}" for number in itertools.count(1))
        self._front = EmbeddedServer(engine, faults=self.faults)
        self._front.start()
        for directory in ("ws/edit", "ws/playground", "other/edit", "other/playground"):
            (root / directory).mkdir(parents=True, exist_ok=True)
        self._build()

    def _build(self, client=None):
        """Make the parts of a new server; ``client`` where requests of other threads may be under way."""
        workspaces = Workspaces((WORKSPACE, OTHER_WORKSPACE))
        settings = {"save_wait_seconds": 20.0, "max_age_seconds": 0.0, **self._settings}
        connection = Connection(
            read_timeout_seconds=settings.get("read_timeout_seconds", 5.0),
            retry_deadline_seconds=settings.get("retry_deadline_seconds", 0.4),
        )
        self.client = client or self._connected(connection)
        self.threads = BucketThreads(connection, monotonic=time.monotonic)
        self.threads._client = self.client
        self.log = logging.getLogger(f"environment {self.root.name}")
        self.database = JournalDatabase(self.journal_file, log=self.log)
        self.journal = Journal(self.database, new_token=lambda: next(self._tokens))
        mark_existing_unseen(self.journal, self.root, workspaces)
        self.copies = WorkingCopies()
        self.storage = NotebookStorage(
            root=self.root,
            bucket_of=lambda workspace: self.threads.bucket(workspace.bucket, workspace.user_project),
            journal=self.journal,
            copies=self.copies,
            patience_seconds=settings.get("patience_seconds", 3.0),
            locate=workspaces.locate,
            writes=WriteGate(monotonic=time.monotonic, interval_seconds=settings.get("pace_seconds", 0.0)),
        )
        self.listings = BucketListings(
            self.storage, max_age_seconds=settings["max_age_seconds"], monotonic=time.monotonic, log=self.log
        )
        machine_ms = machine_clock()
        self.clock = BucketClock(local_ms=lambda: machine_ms() + self.ahead_ms, log=self.log)
        self.person = Person(email=f"{self._owner}@example.org", environment=f"environment-of-{self._owner}")
        self.news = []
        self.bases = MergeBases(self.journal_file.parent / "bases")
        self.locks = LockTable(
            self.storage,
            locks_of=lambda workspace: BucketLocks(
                self.threads.bucket(workspace.bucket, workspace.user_project, urgent=True),
                me=self.person.holder_in(workspace),
                now_ms=self.clock.now_ms,
            ),
            holder_of=self.person.holder_in,
            now_ms=self.clock.now_ms,
            is_time_known=lambda: True,
        )
        self.locks.on_change(self.news.append)
        self.cage = Cage(self.log)
        check = settings.get("check", anything)
        self.gate = UploadGate(
            self.copies,
            wall=time.time,
            monotonic=time.monotonic,
            still_seconds=settings.get("still_seconds", 0.0),
            check=check,
            cage=None if check is anything else self.cage,
        )
        ground = Ground(
            root=self.root,
            state=self.journal_file.parent,
            workspaces=workspaces,
            storage=self.storage,
            database=self.database,
            listings=self.listings,
            bases=self.bases,
            locks=self.locks,
            gate=self.gate,
            cage=self.cage,
            pause_seconds=lambda failures, passing: settings.get("pause_seconds", 30.0),
            log=self.log,
        )
        sync = build_sync(
            ground,
            on_news=self.news.append,
            on_written=lambda location: (self.changed.append(location.api_path), self.listings.forget(location)),
            save_wait_seconds=settings["save_wait_seconds"],
            delivers=settings.get("delivers", True),
            look_seconds=settings.get("look_seconds", 60.0),
        )
        self.localizer, self.delocalizer, self.saves = sync.localizer, sync.delocalizer, sync.saving
        self.foreign_edits, self.conflicts = sync.foreign_edits, sync.conflicts
        self.versions = EarlierVersions(
            self.storage, self.locks, self.localizer, self.delocalizer, on_change=self.listings.forget
        )
        self.shown = []
        moves = build_moves(ground, sync, on_moved=lambda old, new: self.shown.append((old.api_path, new.api_path)))
        self.moves, self.recovery, self.executor = moves.moves, moves.recovery, moves.executor
        self.intents, self.owners = moves.intents, moves.owners

    def _connected(self, connection):
        with mock.patch.dict(os.environ, {"STORAGE_EMULATOR_HOST": self._front.url}):
            return gcs_client.connect(connection)

    @property
    def journal_file(self):
        return self.root / ".jupyter-terra-env" / "journal.sqlite3"

    def at(self, name, folder="edit"):
        return Workspaces((WORKSPACE,)).locate(f"ws/{folder}/{name}")

    def locate(self, path):
        return Workspaces((WORKSPACE, OTHER_WORKSPACE)).locate(path)

    def file(self, name, folder="edit"):
        return self.root / "ws" / folder / name

    # What a person does, as coroutines …

    async def saving(self, name, content):
        location = self.at(name)
        await self.storage.save(location, content)
        return await self.delocalizer.after_save(location)

    async def opening(self, name, folder="edit"):
        """Open and settle: what is shown, and what the status says in the end."""
        location = self.at(name, folder)
        await self.localizer.open(location)
        return await self.status_of(name, folder)

    async def status_of(self, name, folder="edit"):
        location = self.at(name, folder)
        if self.delocalizer.is_uploading(location):
            await self.delocalizer.settle(location)
        return await self.delocalizer.current_status(location)

    async def showing(self, name):
        """Open, and give the content that is shown."""
        location = self.at(name)
        while (opened := await self.localizer.open(location)).shown is not None:
            # Whoever edits it may have saved again.
            with contextlib.suppress(ObjectNotFound, PreconditionFailed):
                async with self.localizer.content_of(location, opened.shown) as file:
                    return file.read_bytes()
        content = self.read(name)
        await self.localizer.unseen_edits.shown(location)
        return content

    async def typing_over(self, name, content):
        """Save as the contents manager does, whether or not the notebook may be written."""
        await self.saves.save(self.at(name), content)
        return await self.saves.deliver(self.at(name))

    # … and done.

    def show(self, name):
        return self.run(self.showing(name))

    def type_over(self, name, content):
        return self.run(self.typing_over(name, content))

    def save(self, name, content):
        return self.run(self.saving(name, content))

    def open(self, name, folder="edit"):
        return self.run(self.opening(name, folder))

    async def renaming(self, old, new, *, is_folder=False):
        """Rename within the edit folder; paths that begin with a slash are relative to the server's root."""
        old_path, new_path = (path[1:] if path.startswith("/") else f"ws/edit/{path}" for path in (old, new))
        await self.moves.rename(
            Renaming(
                old_path=old_path,
                new_path=new_path,
                old=self.locate(old_path),
                new=self.locate(new_path),
                is_folder=is_folder,
            )
        )

    def rename(self, old, new):
        return self.run(self.renaming(old, new))

    def rename_folder(self, old, new):
        return self.run(self.renaming(old, new, is_folder=True))

    async def deleting(self, name, folder="edit", *, is_folder=False):
        await self.moves.delete(self.at(name, folder), is_folder=is_folder, to_trash=False)

    def delete(self, name):
        return self.run(self.deleting(name))

    def delete_folder(self, name, folder="edit"):
        return self.run(self.deleting(name, folder, is_folder=True))

    def begun(self):
        return [Intent.from_json(text) for _, text in self.intents.all()]

    @contextlib.contextmanager
    def dead_within(self, step):
        """Within it, an act ends as its process would at a step of the carrier, without any cleaning up."""

        async def died(*_, **__):
            raise asyncio.CancelledError

        with mock.patch.object(self.executor, step, died):
            yield

    def recover(self):
        """What a server does at its start: what was begun is finished, every debt gets its payer again."""
        self.run(self.recovery.finish())
        located = [self.locate(debt.path) for debt in self.journal.debts()]
        self.run(self._starting(located))

    async def _starting(self, located):
        for location in located:
            self.delocalizer.start(location)

    def owed(self):
        return [debt.path for debt in self.journal.debts()]

    def baseline(self, name):
        return self.run(self.storage.baseline(self.at(name)))

    def give_back(self, name):
        self.run(self.locks.release(self.at(name), unless=lambda: False))

    def take_over(self, name):
        return self.run(self.locks.take_over(self.at(name)))

    def holds(self, name):
        """Whether the object says that this environment holds its lock."""
        return self.holds_now(self.run(self.storage.stat(self.at(name))))

    def holds_now(self, version):
        return claim_of(version.metadata, self.person.holder_in(WORKSPACE), self.clock.now_ms()) is Claim.MINE

    def lock_state(self, name):
        return self.locks.view(self.at(name)).state

    def read(self, name, folder="edit"):
        file = self.file(name, folder)
        return file.read_bytes() if file.exists() else None

    def litter(self):
        return [file for file in self.root.rglob(".terra-env-*") if file.is_file()]

    @property
    def operations(self):
        return [handled.operation for handled in self.faults.history]

    def stop(self):
        """End without flushing anything."""
        self.faults.release()
        self.run(self.foreign_edits.close())
        self.run(self.recovery.close())
        self.run(self.delocalizer.close(0.0))
        self.run(self.localizer.close())
        self.gate.close()
        self.run(self.listings.close())
        _end_of(self.threads)
        self.copies.close()
        self.run(self.cage.close())
        self.database.close()
        self.client.close()
        self.client._http.close()

    def restart(self):
        self.stop()
        self._build()

    def die(self):
        """As after ``kill -9``, with a new server on the same disk: what was on the wire may still arrive."""
        self.run(self.dying())

    async def dying(self, *, starts_again=True):
        payers = [payer.task for payer in self.delocalizer._tasks.values()]
        for task in payers:
            task.cancel()
        await asyncio.gather(*payers, return_exceptions=True)
        await self.foreign_edits.close()
        await self.recovery.close()
        await self.localizer.close()
        await self.listings.close()
        self.gate.close()
        self.copies.close()
        await self.cage.close()
        self.database.close()
        self._dead.append(self.threads)
        if starts_again:
            self.start_again()

    def start_again(self):
        """A new server on the disk of one that has died."""
        self._build(self.client)

    def take_snapshot(self, directory):
        """Copy the disk as it is at this moment, with the journal, into a folder that does not exist."""
        with self.database._guard:
            self.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            shutil.copytree(self.root, directory, symlinks=True)

    def restore(self, snapshot):
        """The disk goes back in time, under a new server; what was on the wire may still arrive."""
        self.run(self.dying(starts_again=False))
        shutil.rmtree(self.root)
        shutil.copytree(snapshot, self.root, symlinks=True)
        self.start_again()

    def clone(self, root, name):
        """Another machine of the same person on a copy of this disk. Neither notices."""
        self.take_snapshot(root)
        return Environment(root, self._engine, self._runner, name=name, owner=self._owner, **self._settings)

    def close(self):
        self.stop()
        for threads in self._dead:
            _end_of(threads)
        self._front.close()


def _end_of(threads):
    threads.end_threads(wait=True)


@contextlib.contextmanager
def environments(directory, engine, *names, **settings):
    """As many environments as there are names, on one event loop."""
    with asyncio.Runner() as runner, contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(
                contextlib.closing(Environment(directory / name, engine, runner, name=name, **settings))
            )
            for name in names
        ]
