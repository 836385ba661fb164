"""Delocalize: bring a saved working copy to the bucket. The protocol and its races: docs/protocol/open-and-save.md."""

import asyncio
import logging
import mimetypes
from collections.abc import Callable, Sequence
from weakref import WeakValueDictionary

from jupyter_terra_env.bucket.store import MatchVersion, MustNotExist, ObjectVersion, Precondition
from jupyter_terra_env.notebooks.held_locks import HeldLocks
from jupyter_terra_env.notebooks.places import Places, as_remote, kept_changing
from jupyter_terra_env.notebooks.working_copies import FileDigest, Snapshot
from jupyter_terra_env.rules import status
from jupyter_terra_env.rules.errors import (
    BucketRefused,
    BucketUnavailable,
    LockHeldElsewhere,
    ObjectNotFound,
    PreconditionFailed,
    WorkspaceConflict,
)
from jupyter_terra_env.rules.lock_view import READ_ONLY, LockState
from jupyter_terra_env.rules.readback import is_own_write, with_write_id
from jupyter_terra_env.rules.status import REFUSED, Place, WorkStatus
from jupyter_terra_env.rules.sync import (
    ABSENT_GENERATION,
    Baseline,
    adopted_checksum,
    conflict_between,
    has_unsaved_edits,
)
from jupyter_terra_env.rules.workspace import Location

NOTEBOOK_CONTENT_TYPE = "application/x-ipynb+json"
_SETTLING_ROUNDS = 5


