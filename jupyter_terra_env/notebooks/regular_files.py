"""Files opened to be read, and nothing but files: a pipe or a device in their place would hold its reader for ever."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from jupyter_terra_env.rules.errors import OperationRefused, RefusalReason


def open_regular(path: Path, *, follow: bool = False) -> BinaryIO:
    """Open a file for reading. Blocks no longer than the disk takes.

    Args:
        path: the file, with all links resolved; a link that has taken its place since is refused.
        follow: for paths that are not resolved: follow a link.

    Raises:
        FileNotFoundError, NotADirectoryError: there is none.
        IsADirectoryError: it is a folder.
        OperationRefused: it is a pipe, a socket, a device, or a link that is not followed.
        OSError: the disk does not give it.
    """
    try:
        # Without O_NONBLOCK, opening a pipe waits for somebody who writes to it.
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
        descriptor = os.open(path, flags if follow else flags | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno in {errno.ENXIO, errno.ENODEV, errno.EOPNOTSUPP}:
            raise _not_a_file(path) from error
        if error.errno == errno.ELOOP:
            raise _link(path) from error
        raise
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise _not_a_file(path)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: Path, *, follow: bool = False) -> bytes:
    """A file's content; see ``open_regular``."""
    with open_regular(path, follow=follow) as file:
        return file.read()


def _link(path: Path) -> OperationRefused:
    return OperationRefused(
        RefusalReason.NOT_A_FILE,
        f"{path.name} is a link on this disk that leads back to itself, or has just become one. Remove it.",
    )


def _not_a_file(path: Path) -> OperationRefused:
    return OperationRefused(
        RefusalReason.NOT_A_FILE,
        f"{path.name} is a pipe, a socket or a device on this disk, not a file: it is not read. Rename or remove it.",
    )
