"""A file that takes no more than it may hold, and leaves room on its disk: where downloads go."""

import errno
import os
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO

KEPT_FREE_BYTES = 64 << 20
"""Of a disk, for everything else: saves are written before they are uploaded."""
_LOOK_BYTES = 8 << 20
"""How much is written between two looks at the disk."""


class FileFullError(Exception):
    """A file would become longer than it may.

    Args:
        most_bytes: how long it may be.
    """

    def __init__(self, most_bytes: int) -> None:
        super().__init__(f"it is longer than {most_bytes} bytes")


class BoundedFile:
    """Wraps a file; to be written from its start, in order.

    Args:
        file: open for writing and reading; in memory or on a disk.
        most_bytes: how long it may become; None for any length.

    Attributes:
        most_bytes: as given.
    """

    def __init__(self, file: BinaryIO | SpooledTemporaryFile[bytes], most_bytes: int | None) -> None:
        self.most_bytes = most_bytes
        self._file = file
        self._looked_at = 0

    def write(self, content: bytes) -> int:
        """Write.

        Raises:
            FileFullError: it would become too long.
            OSError: the disk would be left without room (``ENOSPC``), or as the file raises.
        """
        end = self._file.tell() + len(content)
        if self.most_bytes is not None and end > self.most_bytes:
            raise FileFullError(self.most_bytes)
        if end - self._looked_at >= _LOOK_BYTES or end < self._looked_at:
            self._looked_at = end
            self._require_room(len(content))
        return self._file.write(content)

    def _require_room(self, more_bytes: int) -> None:
        try:
            disk = os.fstatvfs(self._file.fileno())
        except OSError:
            return  # In memory, where its length is the limit.
        if disk.f_bavail * disk.f_frsize < more_bytes + KEPT_FREE_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
