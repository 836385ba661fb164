"""The journal's rows of open write attempts. Protocol: docs/protocol/write-attempts.md."""

from collections.abc import Callable

from jupyter_terra_env.notebooks.storage.journal_database import JournalDatabase
from jupyter_terra_env.rules.readback import WriteAttempt
from jupyter_terra_env.rules.sync import Baseline

_KEPT = 32
"""How many open attempts of one notebook are remembered, the newest."""


class AttemptRows:
    """Reads and writes the rows. Methods block for a few milliseconds: call them off the event loop.

    Args:
        database: the open database.
        new_id: gives a fresh random id.
    """

    def __init__(self, database: JournalDatabase, *, new_id: Callable[[], str]) -> None:
        self._database = database
        self._new_id = new_id

    def on(
        self, path: str, bucket: str, object_name: str, *, generation: int, metageneration: int
    ) -> tuple[WriteAttempt, ...]:
        """The open attempts to replace exactly this version of an object, oldest first."""
        rows = self._database.rows(
            "SELECT id, crc32c FROM attempts WHERE path = ? AND bucket = ? AND object_name = ?"
            " AND generation = ? AND metageneration = ? ORDER BY rowid",
            (path, bucket, object_name, generation, metageneration),
        )
        return tuple(WriteAttempt(id=str(row[0]), crc32c=str(row[1])) for row in rows)

    def begin(self, path: str, bucket: str, object_name: str, *, over: Baseline, crc32c: str) -> WriteAttempt:
        """Record an attempt; the caller has a transaction open, in which it has seen that the baseline stands.

        Args:
            path: API path of the working copy.
            bucket: bucket name.
            object_name: the object.
            over: the baseline whose version the upload names as its precondition.
            crc32c: checksum of the content.
        """
        attempt = WriteAttempt(id=self._new_id(), crc32c=crc32c)
        self._database.execute(
            "INSERT INTO attempts (id, path, bucket, object_name, generation, metageneration, crc32c)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (attempt.id, path, bucket, object_name, over.generation, over.metageneration, crc32c),
        )
        self._database.execute(
            "DELETE FROM attempts WHERE path = ? AND rowid NOT IN"
            " (SELECT rowid FROM attempts WHERE path = ? ORDER BY rowid DESC LIMIT ?)",
            (path, path, _KEPT),
        )
        return attempt

    def end(self, attempt_id: str) -> None:
        """Record that an attempt certainly has no effect and will have none."""
        self._database.execute("DELETE FROM attempts WHERE id = ?", (attempt_id,))

    def end_all(self, path: str) -> None:
        """Record that no attempt of a working copy matters any more."""
        self._database.execute("DELETE FROM attempts WHERE path = ?", (path,))

    def end_others(self, path: str, bucket: str, object_name: str, *, generation: int, metageneration: int) -> None:
        """End the attempts on every other version: the object has been seen at this one, so they can have no effect."""
        self._database.execute(
            "DELETE FROM attempts WHERE path = ? AND NOT"
            " (bucket = ? AND object_name = ? AND generation = ? AND metageneration = ?)",
            (path, bucket, object_name, generation, metageneration),
        )

    def move(self, old_path: str, path: str, bucket: str, object_name: str) -> None:
        """Let open attempts follow a working copy that has a new name."""
        self._database.execute(
            "UPDATE attempts SET path = ?, bucket = ?, object_name = ? WHERE path = ?",
            (path, bucket, object_name, old_path),
        )
