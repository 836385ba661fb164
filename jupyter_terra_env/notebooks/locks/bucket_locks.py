"""Take, renew and give back edit locks, by compare-and-set only. Protocol: docs/protocol/edit-lock.md."""

from collections.abc import Callable
from dataclasses import dataclass

from jupyter_terra_env.bucket.store import BucketStore, ObjectVersion
from jupyter_terra_env.rules.edit_lock import (
    Claim,
    EditLock,
    Holder,
    claim_of,
    may_be_given_back,
    read_lock,
    released,
    taken,
)
from jupyter_terra_env.rules.errors import (
    BucketTrouble,
    BucketUnavailable,
    LockHeldElsewhere,
    ObjectNotFound,
    PreconditionFailed,
)

_ROUNDS = 5
_UNANSWERED = 1
"""How many of a call's writes may stay without an answer before it gives up; each is settled by reading again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLock:
    """A lock of ours, and the object version it is written on.

    Attributes:
        version: the object as our record was written to it. Its generation may be another than the one the caller
            has seen: the holder of the lock must still look before writing over it (promise P2).
        lock: that record.
    """

    version: ObjectVersion
    lock: EditLock


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unanswered:
    """A write whose effect is not known, and what it would have written."""

    lock: EditLock | None
    error: BucketUnavailable


class BucketLocks:
    """The edit locks of one bucket, as one environment takes part in them.

    Args:
        bucket: the bucket.
        me: this environment.
        now_ms: the bucket's time, epoch milliseconds.
    """

    def __init__(self, bucket: BucketStore, *, me: Holder, now_ms: Callable[[], int]) -> None:
        self._bucket = bucket
        self._me = me
        self._now_ms = now_ms

    async def acquire(self, name: str, seen: ObjectVersion | None = None) -> HeldLock:
        """Take a free lock, or renew one that is ours already.

        Args:
            name: object name.
            seen: the object as it was just read; None to read it now.

        Raises:
            LockHeldElsewhere: another person holds it, or this person does in another environment.
            ObjectNotFound: there is no object.
            BucketUnavailable, BucketRefused: as the port says; 403 means that locks cannot be written here.
        """
        return await self._write(name, seen, {Claim.FREE, Claim.MINE})

    async def take_over(self, name: str) -> HeldLock:
        """Take the lock even from another environment of the same person; never from another person.

        Raises:
            LockHeldElsewhere: another person holds it.
            ObjectNotFound, BucketUnavailable, BucketRefused: as for ``acquire``.
        """
        return await self._write(name, None, {Claim.FREE, Claim.MINE, Claim.MINE_ELSEWHERE})

    async def release(self, name: str) -> ObjectVersion | None:
        """Give the lock back if it is ours; leave anything else as it is.

        Returns:
            The object as it was left; None when there is none.

        Raises:
            BucketUnavailable, BucketRefused: as the port says; the lock then expires by itself.
        """
        unanswered = 0
        for _ in range(_ROUNDS):
            version = await self._bucket.stat(name)
            if version is None or not may_be_given_back(version.metadata, self._me, self._now_ms()):
                return version
            try:
                return await self._bucket.patch_metadata(name, released(self._me), version.precondition)
            except (PreconditionFailed, ObjectNotFound):
                continue
            except BucketUnavailable:
                # Reading again shows whether it has happened.
                unanswered += 1
                if unanswered > _UNANSWERED:
                    raise
        raise self._kept_changing()

    async def _write(self, name: str, seen: ObjectVersion | None, allowed: set[Claim]) -> HeldLock:
        unanswered: list[_Unanswered] = []
        for _ in range(_ROUNDS):
            version = seen or await self._bucket.stat(name)
            seen = None
            if version is None:
                raise ObjectNotFound(name)
            lock = read_lock(version.metadata)
            if lock is not None and any(lock == one.lock for one in unanswered):
                return HeldLock(version=version, lock=lock)
            claim = claim_of(version.metadata, self._me, self._now_ms())
            if claim not in allowed:
                raise LockHeldElsewhere(lock, by_same_person=claim is Claim.MINE_ELSEWHERE)
            if len(unanswered) > _UNANSWERED:
                raise unanswered[-1].error
            held = await self._patch(version, unanswered)
            if held is not None:
                return held
        raise self._kept_changing()

    async def _patch(self, version: ObjectVersion, unanswered: list[_Unanswered]) -> HeldLock | None:
        """One conditional write.

        Args:
            version: the object as it was read.
            unanswered: a write that got no answer is added here, for the next reading to settle.

        Returns:
            The lock, or None when the object must be read again.
        """
        record = taken(self._me, self._now_ms())
        try:
            written = await self._bucket.patch_metadata(version.name, record, version.precondition)
        except (PreconditionFailed, ObjectNotFound):
            return None
        except BucketUnavailable as error:
            unanswered.append(_Unanswered(lock=read_lock(record), error=error))
            return None
        lock = read_lock(written.metadata)
        return None if lock is None else HeldLock(version=written, lock=lock)

    def _kept_changing(self) -> BucketUnavailable:
        return BucketUnavailable(self._bucket.bucket, BucketTrouble.OVERLOADED, "the object's lock kept changing")
