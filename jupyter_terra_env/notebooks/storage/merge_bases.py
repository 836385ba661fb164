"""The content of each edited notebook's baseline, kept for merging: hard links beside the journal.

No promise hangs on it: what cannot be kept, or no longer has the baseline's checksum, is as good as absent
(docs/protocol/journal.md, base content).
"""

import contextlib
import hashlib
import os
from pathlib import Path

from jupyter_terra_env.notebooks.storage.file_digests import Snapshot, digest_file

_PINNED = ".next"


class MergeBases:
    """Keeps base contents by API path. Methods touch the disk: call them off the event loop.

    Args:
        directory: where they are kept; on the file system of the working copies, or nothing is kept.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def keep(self, path: str, os_path: Path) -> None:
        """A working copy has just become equal to its baseline."""
        self._link(os_path, self._file(path))

    def pin(self, path: str, os_path: Path, snapshot: Snapshot) -> None:
        """Hold on to the content that is about to be uploaded, if it is still the working copy."""
        pinned = self._file(path + _PINNED)
        self._link(os_path, pinned)
        with contextlib.suppress(OSError):
            if pinned.stat().st_ino != os.fstat(snapshot.file.fileno()).st_ino:
                pinned.unlink()

    def keep_pinned(self, path: str) -> None:
        """What was pinned is in the bucket now."""
        with contextlib.suppress(OSError):
            self._file(path + _PINNED).replace(self._file(path))

    def read(self, path: str, crc32c: str) -> bytes | None:
        """The content of a baseline, if it is here and has this checksum.

        Args:
            path: API path.
            crc32c: the baseline's checksum.
        """
        try:
            with self._file(path).open("rb") as file:
                return file.read() if digest_file(file).crc32c == crc32c else None
        except OSError:
            return None

    def move(self, old_path: str, new_path: str) -> None:
        """A notebook has a new name."""
        with contextlib.suppress(OSError):
            self._file(old_path).replace(self._file(new_path))

    def forget(self, path: str) -> None:
        """Nothing is known of a notebook any more."""
        for name in (path, path + _PINNED):
            with contextlib.suppress(OSError):
                self._file(name).unlink()

    def _file(self, path: str) -> Path:
        return self._directory / hashlib.sha256(path.encode()).hexdigest()

    def _link(self, os_path: Path, target: Path) -> None:
        with contextlib.suppress(OSError):
            self._directory.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            target.hardlink_to(os_path)
