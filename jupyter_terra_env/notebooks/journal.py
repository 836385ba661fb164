"""The journal: what each working copy last equalled in the bucket, in one SQLite database on the persistent disk."""

import json
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.rules.sync import ABSENT_GENERATION, Baseline

SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS baselines (
    path TEXT NOT NULL PRIMARY KEY,
    bucket TEXT NOT NULL,
    object_name TEXT NOT NULL,
    generation INTEGER NOT NULL,
    metageneration INTEGER NOT NULL,
    crc32c TEXT,
    metadata TEXT NOT NULL,
    write_token TEXT NOT NULL
) STRICT
"""


class Journal:
    """Baselines by API path. Methods block for a few milliseconds: call them off the event loop.

    A row holds for one object of one bucket: when a folder is pointed at another bucket, its old rows no longer count.

    Args:
        database: path of the database; its folder is created.
        new_token: gives a fresh unguessable write token.

    Raises:
        SettingsError: the database cannot be opened, or a newer version of this package made it.
    """

    def __init__(self, database: Path, *, new_token: Callable[[], str]) -> None:
        self._new_token = new_token
        self._guard = threading.Lock()
        try:
            database.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(database, timeout=10, check_same_thread=False, isolation_level=None)
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise SettingsError(f"state_directory: the journal {database} cannot be opened: {error}") from error

    def close(self) -> None:
        """Close the database."""
        with self._guard:
            self._connection.close()

    def baseline(self, path: str, bucket: str, object_name: str) -> Baseline | None:
        """The baseline of a working copy, or None when nothing is known of it."""
        with self._guard:
            row = self._connection.execute(
                "SELECT generation, metageneration, crc32c, metadata, write_token FROM baselines"
                " WHERE path = ? AND bucket = ? AND object_name = ?",
                (path, bucket, object_name),
            ).fetchone()
        if row is None:
            return None
        return Baseline(
            generation=row[0],
            metageneration=row[1],
            crc32c=row[2],
            metadata=json.loads(row[3]),
            write_token=row[4],
        )

    def expect_absent(self, path: str, bucket: str, object_name: str) -> Baseline:
        """Record that the object has never been seen, so that our first upload of it can be recognised.

        Returns:
            The recorded baseline, or the one another task recorded first.
        """
        absent = Baseline(generation=ABSENT_GENERATION, metageneration=0, crc32c=None, write_token=self._new_token())
        self._replace(path, bucket, object_name, expected=None, new=absent)
        return self.baseline(path, bucket, object_name) or absent

    def advance(  # noqa: PLR0913 - the row's key, the version and the guard are all needed, each by name
        self,
        path: str,
        bucket: str,
        object_name: str,
        *,
        expected: Baseline | None,
        generation: int,
        metageneration: int,
        crc32c: str,
        metadata: dict[str, str],
    ) -> bool:
        """Make an object version the baseline, if the baseline is still the expected one.

        Returns:
            True when the journal now holds that version; False when another task changed the row meanwhile.
        """
        same_content = expected is not None and expected.generation == generation
        new = Baseline(
            generation=generation,
            metageneration=metageneration,
            crc32c=crc32c,
            metadata=metadata,
            # An upload still on its way was marked with the token of this generation: it must stay recognisable.
            write_token=expected.write_token if expected is not None and same_content else self._new_token(),
        )
        if self._replace(path, bucket, object_name, expected=expected, new=new):
            return True
        current = self.baseline(path, bucket, object_name)
        return current is not None and current.generation == generation and current.metageneration == metageneration

    def forget(self, path: str) -> None:
        """Drop what is known of a working copy."""
        with self._guard:
            self._connection.execute("DELETE FROM baselines WHERE path = ?", (path,))

    def _replace(self, path: str, bucket: str, object_name: str, *, expected: Baseline | None, new: Baseline) -> bool:
        values = (
            bucket,
            object_name,
            new.generation,
            new.metageneration,
            new.crc32c,
            json.dumps(dict(new.metadata)),
            new.write_token,
        )
        with self._guard:
            if expected is None:
                # A row of another bucket or object is as good as none.
                done = self._connection.execute(
                    "INSERT INTO baselines (bucket, object_name, generation, metageneration, crc32c, metadata,"
                    " write_token, path) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT (path) DO UPDATE SET bucket = excluded.bucket,"
                    " object_name = excluded.object_name, generation = excluded.generation,"
                    " metageneration = excluded.metageneration, crc32c = excluded.crc32c,"
                    " metadata = excluded.metadata, write_token = excluded.write_token"
                    " WHERE bucket != excluded.bucket OR object_name != excluded.object_name",
                    (*values, path),
                )
            else:
                done = self._connection.execute(
                    "UPDATE baselines SET bucket = ?, object_name = ?, generation = ?, metageneration = ?,"
                    " crc32c = ?, metadata = ?, write_token = ?"
                    " WHERE path = ? AND write_token = ? AND generation = ? AND metageneration = ?",
                    (*values, path, expected.write_token, expected.generation, expected.metageneration),
                )
            return done.rowcount == 1

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA busy_timeout = 10000")
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise sqlite3.DatabaseError(
                f"it has schema {version}, this version of jupyter_terra_env reads {SCHEMA_VERSION}"
            )
        self._connection.execute(_SCHEMA)
        self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
