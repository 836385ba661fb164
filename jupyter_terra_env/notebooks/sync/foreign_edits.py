"""Notices what programs write into working copies, and has it brought to the workspace.

Protocol and races: docs/protocol/foreign-bytes.md.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Iterable
from enum import Enum, auto

from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.sync.delocalizer import Delocalizer
from jupyter_terra_env.notebooks.sync.folder_watch import FolderWatch
from jupyter_terra_env.notebooks.sync.seen_files import SeenFiles
from jupyter_terra_env.notebooks.sync.upload_task import UploadTask
from jupyter_terra_env.rules import status
from jupyter_terra_env.rules.errors import OperationRefused
from jupyter_terra_env.rules.status import Place
from jupyter_terra_env.rules.sync import has_unsaved_edits
from jupyter_terra_env.rules.whole_content import is_copy_of_edits
from jupyter_terra_env.rules.workspace import Location

LOOK_SECONDS = 60.0
_SETTLE_SECONDS = 1.0


class _Finding(Enum):
    """Who wrote a file that has changed."""

    OURS = auto()
    EQUAL = auto()
    """It holds what the bucket was seen to hold."""
    A_PROGRAM = auto()
    UNASKED = auto()
    """It was there before anything was known, or is a copy of edits: it stays on this disk."""


class ForeignEdits:
    """Looks at the edit folders, and writes down a debt for what no save of ours put there.

    Args:
        storage: disk, buckets and journal.
        delocalizer: brings it to the bucket.
        seen: what was there at the last look.
        locate: finds the workspace folder an API path is in.
        delivers: whether it is brought to the bucket by itself; otherwise it is only named.
        log: where unexpected failures go.
        look_seconds: between two looks at everything.
    """

    def __init__(  # noqa: PLR0913 - three parts, a question, a setting, a log and a time, each by name
        self,
        storage: NotebookStorage,
        delocalizer: Delocalizer,
        seen: SeenFiles,
        *,
        locate: Callable[[str], Location | None],
        delivers: bool,
        log: logging.Logger | logging.LoggerAdapter[logging.Logger],
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._storage = storage
        self._delocalizer = delocalizer
        self._seen = seen
        self._locate = locate
        self._delivers = delivers
        self._log = log
        self._look_seconds = look_seconds
        self._watch: FolderWatch | None = None
        self._turn = asyncio.Lock()
        self._has_looked = False
        self._named: dict[str, Location] = {}
        self._hinted: set[str] = set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._followed: set[asyncio.Task[None]] = set()

    async def undelivered(self) -> tuple[Location, ...]:
        """What programs wrote and what is not brought to the bucket by itself, as far as it was noticed."""
        for path, location in sorted(self._named.items()):
            with contextlib.suppress(OSError, OperationRefused):
                if not await self._storage.has_edits(location):
                    self._named.pop(path, None)
        return tuple(self._named[path] for path in sorted(self._named))

    def start(self) -> None:
        """Look from now on, until ``close``."""
        loop = asyncio.get_running_loop()
        self._watch = FolderWatch(on_change=_from_thread(loop, self._hint), log=self._log)
        self._task = asyncio.create_task(self._look_on(), name="look for what programs write")

    async def look(self) -> None:
        """Look at everything now. Never raises."""
        async with self._turn:
            await self._look_at_everything()

    async def look_among(self, folder: Location, names: Collection[str]) -> None:
        """Look at some files of a folder now. Never raises."""
        if not self._has_looked:
            return  # The first look takes longer than a listing should.
        async with self._turn:
            changes = await self._storage.copies.run(self._seen.among, folder, names)
            await self._consider(changes.files)

    async def close(self) -> None:
        """Look no more."""
        if self._watch is not None:
            self._watch.close()
        tasks = [*self._followed, *([] if self._task is None else [self._task])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _hint(self, paths: frozenset[str]) -> None:
        self._hinted |= paths
        self._wake.set()

    async def _look_on(self) -> None:
        now = asyncio.get_running_loop().time
        while True:
            await self.look()
            await self._try_locked_again()
            due = now() + self._look_seconds
            while now() < due:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), due - now())
                    # A program that writes a file in pieces is looked at once a second.
                    await asyncio.sleep(_SETTLE_SECONDS)
                await self._look_at_hinted()

    async def _look_at_hinted(self) -> None:
        self._wake.clear()
        hinted, self._hinted = self._hinted, set()
        async with self._turn:
            changes = await self._storage.copies.run(self._seen.at, hinted)
            await self._consider(changes.files)
            if changes.everything:
                await self._look_at_everything()

    async def _look_at_everything(self) -> None:
        try:
            changes = await self._storage.copies.run(self._seen.everything)
            await self._consider(changes.files)
            self._has_looked = True
            if self._watch is not None and self._watch.watch(changes.folders):
                # What changed before it was watched has not been heard of.
                changes = await self._storage.copies.run(self._seen.everything)
                await self._consider(changes.files)
        except Exception:  # noqa: BLE001 - the next look may succeed, and what is asked for besides must not fail
            self._log.exception("Looking for what programs write has failed.")

    async def _consider(self, locations: Iterable[Location]) -> None:
        for location in locations:
            try:
                await self._consider_one(location)
            except (OSError, OperationRefused):
                continue  # It has gone or may not be read: opening it reports that.

    async def _consider_one(self, location: Location) -> None:
        match await self._examine(location):
            case _Finding.A_PROGRAM if self._delivers:
                await self._storage.owe_all([location])
                self._follow(location, self._delocalizer.start(location))
            case _Finding.A_PROGRAM:
                self._named[location.api_path] = location
                self._delocalizer.report_status(location, status.never_sent())
            case _Finding.EQUAL:
                self._named.pop(location.api_path, None)
                if await self._storage.is_owed(location):
                    self._delocalizer.start(location)
            case _Finding.OURS | _Finding.UNASKED:
                self._named.pop(location.api_path, None)

    async def _examine(self, location: Location) -> _Finding:
        os_path = self._storage.os_path(location)
        copies = self._storage.copies
        # Under the lock: between a rename of ours and its row there is nothing to be seen.
        async with copies.lock(os_path):
            if await copies.run(copies.is_as_placed, os_path):
                return _Finding.OURS
            if self._delivers and self._delocalizer.is_uploading(location):
                return _Finding.A_PROGRAM  # It is read when it is still.
            digest = await copies.digest(os_path)
            baseline = await self._storage.baseline(location)
            if digest is None or not has_unsaved_edits(baseline, digest.crc32c):
                return _Finding.EQUAL
            if copies.own.has_placed(digest) and await self._storage.is_owed(location):
                return _Finding.OURS  # A save of ours, under a name that a move of ours gave it.
            if baseline is None and await self._was_not_asked_for(location):
                return _Finding.UNASKED
            return _Finding.A_PROGRAM

    async def _was_not_asked_for(self, location: Location) -> bool:
        if is_copy_of_edits(location.name):
            return True
        return not self._has_looked and await self._storage.unseen.has(location)

    def _follow(self, location: Location, upload: UploadTask) -> None:
        """Say, once it is in the bucket, that a screen which shows the notebook is older."""
        if any(task.get_name() == location.api_path for task in self._followed):
            return
        task = asyncio.create_task(self._report_when_uploaded(location, upload), name=location.api_path)
        self._followed.add(task)
        task.add_done_callback(self._followed.discard)

    async def _report_when_uploaded(self, location: Location, upload: UploadTask) -> None:
        await asyncio.wait({upload.task})
        last = self._delocalizer.last_status(location)
        if last is None or last.place is not Place.IN_WORKSPACE:
            return
        copies, os_path = self._storage.copies, self._storage.os_path(location)
        with contextlib.suppress(FileNotFoundError):
            if not await copies.run(copies.is_as_placed, os_path):
                self._delocalizer.report_status(location, status.brought_for_program())

    async def _try_locked_again(self) -> None:
        """The locks of notebooks that no tab shows are not watched."""
        for debt in await self._storage.debts():
            location = self._locate(debt.path)
            if location is not None and self._is_locked(location):
                self._delocalizer.start(location)

    def _is_locked(self, location: Location) -> bool:
        last = self._delocalizer.last_status(location)
        return last is not None and last.place is Place.LOCKED


def _from_thread(
    loop: asyncio.AbstractEventLoop, function: Callable[[frozenset[str]], None]
) -> Callable[[frozenset[str]], None]:
    def call(paths: frozenset[str]) -> None:
        with contextlib.suppress(RuntimeError):  # The loop has ended.
            loop.call_soon_threadsafe(function, paths)

    return call
