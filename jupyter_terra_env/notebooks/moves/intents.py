"""Intents: the journal's records of renames and deletions that have begun, kept until they are done."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from jupyter_terra_env.bucket.store import MatchVersion, ObjectVersion
from jupyter_terra_env.notebooks.moves.name_checks import journal_replaced
from jupyter_terra_env.notebooks.storage.journal_database import JournalDatabase
from jupyter_terra_env.rules.errors import BucketUnavailable, LeftUnfinished, TerraEnvError
from jupyter_terra_env.rules.recovery import Act
from jupyter_terra_env.rules.workspace import Location


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedObject:
    """An object that is to be moved or deleted.

    Attributes:
        name: object name.
        new_name: its new object name; None if it is deleted.
        generation: generation of the version that was seen.
        metageneration: metageneration of the version that was seen.
        was: when a move is undone, the generation that the baseline of the working copy still names.
        crc32c: checksum of its content; None if unknown, such as in intents of earlier versions of this package.
    """

    name: str
    new_name: str | None
    generation: int
    metageneration: int
    was: int | None = None
    crc32c: str | None = None

    @property
    def precondition(self) -> MatchVersion:
        """The precondition that matches this version only."""
        return MatchVersion(generation=self.generation, metageneration=self.metageneration)

    @classmethod
    def of(cls, version: "ObjectVersion | SeenVersion", name: str, new_name: str | None) -> Self:
        """Return the plan for a version that was seen."""
        return cls(
            name=name,
            new_name=new_name,
            generation=version.generation,
            metageneration=version.metageneration,
            crc32c=version.crc32c,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenVersion:
    """An object's version as the journal records it.

    Attributes:
        generation: content version.
        metageneration: metadata version within it.
        crc32c: checksum of its content, from the working copy; None if unknown.
    """

    generation: int
    metageneration: int
    crc32c: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A rename or deletion.

    Attributes:
        act: what kind of move it is.
        path: API path of the file or folder.
        new_path: its new API path; None if it is deleted.
        is_folder: whether it is a folder.
        bucket: bucket of the objects.
        new_bucket: bucket of the objects under their new names; None if it is the same.
        objects: the objects to move or delete, each with the version that was seen.
        files: the files to delete: API path and signature of each; any other file has been saved since.
        to_trash: whether deleted files go to the trash of the desktop.
        only_objects: whether a move is undone whose files never moved.
        act_id: unique id of the move; empty in intents of earlier versions of this package.
        owner: the server that runs it.
    """

    act: Act
    path: str
    new_path: str | None = None
    is_folder: bool
    bucket: str
    objects: tuple[PlannedObject, ...]
    files: tuple[tuple[str, str], ...] = ()
    to_trash: bool = False
    only_objects: bool = False
    act_id: str = ""
    new_bucket: str | None = None
    owner: str = ""

    def to_json(self) -> str:
        """Return the text that the journal stores."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the intent that ``to_json`` wrote.

        Raises:
            ValueError: the text is not an intent.
        """
        try:
            stored: dict[str, Any] = json.loads(text)
            objects = tuple(PlannedObject(**planned) for planned in stored.pop("objects"))
            files = tuple((str(path), str(signature)) for path, signature in stored.pop("files"))
            return cls(**{**stored, "act": Act(stored["act"]), "objects": objects, "files": files})
        except (KeyError, TypeError) as error:
            raise ValueError(f"not an intent: {error}") from error

    def undone(self, moved: dict[str, ObjectVersion]) -> Self:
        """Return the intent to move objects back.

        Args:
            moved: the versions that the moves made, by former object name.
        """
        if self.new_path is None:
            raise ValueError("a deletion cannot be undone")
        was = {planned.name: planned.generation for planned in self.objects}
        back = tuple(
            replace(PlannedObject.of(version, version.name, name), was=was[name]) for name, version in moved.items()
        )
        return replace(
            self,
            path=self.new_path,
            new_path=self.path,
            bucket=self.new_bucket or self.bucket,
            new_bucket=None if self.new_bucket is None else self.bucket,
            objects=back,
            only_objects=True,
        )

    def touches(self, path: str) -> bool:
        """Whether a move of ``path`` would overlap with this one."""
        mine = [one for one in (self.path, self.new_path) if one is not None]
        return any(f"{path}/".startswith(f"{one}/") or f"{one}/".startswith(f"{path}/") for one in mine)


