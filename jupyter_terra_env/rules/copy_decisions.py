"""What becomes of one file of a copy, and why. Protocol: docs/protocol/copies.md."""

from dataclasses import dataclass
from enum import StrEnum

from jupyter_terra_env.rules.edit_lock import Claim
from jupyter_terra_env.rules.errors import BucketTrouble


class IfExists(StrEnum):
    """What is done with a target that exists and differs."""

    ASK = "ask"
    REFUSE = "refuse"
    SKIP = "skip"
    REPLACE = "replace"
    NEWER = "newer"


class CopyReason(StrEnum):
    """Why a file was not copied; append only, never rename. Troubles of buckets have their own codes."""

    EQUAL = "equal"
    EXISTS = "exists"
    NOT_NEWER = "not-newer"
    HIDDEN = "hidden"
    LINK = "link"
    SPECIAL_FILE = "special-file"
    FOLDER_MARKER = "folder-marker"
    PLAYGROUND = "playground"
    NEEDS_RECURSIVE = "needs-recursive"
    NOT_FOUND = "not-found"
    BAD_NAME = "bad-name"
    NAME_CLASH = "name-clash"
    LOCKED = "locked"
    WORKING_COPY = "working-copy"
    CHANGED = "changed-meanwhile"
    FOLDER_IN_THE_WAY = "folder-in-the-way"
    IN_USE = "copied-by-another"
    NO_SPACE = "no-space"
    DISK = "disk-refuses"
    NO_CHECKSUM = "no-checksum"


SKIPPED = frozenset(
    {
        CopyReason.EQUAL,
        CopyReason.NOT_NEWER,
        CopyReason.HIDDEN,
        CopyReason.LINK,
        CopyReason.SPECIAL_FILE,
        CopyReason.FOLDER_MARKER,
        CopyReason.PLAYGROUND,
    }
)
"""Reasons that are no failure; so is ``EXISTS`` where the person asked for it."""


class Step(StrEnum):
    """What is done with one file."""

    CREATE = "create"
    REPLACE = "replace"
    SKIP = "skip"
    REFUSE = "refuse"
    ASK = "ask"


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """A target that exists.

    Attributes:
        is_equal: whether it has the source's content, by length and checksum.
        changed: when its content was made, epoch seconds.
    """

    is_equal: bool
    changed: float


def decide(if_exists: IfExists, existing: Existing | None, source_changed: float) -> tuple[Step, CopyReason | None]:
    """Decide about one file.

    Args:
        if_exists: what the person asked for.
        existing: the target, as it was looked at; None if there is none.
        source_changed: when the source's content was made, epoch seconds.

    Returns:
        The step, and the reason of a skip or a refusal.
    """
    if existing is None:
        return Step.CREATE, None
    if existing.is_equal:
        return Step.SKIP, CopyReason.EQUAL
    if if_exists is not IfExists.NEWER:
        return _ALWAYS[if_exists]
    return (Step.REPLACE, None) if source_changed > existing.changed else (Step.SKIP, CopyReason.NOT_NEWER)


_ALWAYS: dict[IfExists, tuple[Step, CopyReason | None]] = {
    IfExists.ASK: (Step.ASK, CopyReason.EXISTS),
    IfExists.REFUSE: (Step.REFUSE, CopyReason.EXISTS),
    IfExists.SKIP: (Step.SKIP, CopyReason.EXISTS),
    IfExists.REPLACE: (Step.REPLACE, None),
}

OF_ONE_OBJECT = frozenset(
    {
        BucketTrouble.BAD_REQUEST,
        BucketTrouble.CORRUPT_TRANSFER,
        BucketTrouble.OBJECT_HELD,
        BucketTrouble.OVERLOADED,
        BucketTrouble.RETENTION_POLICY,
        BucketTrouble.SERVER_ERROR,
        BucketTrouble.UNREADABLE_OBJECT,
    }
)
"""Troubles that say nothing of other objects: the copy goes on. All others end it."""

LOCKED = {
    Claim.OTHERS: "another person is editing it",
    Claim.MINE: "you are editing it here",
    Claim.MINE_ELSEWHERE: "you are editing it in another environment",
}
"""Who holds the edit lock of a notebook, as a clause."""
