"""Finds out how an object has gone from its name. Protocol: docs/protocol/keeping-locks.md.

A rename leaves no record under the old name. But it keeps content and custom metadata, and each upload of ours carries
a unique id (``readback``): an object with the same id is the renamed one, or a copy of it. A copy that existed at the
same time as the object is not the renamed one. If there is no new object, nothing was renamed.
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
    """How an object has gone; append only, never rename."""

    RENAMED = "renamed"
    DELETED = "deleted"
    MISSING = "missing"
    """It was renamed or deleted; it is unknown which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """An object that is no longer under its name.

    Attributes:
        how: how it has gone, as far as it is known.
        new_name: its new object name, if it was renamed.
    """

    how: How
    new_name: str | None = None


DELETED = Gone(how=How.DELETED)
MISSING = Gone(how=How.MISSING)
Moment = Any
"""A time of the bucket's clock; only compared with others."""


class Stored(Protocol):
    """The part of an object version that is needed to recognise it."""

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
        """Time when this content was stored under this name, UTC, aware."""

    @property
    def updated(self) -> Moment:
        """Time of the last change of content or metadata, UTC, aware."""


def what_became_of(last: Stored | None, others: Iterable[Stored], *, seen: Moment | None = None) -> Gone:
    """Find out how an object has gone.

    Args:
        last: the version that was last seen; None if nothing is known of it.
        others: the objects that exist now.
        seen: when it was last seen, by the bucket's clock, if that is later than its last change.

    Returns:
        Renamed, if exactly one new object has the same content and custom metadata (except locks), or if exactly one
        of several such objects is locked in the environment that edited the missing one. Deleted, if no other object
        can be the renamed one. Otherwise missing.
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
    """Whether it got its name after that moment; some buckets keep the time when a folder is renamed."""
    return bool(other.created > since or other.created == last.created)


def _may_be(last: Stored, other: Stored) -> bool:
    """Whether it can be the renamed object: the same, or a file of the same kind that may have been saved since."""
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
    """Whether the same environment locked both last: a rename keeps the lock, which is renewed afterwards."""
    return OWNER_KEY in last.metadata and _last_locked_in(last) == _last_locked_in(other)


def _last_locked_in(stored: Stored) -> tuple[str | None, str]:
    return stored.metadata.get(OWNER_KEY), stored.metadata.get(ENVIRONMENT_KEY, "").partition("@")[0]


def _kept(stored: Stored) -> dict[str, str]:
    return {key: value for key, value in stored.metadata.items() if key not in _CHANGES_WITHOUT_A_SAVE}
