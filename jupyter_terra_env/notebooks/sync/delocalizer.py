"""Delocalize: bring a saved working copy to the bucket. The protocol and its races: docs/protocol/open-and-save.md."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from enum import Enum, auto
from functools import partial

from jupyter_terra_env.notebooks.locks.lock_table import LockTable
from jupyter_terra_env.notebooks.storage.file_digests import Snapshot
from jupyter_terra_env.notebooks.storage.kept_fields import keeps_unknown
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.storage.object_versions import Rounds
from jupyter_terra_env.notebooks.sync.upload_attempts import UploadAttempts
from jupyter_terra_env.notebooks.sync.upload_gate import UploadGate
from jupyter_terra_env.notebooks.sync.upload_task import Attempt, UploadTask
from jupyter_terra_env.rules import status
from jupyter_terra_env.rules.errors import (
    BucketError,
    BucketUnavailable,
    LockHeldElsewhere,
    NotWhole,
    ObjectNotFound,
    OperationRefused,
    WorkspaceConflict,
)
from jupyter_terra_env.rules.lock_view import READ_ONLY, LockState
from jupyter_terra_env.rules.status import REFUSED, Place, WorkStatus
from jupyter_terra_env.rules.sync import Baseline, has_unsaved_edits, is_settled
from jupyter_terra_env.rules.whole_content import Unfit
from jupyter_terra_env.rules.workspace import Location

_SETTLING_ROUNDS = 10
_UPLOADS_AT_ONCE = 8
"""Each holds a file open; what a bucket takes at once is bounded elsewhere."""


class _Step(Enum):
    """What one step towards the bucket came to."""

    DONE = auto()
    AGAIN = auto()
    TOO_EARLY = auto()


class Delocalizer:
    """Uploads working copies, one upload at a time per notebook, newest content last, until nothing is owed.

    Protocol: docs/protocol/journal.md.

    Args:
        storage: disk, buckets and journal.
        locks: only over a version that carries our record may an upload go.
        uploads: makes each upload, and settles those without an answer.
        gate: keeps what is broken or half-written from the bucket.
        on_news: called with a location when the status of its work may have changed.
        save_wait_seconds: how long a save waits for its upload.
        pause_seconds: how long to wait after so many failures, and whether their cause may pass by itself.
        log: where unexpected failures go.
    """

    def __init__(  # noqa: PLR0913 - three parts, a listener, a time, chance and a log, each by name
        self,
        storage: NotebookStorage,
        locks: LockTable,
        uploads: UploadAttempts,
        gate: UploadGate,
        *,
        on_news: Callable[[Location], None],
        save_wait_seconds: float,
        pause_seconds: Callable[[int, bool], float],
        log: logging.Logger | logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._storage = storage
        self._locks = locks
        self._uploads = uploads
        self._gate = gate
        self._on_news = on_news
        self._save_wait_seconds = save_wait_seconds
        self._pause_seconds = pause_seconds
        self._log = log
        self._tasks: dict[str, UploadTask] = {}
        self._last: dict[str, WorkStatus] = {}
        self._slots = asyncio.Semaphore(_UPLOADS_AT_ONCE)
        self._closing = False

    async def after_save(self, location: Location, *, wait_seconds: float | None = None) -> WorkStatus:
        """Upload what was just saved and wait for it a little.

        Args:
            location: the working copy.
            wait_seconds: how long to wait; None for as long as saves usually do.

        Returns:
            Where the work is: ``UPLOADING`` when the upload takes longer than the wait, and has not failed yet.
        """
        seconds = self._save_wait_seconds if wait_seconds is None else wait_seconds
        if seconds <= 0:
            # Waiting for nothing would end the upload before it has begun.
            self.start(location)
            return self._while_uploading(location)
        try:
            return await asyncio.wait_for(self.settle(location), seconds)
        except TimeoutError:
            return self._while_uploading(location)

    async def settle(self, location: Location) -> WorkStatus:
        """Upload the working copy, and wait until an attempt that begins now has succeeded or failed."""
        upload = self.start(location)
        return await upload.result(upload.retry_now())

    def start(self, location: Location) -> UploadTask:
        """Begin an upload, or have the one in flight go again with the newest content."""
        path = location.api_path
        upload = self._tasks.get(path)
        if upload is not None and not upload.is_over:
            upload.retry_now()
            return upload
        upload = self._tasks[path] = UploadTask(partial(self._attempt, location), name=f"delocalize {path}")
        upload.task.add_done_callback(lambda _: self._end(location, upload))
        self._on_news(location)
        return upload

    async def start_if_owed(self, location: Location) -> None:
        """Start the upload of a recorded debt, unless a person has to decide first."""
        if not location.is_delocalized or self.is_uploading(location) or not await self._storage.is_owed(location):
            return
        last = self._last.get(location.api_path)
        is_refused = last is not None and last.place in REFUSED
        if not is_refused or not await self._storage.copies.run(self._storage.os_path(location).exists):
            self.start(location)

    def lock_changed(self, location: Location) -> None:
        """Go on with what was kept back by another person's lock, once that has gone."""
        last = self._last.get(location.api_path)
        if last is not None and last.place is Place.LOCKED and self._locks.view(location).state is LockState.FREE:
            self.start(location)

    def is_uploading(self, location: Location) -> bool:
        """Whether an upload of this notebook is under way, or waits for its next attempt."""
        upload = self._tasks.get(location.api_path)
        return upload is not None and not upload.is_over

    async def pay(self, locations: Iterable[Location], deadline_seconds: float) -> dict[str, WorkStatus]:
        """Try at once to bring everything to the bucket.

        What the bucket refuses or a person has to decide is tried once; what may pass by itself, until the deadline.

        Args:
            locations: what is owed according to the journal; uploads that are under way are included in any case.
            deadline_seconds: how long to wait.

        Returns:
            Where the work of each is, by API path.
        """
        for location in locations:
            self.start(location)
        uploads = {path: upload for path, upload in self._tasks.items() if not upload.is_over}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline_seconds):
                await asyncio.gather(*(upload.finish() for upload in uploads.values()), return_exceptions=True)
        return {path: self._last.get(path) or upload.status or status.uploading() for path, upload in uploads.items()}

    async def current_status(self, location: Location) -> WorkStatus:
        """Where the work of a notebook is, as far as it is known without asking the bucket.

        Raises:
            ObjectNotFound: there is no such file on the disk.
        """
        os_path = self._storage.os_path(location)
        if not await self._storage.copies.run(os_path.is_file):
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
            return last if still else status.owed()
        try:
            return await self._status_by_content(location, last)
        except PermissionError:
            return status.not_fit(Unfit.NO_ACCESS)

    async def _status_by_content(self, location: Location, last: WorkStatus | None) -> WorkStatus:
        digest = await self._storage.digest(location)
        baseline = await self._storage.baseline(location)
        if digest is None or is_settled(baseline, digest.crc32c):
            return last if last is not None and last.is_news_of_equal else status.in_workspace()
        if last is not None and last.place is Place.ON_DISK:
            return last
        return status.owed() if await self._storage.is_owed(location) else status.never_sent()

    def last_status(self, location: Location) -> WorkStatus | None:
        """The last reported status of a notebook, without a look at the disk."""
        return self._while_uploading(location) if self.is_uploading(location) else self._last.get(location.api_path)

    def report_status(self, location: Location, news: WorkStatus) -> None:
        """Record the status that another part found out about a notebook, and announce it if it is new."""
        if self._last.get(location.api_path) != news:
            self._last[location.api_path] = news
            self._on_news(location)

    def forget_status(self, location: Location) -> None:
        """Drop the last reported status of a notebook."""
        if self._last.pop(location.api_path, None) is not None:
            self._on_news(location)

    async def close(self, deadline_seconds: float) -> None:
        """Let everything be tried once more, then give up: the work stays on the disk, the debt in the journal."""
        self._closing = True
        await self.pay((), deadline_seconds)
        late = [upload.task for upload in self._tasks.values() if not upload.is_over]
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _end(self, location: Location, upload: UploadTask) -> None:
        if self._tasks.get(location.api_path) is upload:
            del self._tasks[location.api_path]
            self._on_news(location)

    def _while_uploading(self, location: Location) -> WorkStatus:
        """What an upload that is not over has come to: under way, failed for now, or up against a known conflict."""
        last = self._last.get(location.api_path)
        return last if last is not None and last.place in {Place.ON_DISK, *REFUSED} else status.uploading()

    async def _attempt(self, location: Location, failures: int) -> Attempt:
        """Try once; never raises."""
        known = self._last.get(location.api_path)
        if failures == 0 and known is not None and known.place not in REFUSED:
            del self._last[location.api_path]
        again_in_seconds = None
        may_pass = False
        try:
            async with self._slots, self._storage.writes.turn(location):
                await self._deliver_newest(location)
            news = status.in_workspace()
        except BucketError as error:
            news = status.not_yet_in_workspace(error)
            may_pass = isinstance(error, BucketUnavailable)
            again_in_seconds = self._pause_seconds(failures + 1, may_pass)
        except WorkspaceConflict as parted:
            news = status.conflict(parted.reason)
        except LockHeldElsewhere as held:
            news = status.locked(held)
        except NotWhole as unfit:
            news = status.not_fit(unfit.reason)
            may_pass = unfit.reason is Unfit.STILL_BEING_WRITTEN
            again_in_seconds = unfit.again_in_seconds
        except Exception as error:  # noqa: BLE001 - the task's boundary: the work is on the disk, and the status says so
            news = self._status_after(error)
            again_in_seconds = self._pause_seconds(failures + 1, may_pass)
        self.report_status(location, news)
        return Attempt(status=news, again_in_seconds=None if self._closing else again_in_seconds, may_pass=may_pass)

    def _status_after(self, error: Exception) -> WorkStatus:
        """What is said of work that stays on the disk because of an error that is not the bucket's."""
        match error:
            case OperationRefused():
                # What has its name on the disk now is not what was saved; a person may put that back.
                return status.not_to_be_read(error)
            case OSError():
                why = error.strerror or type(error).__name__
                self._log.warning("The disk does not give a notebook that is to be uploaded: %s", why)
                return status.disk_unreadable()
            case _:
                self._log.error("Upload of a notebook to the workspace bucket failed.", exc_info=error)
                return status.owed()

    async def _deliver_newest(self, location: Location) -> None:
        """Upload until bucket and working copy are known to be equal.

        Raises:
            WorkspaceConflict: they have parted.
            LockHeldElsewhere: another person is editing.
            NotWhole: the working copy is broken, half-written, or may not be read.
            BucketUnavailable, BucketRefused: as the port says.
        """
        known = self._last.get(location.api_path)
        look_first = known is not None and known.place is Place.CONFLICT
        rounds = Rounds(location, most=_SETTLING_ROUNDS)
        while True:
            rounds.begin()
            # Before the content: what is read afterwards stands on this baseline, or the attempt finds another one.
            baseline = await self._storage.baseline(location)
            snapshot = await self._gate.still_snapshot(self._storage.os_path(location))
            if snapshot is None:
                await self._storage.settle_if_equal(location)
                return
            with snapshot.file:
                if baseline is None:
                    await self._storage.expect_absent(location)
                    continue
                step = await self._deliver(location, baseline, snapshot, look_first=look_first)
            look_first = False
            if step is _Step.DONE:
                return
            if step is _Step.TOO_EARLY:
                # What is saved meanwhile goes along: the next snapshot is a new one.
                await self._storage.writes.wait(location)

    def _report_unanswered(self, location: Location, error: BucketError) -> None:
        self.report_status(location, status.not_yet_in_workspace(error))

    async def _deliver(
        self, location: Location, baseline: Baseline, snapshot: Snapshot, *, look_first: bool
    ) -> "_Step":
        if is_settled(baseline, snapshot.digest.crc32c):
            settled = await self._storage.settle_if_equal(location)
            return _Step.DONE if settled else _Step.AGAIN
        if not has_unsaved_edits(baseline, snapshot.digest.crc32c):
            await self._uploads.end_open_attempts(location, baseline, snapshot.digest)
            return _Step.AGAIN
        await self._gate.require_whole(location.name, snapshot, baseline)
        if look_first or not self._locks.is_time_known or keeps_unknown(baseline):
            # A known conflict is not sent again and again: is it one still? The first answer sets the bucket's clock.
            # And what the object is to keep has to be known.
            await self._uploads.read_back(location, baseline, snapshot.digest)
        elif not self._locks.may_write(location, baseline):
            await self._uploads.take_lock(location, baseline, snapshot.digest)
        elif self._storage.writes.is_early(location):
            return _Step.TOO_EARLY
        else:
            await self._upload(location, baseline, snapshot)
        return _Step.AGAIN

    async def _upload(self, location: Location, baseline: Baseline, snapshot: Snapshot) -> None:
        async with self._gate.private_copy(self._storage.os_path(location), snapshot) as content:
            if content is not None:
                unanswered = partial(self._report_unanswered, location)
                await self._uploads.upload(location, baseline, snapshot, content, unanswered=unanswered)
