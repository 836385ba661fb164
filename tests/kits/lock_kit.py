"""Holders of edit locks on one embedded bucket whose clock the tests move, and its account of what happened."""

import asyncio
import contextlib
import io
import itertools
import json
import logging
import sqlite3
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import requests
from environments import BUCKET, Outsider, directory_in_memory
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from urllib3.exceptions import ProtocolError

from jupyter_terra_env.bucket.clock import BucketClock
from jupyter_terra_env.bucket.connection import Connection
from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME, EmbeddedBucket
from jupyter_terra_env.bucket.embedded.faults import FaultPlan
from jupyter_terra_env.bucket.embedded.transport import ENDPOINT, EmbeddedAdapter, _request
from jupyter_terra_env.bucket.store import MatchVersion
from jupyter_terra_env.bucket.threaded import BucketThreads
from jupyter_terra_env.notebooks.locks.bucket_locks import BucketLocks
from jupyter_terra_env.rules.edit_lock import (
    ALLOWANCE_MS,
    ENVIRONMENT_KEY,
    TTL_MS,
    Holder,
    is_own_record,
    owner_hash,
    read_lock,
    taken,
)
from jupyter_terra_env.rules.errors import (
    BucketTrouble,
    BucketUnavailable,
    ConflictReason,
    PreconditionFailed,
    WorkspaceConflict,
)

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
WRITER_KEY = "testWriter"
OVER_KEY = "testOver"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ACCOUNT = """
CREATE TABLE account (entry INTEGER PRIMARY KEY, name, generation, metageneration, properties, at_us);
CREATE TRIGGER account_of_uploads AFTER INSERT ON objects BEGIN
  INSERT INTO account VALUES (NULL, new.name, new.generation, new.metageneration, new.properties, new.updated_us);
END;
CREATE TRIGGER account_of_patches AFTER UPDATE OF metageneration ON objects BEGIN
  INSERT INTO account VALUES (NULL, new.name, new.generation, new.metageneration, new.properties, new.updated_us);
END;
"""


@dataclass
class BucketTime:
    """The bucket's clock: stands still unless it is moved."""

    now: datetime = START

    def __call__(self):
        return self.now

    def move(self, seconds):
        self.now += timedelta(seconds=seconds)

    @property
    def ms(self):
        return (self.now - _EPOCH) // timedelta(milliseconds=1)


@dataclass(frozen=True)
class Entry:
    """One state that an object has been in, from ``at_ms`` of the bucket's time until the next entry."""

    generation: int
    metageneration: int
    metadata: dict
    at_ms: int

    @property
    def lock(self):
        return read_lock(self.metadata)

    @property
    def is_upload(self):
        return self.metageneration == 1


