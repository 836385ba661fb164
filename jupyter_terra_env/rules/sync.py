"""What to do about a working copy, given what it came from and what the bucket holds now.

Three facts decide everything: the *baseline* (the object version and checksum the working copy last equalled),
the working copy's checksum, and the object's version in the bucket. Checksums are base64 CRC32C, as Cloud Storage
writes them. Generations are opaque: compared for equality only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from jupyter_terra_env.rules.errors import ConflictReason
from jupyter_terra_env.rules.readback import WriteAttempt, is_own_write

ABSENT_GENERATION = 0
"""Cloud Storage: ``ifGenerationMatch=0`` means the object must not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What a working copy last equalled in the bucket.

    Attributes:
        generation: of the object; ``ABSENT_GENERATION`` when it was not there.
        metageneration: of that generation; 0 when it was not there.
        crc32c: of that content; None when it was not there.
        metadata: custom metadata of that metageneration.
        row_token: changes whenever the journal's row names another content; guards compare-and-set on the row.
        attempts: uploads over this very version whose outcome is not known (see ``readback``).
    """

    generation: int
    metageneration: int
    crc32c: str | None
    row_token: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    attempts: tuple[WriteAttempt, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """The part of an object version that decisions need."""

    generation: int
    metageneration: int
    crc32c: str
    metadata: Mapping[str, str] = field(default_factory=dict)


class Standing(Enum):
    """How a working copy stands to the bucket, when they have not parted."""

    EQUAL = auto()
    OWED = auto()
    """The working copy holds edits that may go to the bucket."""
    NEVER_STORED = auto()
    """The bucket never had it, and was not asked to."""


class OpenStep(Enum):
    """What opening a notebook does."""

    NOT_FOUND = auto()
    DOWNLOAD = auto()
    """Replace the working copy, which holds nothing the bucket has not, by the object."""
    ADOPT = auto()
    """Keep the working copy, edited or not; the object's version becomes its baseline."""
    KEEP = auto()
    """Keep the working copy and its baseline as they are."""


def standing(baseline: Baseline | None, local_crc32c: str, remote: Remote | None) -> Standing | ConflictReason:
    """Compare a working copy with the bucket.

    Args:
        baseline: what the working copy last equalled; None when nothing is known.
        local_crc32c: the working copy's checksum.
        remote: the object as it is now; None when there is none.

    Returns:
        How they stand, or why they have parted.
    """
    if remote is not None and (local_crc32c == remote.crc32c or is_same_content(baseline, remote)):
        untouched = baseline is not None and baseline.generation == remote.generation
        equal = local_crc32c == remote.crc32c or (untouched and not has_unsaved_edits(baseline, local_crc32c))
        return Standing.EQUAL if equal and not may_still_change(baseline, remote) else Standing.OWED
    if baseline is None and remote is None:
        return Standing.NEVER_STORED
    return conflict_between(baseline, remote) or Standing.OWED


def decide_open(baseline: Baseline | None, local_crc32c: str | None, remote: Remote | None) -> OpenStep:
    """Decide what opening does, so that no edit is discarded (promise P6).

    Args:
        baseline: what the working copy last equalled; None when nothing is known.
        local_crc32c: the working copy's checksum; None when there is no working copy.
        remote: the object as it is now; None when there is none.
    """
    if local_crc32c is None:
        return OpenStep.NOT_FOUND if remote is None else OpenStep.DOWNLOAD
    if remote is None or is_at(baseline, remote):
        return OpenStep.KEEP
    if local_crc32c == remote.crc32c or is_same_content(baseline, remote):
        return OpenStep.ADOPT
    return OpenStep.KEEP if has_unsaved_edits(baseline, local_crc32c) else OpenStep.DOWNLOAD


def adopted_checksum(baseline: Baseline | None, remote: Remote) -> str:
    """What the working copy last equalled, once ``remote`` is its baseline.

    The object's own checksum, except where only metadata moved: an object stored with ``contentEncoding: gzip`` has a
    checksum of other bytes than the working copy's.
    """
    if baseline is not None and baseline.crc32c is not None and baseline.generation == remote.generation:
        return baseline.crc32c
    return remote.crc32c


def is_same_content(baseline: Baseline | None, remote: Remote) -> bool:
    """Whether the object still holds what our edits stand on, or what we ourselves uploaded from there."""
    return baseline is not None and (
        baseline.generation == remote.generation or is_own_write(remote, baseline.attempts)
    )


def is_at(baseline: Baseline | None, remote: Remote) -> bool:
    """Whether a baseline names exactly this object version."""
    return (
        baseline is not None
        and baseline.generation == remote.generation
        and baseline.metageneration == remote.metageneration
    )


def has_unsaved_edits(baseline: Baseline | None, local_crc32c: str) -> bool:
    """Whether the working copy holds something the bucket was never seen to hold."""
    return baseline is None or baseline.crc32c != local_crc32c


def may_still_change(baseline: Baseline | None, remote: Remote | None) -> bool:
    """Whether an upload of ours with an unknown outcome may still replace the object as it was just read."""
    return remote is not None and baseline is not None and bool(baseline.attempts) and is_at(baseline, remote)


def is_settled(baseline: Baseline | None, local_crc32c: str) -> bool:
    """Whether the bucket is known to hold what the working copy holds.

    An open attempt makes that unknown, even if the working copy equals its baseline again.
    """
    return baseline is not None and not baseline.attempts and not has_unsaved_edits(baseline, local_crc32c)


def conflict_between(baseline: Baseline | None, remote: Remote | None) -> ConflictReason | None:
    """Why an edited working copy cannot go to the bucket, if so.

    Args:
        baseline: what the working copy last equalled.
        remote: the object as it is now, already known not to be our own write.

    Returns:
        The reason, or None when the object is still the one the edits were made on.
    """
    seen = ABSENT_GENERATION if baseline is None else baseline.generation
    found = ABSENT_GENERATION if remote is None else remote.generation
    if seen == found:
        return None
    if found == ABSENT_GENERATION:
        return ConflictReason.REMOTE_DELETED
    return ConflictReason.NAME_TAKEN if seen == ABSENT_GENERATION else ConflictReason.REMOTE_CHANGED
