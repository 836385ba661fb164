"""The journal: what working copies last equalled in the bucket, and what the bucket is owed.

Protocol: docs/protocol/journal.md.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from jupyter_terra_env.notebooks.storage.attempt_rows import AttemptRows
from jupyter_terra_env.notebooks.storage.journal_database import JournalDatabase
from jupyter_terra_env.rules.errors import NotWhole
from jupyter_terra_env.rules.readback import WriteAttempt
from jupyter_terra_env.rules.sync import ABSENT_GENERATION, Baseline
from jupyter_terra_env.rules.whole_content import Unfit

_AGAIN_SECONDS = 60.0
"""How long an upload waits for a journal that is not at its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """A working copy that holds a save the bucket has not.

    Attributes:
        path: API path of the working copy.
        bucket: bucket name.
        object_name: the object it is owed to.
    """

    path: str
    bucket: str
    object_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A working copy and its object that have a new name.

    Attributes:
        old_path: former API path.
        path: new API path.
        bucket: bucket name.
        object_name: the object's new name.
        generation: of the object under its new name; 0 when it has none yet; None when the row's stays true.
        metageneration: of the object under its new name, as ``generation``.
        metadata: custom metadata of the object under its new name.
    """

    old_path: str
    path: str
    bucket: str
    object_name: str
    generation: int | None
    metageneration: int
    metadata: dict[str, str]


class Journal:
    """Baselines, open write attempts, debts and edits that were not shown, by API path.

    Methods block for a few milliseconds: call them off the event loop.

    A row holds for one object of one bucket: when a folder is pointed at another bucket, its old rows no longer count.

    Args:
        database: the open database.
        new_token: gives a fresh random token, for rows and for attempts.
    """

    def __init__(self, database: JournalDatabase, *, new_token: Callable[[], str]) -> None:
        self._database = database
        self._new_token = new_token
        self._attempts = AttemptRows(database, new_id=new_token)

    def baseline(self, path: str, bucket: str, object_name: str) -> Baseline | None:
        """The baseline of a working copy, or None when nothing is known of it."""
        rows = self._database.rows(
            "SELECT generation, metageneration, crc32c, metadata, write_token FROM baselines"
            " WHERE path = ? AND bucket = ? AND object_name = ?",
            (path, bucket, object_name),
        )
        found = next(map(_as_baseline, rows), None)
        if found is None:
            return None
        version = {"generation": found.generation, "metageneration": found.metageneration}
        return replace(found, attempts=self._attempts.on(path, bucket, object_name, **version))

    def expect_absent(self, path: str, bucket: str, object_name: str) -> Baseline:
        """Record that the object has never been seen.

        Returns:
            The recorded baseline, or the one another task recorded first.
        """
        with self._database.transaction():
            return self._expect_absent(path, bucket, object_name)

    def begin_attempt(
        self, path: str, bucket: str, object_name: str, *, over: Baseline, crc32c: str
    ) -> WriteAttempt | None:
        """Record, before its request leaves, an upload over the baseline's version.

        Returns:
            The attempt; None when the baseline is another one by now.

        Raises:
            NotWhole: this is not the journal any more that a restart finds, so its baseline may be another disk's.
        """
        if not self._database.is_in_place():
            raise NotWhole(Unfit.JOURNAL_REPLACED, again_in_seconds=_AGAIN_SECONDS)
        with self._database.transaction():
            current = self.baseline(path, bucket, object_name)
            if current is None or current.row_token != over.row_token or not _is_at_same_version(current, over):
                return None
            return self._attempts.begin(path, bucket, object_name, over=over, crc32c=crc32c)

    def detach_attempts(self, path: str, bucket: str, object_name: str, *, seen: Baseline) -> Baseline | None:
        """Stop recognising open uploads over a baseline, because another content is about to become the working copy.

        If one of them takes effect later, its version counts as another person's: it is opened, never replaced by a
        working copy that does not stand on it. An upload that is being prepared finds that the baseline has moved on.

        Args:
            path: API path of the working copy.
            bucket: bucket name.
            object_name: the object.
            seen: the baseline that the replacement was decided on.

        Returns:
            The baseline as it is now; None, and nothing has changed, if it is not the one that was seen.
        """
        with self._database.transaction():
            current = self.baseline(path, bucket, object_name)
            if current is None or current.row_token != seen.row_token or not _is_at_same_version(current, seen):
                return None
            if not current.attempts:
                return current
            self._attempts.end_all(path)
            detached = replace(current, row_token=self._new_token(), attempts=())
            self._replace_row(path, bucket, object_name, expected=current, new=detached)
            return detached

    def end_attempt(self, attempt_id: str) -> None:
        """Record that an upload certainly has no effect and will have none."""
        self._attempts.end(attempt_id)

    def settle_attempts(self, path: str) -> None:
        """Record that nothing is owed, and that no open attempt can have an effect any more."""
        with self._database.transaction():
            self._attempts.end_all(path)
            self.settle(path)

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
        settles: bool = False,
    ) -> bool:
        """Make an object version the baseline, if the baseline is still the expected one.

        Args:
            path: API path of the working copy.
            bucket: bucket name.
            object_name: the object.
            expected: the baseline this was decided on.
            generation: of the version.
            metageneration: of the version.
            crc32c: checksum of the working copy that equals it.
            metadata: custom metadata of the version.
            settles: the working copy is that version now: nothing is owed any more, unless an upload over that very
                version may still arrive.

        Returns:
            True when the journal now holds that version; False when another task changed the row meanwhile.
        """
        same_content = expected is not None and expected.generation == generation
        new = Baseline(
            generation=generation,
            metageneration=metageneration,
            crc32c=crc32c,
            metadata=metadata,
            row_token=expected.row_token if expected is not None and same_content else self._new_token(),
        )
        with self._database.transaction():
            replaced = self._replace(path, bucket, object_name, expected=expected, new=new)
            if (
                replaced
                and settles
                and not self._attempts.on(
                    path, bucket, object_name, generation=generation, metageneration=metageneration
                )
            ):
                self.settle(path)
        if replaced:
            return True
        current = self.baseline(path, bucket, object_name)
        return current is not None and current.generation == generation and current.metageneration == metageneration

    def expect_absent_again(self, path: str, bucket: str, object_name: str) -> None:
        """Record that there is no object any more, and that a working copy is owed to the bucket."""
        with self._database.transaction():
            self._database.execute("DELETE FROM baselines WHERE path = ?", (path,))
            self.owe(path, bucket, object_name)
            self._expect_absent(path, bucket, object_name)

    def forget(self, path: str) -> None:
        """Drop what is known of a working copy, and what it owes."""
        with self._database.transaction():
            self._forget(path)

    def owe(self, path: str, bucket: str, object_name: str) -> None:
        """Record that a working copy is about to hold what the bucket has not."""
        known = self._database.rows(
            "SELECT 1 FROM debts WHERE path = ? AND bucket = ? AND object_name = ?", (path, bucket, object_name)
        )
        if not known:
            self._database.execute("INSERT OR REPLACE INTO debts VALUES (?, ?, ?)", (path, bucket, object_name))

    def owe_all(self, debts: Iterable[Debt]) -> None:
        """Record debts of working copies that are about to appear, all or none."""
        with self._database.transaction():
            for debt in debts:
                self.owe(debt.path, debt.bucket, debt.object_name)

    def settle(self, path: str) -> None:
        """Record that a working copy owes nothing."""
        self._database.execute("DELETE FROM debts WHERE path = ?", (path,))

    def is_owed(self, path: str) -> bool:
        """Whether a working copy owes the bucket something."""
        return bool(self._database.rows("SELECT 1 FROM debts WHERE path = ?", (path,)))

    def debts(self) -> tuple[Debt, ...]:
        """Everything that is owed."""
        rows = self._database.rows("SELECT path, bucket, object_name FROM debts ORDER BY path")
        return tuple(Debt(path=str(row[0]), bucket=str(row[1]), object_name=str(row[2])) for row in rows)

    def note_not_shown(self, path: str) -> None:
        """Record that something else than a working copy is about to be shown in its place."""
        if not self.is_not_shown(path):
            self._database.execute("INSERT OR IGNORE INTO not_shown VALUES (?)", (path,))

    def note_shown(self, path: str) -> None:
        """Record that a working copy is shown, or what it holds is kept elsewhere."""
        if self.is_not_shown(path):
            self._database.execute("DELETE FROM not_shown WHERE path = ?", (path,))

    def is_not_shown(self, path: str) -> bool:
        """Whether something else than a working copy was shown in its place, or might have been."""
        return bool(self._database.rows("SELECT 1 FROM not_shown WHERE path = ?", (path,)))

    def is_new(self) -> bool:
        """Whether this journal was begun empty, and the disk has not been searched for notebooks since."""
        return self.is_not_shown("")

    def begin_with(self, paths: Iterable[str]) -> None:
        """Record all the working copies there are, of which it is not known whether they were shown."""
        with self._database.transaction():
            for path in paths:
                self._database.execute("INSERT OR IGNORE INTO not_shown VALUES (?)", (path,))
            self.note_shown("")

    def move(self, moved: Iterable[Moved]) -> None:
        """Let rows follow working copies that have new names, all or none."""
        with self._database.transaction():
            for one in moved:
                self._move(one)

    def below(self, path: str) -> tuple[str, ...]:
        """The API paths at or below ``path`` of which something is known."""
        within = "path = ? OR substr(path, 1, ?) = ?"
        rows = self._database.rows(
            " UNION ".join(f"SELECT path FROM {table} WHERE {within}" for table in ("baselines", "debts", "not_shown")),
            (path, len(path) + 1, path + "/") * 3,
        )
        return tuple(str(row[0]) for row in rows)

    def end(self, intent: int, follow: Callable[[], tuple[Iterable[Moved], Iterable[str]]]) -> None:
        """End an intent, and let the rows follow what was done, all in one transaction.

        Args:
            intent: its number.
            follow: does what is left on the disk, in the transaction, so that no save comes between disk and rows;
                gives the rows that moved, and the paths of which nothing is known any more.
        """
        with self._database.transaction():
            moved, gone = follow()
            for one in moved:
                self._move(one)
            for path in gone:
                self._forget(path)
            self._database.execute("DELETE FROM intents WHERE id = ?", (intent,))

    def _forget(self, path: str) -> None:
        for table in ("baselines", "debts", "not_shown", "attempts"):
            self._database.execute(f"DELETE FROM {table} WHERE path = ?", (path,))

    def _move(self, one: Moved) -> None:
        if one.path != one.old_path:
            for table in ("baselines", "not_shown", "attempts"):
                self._database.execute(f"DELETE FROM {table} WHERE path = ?", (one.path,))
        self._database.execute("UPDATE not_shown SET path = ? WHERE path = ?", (one.path, one.old_path))
        for table in ("baselines", "debts"):
            # A debt that was written down for the new name stays, whether or not the old name owed anything.
            self._database.execute(
                f"UPDATE OR REPLACE {table} SET path = ?, bucket = ?, object_name = ? WHERE path = ?",
                (one.path, one.bucket, one.object_name, one.old_path),
            )
        if one.generation is None:
            self._attempts.move(one.old_path, one.path, one.bucket, one.object_name)
        else:
            self._attempts.end_all(one.old_path)
            self._database.execute(
                "UPDATE baselines SET generation = ?, metageneration = ?, metadata = ?, write_token = ? WHERE path = ?",
                (one.generation, one.metageneration, json.dumps(one.metadata), self._new_token(), one.path),
            )
        if one.generation == ABSENT_GENERATION:
            self._database.execute("UPDATE baselines SET crc32c = NULL WHERE path = ?", (one.path,))

    def _expect_absent(self, path: str, bucket: str, object_name: str) -> Baseline:
        absent = Baseline(generation=ABSENT_GENERATION, metageneration=0, crc32c=None, row_token=self._new_token())
        self._replace(path, bucket, object_name, expected=None, new=absent)
        return self.baseline(path, bucket, object_name) or absent

    def _replace(self, path: str, bucket: str, object_name: str, *, expected: Baseline | None, new: Baseline) -> bool:
        """Compare and set a row, and end the attempts on other versions; the caller has a transaction open."""
        done = self._replace_row(path, bucket, object_name, expected=expected, new=new)
        if done:
            version = {"generation": new.generation, "metageneration": new.metageneration}
            self._attempts.end_others(path, bucket, object_name, **version)
        return done

    def _replace_row(
        self, path: str, bucket: str, object_name: str, *, expected: Baseline | None, new: Baseline
    ) -> bool:
        values = (
            bucket,
            object_name,
            new.generation,
            new.metageneration,
            new.crc32c,
            json.dumps(dict(new.metadata)),
            new.row_token,
        )
        if expected is None:
            # A row of another bucket or object is as good as none.
            done = self._database.execute(
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
            done = self._database.execute(
                "UPDATE baselines SET bucket = ?, object_name = ?, generation = ?, metageneration = ?,"
                " crc32c = ?, metadata = ?, write_token = ?"
                " WHERE path = ? AND write_token = ? AND generation = ? AND metageneration = ?",
                (*values, path, expected.row_token, expected.generation, expected.metageneration),
            )
        return done.rowcount == 1


def _is_at_same_version(one: Baseline, other: Baseline) -> bool:
    return (one.generation, one.metageneration) == (other.generation, other.metageneration)


def _as_baseline(row: tuple[Any, ...]) -> Baseline:
    generation, metageneration, crc32c, metadata, row_token = row
    return Baseline(
        generation=generation,
        metageneration=metageneration,
        crc32c=crc32c,
        metadata=json.loads(metadata),
        row_token=row_token,
    )
