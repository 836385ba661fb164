"""Versions of objects that a bucket has kept: the live one, noncurrent ones, and those that were soft-deleted."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from jupyter_terra_env.bucket.store import ObjectVersion


class Kept(StrEnum):
    """As what a bucket keeps a version (Cloud Storage: Object Versioning; Soft delete)."""

    LIVE = "live"
    NONCURRENT = "noncurrent"
    SOFT_DELETED = "soft-deleted"
    """It cannot be read before it is restored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptVersion:
    """A version, and for how long there is one.

    Attributes:
        version: the version; its ``created`` is when it was saved.
        kept: as what the bucket keeps it.
        replaced: when it was replaced or deleted, UTC, aware; None for the live one.
        kept_until: when the bucket removes it for good, UTC, aware; None when that is not known.
    """

    version: ObjectVersion
    kept: Kept
    replaced: datetime | None = None
    kept_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeps:
    """What a bucket keeps of objects that are replaced or deleted.

    Attributes:
        versioning: whether they stay as noncurrent versions.
        soft_delete_seconds: for how long they can be restored otherwise; 0 for not at all.
    """

    versioning: bool
    soft_delete_seconds: int
