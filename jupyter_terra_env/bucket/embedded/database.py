"""The SQLite file: opening it, its schema, and transactions on it.

Several threads and several processes may use one file at once. A write transaction takes the write lock before it
reads (`BEGIN IMMEDIATE`), so that what it judged is still true when it commits; the commit is on the disk
(`synchronous=FULL`) before the request is answered.
"""

import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from jupyter_terra_env.bucket.embedded.errors import DatabaseUnusableError
from jupyter_terra_env.bucket.embedded.times import microseconds

SCHEMA_VERSION = 1
_APPLICATION_ID = 0x6A746562
_BUSY_TIMEOUT = timedelta(seconds=60)
_SCHEMA = """
CREATE TABLE last_generation (generation INTEGER NOT NULL);
INSERT INTO last_generation VALUES (0);
CREATE TABLE buckets (
  name TEXT PRIMARY KEY,
  metageneration INTEGER NOT NULL,
  properties TEXT NOT NULL,
  created_us INTEGER NOT NULL,
  updated_us INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE contents (
  content_id INTEGER PRIMARY KEY,
  size INTEGER NOT NULL DEFAULT 0,
  md5 BLOB,
  crc32c BLOB NOT NULL DEFAULT x'',
  component_count INTEGER
);
CREATE TABLE pieces (
  content_id INTEGER NOT NULL,
  position INTEGER NOT NULL,
  bytes BLOB NOT NULL
);
CREATE UNIQUE INDEX pieces_in_order ON pieces (content_id, position);
CREATE TABLE objects (
  bucket TEXT NOT NULL,
  name TEXT NOT NULL,
  generation INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('live', 'noncurrent', 'soft-deleted')),
  metageneration INTEGER NOT NULL,
  content_id INTEGER NOT NULL,
  properties TEXT NOT NULL,
  created_us INTEGER NOT NULL,
  updated_us INTEGER NOT NULL,
  deleted_us INTEGER,
  hard_delete_us INTEGER,
  PRIMARY KEY (bucket, name, generation)
) WITHOUT ROWID;
CREATE UNIQUE INDEX one_live_generation ON objects (bucket, name) WHERE state = 'live';
CREATE INDEX objects_of_content ON objects (content_id);
CREATE INDEX objects_to_purge ON objects (hard_delete_us) WHERE hard_delete_us IS NOT NULL;
CREATE TABLE uploads (
  upload_id TEXT PRIMARY KEY,
  bucket TEXT NOT NULL,
  name TEXT NOT NULL,
  query TEXT NOT NULL,
  properties TEXT NOT NULL,
  content_id INTEGER NOT NULL,
  received INTEGER NOT NULL,
  total INTEGER,
  answer TEXT,
  started_us INTEGER NOT NULL
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One transaction, the time it began at, and a source of ids."""

    connection: sqlite3.Connection
    now: datetime
    new_id: Callable[[], str]

    @property
    def now_us(self) -> int:
        """The time the transaction began at, in µs since the epoch."""
        return microseconds(self.now)

    def run(self, statement: str, *values: Any) -> int:
        """Execute a statement and return how many rows it changed."""
        return self.connection.execute(statement, values).rowcount

    def one(self, statement: str, *values: Any) -> sqlite3.Row | None:
        """Return the first row of a query, or None."""
        rows: Sequence[sqlite3.Row] = self.connection.execute(statement, values).fetchall()
        return rows[0] if rows else None

    def all(self, statement: str, *values: Any) -> Iterator[sqlite3.Row]:
        """Yield the rows of a query as they are found."""
        yield from self.connection.execute(statement, values)

    def next_generation(self) -> int:
        """Return a generation greater than every one before it, even if the clock steps back.

        GCS: generations are 16 digits, microseconds since the epoch, and only grow.
        """
        row = self.one(
            "UPDATE last_generation SET generation = max(generation + 1, ?) RETURNING generation", self.now_us
        )
        if row is None:
            raise DatabaseUnusableError("the table of generations is empty")
        return int(row["generation"])


class Database:
    """A pool of connections to one database file, each used by one thread at a time."""

    def __init__(self, path: Path, *, clock: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        """Open the file, or create it, readable by its owner only.

        Args:
            path: The SQLite file; its folder is created.
            clock: Returns the present time, aware.
            new_id: Returns an unguessable id.

        Raises:
            DatabaseUnusableError: The file is of a newer schema, of another program, or no database.
            OSError: The folder or the file cannot be written.
        """
        self.path = path
        self.clock = clock
        self._new_id = new_id
        self._idle: deque[sqlite3.Connection] = deque()
        self._writer = threading.Lock()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._prepare()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Open a transaction that sees one state of the database and changes nothing."""
        with self._transaction("BEGIN") as transaction:
            yield transaction

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Open the one write transaction there can be; it commits on leaving, or rolls back on an exception.

        The lock of this process comes first because it queues fairly, which SQLite's does not.
        """
        with self._writer, self._transaction("BEGIN IMMEDIATE") as transaction:
            yield transaction

    def close(self) -> None:
        """Close the connections that are not in use."""
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Transaction]:
        connection = self._borrow()
        try:
            connection.execute(begin)
            yield Transaction(connection=connection, now=self.clock(), new_id=self._new_id)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        finally:
            self._idle.append(connection)

    def _borrow(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path,
            timeout=_BUSY_TIMEOUT.total_seconds(),
            isolation_level=None,
            check_same_thread=False,
        )
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA journal_size_limit = 67108864")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _prepare(self) -> None:
        try:
            connection = self._borrow()
            self._idle.append(connection)
            _open_or_create(connection)
        except sqlite3.DatabaseError as error:
            self.close()
            raise DatabaseUnusableError(f"{self.path} cannot be used: {error}") from error
        except DatabaseUnusableError as error:
            self.close()
            raise DatabaseUnusableError(f"{self.path} {error}") from None


def _open_or_create(connection: sqlite3.Connection) -> None:
    """Check the file before anything of it is changed; make the schema if there is none, once among processes."""
    connection.execute("BEGIN")
    _is_new(connection)
    connection.execute("COMMIT")
    _use_write_ahead_log(connection)
    connection.execute("BEGIN IMMEDIATE")
    if _is_new(connection):
        for statement in filter(None, map(str.strip, _SCHEMA.split(";"))):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _is_new(connection: sqlite3.Connection) -> bool:
    """Return whether the file is empty, or refuse it if it is not ours or of another schema."""
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables == 0:
        return True
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if connection.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
        raise DatabaseUnusableError("is a database of another program")
    if version != SCHEMA_VERSION:
        raise DatabaseUnusableError(
            f"has schema version {version}, but this program knows version {SCHEMA_VERSION} only: "
            "use the newer program that wrote it"
        )
    return False


def _use_write_ahead_log(connection: sqlite3.Connection, *, attempts: int = 500) -> None:
    """Switch the file to WAL. SQLite does not wait when two processes switch at once: try again."""
    pause = threading.Event()
    for attempt in range(attempts):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or attempt == attempts - 1:
                raise
            pause.wait(0.02)
        else:
            return
