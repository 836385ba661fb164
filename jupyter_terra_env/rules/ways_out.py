"""The ways out of a conflict; docs/protocol/conflicts.md says what each does."""

from enum import StrEnum


class Resolution(StrEnum):
    """What a person may choose; append only, never rename."""

    KEEP_BOTH = "keep-both"
    TAKE_THEIRS = "take-theirs"
    REPLACE_THEIRS = "replace-theirs"
    MERGE = "merge"
