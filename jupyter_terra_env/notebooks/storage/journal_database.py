"""The journal's database: opened, brought to the present schema, put aside when it is damaged."""

import errno
import itertools
import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_terra_env.rules.errors import SettingsError

SCHEMA_VERSION = 4

_STEPS = {
    1: (
        """
        CREATE TABLE baselines (
            path TEXT NOT NULL PRIMARY KEY,
            bucket TEXT NOT NULL,
            object_name TEXT NOT NULL,
            generation INTEGER NOT NULL,
            metageneration INTEGER NOT NULL,
            crc32c TEXT,
            metadata TEXT NOT NULL,
            write_token TEXT NOT NULL
        ) STRICT
        """,
    ),
    2: (
        """
        CREATE TABLE debts (
            path TEXT NOT NULL PRIMARY KEY,
            bucket TEXT NOT NULL,
            object_name TEXT NOT NULL
        ) STRICT
        """,
        "CREATE TABLE intents (id INTEGER PRIMARY KEY, intent TEXT NOT NULL) STRICT",
    ),
    3: (
        "CREATE TABLE not_shown (path TEXT NOT NULL PRIMARY KEY) STRICT",
        "INSERT INTO not_shown SELECT path FROM debts",
        # The root of all paths: a journal that knows of no notebook has to look for them.
        "INSERT INTO not_shown SELECT '' WHERE NOT EXISTS (SELECT 1 FROM baselines UNION ALL SELECT 1 FROM debts)",
    ),
    4: (
        """
        CREATE TABLE attempts (
            id TEXT NOT NULL PRIMARY KEY,
            path TEXT NOT NULL,
            bucket TEXT NOT NULL,
            object_name TEXT NOT NULL,
            generation INTEGER NOT NULL,
            metageneration INTEGER NOT NULL,
            crc32c TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX attempts_by_path ON attempts (path)",
    ),
}
"""What brings a database from the version before to each version."""


class JournalDatabase:
    """One connection, used by one thread at a time. Every statement outside ``transaction`` is durable when it returns.

    Args:
        file: path of the database; its folder is created.
        log: logs when a damaged database is put aside, and when the open one is no longer at its place.

    Raises:
        SettingsError: the database cannot be opened, or a newer version of this package made it.
    """

    def __init__(self, file: Path, *, log: logging.Logger | logging.LoggerAdapter[logging.Logger]) -> None:
        self._guard = threading.RLock()
        self._file = file
        self._log = log
        self._was_in_place = True
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._connection = _opened(file)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError | _NewerSchema):
                    raise
                aside = _put_aside(file)
                log.warning(
                    "The journal %s is damaged (%s). It was put aside as %s, and a new one begun: notebooks that "
                    "differ from the workspace will be shown as conflicts.",
                    file,
                    error,
                    aside.name,
                )
                self._connection = _opened(file)
            self._identity = _identity(file)
        except (OSError, sqlite3.Error) as error:
            raise SettingsError(f"state_directory: the journal {file} cannot be opened: {error}") from error

    def is_in_place(self) -> bool:
        """Whether the open database is still the file at its path: what a restart finds, and other servers write to.

        Where it is not, the log says so, once each time.

        Raises:
            OSError: the disk fails.
        """
        try:
            is_in_place = _identity(self._file) == self._identity
        except (FileNotFoundError, NotADirectoryError):
            is_in_place = False
        with self._guard:
            was_in_place, self._was_in_place = self._was_in_place, is_in_place
        if was_in_place and not is_in_place:
            self._log.error(
                "The journal %s was replaced or removed while this server ran (has this disk been restored?): saves "
                "stay on this disk, and nothing is brought to the workspace. Restart this server.",
                self._file,
            )
        return is_in_place

    def close(self) -> None:
        """Close the database."""
        with self._guard:
            self._connection.close()

    def execute(self, statement: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        """Run a statement that returns no rows; the cursor says how many it changed.

        Raises:
            OSError: the disk is full, read-only or failing; nothing was changed.
        """
        with self._guard, _told_as_disks_tell():
            return self._connection.execute(statement, values)

    def rows(self, statement: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        """Run a query."""
        with self._guard:
            return self._connection.execute(statement, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, durable at the end.

        Raises:
            OSError: as ``execute``.
        """
        with self._guard:
            self.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.execute("COMMIT")
            except BaseException:
                # A disk that is full may have ended the transaction already.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


_DISK_ERRORS = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_CANTOPEN: errno.EROFS,
    sqlite3.SQLITE_IOERR: errno.EIO,
}
"""What the disk said, by SQLite's primary result code."""


@contextmanager
def _told_as_disks_tell() -> Iterator[None]:
    """Turn the database's errors about the disk into the disk's own."""
    try:
        yield
    except sqlite3.OperationalError as error:
        code = _DISK_ERRORS.get(error.sqlite_errorcode & 0xFF)
        if code is None:
            raise
        raise OSError(code, f"{os.strerror(code)} (the journal)") from error


class _NewerSchema(sqlite3.DatabaseError):
    """A newer version of this package made the database."""


def _opened(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=10, check_same_thread=False, isolation_level=None)
    try:
        connection.execute("PRAGMA busy_timeout = 10000")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")  # For macOS; see durable.sync.
        if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("its check failed")
        _migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _identity(file: Path) -> tuple[int, int]:
    info = file.stat()
    return info.st_dev, info.st_ino


def _migrate(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise _NewerSchema(f"it has schema {version}, this version of jupyter_terra_env reads {SCHEMA_VERSION}")
        for step in range(version + 1, SCHEMA_VERSION + 1):
            for statement in _STEPS[step]:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _put_aside(file: Path) -> Path:
    """Rename a damaged database and what belongs to it; nothing of it is deleted."""
    aside = next(
        name for number in itertools.count(1) if not (name := file.with_name(f"{file.name}.damaged-{number}")).exists()
    )
    file.rename(aside)
    for suffix in ("-wal", "-shm"):
        companion = file.with_name(file.name + suffix)
        if companion.exists():
            companion.rename(aside.with_name(aside.name + suffix))
    return aside
