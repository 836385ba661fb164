"""What each file was last seen to hold, recognised by the file system's account of it, without reading it again."""

import os
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from jupyter_terra_env.notebooks.storage.file_digests import FileDigest

_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class _Signature:
    """What a file system reports of a file without reading it; other content has another signature."""

    inode: int
    size_bytes: int
    modified_ns: int
    changed_ns: int

    def is_written_as(self, info: os.stat_result) -> bool:
        """Whether the content is unchanged since; names and permissions may differ."""
        return (self.inode, self.size_bytes, self.modified_ns) == (info.st_ino, info.st_size, info.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class _Known:
    signature: _Signature
    digest: FileDigest
    is_own: bool


class KnownFiles:
    """Remembers files by path, in memory only."""

    def __init__(self) -> None:
        self._files: OrderedDict[str, _Known] = OrderedDict()

    def digest(self, os_path: Path, info: os.stat_result) -> FileDigest | None:
        """The checksums of a file that is unchanged since they were taken; None to take them (again)."""
        known = self._files.get(str(os_path))
        return None if known is None or known.signature != _signature(info) else known.digest

    def is_own(self, os_path: Path, info: os.stat_result) -> bool:
        """Whether this process put the file there, and no program has written it since."""
        known = self._files.get(str(os_path))
        # Not its change time: a second name of ours, too, changes that.
        return known is not None and known.is_own and known.signature.is_written_as(info)

    def remember_read(self, os_path: Path, info: os.stat_result, digest: FileDigest) -> None:
        """Remember what a file holds."""
        self._remember(os_path, _Known(_signature(info), digest, is_own=self.is_own(os_path, info)))

    def remember_own(self, os_path: Path, info: os.stat_result, digest: FileDigest) -> None:
        """Remember what this process put there."""
        self._remember(os_path, _Known(_signature(info), digest, is_own=True))

    def _remember(self, os_path: Path, known: _Known) -> None:
        key = str(os_path)
        self._files[key] = known
        self._files.move_to_end(key)
        while len(self._files) > _REMEMBERED:
            self._files.popitem(last=False)


def _signature(info: os.stat_result) -> _Signature:
    return _Signature(info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
