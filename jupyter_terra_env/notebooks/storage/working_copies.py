"""Durable files on the persistent disk: written whole, checksummed, never through a link that leaves the workspace."""

import asyncio
import errno
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO, ParamSpec, TypeVar

from jupyter_terra_env.daemon_threads import DaemonThreads
from jupyter_terra_env.durable import sync, sync_directory
from jupyter_terra_env.notebooks.storage.durable_names import keep_as, put_under_free_name
from jupyter_terra_env.notebooks.storage.file_attributes import copy_attributes, require_replaceable
from jupyter_terra_env.notebooks.storage.file_digests import (
    FileDigest,
    Snapshot,
    SnapshotHandover,
    digest_file,
    digest_of,
)
from jupyter_terra_env.notebooks.storage.folder_turns import turn_in
from jupyter_terra_env.notebooks.storage.keyed_locks import KeyedLocks
from jupyter_terra_env.notebooks.storage.known_files import KnownFiles
from jupyter_terra_env.notebooks.storage.own_contents import OwnContents
from jupyter_terra_env.notebooks.storage.pinned_folders import pinned
from jupyter_terra_env.notebooks.storage.regular_files import open_regular, refuse_special
from jupyter_terra_env.notebooks.storage.temporary_files import sweep, temporary_file
from jupyter_terra_env.rules.errors import OperationRefused, RefusalReason

P = ParamSpec("P")
T = TypeVar("T")

