"""Downloads on their way: hidden files beside their targets, which another process can go on with.

The name of a part says which content it is a part of, so it needs no record. A part is not trusted: at its end, all of
it is compared with the object's checksum.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from jupyter_terra_env.bucket.bounded_file import KEPT_FREE_BYTES, BoundedFile
from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.durable import sync, sync_directory
from jupyter_terra_env.notebooks.storage.durable_names import put_under_free_name
from jupyter_terra_env.notebooks.storage.pinned_folders import pinned
from jupyter_terra_env.notebooks.storage.temporary_files import make_parent
from jupyter_terra_env.rules.copy_decisions import CopyReason
from jupyter_terra_env.rules.copy_names import OWN_PREFIX
from jupyter_terra_env.transfers.checksums import PIECE_BYTES, RunningChecksum
from jupyter_terra_env.transfers.early_sync import EarlySync
from jupyter_terra_env.transfers.items import CopyRefused, DiskTarget, FileIdentity

PART_PREFIX: Final = f"{OWN_PREFIX}part-"
LARGE_BYTES: Final = 8 << 20
"""Contents longer than this are gone on with; shorter ones begin anew, as their uploads do."""
_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_HASH_DIGITS: Final = 24
_WRITTEN_AT_ONCE_BYTES: Final = 256 << 10
"""What a killed process loses of a part at most."""


class PartFile:
    """The part of one download, opened, locked and kept until it is closed. All methods block for the disk only.

    Args:
        target: where the content goes in the end.
        bucket: the bucket of the object.
        version: the object's version.
        progress: called with the number of bytes that the part has.

    Raises:
        CopyRefused: another copy has it; or the folder cannot be made.
        OSError: as the disk raises.
    """

    def __init__(
        self, target: DiskTarget, bucket: str, version: ObjectVersion, progress: Callable[[int], None]
    ) -> None:
        self._target = target
        self._version = version
        self._progress = progress
        self._kept = contextlib.ExitStack()
        try:
            require_real(target)
            self._final = self._kept.enter_context(pinned(target.path, makes_folders=True))
            make_parent(self._final)  # Where folders cannot be held on to, they have not been made yet.
            self._path = _path_of(self._final, bucket, version)
            remove_second_name(self._final, bucket, version)
            descriptor = os.open(self._path, _FLAGS, 0o600)
            self._file = self._kept.enter_context(os.fdopen(descriptor, "r+b"))
            self._require_own(os.fstat(descriptor))
            if _is_large(version):
                _remove_others(self._path)
            self._checksum = RunningChecksum()
            self._waiting: list[bytes] = []
            self._waiting_bytes = 0
            self.length = 0
        except BaseException:
            self._kept.close()
            raise
        self._bounded = BoundedFile(self._file, None)
        self._early = EarlySync(self._file.fileno())

    def resume(self) -> int:
        """Take up what is there of earlier processes; of small contents, nothing.

        Returns:
            The number of bytes; the rest is to be written.

        Raises:
            OSError: the disk has no room for the rest (``ENOSPC``), or as the disk raises.
        """
        there = os.fstat(self._file.fileno()).st_size
        if there and (there > self._version.size_bytes or not _is_large(self._version)):
            self.restart()
        self._file.seek(0)
        while piece := self._file.read(PIECE_BYTES):
            self._checksum.update(piece)
            self.length += len(piece)
        self._require_room(self._version.size_bytes - self.length)
        self._progress(self.length)
        return self.length

    def restart(self) -> None:
        """Forget what is there."""
        self._file.seek(0)
        self._file.truncate()
        self._checksum = RunningChecksum()
        self._waiting, self._waiting_bytes = [], 0
        self.length = 0

    def write(self, content: bytes, /) -> int:
        """Add a piece. The client brings a few kilobytes at a time; some are put together first.

        Raises:
            OSError: the disk would be left without room (``ENOSPC``), or as the disk raises.
        """
        self._waiting.append(content)
        self._waiting_bytes += len(content)
        if self._waiting_bytes >= _WRITTEN_AT_ONCE_BYTES:
            self._write_waiting()
        return len(content)

    def _write_waiting(self) -> None:
        content = b"".join(self._waiting)
        self._waiting, self._waiting_bytes = [], 0
        self._bounded.write(content)
        self._checksum.update(content)
        self.length += len(content)
        self._early.written(self.length)
        self._progress(self.length)

    @property
    def plain_file(self) -> BoundedFile:
        """The file itself, for content that is unpacked and verified elsewhere."""
        return self._bounded

    @property
    def is_resumable(self) -> bool:
        """Whether a later process goes on with the part."""
        return _is_large(self._version) and self._version.content_encoding is None

    def is_whole(self) -> bool:
        """Write what is left, and see whether the part is the object's content, by its checksum."""
        self._write_waiting()
        return self._checksum.value == self._version.crc32c

    def publish(self, mode: int) -> None:
        """Bring the content to the disk, and give it its name.

        Args:
            mode: permissions of a new file; one that is replaced keeps its own.

        Raises:
            CopyRefused: the target is not as it was looked at.
            OSError: as the disk raises.
        """
        self._file.flush()
        self._early.finish()
        replaces = self._target.replaces
        os.fchmod(self._file.fileno(), mode if replaces is None else self._require_seen(replaces))
        sync(self._file.fileno())
        if replaces is None:
            try:
                put_under_free_name(self._path, self._final)
            except FileExistsError as error:
                raise changed(self._target.path) from error
        else:
            self._require_seen(replaces)
            self._path.replace(self._final)
        sync_directory(self._final.parent)

    def discard(self) -> None:
        """Remove the part."""
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the part, which stays."""
        with contextlib.suppress(OSError, ValueError):  # What could not be written is fetched again.
            self._write_waiting()
        with contextlib.suppress(OSError):
            self._kept.close()

    def _require_seen(self, seen: FileIdentity) -> int:
        """The permissions of the file that is replaced, if it is still the one that was looked at."""
        try:
            info = self._final.lstat()
        except FileNotFoundError as error:
            raise changed(self._target.path) from error
        if FileIdentity.of(info) != seen:
            raise changed(self._target.path)
        return stat.S_IMODE(info.st_mode) & 0o777

    def _require_room(self, more_bytes: int) -> None:
        """Nothing is begun that cannot end, and saves of notebooks keep their room."""
        disk = os.fstatvfs(self._file.fileno())
        if disk.f_bavail * disk.f_frsize < more_bytes + KEPT_FREE_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _require_own(self, info: os.stat_result) -> None:
        """A file that another user put there, or that has a second name, is not written to."""
        if not stat.S_ISREG(info.st_mode) or info.st_uid != os.geteuid() or info.st_nlink != 1:
            raise OSError(errno.EPERM, "a file of another program has the name of a temporary one", str(self._path))
        try:
            fcntl.flock(self._file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CopyRefused(CopyReason.IN_USE, "another copy is writing this file: wait for it") from error
        except OSError:
            return  # Not every file system has locks.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(info, self._path.lstat()):
                return
        # Between opening and locking it, the other copy has given it its final name.
        raise CopyRefused(CopyReason.IN_USE, "another copy has just written this file: look at it")


def require_real(target: DiskTarget) -> None:
    """Make sure that no folder on the way to a target is a link. Blocks.

    Raises:
        CopyRefused: one is.
    """
    folder = target.path.parent
    if os.path.realpath(folder) != str(folder):
        raise CopyRefused(CopyReason.FOLDER_IN_THE_WAY, "a folder of the target is a link")


def changed(path: Path) -> CopyRefused:
    """The refusal to replace what was not looked at."""
    return CopyRefused(CopyReason.CHANGED, f"{path} has changed since the copy began, and was left as it is")


def remove_second_name(final: Path, bucket: str, version: ObjectVersion) -> None:
    """Remove the part's name of a content that has its final name, too: a process was killed between both. Blocks.

    Args:
        final: the file's path.
        bucket: the bucket of the object.
        version: the object's version.
    """
    part = _path_of(final, bucket, version)
    with contextlib.suppress(OSError):
        info = part.lstat()
        if info.st_nlink > 1 and stat.S_ISREG(info.st_mode):
            part.unlink()


def _is_large(version: ObjectVersion) -> bool:
    return version.size_bytes > LARGE_BYTES


def _path_of(final: Path, bucket: str, version: ObjectVersion) -> Path:
    parts = "\0".join((bucket, version.name, final.name)).encode("utf-8", "surrogateescape")
    start = f"{PART_PREFIX}{hashlib.sha256(parts).hexdigest()[:_HASH_DIGITS]}-"
    return final.with_name(f"{start}{version.generation}" if _is_large(version) else start)


def _remove_others(own: Path) -> None:
    """Remove parts of the object's other generations that no one is writing."""
    start = own.name[: own.name.rindex("-") + 1]
    for name in os.listdir(own.parent):  # noqa: PTH208 - the folder may have a hundred thousand entries
        if not name.startswith(start) or name == own.name:
            continue
        with contextlib.suppress(OSError):
            descriptor = os.open(own.with_name(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                own.with_name(name).unlink()
            finally:
                os.close(descriptor)
