"""Decides what is left to do of a rename or deletion that has begun. Protocol: docs/protocol/journal.md, Intents.

An intent names objects and their versions. A later run compares them with what bucket and disk hold now, and does what
is left; an object that another person has changed since is neither moved nor deleted.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import assert_never


class Act(StrEnum):
    """The kind of a move; stored in the journal: append only, never rename."""

    MOVE = "move"
    """Objects and files get new names."""
    DELETE = "delete"
    """Objects are deleted, then the files."""
    OUT = "out"
    """Files leave the workspace or get a name that it does not keep, then the objects are deleted."""


class Step(Enum):
    """The step for one object of an intent."""

    DO = auto()
    DONE = auto()
    """Do nothing: it is no longer under its old name."""
    STAYS = auto()
    """Do nothing: it is not the version that was to be moved or deleted."""
    STAYS_WITHOUT_COPY = auto()
    """Leave it, and delete the copy that the move has made of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An object in the bucket now.

    Attributes:
        generation: its content version.
        is_free: whether no one else holds its edit lock.
    """

    generation: int
    is_free: bool


def step_for(
    act: Act, planned: int, old: Seen | None, *, new_exists: bool, is_out: bool, is_own_copy: bool = False
) -> Step:
    """Decide the step for one object.

    Args:
        act: the kind of the move.
        planned: generation that was to be moved or deleted.
        old: the object under its old name now; None if there is none.
        new_exists: whether there is an object under its new name.
        is_out: whether its file has arrived at the new place.
        is_own_copy: whether the object under its new name is the copy that this move made.
    """
    if old is None:
        return Step.DONE
    if old.generation != planned or not old.is_free:
        return Step.STAYS_WITHOUT_COPY if is_own_copy else Step.STAYS
    match act:
        case Act.MOVE:
            return Step.STAYS if new_exists and not is_own_copy else Step.DO
        case Act.DELETE:
            return Step.DO
        case Act.OUT:
            # The object is the only copy there is, unless the file has arrived.
            return Step.DO if is_out else Step.STAYS
        case _:
            assert_never(act)
