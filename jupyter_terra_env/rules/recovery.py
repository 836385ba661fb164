"""What is left to do of a rename or deletion that has begun. Protocol: docs/protocol/journal.md, Intents.

An intent names the objects and the versions it stands on. Whoever carries it on after a restart looks at what bucket
and disk hold now, and does what is left; what somebody has changed since is nobody's to move or to delete.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import assert_never


class Act(StrEnum):
    """What was begun; stored in the journal: append only, never rename."""

    MOVE = "move"
    """Objects and files get new names."""
    DELETE = "delete"
    """Objects go, then the files."""
    OUT = "out"
    """The files leave the workspace or what it keeps, then the objects go."""


class Step(Enum):
    """What to do about one object of an intent."""

    DO = auto()
    DONE = auto()
    """Nothing: it is no longer there under its old name."""
    STAYS = auto()
    """Nothing: it is not, or no longer, what was to be moved or deleted."""
    STAYS_WITHOUT_COPY = auto()
    """It stays, and the copy that the act had made of it goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An object as the bucket has it now.

    Attributes:
        generation: its content version.
        is_free: nobody else holds its edit lock.
    """

    generation: int
    is_free: bool


def step_for(
    act: Act, planned: int, old: Seen | None, *, new_exists: bool, is_out: bool, is_own_copy: bool = False
) -> Step:
    """Decide about one object.

    Args:
        act: what was begun.
        planned: generation that was to be moved or deleted.
        old: the object under its old name now; None when there is none.
        new_exists: whether there is an object under its new name.
        is_out: whether a file with its content is where the act was to bring it.
        is_own_copy: whether what is under its new name is the copy that this act made of it.
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
