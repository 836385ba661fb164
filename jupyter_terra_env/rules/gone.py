"""What became of an object that is no longer under its name. Protocol: docs/protocol/keeping-locks.md.

A rename leaves no record under the old name. But it keeps content and custom metadata, and each upload of ours carries
an id that no other upload has (``readback``): the object that carries it now is the one that was renamed, or a copy of
it. A copy that was there while the object itself was is not the renamed one; and where nothing new is there, nothing
was renamed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from jupyter_terra_env.rules.act_copies import ACT_KEY
from jupyter_terra_env.rules.edit_lock import ENVIRONMENT_KEY, EXPIRY_KEY, OWNER_KEY
from jupyter_terra_env.rules.readback import WRITE_ID_KEY

_CHANGES_WITHOUT_A_SAVE = {ACT_KEY, OWNER_KEY, EXPIRY_KEY, ENVIRONMENT_KEY}


class How(StrEnum):
    """What became of it; append only, never rename."""

    RENAMED = "renamed"
    DELETED = "deleted"
    MISSING = "missing"
    """It was moved or deleted; which is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """An object that was there and is not under its name any more.

    Attributes:
        how: what became of it, as far as it is known.
        new_name: its object name now, when it was renamed.
    """

    how: How
    new_name: str | None = None


DELETED = Gone(how=How.DELETED)
MISSING = Gone(how=How.MISSING)
Moment = Any
"""A time of the bucket's clock; only compared with others."""


class Stored(Protocol):
    """An object version as far as recognising it goes."""

    @property
    def name(self) -> str:
        """Object name."""

    @property
    def crc32c(self) -> str:
        """Base64 CRC32C of the content."""

    @property
    def size_bytes(self) -> int:
        """Content length."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """Custom metadata."""

    @property
    def created(self) -> Moment:
        """Time this content was put under this name, UTC, aware."""

    @property
    def updated(self) -> Moment:
        """Time of the last change of content or metadata, UTC, aware."""


def what_became_of(last: Stored | None, others: Iterable[Stored], *, seen: Moment | None = None) -> Gone:
    """What became of an object.

    Args:
        last: as it was last seen; None when nothing of it is remembered.
        others: the objects that are there now.
        seen: when it was last there, by the bucket's clock, if that is later than its last change.

    Returns:
        Renamed, if exactly one object that was not there before is the same in content and custom metadata, locks
        aside; of several, if exactly one is locked in the environment that edited the one that has gone. Deleted, if
        no other object can be the renamed one. Otherwise missing.
    """
    if last is None:
        return MISSING
    since = last.updated if seen is None else max(last.updated, seen)
    new = [other for other in others if other.name != last.name and _is_new(last, other, since)]
    same = [other for other in new if _is_same(last, other)]
    found = same if len(same) <= 1 else [other for other in same if _is_locked_alike(last, other)]
    if len(found) == 1:
        return Gone(how=How.RENAMED, new_name=found[0].name)
    return MISSING if any(_may_be(last, other) for other in new) else DELETED


def _is_new(last: Stored, other: Stored, since: Moment) -> bool:
    """Whether it has its name only since then; some buckets keep the time through a rename of the folder."""
    return bool(other.created > since or other.created == last.created)


def _may_be(last: Stored, other: Stored) -> bool:
    """Whether it can be the renamed one: the same, or a file of the same kind, which somebody may have saved since."""
    return _is_same(last, other) or _kind(last.name) == _kind(other.name)


def _kind(name: str) -> str:
    base, dot, suffix = name.rpartition("/")[2].rpartition(".")
    return suffix if base and dot else ""


def _is_same(last: Stored, other: Stored) -> bool:
    if (last.crc32c, last.size_bytes) != (other.crc32c, other.size_bytes):
        return False
    mark = last.metadata.get(WRITE_ID_KEY)
    if mark is not None:
        return other.metadata.get(WRITE_ID_KEY) == mark
    return _kept(last) == _kept(other)


def _is_locked_alike(last: Stored, other: Stored) -> bool:
    """Whether the same environment locked both last: a rename takes the lock along, which is renewed then."""
    return OWNER_KEY in last.metadata and _last_locked_in(last) == _last_locked_in(other)


def _last_locked_in(stored: Stored) -> tuple[str | None, str]:
    return stored.metadata.get(OWNER_KEY), stored.metadata.get(ENVIRONMENT_KEY, "").partition("@")[0]


def _kept(stored: Stored) -> dict[str, str]:
    return {key: value for key, value in stored.metadata.items() if key not in _CHANGES_WITHOUT_A_SAVE}