_CLOSING_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A complete file that is to become a working copy.

    Attributes:
        temporary: the file, in the working copy's folder.
        digest: its checksums.
        modified: becomes the file's time, so that a listing shows the same time before and after opening.
    """

    temporary: Path
    digest: FileDigest
    modified: datetime


class ChangedMeanwhile(Exception):
    """A file does not hold any more what was to be replaced; it was left alone."""


BeforeReplacing = Callable[[FileDigest], None]
Appearing = Callable[[], AbstractContextManager[object]]


def _nothing(_: FileDigest) -> None:
    """Nothing has to be done first."""


class WorkingCopies:
    """The files of all workspace folders.

    Blocking work runs on a thread pool of its own, so that stuck bucket requests never block the disk.

    Attributes:
        own: which contents were put in place here.
    """

    def __init__(self) -> None:
        self._threads = DaemonThreads(4, name="terra-env-disk")
        self._known = KnownFiles()
        self._locks = KeyedLocks()
        self.own = OwnContents()

    def close(self, seconds: float = _CLOSING_SECONDS) -> bool:
        """Stop the threads; running work ends first, unless the disk hangs.

        Args:
            seconds: how long to wait for it.

        Returns:
            Whether all of it has ended.
        """
        return self._threads.close(seconds)

    def sweep_later(self, directories: Sequence[Path]) -> None:
        """Remove, on a thread, temporary files that a server which died left in these folders."""
        self._threads.submit(sweep, directories, os.getpid())

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run blocking disk work off the event loop."""
        return await self.run_on(self._threads, function, *args, **kwargs)

    @staticmethod
    async def run_on(threads: Executor, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run blocking work on other threads than those that open and save."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(threads, lambda: function(*args, **kwargs))

    def lock(self, os_path: Path) -> asyncio.Lock:
        """The lock under which this path's file is replaced. Held for disk work only, never for a request."""
        return self._locks.of(str(os_path))

    async def digest(self, os_path: Path) -> FileDigest | None:
        """Checksums of the bytes on the disk now; remembered while the file is unchanged.

        Returns:
            The checksums, or None when there is no such file.
        """
        return await self.run(self.digest_now, os_path)

    def is_as_placed(self, os_path: Path) -> bool:
        """Whether a file is, by its signature, what this process put there. Blocks for a look at the file system."""
        return self._known.is_own(os_path, os_path.lstat())

    async def vouch_for(self, os_path: Path, digest: FileDigest) -> None:
        """Treat a file with this content as if this process had put it there: its writer has finished."""
        await self.run(self._vouch_for, os_path, digest)

    async def snapshot(self, os_path: Path) -> Snapshot | None:
        """Open the content a file has now; None when there is no such file."""
        return await self.open_snapshot(partial(self._snapshot, os_path))

    async def open_snapshot(self, opener: Callable[[], Snapshot | None]) -> Snapshot | None:
        """Open a snapshot off the event loop; it is closed when the caller is cancelled meanwhile."""
        handover = SnapshotHandover()
        try:
            return await self.run(handover.open, opener)
        except asyncio.CancelledError:
            handover.abandon()
            raise

    async def write(
        self,
        os_path: Path,
        content: bytes | memoryview,
        *,
        before: BeforeReplacing = _nothing,
        replaces: FileDigest | None = None,
        keep_old_as: Path | None = None,
    ) -> None:
        """Replace a file durably: temporary file, fsync, rename, fsync of the folder (promise P1).

        Args:
            os_path: the file.
            content: what it is to hold.
            before: called, off the event loop, with the new content's checksums before the file is replaced.
            replaces: what the file must still hold; None to replace any content.
            keep_old_as: a free name for the old file; None to replace it.

        Raises:
            ChangedMeanwhile: it holds something else.
            OperationRefused: there is something that is no file.
            PermissionError: this process may not read and write it.
            FileExistsError: the name for the old file is taken; nothing has changed.
            OSError: the disk is full, read-only or failing; the old file is untouched.
        """
        async with self.lock(os_path):
            await self.run(self._write, os_path, content, before, replaces, keep_old_as)

    async def create(self, os_path: Path, content: bytes | memoryview, *, appearing: Appearing = nullcontext) -> None:
        """Make a new file durably, never in the place of another.

        Args:
            os_path: the file.
            content: what it is to hold.
            appearing: entered, off the event loop, before the file appears; left with the error if it cannot.

        Raises:
            FileExistsError: the name is taken.
            OSError: the disk is full, read-only or failing.
        """
        async with self.lock(os_path):
            await self.run(self._create, os_path, content, appearing)

    async def adopt(self, complete: Path, os_path: Path, *, before: BeforeReplacing = _nothing) -> None:
        """Put a complete file of this folder durably in the place of ``os_path``; ``before`` as for ``write``.

        Raises:
            OperationRefused: there is something that is no file.
            PermissionError: this process may not read and write it.
            OSError: the disk is full, read-only or failing; the old file is untouched.
        """
        async with self.lock(os_path):
            await self.run(self._adopt, complete, os_path, before)

    async def install(
        self,
        download: Download,
        os_path: Path,
        *,
        expected: FileDigest | None,
        keep_old_as: Path | None = None,
        appearing: Appearing = nullcontext,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> bool:
        """Put a downloaded file durably in the place of ``os_path``; the caller holds the lock.

        Args:
            download: the complete file, in the same folder.
            os_path: what it replaces.
            expected: what ``os_path`` was last seen to hold; None for nothing.
            keep_old_as: a free name for the old file; None to replace it.
            appearing: entered, off the event loop, before the old file gets that name; see ``create``.
            is_wanted: called off the event loop, right before anything changes, if the file holds what is expected.

        Returns:
            False, and nothing changed, when ``os_path`` holds something else or the free name is taken by now.
        """
        return await self.run(self._install, download, os_path, expected, keep_old_as, appearing, is_wanted)

    def _write(
        self,
        os_path: Path,
        content: bytes | memoryview,
        before: BeforeReplacing,
        replaces: FileDigest | None,
        keep_old_as: Path | None,
    ) -> None:
        with pinned(os_path, makes_folders=True) as here:
            _require_replaceable(here)
            self._require(os_path, replaces)
            with temporary_file(here) as (file, temporary):
                file.write(content)
                copy_attributes(here, file.fileno())
                _sync_file(file)
                digest = digest_of(content)
                with turn_in(here.parent):
                    before(digest)
                    # Nothing slow between the last look and the rename: another program may write here too.
                    self._require(os_path, replaces)
                    if keep_old_as is not None:
                        keep_as(here, here.with_name(keep_old_as.name))
                    self._put_in_place(temporary, here, os_path, digest, file)

    def _require(self, os_path: Path, content: FileDigest | None) -> None:
        if content is not None and self.digest_now(os_path) != content:
            raise ChangedMeanwhile

    def _create(self, os_path: Path, content: bytes | memoryview, appearing: Appearing) -> None:
        with pinned(os_path, makes_folders=True) as here:
            if os.path.lexists(here):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(os_path))
            with temporary_file(here) as (file, temporary):
                file.write(content)
                copy_attributes(here, file.fileno())
                _sync_file(file)
                digest, written = digest_of(content), os.fstat(file.fileno())
                self.own.placed(digest)
                with turn_in(here.parent), appearing():
                    put_under_free_name(temporary, here)
                self._remember_own(here, os_path, digest, written)
                sync_directory(here.parent)

    def _adopt(self, complete: Path, os_path: Path, before: BeforeReplacing) -> None:
        with pinned(os_path) as here:
            _require_replaceable(here)
            complete = here.with_name(complete.name)
            with complete.open("r+b") as file:
                copy_attributes(here, file.fileno())
                _sync_file(file)
                digest = digest_file(file)
                with turn_in(here.parent):
                    before(digest)
                    self._put_in_place(complete, here, os_path, digest, file)

    def _put_in_place(self, complete: Path, here: Path, os_path: Path, digest: FileDigest, file: BinaryIO) -> None:
        written = os.fstat(file.fileno())
        self.own.placed(digest)
        complete.replace(here)
        self._remember_own(here, os_path, digest, written)
        sync_directory(here.parent)

    def _install(
        self,
        download: Download,
        os_path: Path,
        expected: FileDigest | None,
        keep_old_as: Path | None,
        appearing: Appearing,
        is_wanted: Callable[[], bool],
    ) -> bool:
        with pinned(os_path) as here:
            temporary = here.with_name(download.temporary.name)
            with temporary.open("r+b") as file:
                copy_attributes(here, file.fileno())
                os.utime(file.fileno(), (download.modified.timestamp(), download.modified.timestamp()))
                _sync_file(file)
                written = os.fstat(file.fileno())
            # Nothing slow between the last look and the rename: another program may write here too.
            with turn_in(here.parent):
                if self.digest_now(os_path) != expected or not is_wanted():
                    return False
                if keep_old_as is not None and not _kept(here, here.with_name(keep_old_as.name), appearing):
                    return False
                temporary.replace(here)
                self._remember_own(here, os_path, download.digest, written)
            sync_directory(here.parent)
        return True

    def digest_now(self, os_path: Path) -> FileDigest | None:
        """See ``digest``; for use off the event loop."""
        snapshot = self._snapshot(os_path)
        if snapshot is None:
            return None
        snapshot.file.close()
        return snapshot.digest

    def _snapshot(self, os_path: Path) -> Snapshot | None:
        try:
            with pinned(os_path) as here:
                file = open_regular(here)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        try:
            return Snapshot(file=file, digest=self._digest_of_open(os_path, file))
        except BaseException:
            file.close()
            raise

    def _digest_of_open(self, os_path: Path, file: BinaryIO) -> FileDigest:
        info = os.fstat(file.fileno())
        digest = self._known.digest(os_path, info)
        if digest is None:
            digest = digest_file(file)
            self._known.remember_read(os_path, info, digest)
        return digest

    def _vouch_for(self, os_path: Path, digest: FileDigest) -> None:
        snapshot = self._snapshot(os_path)
        if snapshot is None:
            return
        with snapshot.file:
            if snapshot.digest == digest:
                self.own.placed(digest)
                self._known.remember_own(os_path, os.fstat(snapshot.file.fileno()), digest)

    def _remember_own(self, here: Path, os_path: Path, digest: FileDigest, written: os.stat_result) -> None:
        """Remember what was put in place, unless another program has written there already."""
        found = here.stat()
        if (found.st_ino, found.st_size, found.st_mtime_ns) == (written.st_ino, written.st_size, written.st_mtime_ns):
            self._known.remember_own(os_path, found, digest)


def _kept(here: Path, free: Path, appearing: Appearing) -> bool:
    """Give a file's content a second name; False when that is taken."""
    if os.path.lexists(free):
        return False
    try:
        with appearing():
            keep_as(here, free)
    except FileExistsError:
        return False
    return True


def _require_replaceable(os_path: Path) -> None:
    if os_path.is_dir():
        raise OperationRefused(
            RefusalReason.NAME_EXISTS,
            f"{os_path.name} was not saved: there is a folder of this name. Use another name.",
        )
    refuse_special(os_path)
    require_replaceable(os_path)


def _sync_file(file: BinaryIO) -> None:
    file.flush()
    sync(file.fileno())