class Delocalizer:
    """Uploads working copies, one upload at a time per notebook, newest content last.

    Args:
        places: disk, buckets and journal.
        locks: only over a version that carries our record may an upload go.
        on_change: called with a location after its object was written.
        on_news: called with a location when there is something new to tell of where its work is.
        save_wait_seconds: how long a save waits for its upload.
        log: where unexpected failures go.
        retry_delays_seconds: pauses between attempts while the bucket is unavailable.
    """

    def __init__(  # noqa: PLR0913 - two parts, two listeners, two times, each by name
        self,
        places: Places,
        locks: HeldLocks,
        *,
        on_change: Callable[[Location], None],
        on_news: Callable[[Location], None],
        save_wait_seconds: float,
        log: logging.Logger | logging.LoggerAdapter[logging.Logger],
        retry_delays_seconds: Sequence[float] = (1.0, 2.0, 4.0),
    ) -> None:
        self._places = places
        self._locks = locks
        self._on_change = on_change
        self._on_news = on_news
        self._save_wait_seconds = save_wait_seconds
        self._log = log
        self._retry_delays_seconds = tuple(retry_delays_seconds)
        self._uploads: dict[str, asyncio.Task[WorkStatus]] = {}
        self._again: set[str] = set()
        self._last: dict[str, WorkStatus] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._closing = asyncio.Event()

    def turn(self, location: Location) -> asyncio.Lock:
        """The lock under which a notebook's object is written, deleted or renamed: one act at a time."""
        turn = self._turns.get(location.api_path)
        if turn is None:
            turn = self._turns[location.api_path] = asyncio.Lock()
        return turn

    async def after_save(self, location: Location) -> WorkStatus:
        """Upload what was just saved and wait for it a little.

        Returns:
            Where the work is: ``UPLOADING`` when the upload takes longer than the wait, and has not failed yet.
        """
        upload = self.start(location)
        await asyncio.wait({upload}, timeout=self._save_wait_seconds)
        return upload.result() if upload.done() else self._while_uploading(location)

    async def settle(self, location: Location) -> WorkStatus:
        """Upload the working copy and wait until that has succeeded or failed."""
        return await asyncio.shield(self.start(location))

    def start(self, location: Location) -> "asyncio.Task[WorkStatus]":
        """Begin an upload, or have the one in flight go again with the newest content."""
        path = location.api_path
        upload = self._uploads.get(path)
        if upload is not None and not upload.done():
            self._again.add(path)
            return upload
        upload = asyncio.create_task(self._deliver(location), name=f"delocalize {path}")
        self._uploads[path] = upload
        self._on_news(location)
        return upload

    def is_uploading(self, location: Location) -> bool:
        """Whether an upload of this notebook is under way, or waits for its next attempt."""
        upload = self._uploads.get(location.api_path)
        return upload is not None and not upload.done()

    async def uploaded(self, location: Location) -> None:
        """Wait until no upload of this notebook is under way."""
        while self.is_uploading(location):
            await asyncio.wait({self._uploads[location.api_path]})

    async def current_status(self, location: Location) -> WorkStatus:
        """Where the work of a notebook is, as far as it is known without asking the bucket.

        Raises:
            ObjectNotFound: there is no such file on the disk.
        """
        os_path = self._places.os_path(location)
        if not await self._places.copies.run(os_path.is_file):
            if location.is_delocalized and self._locks.view(location).state is not LockState.UNKNOWN:
                return status.not_on_this_disk()
            raise ObjectNotFound(f"{location.api_path} is not on this disk.")
        if not location.is_delocalized:
            return status.kept_on_disk(location)
        if self.is_uploading(location):
            return self._while_uploading(location)
        last = self._last.get(location.api_path)
        if last is not None and last.place in REFUSED:
            still = last.place is Place.CONFLICT or self._locks.view(location).state in READ_ONLY
            return last if still else status.not_yet_in_workspace()
        digest = await self._places.copies.digest(os_path)
        baseline = await self._places.baseline(location)
        if digest is None or not has_unsaved_edits(baseline, digest.crc32c):
            return last if last is not None and last.place is Place.OFFLINE else status.in_workspace()
        return last if last is not None and last.place is Place.ON_DISK else status.not_yet_in_workspace()

    def tell(self, location: Location, news: WorkStatus) -> None:
        """Take note of what another part found out about a notebook."""
        if self._last.get(location.api_path) != news:
            self._last[location.api_path] = news
            self._on_news(location)

    def forget(self, location: Location) -> None:
        """Drop what was told about a notebook."""
        if self._last.pop(location.api_path, None) is not None:
            self._on_news(location)

    async def close(self, deadline_seconds: float) -> None:
        """Let attempts in flight end, without further retries, then give up: the work stays on the disk."""
        self._closing.set()
        running = [upload for upload in self._uploads.values() if not upload.done()]
        if running:
            _, late = await asyncio.wait(running, timeout=deadline_seconds)
            for upload in late:
                upload.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _while_uploading(self, location: Location) -> WorkStatus:
        """What an upload that is not over has come to: under way, failed for now, or up against a known conflict."""
        last = self._last.get(location.api_path)
        return last if last is not None and last.place in {Place.ON_DISK, *REFUSED} else status.uploading()

    async def _deliver(self, location: Location) -> WorkStatus:
        path = location.api_path
        while True:
            self._again.discard(path)
            known = self._last.get(path)
            if known is not None and known.place not in REFUSED:
                del self._last[path]
            news = await self._deliver_with_retries(location)
            self._last[path] = news
            if path not in self._again or news.place in REFUSED:
                self._again.discard(path)
                self._uploads.pop(path, None)
                self._on_news(location)
                return news

    async def _deliver_with_retries(self, location: Location) -> WorkStatus:
        for delay_seconds in (*self._retry_delays_seconds, None):
            try:
                async with self.turn(location):
                    await self._deliver_newest(location)
            except BucketUnavailable as error:
                news = status.not_yet_in_workspace(error)
                self.tell(location, news)
            except (BucketRefused, WorkspaceConflict, LockHeldElsewhere) as refused:
                return _told(refused)
            except Exception:  # noqa: BLE001 - the task's boundary: the work is on the disk, and that is told
                self._log.exception("Upload of a notebook to the workspace bucket failed.")
                return status.not_yet_in_workspace()
            else:
                return status.in_workspace()
            if delay_seconds is None or await self._closes_within(delay_seconds):
                return news
        raise AssertionError("the last attempt always returns")

    async def _closes_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def _deliver_newest(self, location: Location) -> None:
        """Upload until bucket and working copy are known to be equal.

        Raises:
            WorkspaceConflict: they have parted.
            LockHeldElsewhere: somebody else is editing.
            BucketUnavailable, BucketRefused: as the port says.
        """
        known = self._last.get(location.api_path)
        look_first = known is not None and known.place is Place.CONFLICT
        for _ in range(_SETTLING_ROUNDS):
            snapshot = await self._places.copies.snapshot(self._places.os_path(location))
            if snapshot is None:
                return
            with snapshot.file:
                baseline = await self._places.baseline(location) or await self._places.expect_absent(location)
                if not has_unsaved_edits(baseline, snapshot.digest.crc32c):
                    return
                if look_first:
                    # A known conflict is not sent again and again: is it one still?
                    await self._read_back(location, baseline, snapshot.digest)
                    look_first = False
                elif not self._locks.may_write(location, baseline):
                    await self._take_lock(location, baseline, snapshot.digest)
                else:
                    await self._upload(location, baseline, snapshot)
        raise kept_changing(location)

    async def _take_lock(self, location: Location, baseline: Baseline, digest: FileDigest) -> None:
        """Take the lock of an object that others may have had meanwhile, and see that it still holds what we saw."""
        try:
            version = await self._locks.acquire(location)
        except ObjectNotFound:
            version = None
        if version is None or version.generation != baseline.generation:
            await self._read_back(location, baseline, digest)

    async def _upload(self, location: Location, baseline: Baseline, snapshot: Snapshot) -> None:
        """One conditional write, settled. It renews the lock, or makes it for a new object."""
        metadata = {**baseline.metadata, **self._locks.fresh_record(location)}
        try:
            version = await self._places.bucket(location).write(
                location.object_name,
                snapshot.file,
                content_type=content_type(location.name),
                metadata=with_write_id(metadata, baseline.write_token, snapshot.digest.crc32c),
                precondition=_precondition(baseline),
            )
        except (PreconditionFailed, ObjectNotFound):
            await self._read_back(location, baseline, snapshot.digest)
        except BucketUnavailable:
            if not await self._read_back(location, baseline, snapshot.digest):
                raise
        else:
            await self._record(location, baseline, version, snapshot.digest.crc32c)

    async def _read_back(self, location: Location, baseline: Baseline, digest: FileDigest) -> bool:
        """Settle a write whose effect is not known (promise P4).

        Returns:
            True when the bucket holds our bytes; False when our write has not taken effect and may be tried again.

        Raises:
            WorkspaceConflict: somebody else's version is there, or the object is gone.
        """
        version = await self._places.stat(location)
        remote = as_remote(version)
        if remote is not None and version is not None:
            self._locks.saw(location, version)
            if is_own_write(remote, baseline.write_token) or remote.crc32c == digest.crc32c:
                await self._record(location, baseline, version, remote.crc32c)
                return True
            if baseline.generation == remote.generation != ABSENT_GENERATION:
                await self._record(location, baseline, version, adopted_checksum(baseline, remote))
                return False
        parted = conflict_between(baseline, remote)
        if parted is not None:
            raise WorkspaceConflict(parted)
        return False

    async def _record(self, location: Location, baseline: Baseline, version: ObjectVersion, crc32c: str) -> None:
        await self._places.advance(location, baseline, version, crc32c)
        self._locks.saw(location, version)
        self._on_change(location)


def _told(refused: BucketRefused | WorkspaceConflict | LockHeldElsewhere) -> WorkStatus:
    match refused:
        case BucketRefused():
            return status.not_yet_in_workspace(refused)
        case WorkspaceConflict():
            return status.conflict(refused.reason)
        case LockHeldElsewhere():
            return status.locked(refused)


def content_type(name: str) -> str:
    """The media type an object of this name is stored with (Terra UI uses the same for notebooks)."""
    if name.endswith(".ipynb"):
        return NOTEBOOK_CONTENT_TYPE
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _precondition(baseline: Baseline) -> Precondition:
    if baseline.generation == ABSENT_GENERATION:
        return MustNotExist()
    return MatchVersion(generation=baseline.generation, metageneration=baseline.metageneration)
