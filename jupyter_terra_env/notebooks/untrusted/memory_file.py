"""Files without a name, in memory: how large contents go from process to process without being copied by Python."""

import mmap
import os
import tempfile
import weakref
from pathlib import Path


class MemoryFile:
    """A file in memory, gone with the last process that has it open.

    Where the system has no files in memory (macOS), a file without a name in the temporary folder.

    Args:
        name: for those who look at ``/proc``.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, name: str) -> None:
        self._descriptor = _open_nameless(name)
        weakref.finalize(self, os.close, self._descriptor)

    def fileno(self) -> int:
        """The file descriptor."""
        return self._descriptor

    def write(self, content: bytes | memoryview) -> None:
        """Append.

        Raises:
            OSError: there is no memory left.
        """
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    @property
    def size_bytes(self) -> int:
        """How much there is in it."""
        return os.fstat(self._descriptor).st_size

    def read(self) -> bytes:
        """Everything in it."""
        return os.pread(self._descriptor, self.size_bytes, 0)

    def view(self) -> memoryview:
        """Everything in it, without a copy; see ``view_of``."""
        return view_of(self._descriptor)


def _open_nameless(name: str) -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create(f"terra-env-{name}")
    descriptor, path = tempfile.mkstemp(prefix=f"terra-env-{name}-")
    Path(path).unlink()
    return descriptor


def view_of(descriptor: int) -> memoryview:
    """The content of an open file, read-only and without a copy.

    Raises:
        OSError: it cannot be mapped.
    """
    size = os.fstat(descriptor).st_size
    return memoryview(mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)) if size else memoryview(b"")