class Intents:
    """The journal's intents. Methods block for a few milliseconds: call them off the event loop.

    Args:
        database: the open database.
        new_id: returns an id that is unique across disks.
    """

    def __init__(self, database: JournalDatabase, *, new_id: Callable[[], str]) -> None:
        self._database = database
        self._new_id = new_id

    def add(self, intent: Intent) -> tuple[int, Intent]:
        """Give an intent its id, and record it durably.

        Returns:
            Its number, and the intent as recorded.

        Raises:
            OperationRefused: the journal was replaced or removed; a restart would not find the intent.
        """
        self._require_in_place(intent)
        known = replace(intent, act_id=self._new_id())
        with self._database.transaction():
            self._database.execute("INSERT INTO intents (intent) VALUES (?)", (known.to_json(),))
            return int(str(self._database.rows("SELECT last_insert_rowid()")[0][0])), known

    def claim(self, number: int, text: str, owner: str) -> bool:
        """Make a server the owner of an intent, unless the intent has changed since it was read.

        Args:
            number: number of the intent.
            text: the intent as it was read.
            owner: the server.

        Returns:
            Whether the server owns it now.

        Raises:
            OperationRefused: the journal was replaced or removed.
        """
        intent = Intent.from_json(text)
        self._require_in_place(intent)
        claimed = replace(intent, owner=owner).to_json()
        done = self._database.execute(
            "UPDATE intents SET intent = ? WHERE id = ? AND intent = ?", (claimed, number, text)
        )
        return done.rowcount == 1

    def replace(self, number: int, intent: Intent) -> None:
        """Replace an intent."""
        self._database.execute("UPDATE intents SET intent = ? WHERE id = ?", (intent.to_json(), number))

    def remove(self, number: int) -> None:
        """Remove an intent that is done or given up."""
        self._database.execute("DELETE FROM intents WHERE id = ?", (number,))

    def all(self) -> tuple[tuple[int, str], ...]:
        """Return number and stored text of each intent, oldest first."""
        rows = self._database.rows("SELECT id, intent FROM intents ORDER BY id")
        return tuple((int(str(row[0])), str(row[1])) for row in rows)

    def _require_in_place(self, intent: Intent) -> None:
        if not self._database.is_in_place():
            raise journal_replaced(intent.path)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The results for the objects of an intent, by former object name.

    Attributes:
        done: objects that were moved, with their new versions, or deleted (None).
        failed: objects that were not, or perhaps not, moved or deleted, and why.
        not_tried: objects that were skipped after a failure.
    """

    done: dict[str, ObjectVersion | None] = field(default_factory=dict)
    failed: dict[str, TerraEnvError] = field(default_factory=dict)
    not_tried: set[str] = field(default_factory=set)

    @property
    def failure(self) -> TerraEnvError | None:
        """Why it stopped: first an error that a person can act on, then one that may pass by itself."""
        by_person = [error for error in self.failed.values() if not isinstance(error, BucketUnavailable)]
        return next(iter(by_person or self.failed.values()), None)

    @property
    def unclear(self) -> LeftUnfinished | None:
        """The error of an object whose state is unknown; None if there is none."""
        return next((error for error in self.failed.values() if isinstance(error, LeftUnfinished)), None)

    @property
    def skipped(self) -> set[str]:
        """The names of the objects that are where they were."""
        return self.failed.keys() | self.not_tried

    @property
    def moved(self) -> dict[str, ObjectVersion]:
        """The versions that moves made, by former object name."""
        return {name: version for name, version in self.done.items() if version is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveMove:
    """A move whose intent is in the journal, with its places.

    Attributes:
        number: number of the intent.
        intent: the intent.
        old: the place of its file or folder.
        new: its new place; None if it is deleted or leaves all workspaces.
    """

    number: int
    intent: Intent
    old: Location
    new: Location | None

    def undone(self, moved: dict[str, ObjectVersion]) -> "ActiveMove":
        """Return the move that moves objects back, under the same number; see ``Intent.undone``."""
        if self.new is None:
            raise ValueError("a deletion cannot be undone")
        return replace(self, intent=self.intent.undone(moved), old=self.new, new=self.old)

    def location(self, object_name: str) -> Location:
        """Return the place of an object before the move."""
        return self.old.at(object_name)

    def renamed(self, planned: PlannedObject) -> Location:
        """Return the place that an object moves to."""
        if self.new is None or planned.new_name is None:
            raise ValueError("the object is not renamed")
        return self.new.at(planned.new_name)

    def new_path(self, api_path: str) -> str:
        """Return the new API path of a path at or below the old one."""
        return (self.intent.new_path or "") + api_path.removeprefix(self.intent.path)
