"""Take, renew and give back edit locks, by compare-and-set only. Protocol: docs/protocol/edit-lock.md."""

from collections.abc import Callable
from dataclasses import dataclass

from jupyter_terra_env.bucket.store import BucketStore, MatchVersion, ObjectVersion
from jupyter_terra_env.rules.edit_lock import Claim, EditLock, Holder, claim_of, read_lock, released, taken
from jupyter_terra_env.rules.errors import (
    BucketTrouble,
    BucketUnavailable,
    LockHeldElsewhere,
    ObjectNotFound,
    PreconditionFailed,
)

_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLock:
    """A lock of ours, and the object version it is written on.

    Attributes:
        version: the object as our record was written to it.
        lock: that record.
    """

    version: ObjectVersion
    lock: EditLock


class EditLocks:
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
            LockHeldElsewhere: somebody holds it, or this person does in another environment.
            ObjectNotFound: there is no object.
            BucketUnavailable, BucketRefused: as the port says; 403 means that locks cannot be written here.
        """
        return await self._write(name, seen, {Claim.FREE, Claim.MINE})

    async def take_over(self, name: str) -> HeldLock:
        """Take the lock even from another environment of the same person; never from somebody else.

        Raises:
            LockHeldElsewhere: somebody else holds it.
            ObjectNotFound, BucketUnavailable, BucketRefused: as for ``acquire``.
        """
        return await self._write(name, None, {Claim.FREE, Claim.MINE, Claim.MINE_ELSEWHERE})

    async def release(self, name: str) -> None:
        """Give the lock back if it is ours; leave anything else as it is.

        Raises:
            BucketUnavailable, BucketRefused: as the port says; the lock then expires by itself.
        """
        for _ in range(_ROUNDS):
            version = await self._bucket.stat(name)
            if version is None or not self._is_mine(version):
                return
            try:
                await self._bucket.patch_metadata(name, released(self._me), _match(version))
            except ObjectNotFound:
                return
            except PreconditionFailed:
                continue
            else:
                return
        raise self._kept_changing()

    async def _write(self, name: str, seen: ObjectVersion | None, allowed: set[Claim]) -> HeldLock:
        for _ in range(_ROUNDS):
            version = seen or await self._bucket.stat(name)
            seen = None
            if version is None:
                raise ObjectNotFound(name)
            claim = claim_of(version.metadata, self._me, self._now_ms())
            if claim not in allowed:
                raise LockHeldElsewhere(read_lock(version.metadata), by_same_person=claim is Claim.MINE_ELSEWHERE)
            held = await self._patch(name, version)
            if held is not None:
                return held
        raise self._kept_changing()

    async def _patch(self, name: str, version: ObjectVersion) -> HeldLock | None:
        """One conditional write, settled.

        Returns:
            The lock, or None when the object has changed and must be read again.
        """
        record = taken(self._me, self._now_ms())
        try:
            written = await self._bucket.patch_metadata(name, record, _match(version))
        except (PreconditionFailed, ObjectNotFound):
            return None
        except BucketUnavailable:
            found = await self._bucket.stat(name)
            took_effect = (
                found is not None
                and found.generation == version.generation
                and read_lock(found.metadata) == read_lock(record)
            )
            if found is None or not took_effect:
                raise
            written = found
        lock = read_lock(written.metadata)
        if lock is None:
            return None
        return HeldLock(version=written, lock=lock)

    def _is_mine(self, version: ObjectVersion) -> bool:
        lock = read_lock(version.metadata)
        return lock is not None and lock.holder == self._me

    def _kept_changing(self) -> BucketUnavailable:
        return BucketUnavailable(self._bucket.bucket, BucketTrouble.OVERLOADED, "the object's lock kept changing")


def _match(version: ObjectVersion) -> MatchVersion:
    return MatchVersion(generation=version.generation, metageneration=version.metageneration)
