"""The edit locks of one server: what is held, what was seen of others', and the baselines that go with them."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.locks.bucket_locks import BucketLocks, HeldLock
from jupyter_terra_env.notebooks.storage.keyed_locks import KeyedLocks
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.rules.edit_lock import (
    Claim,
    EditLock,
    Holder,
    claim_of,
    is_implausible,
    is_own_record,
    is_renewal_due,
    read_lock,
    taken,
)
from jupyter_terra_env.rules.errors import BucketError, BucketTrouble, LockHeldElsewhere
from jupyter_terra_env.rules.gone import Gone
from jupyter_terra_env.rules.lock_view import (
    NO_LOCK,
    UNKNOWN_LOCK,
    LockState,
    LockView,
    as_of,
    seen,
    without_permission,
)
from jupyter_terra_env.rules.sync import Baseline
from jupyter_terra_env.rules.workspace import Location, Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What is known of a notebook's lock.

    Attributes:
        location: the notebook.
        view: what a person is shown.
        version: the object as it was last read or written; None when it has to be read.
        gone: what became of the object, when it was there and is not any more.
    """

    location: Location
    view: LockView
    version: ObjectVersion | None = None
    gone: Gone | None = None


class LockTable:
    """Takes and gives back locks for the notebooks of a server, and remembers what was seen of each.

    Acts on one notebook's lock take turns, so that a lock given back for a closed tab cannot follow one taken for a
    new tab. Protocol: docs/protocol/keeping-locks.md.

    Args:
        storage: disk, buckets and journal.
        locks_of: a workspace's locks.
        holder_of: this environment, as it takes part in a workspace's locks.
        now_ms: the bucket's time, epoch milliseconds.
        is_time_known: whether the bucket has reported its time; until then ``now_ms`` may be hours off.
    """

    def __init__(
        self,
        storage: NotebookStorage,
        *,
        locks_of: Callable[[Workspace], BucketLocks],
        holder_of: Callable[[Workspace], Holder],
        now_ms: Callable[[], int],
        is_time_known: Callable[[], bool],
    ) -> None:
        self._storage = storage
        self._locks_of = locks_of
        self._holder_of = holder_of
        self._now_ms = now_ms
        self._is_time_known = is_time_known
        self._listeners: list[Callable[[Location], None]] = []
        self._known: dict[str, _Known] = {}
        self._not_permitted: set[str] = set()
        self._turns = KeyedLocks()

    def on_change(self, listener: Callable[[Location], None]) -> None:
        """Call a listener with each notebook of whose lock something new is known, after those added before it."""
        self._listeners.append(listener)

    def view(self, location: Location) -> LockView:
        """The lock of a notebook as it was last seen. Sends no request."""
        if not location.is_delocalized:
            return NO_LOCK
        known = self._known.get(location.api_path)
        view = UNKNOWN_LOCK if known is None else as_of(known.view, self._now_ms())
        return without_permission(view) if location.api_path in self._not_permitted else view

    def held(self) -> Iterator[tuple[Location, EditLock]]:
        """The locks that this server took and has neither given back nor lost."""
        for known in list(self._known.values()):
            if known.view.state is LockState.HELD and known.view.lock is not None:
                yield known.location, known.view.lock

    def is_due(self, lock: EditLock) -> bool:
        """Whether a lock of ours should be renewed."""
        return is_renewal_due(lock, self._now_ms())

    @property
    def is_time_known(self) -> bool:
        """Whether a record made now would expire when it should: an upload carries one."""
        return self._is_time_known()

    def may_write(self, location: Location, baseline: Baseline) -> bool:
        """Whether an upload may go over this baseline: its record is ours, expired or not, or there is no object."""
        return baseline.crc32c is None or is_own_record(baseline.metadata, self._holder_of(location.workspace))

    def fresh_record(self, location: Location) -> dict[str, str]:
        """The record that an upload carries: the lock is ours from now on."""
        return taken(self._holder_of(location.workspace), self._now_ms())

    def claim(self, location: Location, metadata: Mapping[str, str]) -> Claim:
        """Whose the lock on an object is, now."""
        return claim_of(metadata, self._holder_of(location.workspace), self._now_ms())

    def is_own(self, location: Location, metadata: Mapping[str, str]) -> bool:
        """Whether the lock's record on an object is of this environment, expired or not."""
        return is_own_record(metadata, self._holder_of(location.workspace))

    def record_version(self, location: Location, version: ObjectVersion) -> Claim:
        """Take note of an object that was just read or written.

        Returns:
            Whose its lock is.
        """
        claim, lock = self.claim(location, version.metadata), read_lock(version.metadata)
        void = lock is not None and is_implausible(lock, self._now_ms())
        self._note(location, seen(claim, lock, before=self._last(location), void=void), version)
        return claim

    def record_absent(self, location: Location, gone: Gone | None = None) -> None:
        """Record that there is no object: no one can hold its lock.

        Args:
            location: the notebook.
            gone: what became of the object, if there was one.
        """
        self._note(location, seen(Claim.FREE, None, before=self._last(location)), gone=gone)

    def gone(self, location: Location) -> Gone | None:
        """What became of the object of a notebook, if it was there and is not any more, as it was last seen."""
        known = self._known.get(location.api_path)
        return None if known is None else known.gone

    def knowledge(self, location: Location) -> object:
        """Something that is another object as soon as more is known of a notebook: for answers that may be late."""
        return self._known.get(location.api_path)

    def last_version(self, location: Location) -> ObjectVersion | None:
        """The object as it was last read or written, if that is known."""
        known = self._known.get(location.api_path)
        return None if known is None else known.version

    def require_free(self, location: Location, version: ObjectVersion) -> None:
        """Let an act go on over a version that was just read.

        Raises:
            LockHeldElsewhere: the lock is not ours, nor free.
        """
        claim = self.record_version(location, version)
        if claim in {Claim.OTHERS, Claim.MINE_ELSEWHERE}:
            raise LockHeldElsewhere(read_lock(version.metadata), by_same_person=claim is Claim.MINE_ELSEWHERE)

    def record_unknown(self, location: Location) -> None:
        """Take note that the bucket could not be asked. A lock we hold is held until it expires."""
        if self.view(location).state is not LockState.HELD:
            self._note(location, UNKNOWN_LOCK)

    def forget(self, location: Location) -> None:
        """Drop what is known: the notebook has gone."""
        self._known.pop(location.api_path, None)
        self._not_permitted.discard(location.api_path)

    def moved(self, old: Location, new: Location) -> None:
        """The object has a new name; its record went along."""
        known = self._known.pop(old.api_path, None)
        if old.api_path in self._not_permitted:
            self._not_permitted.remove(old.api_path)
            self._not_permitted.add(new.api_path)
        if known is not None:
            # The version is another one now: the next renewal reads it.
            self._note(new, known.view)

    async def acquire(self, location: Location, read: ObjectVersion | None = None) -> ObjectVersion:
        """Take the lock or renew it.

        Args:
            location: the notebook.
            read: the object as it was just read; None to read it now.

        Returns:
            The object with our record, which is the baseline now if its content is the baseline's.

        Raises:
            LockHeldElsewhere: another person holds it, or this person does in another environment.
            ObjectNotFound: there is no object.
            BucketUnavailable, BucketRefused: as the port says; 403 means that locks cannot be written here.
        """
        async with self._turns.of(location.api_path):
            return await self._take(location, lambda locks: locks.acquire(location.object_name, read))

    async def renew(self, location: Location) -> None:
        """Renew a lock of ours, by one request if the object has not changed; see ``acquire``."""
        await self.acquire(location, self.last_version(location))

    async def take_over(self, location: Location) -> ObjectVersion:
        """Take the lock even from another environment of the same person; see ``acquire``."""
        async with self._turns.of(location.api_path):
            return await self._take(location, lambda locks: locks.take_over(location.object_name))

    async def resume(self, location: Location) -> None:
        """Go on with a lock of ours for a tab that came back, if nothing has happened since.

        Raises:
            ObjectNotFound, BucketUnavailable, BucketRefused: as for ``acquire``.
        """
        baseline = await self._storage.baseline(location)
        if baseline is None or baseline.crc32c is None or self.view(location).state is LockState.HELD:
            return
        version = await self._storage.stat(location)
        if version is None:
            return
        claim = self.record_version(location, version)
        is_mine = claim in {Claim.FREE, Claim.MINE} and is_own_record(
            version.metadata, self._holder_of(location.workspace)
        )
        if is_mine and version.generation == baseline.generation:
            await self.acquire(location, version)

    async def release(self, location: Location, *, unless: Callable[[], bool]) -> None:
        """Give the lock back.

        Args:
            location: the notebook.
            unless: asked last: whether it is in use again after all.

        Raises:
            BucketUnavailable, BucketRefused: as the port says; the lock then expires by itself.
        """
        async with self._turns.of(location.api_path):
            if unless():
                return
            version = await self._locks_of(location.workspace).release(location.object_name)
            if version is None:
                self.forget(location)
                return
            await self._adopt(location, version)
            if self._known.pop(location.api_path, None) is not None:
                # Given back is not lost: the new view starts afresh.
                self.record_version(location, version)

    async def _take(self, location: Location, act: Callable[[BucketLocks], Awaitable[HeldLock]]) -> ObjectVersion:
        try:
            held = await act(self._locks_of(location.workspace))
            self._storage.writes.changed(location)
        except LockHeldElsewhere as refused:
            claim = Claim.MINE_ELSEWHERE if refused.by_same_person else Claim.OTHERS
            self._note(location, seen(claim, refused.lock, before=self._last(location)))
            raise
        except BucketError as error:
            if error.trouble is BucketTrouble.NO_PERMISSION:
                # Only a PATCH that succeeds ends this: the object looks free to who may only read it.
                self._not_permitted.add(location.api_path)
                self._note(location, LockView(state=LockState.NOT_PERMITTED))
            else:
                self.record_unknown(location)
            raise
        self._not_permitted.discard(location.api_path)
        await self._adopt(location, held.version)
        self._note(location, LockView(state=LockState.HELD, lock=held.lock), held.version)
        return held.version

    async def _adopt(self, location: Location, version: ObjectVersion) -> None:
        """Make a version that differs from the baseline in nothing but metadata the baseline."""
        for _ in range(3):
            baseline = await self._storage.baseline(location)
            if baseline is None or baseline.crc32c is None or baseline.generation != version.generation:
                return
            if await self._storage.advance(location, baseline, version, baseline.crc32c):
                return

    def _last(self, location: Location) -> LockView | None:
        known = self._known.get(location.api_path)
        return None if known is None else known.view

    def _note(
        self, location: Location, view: LockView, version: ObjectVersion | None = None, gone: Gone | None = None
    ) -> None:
        if location.api_path in self._not_permitted:
            view = without_permission(view)
        before = self._known.get(location.api_path)
        known = _Known(location=location, view=view, version=version, gone=gone)
        if before == known:
            return  # It is the same knowledge still.
        self._known[location.api_path] = known
        if before is None or (before.view, _content_of(before), before.gone) != (view, _content_of(known), gone):
            for listener in self._listeners:
                listener(location)


def _content_of(known: _Known) -> int | None:
    """The content version that is known; a person is notified of another one, not of changed metadata."""
    return None if known.version is None else known.version.generation