def keep_account(database):
    """Have the database itself note every state an object is in: the bucket forgets metadata, versions or not."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.executescript(_ACCOUNT)


def account(database, name):
    """Every state of an object, oldest first."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            "SELECT generation, metageneration, properties, at_us FROM account WHERE name = ? ORDER BY entry", (name,)
        ).fetchall()
    return [
        Entry(generation, metageneration, json.loads(properties).get("metadata") or {}, at_us // 1000)
        for generation, metageneration, properties, at_us in rows
    ]


class Wire(EmbeddedAdapter):
    """The way to the bucket.

    ``trouble`` concerns the next write: 'lost', 'answer lost' or 'late'. ``meddle`` is called once, between the last
    read and the next write. ``travel`` is called before and after each request.
    """

    def __init__(self, engine, faults=None):
        super().__init__(engine, faults=faults)
        self.trouble = None
        self.meddle = None
        self.travel = lambda: None
        self.late = []
        self.targets = []

    def send(self, request, **options):
        self.targets.append((request.method, request.path_url))
        meddle = None
        if request.method != "GET":
            meddle, self.meddle = self.meddle, None
        if meddle is not None:
            meddle()
        self.travel()
        try:
            return self._carry(request, options)
        finally:
            self.travel()

    def _carry(self, request, options):
        if request.method == "GET" or self.trouble is None:
            return super().send(request, **options)
        trouble, self.trouble = self.trouble, None
        if trouble == "late":
            self.late.append(_request(request))
        elif trouble == "answer lost":
            super().send(request, **options)
        reset = ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset by peer"))
        raise requests.exceptions.ConnectionError(reset, request=request)

    def deliver(self):
        """Let what was late arrive. No one waits for the answers any more."""
        late, self.late = self.late, []
        return [self._bucket.handle(request).status for request in late]


@dataclass
class Party:
    """One environment of one person: its own client, its own clock, its own idea of the bucket's time."""

    engine: EmbeddedBucket
    email: str
    environment: str
    local_ms: object
    faults: FaultPlan = field(default_factory=FaultPlan)

    def __post_init__(self):
        self.me = Holder(owner=owner_hash(BUCKET, self.email), environment=self.environment)
        self.wire = Wire(self.engine, self.faults)
        self.client = storage.Client(
            project="p", credentials=AnonymousCredentials(), client_options={"api_endpoint": ENDPOINT}
        )
        self.client._http.mount(ENDPOINT, self.wire)
        self.clock = BucketClock(local_ms=self.local_ms, log=logging.getLogger("clock"))
        self.client._http.hooks["response"].append(
            lambda response, *_, **__: self.clock.observe(response.headers.get("Date"))
        )
        connection = Connection(concurrency=64, read_timeout_seconds=5.0, retry_deadline_seconds=0.4)
        self.threads = BucketThreads(connection, monotonic=time.monotonic)
        self.threads._client = self.client
        self.bucket = self.threads.bucket(BUCKET, None)
        self.locks = BucketLocks(self.bucket, me=self.me, now_ms=self.clock.now_ms)

    def start_anew(self):
        """Be a new process, which has not heard the bucket's time yet."""
        self.clock = BucketClock(local_ms=self.local_ms, log=logging.getLogger("clock"))
        self.become(self.environment)

    def become(self, environment):
        """Be another environment of this person, on the same wire: a machine that was made anew."""
        self.environment = environment
        self.me = Holder(owner=self.me.owner, environment=environment)
        self.locks = BucketLocks(self.bucket, me=self.me, now_ms=self.clock.now_ms)

    def acquire(self, name, seen=None):
        return asyncio.run(self.locks.acquire(name, seen))

    def take_over(self, name):
        return asyncio.run(self.locks.take_over(name))

    def release(self, name):
        asyncio.run(self.locks.release(name))

    def stat(self, name):
        return asyncio.run(self.bucket.stat(name))

    def upload(self, version, content, mark="once"):
        """Write over the version whose lock is held, as the protocol says: a fresh record, both preconditions."""
        marks = {WRITER_KEY: f"{self.me.owner}/{self.me.environment}/{mark}", OVER_KEY: _over(version)}
        return asyncio.run(
            self.bucket.write(
                version.name,
                io.BytesIO(content),
                content_type="application/x-ipynb+json",
                metadata={**version.metadata, **taken(self.me, self.clock.now_ms()), **marks},
                precondition=MatchVersion(generation=version.generation, metageneration=version.metageneration),
            )
        )

    def save(self, version, mark):
        """Save as the protocol says, settled.

        Raises:
            WorkspaceConflict: the content is not the one that was seen.
            LockHeldElsewhere, BucketUnavailable: as they say.
        """
        content = json.dumps({"writer": f"{self.me.owner}/{self.me.environment}/{mark}", "over": version.generation})
        seen = version.generation
        version = version if self.clock.is_set else self.stat(version.name)
        for _ in range(3):
            if version is None or version.generation != seen:
                raise WorkspaceConflict(ConflictReason.REMOTE_CHANGED)
            if not is_own_record(version.metadata, self.me):
                version = self.acquire(version.name, version).version
                continue
            unanswered = None
            try:
                return self.upload(version, content.encode(), mark)
            except PreconditionFailed:
                pass
            except BucketUnavailable as error:
                unanswered = error
            found = self.stat(version.name)
            if found is not None and found.metadata.get(WRITER_KEY, "").endswith(f"/{self.me.environment}/{mark}"):
                return found
            if unanswered is not None and found == version:
                raise unanswered
            version = found
        raise BucketUnavailable(BUCKET, BucketTrouble.OVERLOADED, "it kept changing")

    @property
    def operations(self):
        return [handled.operation for handled in self.faults.history]

    def close(self):
        self.threads.end_threads(wait=True)
        self.client.close()
        self.client._http.close()


@dataclass
class World:
    """A bucket with a movable clock that keeps an account, and whoever takes part."""

    engine: EmbeddedBucket
    database: object
    time: BucketTime
    outsider: Outsider
    stack: contextlib.ExitStack

    def party(self, email, environment, local_ms=None):
        party = Party(self.engine, email, environment, local_ms or (lambda: self.time.ms))
        self.stack.enter_context(contextlib.closing(party))
        return party

    def put(self, name, metadata=None, content=b"{}"):
        blob = self.outsider.bucket.blob(name)
        blob.metadata = metadata
        blob.upload_from_string(content, content_type="application/x-ipynb+json")

    def metadata(self, name):
        return self.outsider.bucket.get_blob(name).metadata

    def patch(self, name, metadata):
        """PATCH without preconditions, as Welder does."""
        blob = self.outsider.bucket.blob(name)
        blob.metadata = metadata
        blob.patch()

    def account(self, name):
        return account(self.database, name)


def _over(version):
    return f"{version.generation}/{version.metageneration}"


def check_account(entries, took_over=frozenset()):
    """Hold every step of an object's account against the promises.

    Args:
        entries: every state the object has been in.
        took_over: environments that took over from others of the same person, at some time.
    """
    for before, after in itertools.pairwise(entries):
        holder = after.lock.holder if after.lock else None
        if after.is_upload:
            # P3: only over one's own record, and carrying it on. P2: over the very version that was seen.
            assert after.metadata[WRITER_KEY].startswith(f"{holder.owner}/{holder.environment}/"), (before, after)
            assert before.lock is not None, (before, after)
            assert before.lock.holder == holder, (before, after)
            assert after.metadata[OVER_KEY] == f"{before.generation}/{before.metageneration}", (before, after)
        elif holder is not None and holder.environment is not None:
            assert after.generation == before.generation
            changes_hands = before.lock is not None and before.lock.holder != holder
            # Welder leaves our key as it is, which still fits if it writes in the millisecond of the record before.
            by_welder = after.metadata[ENVIRONMENT_KEY] == before.metadata.get(ENVIRONMENT_KEY)
            if changes_hands and not by_welder and before.lock.expires_at_ms > after.at_ms:
                # A live lock changes hands only between environments of one person, by an explicit act.
                assert before.lock.holder.owner == holder.owner, (before, after)
                assert holder.environment in took_over, (before, after)
        if holder is not None and holder.environment is not None:
            # Whatever the holder's own clock says: the bucket's time, Terra's three minutes, and the drift since.
            assert after.lock.expires_at_ms <= after.at_ms + TTL_MS + ALLOWANCE_MS, after


@contextlib.contextmanager
def world():
    bucket_time = BucketTime()
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(directory_in_memory())
        database = directory / DATABASE_NAME
        engine = stack.enter_context(EmbeddedBucket(database, clock=bucket_time))
        outsider = stack.enter_context(contextlib.closing(Outsider(engine)))
        outsider.keep_history()
        keep_account(database)
        yield World(engine, database, bucket_time, outsider, stack)
