"""What every upload passes: content that is still, and whole. Protocol: docs/protocol/foreign-bytes.md."""

import contextlib
import stat
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO

from jupyter_terra_env.daemon_threads import DaemonThreads
from jupyter_terra_env.notebooks.storage.file_digests import Snapshot, digest_file
from jupyter_terra_env.notebooks.storage.nameless_files import nameless_copy
from jupyter_terra_env.notebooks.storage.working_copies import WorkingCopies
from jupyter_terra_env.notebooks.sync.whole_content import check_content, check_in_child, is_for_a_child
from jupyter_terra_env.notebooks.untrusted.cage import Cage
from jupyter_terra_env.rules.errors import NotWhole
from jupyter_terra_env.rules.sync import Baseline
from jupyter_terra_env.rules.whole_content import NOTEBOOK_SUFFIX, Unfit

STILL_SECONDS = 2.0
_AGAIN_SECONDS = 60.0
_LEAST_WAIT_SECONDS = 0.05
_REMEMBERED = 4096

Check = Callable[[str, BinaryIO, int, str | None], Unfit | None]


class UploadGate:
    """Keeps what is broken or half-written from the bucket.

    Args:
        copies: the working copies.
        wall: epoch seconds, by the clock that file times come from.
        monotonic: seconds from some fixed point.
        still_seconds: how long a file that a program wrote must not have changed.
        check: reads content as what its name claims; see ``check_content``.
        cage: checks notebooks that could take long; None to have ``check`` read all of them.
    """

    def __init__(
        self,
        copies: WorkingCopies,
        *,
        wall: Callable[[], float],
        monotonic: Callable[[], float],
        still_seconds: float = STILL_SECONDS,
        check: Check = check_content,
        cage: Cage | None = None,
    ) -> None:
        self._copies = copies
        self._wall = wall
        self._monotonic = monotonic
        self._still_seconds = still_seconds
        self._check = check
        self._cage = cage
        self._seen: OrderedDict[str, tuple[tuple[int, int, int], float]] = OrderedDict()
        self._verdicts: OrderedDict[tuple[str, bool, str | None], Unfit | None] = OrderedDict()
        self._guard = threading.Lock()
        # Parsing takes a while, and what it is waited for with is not the threads that open and save.
        self._threads = DaemonThreads(1, name="terra-env-check")

    def close(self) -> None:
        """Stop the thread; a check that runs ends first."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def still_snapshot(self, os_path: Path) -> Snapshot | None:
        """Open a working copy that no program is writing; None when there is none.

        Raises:
            NotWhole: a program is writing it, or was a moment ago; or it may not be read.
        """
        left = await self._copies.run(self._seconds_to_wait, os_path)
        if left > 0:
            raise NotWhole(Unfit.STILL_BEING_WRITTEN, again_in_seconds=max(left, _LEAST_WAIT_SECONDS))
        try:
            return await self._copies.snapshot(os_path)
        except PermissionError as error:
            raise NotWhole(Unfit.NO_ACCESS, again_in_seconds=_AGAIN_SECONDS) from error

    async def require_whole(self, name: str, snapshot: Snapshot, baseline: Baseline | None) -> None:
        """Make sure that content is what the name claims it to be.

        Args:
            name: file name.
            snapshot: the content; left at its start.
            baseline: what the bucket was last seen to hold.

        Raises:
            NotWhole: it is not, or could not be read.
        """
        is_notebook, own = name.endswith(NOTEBOOK_SUFFIX), self._copies.own
        if own.has_validated(snapshot.digest) or (own.has_placed(snapshot.digest) and not is_notebook):
            return
        crc32c = None if baseline is None else baseline.crc32c
        verdict = await self._verdict(name, snapshot, crc32c)
        if verdict is not None:
            again_in_seconds = _AGAIN_SECONDS if verdict is Unfit.NOT_CHECKED else None
            raise NotWhole(verdict, again_in_seconds=again_in_seconds)

    async def require_file_whole(self, os_path: Path, baseline: Baseline | None) -> None:
        """See ``require_whole``, of a working copy as it is now.

        Raises:
            NotWhole: a program is writing it, it is not what it should be, or it may not be read.
        """
        snapshot = await self.still_snapshot(os_path)
        if snapshot is not None:
            with snapshot.file:
                await self.require_whole(os_path.name, snapshot, baseline)

    @contextlib.asynccontextmanager
    async def private_copy(self, os_path: Path, snapshot: Snapshot) -> AsyncIterator[Snapshot | None]:
        """A copy of a snapshot that no program can write into during the upload; None if the content has changed."""
        copy = await self._copies.open_snapshot(partial(_copied, os_path.parent, snapshot))
        if copy is None:
            yield None
            return
        with copy.file:
            yield copy

    async def _verdict(self, name: str, snapshot: Snapshot, baseline_crc32c: str | None) -> Unfit | None:
        is_notebook = name.endswith(NOTEBOOK_SUFFIX)
        key = (snapshot.digest.sha256, is_notebook, None if is_notebook else name + (baseline_crc32c or ""))
        if key in self._verdicts:
            return self._verdicts[key]
        verdict = await self._checked_somewhere(name, snapshot, baseline_crc32c)
        if verdict not in {Unfit.NOT_CHECKED, Unfit.STILL_BEING_WRITTEN}:
            self._verdicts[key] = verdict
            while len(self._verdicts) > _REMEMBERED:
                self._verdicts.popitem(last=False)
        return verdict

    async def _checked_somewhere(self, name: str, snapshot: Snapshot, baseline_crc32c: str | None) -> Unfit | None:
        cage = self._cage if name.endswith(NOTEBOOK_SUFFIX) else None
        size_bytes = snapshot.digest.size_bytes
        if cage is not None and await self._copies.run_on(self._threads, is_for_a_child, snapshot.file, size_bytes):
            verdict = await check_in_child(cage, snapshot.file, size_bytes)
            # Where no child can be had at all (docs/protocol/untrusted-work.md), this process reads it.
            if cage.is_possible:
                return await self._copies.run_on(self._threads, _of_the_same, snapshot, verdict)
        return await self._copies.run_on(self._threads, self._checked, name, snapshot, baseline_crc32c)

    def _checked(self, name: str, snapshot: Snapshot, baseline_crc32c: str | None) -> Unfit | None:
        verdict = self._check(name, snapshot.file, snapshot.digest.size_bytes, baseline_crc32c)
        return _of_the_same(snapshot, verdict)

    def _seconds_to_wait(self, os_path: Path) -> float:
        try:
            if self._still_seconds <= 0 or self._copies.is_as_placed(os_path):
                return 0.0
            info = os_path.lstat()
        except OSError:
            return 0.0  # Reading it reports the error.
        if not stat.S_ISREG(info.st_mode):
            return 0.0  # What is not a file never settles: opening it says what it is.
        signature = (info.st_ino, info.st_size, info.st_mtime_ns)
        age = self._wall() - info.st_mtime
        if age < 0:
            age = self._seen_for(str(os_path), signature)
        return max(0.0, self._still_seconds - age)

    def _seen_for(self, path: str, signature: tuple[int, int, int]) -> float:
        """How long a file whose time is in the future has been seen unchanged, in seconds."""
        now = self._monotonic()
        with self._guard:
            known = self._seen.get(path)
            if known is None or known[0] != signature:
                self._seen[path] = (signature, now)
                while len(self._seen) > _REMEMBERED:
                    self._seen.popitem(last=False)
                return 0.0
            return now - known[1]


def _of_the_same(snapshot: Snapshot, verdict: Unfit | None) -> Unfit | None:
    """A verdict about other bytes than those of the checksum must not be remembered for it."""
    return verdict if digest_file(snapshot.file) == snapshot.digest else Unfit.STILL_BEING_WRITTEN


def _copied(directory: Path, snapshot: Snapshot) -> Snapshot | None:
    """Copy a snapshot to a file without a name; None if it was written into meanwhile. Blocks."""
    file = nameless_copy(directory, snapshot.file)
    try:
        digest = digest_file(file)
    except BaseException:
        file.close()
        raise
    if digest != snapshot.digest:
        file.close()
        return None
    return Snapshot(file=file, digest=digest)
