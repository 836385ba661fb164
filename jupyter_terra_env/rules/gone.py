"""What became of an object that is no longer under its name. Protocol: docs/protocol/keeping-locks.md.

A rename leaves no record under the old name. But it keeps content and custom metadata, and each upload of ours carries
an id that no other upload has (``readback``): the object that carries it now is the one that was renamed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from jupyter_terra_env.rules.act_copies import ACT_KEY
from jupyter_terra_env.rules.edit_lock import ENVIRONMENT_KEY, EXPIRY_KEY, OWNER_KEY
from jupyter_terra_env.rules.readback import WRITE_ID_KEY

_CHANGES_WITHOUT_A_SAVE = {ACT_KEY, OWNER_KEY, EXPIRY_KEY, ENVIRONMENT_KEY}


class How(StrEnum):
    """What became of it; append only, never rename."""

    RENAMED = "renamed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """An object that was there and is not under its name any more.

    Attributes:
        how: what became of it, as far as it is known: a rename that cannot be recognised counts as a deletion.
        new_name: its object name now, when it was renamed.
    """

    how: How
    new_name: str | None = None


DELETED = Gone(how=How.DELETED)


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


def what_became_of(last: Stored | None, others: Iterable[Stored]) -> Gone:
    """What became of an object.

    Args:
        last: as it was last seen; None when nothing of it is remembered.
        others: the objects that are there now.

    Returns:
        Renamed, if exactly one object is the same in content and custom metadata, locks aside; of several, which may be
        copies, if exactly one is locked in the environment that edited the one that has gone.
    """
    if last is None:
        return DELETED
    same = [other for other in others if other.name != last.name and _is_same(last, other)]
    found = same if len(same) <= 1 else [other for other in same if _is_locked_alike(last, other)]
    return Gone(how=How.RENAMED, new_name=found[0].name) if len(found) == 1 else DELETED


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
