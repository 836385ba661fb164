"""Brings files to the disk itself: what is there after a power cut is the old content or the new, never a part.

Files that are replaced in other ways have their reasons: working copies are owed in the journal between the temporary
file and the rename, and new names must be free (``notebooks/storage``).
"""

import errno
import fcntl
import os
import tempfile
from pathlib import Path

_NO_FULL_SYNC = {errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL}


def write_durably(file: Path, content: bytes, *, prefix: str = "") -> None:
    """Replace a file in one step, readable for its owner only. Blocks.

    Args:
        file: what is replaced, or made; its folder, too.
        content: what it is to hold.
        prefix: how the name of the temporary file in its folder begins; by default it is hidden and named after it.

    Raises:
        OSError: the disk is full, read-only or failing; the old file is untouched.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=prefix or f".{file.name}-", dir=file.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            sync(stream.fileno())
        temporary.replace(file)
        sync_directory(file.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sync_directory(directory: Path) -> None:
    """Make renames and deletions in a folder durable. Blocks."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def sync(descriptor: int) -> None:
    """Bring a file or folder to the disk itself. Blocks.

    On macOS ``fsync`` leaves the data in the drive's cache, which a power cut empties: there ``F_FULLFSYNC`` is asked
    for, which not every file system has.

    Args:
        descriptor: of the file or folder.

    Raises:
        OSError: the disk is full or failing.
    """
    if hasattr(fcntl, "F_FULLFSYNC"):
        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError as error:
            if error.errno not in _NO_FULL_SYNC:
                raise
        else:
            return
    os.fsync(descriptor)
