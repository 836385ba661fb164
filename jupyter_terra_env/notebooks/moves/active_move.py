"""An act that has begun: its intent with the places it is about, and what became of its objects."""

from dataclasses import dataclass, field

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.moves.intents import Intent, PlannedObject
from jupyter_terra_env.rules.errors import BucketUnavailable, LeftUnfinished, TerraEnvError
from jupyter_terra_env.rules.workspace import Location


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the objects of an intent, by former object name.

    Attributes:
        done: those that were moved, with their new versions, or deleted (None).
        failed: those that were not, or not surely, and why.
        not_tried: those left alone after a failure.
    """

    done: dict[str, ObjectVersion | None] = field(default_factory=dict)
    failed: dict[str, TerraEnvError] = field(default_factory=dict)
    not_tried: set[str] = field(default_factory=set)

    @property
    def failure(self) -> TerraEnvError | None:
        """Why it stopped; what a person can do something about before what may pass by itself."""
        by_person = [error for error in self.failed.values() if not isinstance(error, BucketUnavailable)]
        return next(iter(by_person or self.failed.values()), None)

    @property
    def unclear(self) -> LeftUnfinished | None:
        """Why it is not known what happened to an object, if there is one."""
        return next((error for error in self.failed.values() if isinstance(error, LeftUnfinished)), None)

    @property
    def skipped(self) -> set[str]:
        """The objects that are where they were."""
        return self.failed.keys() | self.not_tried

    @property
    def moved(self) -> dict[str, ObjectVersion]:
        """The versions that moves made."""
        return {name: version for name, version in self.done.items() if version is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveMove:
    """An intent in the journal, with the places it is about.

    Attributes:
        number: its number.
        intent: what was begun.
        old: the place of its file or folder.
        new: its new place; None when it is deleted, or leaves all workspaces.
    """

    number: int
    intent: Intent
    old: Location
    new: Location | None

    def location(self, object_name: str) -> Location:
        """The place of an object before the act."""
        return self.old.at(object_name)

    def renamed(self, planned: PlannedObject) -> Location:
        """The place an object moves to."""
        if self.new is None or planned.new_name is None:
            raise ValueError("it is not renamed")
        return self.new.at(planned.new_name)

    def new_path(self, api_path: str) -> str:
        """The API path that a path at or below the old one gets."""
        return (self.intent.new_path or "") + api_path.removeprefix(self.intent.path)
