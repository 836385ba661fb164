"""The edit lock: its record, who holds it, and what this environment may do. Protocol: docs/protocol/edit-lock.md."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

OWNER_KEY = "lastLockedBy"
EXPIRY_KEY = "lockExpiresAt"
ENVIRONMENT_KEY = "jupyterTerraEnvLockedIn"

TTL_MS = 180_000
"""Terra's clients take a lock for three minutes (Welder: ``lock-expiration``)."""
RENEWAL_MS = TTL_MS // 3
ALLOWANCE_MS = 5_000
"""The bucket reports its time in whole seconds, and its answer takes time to arrive."""
RELEASED_MS = 0
LONGEST_MS = 24 * 3600 * 1000
"""Locks of all clients last minutes: an expiry further ahead is in another unit (microseconds), or garbage."""
_EXPIRY_DIGITS = 18
"""Other clients read the expiry as a 64-bit integer: one with more digits is malformed and counts as no lock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a lock.

    Attributes:
        owner: hash of bucket and e-mail, see ``owner_hash``.
        environment: id of the owner's environment; None if another client took the lock.
        shares_unmarked: whether a lock that another client took for the same owner may be taken at once, because a
            Welder beside this server locks the notebooks that Terra UI opens.
    """

    owner: str
    environment: str | None
    shares_unmarked: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditLock:
    """A lock, read from an object's metadata.

    Attributes:
        holder: who holds it.
        expires_at_ms: when it expires, in epoch milliseconds.
    """

    holder: Holder
    expires_at_ms: int


class Claim(Enum):
    """Who holds a lock, seen from this environment."""

    FREE = auto()
    MINE = auto()
    MINE_ELSEWHERE = auto()
    OTHERS = auto()


def owner_hash(bucket: str, email: str) -> str:
    """Return the name that Terra's clients give a lock's owner (Welder and Terra UI: SHA-256 of ``bucket:email``).

    Args:
        bucket: bucket name without ``gs://``.
        email: Terra e-mail address, in the same case as in Terra.

    Returns:
        64 lower-case hex digits.
    """
    return hashlib.sha256(f"{bucket}:{email}".encode()).hexdigest()


def read_lock(metadata: Mapping[str, str]) -> EditLock | None:
    """Read a lock's record; None if it is absent or malformed.

    Args:
        metadata: an object's custom metadata.
    """
    owner, expiry = metadata.get(OWNER_KEY), metadata.get(EXPIRY_KEY)
    if not owner or expiry is None or not _is_expiry(expiry):
        return None
    environment, _, marked_expiry = metadata.get(ENVIRONMENT_KEY, "").rpartition("@")
    # Another client's PATCH leaves our key behind: it counts only with the expiry it was written with.
    is_ours = environment != "" and marked_expiry == expiry
    return EditLock(holder=Holder(owner=owner, environment=environment if is_ours else None), expires_at_ms=int(expiry))


def claim_of(metadata: Mapping[str, str], me: Holder, now_ms: int) -> Claim:
    """Return who holds the lock on an object.

    Args:
        metadata: the object's custom metadata.
        me: this environment.
        now_ms: the bucket's time, epoch milliseconds.
    """
    lock = read_lock(metadata)
    if lock is None or is_implausible(lock, now_ms):
        return Claim.FREE
    if lock.holder == me:
        # Clocks differ a little: our own lock counts as lost before others may take it.
        left_ms = lock.expires_at_ms - now_ms
        return Claim.MINE if ALLOWANCE_MS < left_ms <= LONGEST_MS - ALLOWANCE_MS else Claim.FREE
    if now_ms >= lock.expires_at_ms + ALLOWANCE_MS:
        return Claim.FREE
    if lock.holder.owner != me.owner:
        return Claim.OTHERS
    return Claim.FREE if me.shares_unmarked and lock.holder.environment is None else Claim.MINE_ELSEWHERE


def held_until_ms(metadata: Mapping[str, str], now_ms: int) -> int | None:
    """Return until when anyone holds the lock on an object, in epoch milliseconds; None if it is free.

    Args:
        metadata: the object's custom metadata.
        now_ms: the bucket's time, epoch milliseconds.
    """
    lock = read_lock(metadata)
    if lock is None or is_implausible(lock, now_ms) or now_ms >= lock.expires_at_ms + ALLOWANCE_MS:
        return None
    return lock.expires_at_ms


def is_implausible(lock: EditLock, now_ms: int) -> bool:
    """Whether a record expires too far ahead to be a lock of any client, so that it counts as no lock.

    Args:
        lock: the record.
        now_ms: the bucket's time, epoch milliseconds.
    """
    return lock.expires_at_ms - now_ms > LONGEST_MS + ALLOWANCE_MS


def is_own_record(metadata: Mapping[str, str], me: Holder) -> bool:
    """Whether the record is ours, expired or not: only over such a version may this environment upload."""
    lock = read_lock(metadata)
    return lock is not None and lock.holder == me


def may_be_given_back(metadata: Mapping[str, str], me: Holder, now_ms: int) -> bool:
    """Whether a lock of ours has not expired for everyone yet, so that releasing it helps others.

    Args:
        metadata: the object's custom metadata.
        me: this environment.
        now_ms: the bucket's time, epoch milliseconds.
    """
    lock = read_lock(metadata)
    return lock is not None and is_own_record(metadata, me) and now_ms < lock.expires_at_ms + ALLOWANCE_MS


def record_of(me: Holder, expires_at_ms: int) -> dict[str, str]:
    """Return the metadata of a lock of ours, to be merged into the object's.

    Raises:
        ValueError: the holder has no environment, so that the lock would look like one of another client.
    """
    if not me.environment:
        raise ValueError("a holder that writes locks needs an environment")
    expiry = str(expires_at_ms)
    return {OWNER_KEY: me.owner, EXPIRY_KEY: expiry, ENVIRONMENT_KEY: f"{me.environment}@{expiry}"}


def taken(me: Holder, now_ms: int) -> dict[str, str]:
    """Return the record of a lock that is taken or renewed now."""
    return record_of(me, now_ms + TTL_MS)


def released(me: Holder) -> dict[str, str]:
    """Return the record of a released lock: expired, but still present for clients that compare it."""
    return record_of(me, RELEASED_MS)


def is_renewal_due(lock: EditLock, now_ms: int) -> bool:
    """Whether a third of the lock's time has passed."""
    return now_ms >= lock.expires_at_ms - TTL_MS + RENEWAL_MS


def _is_expiry(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _EXPIRY_DIGITS
