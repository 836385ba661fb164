"""Opening files that other programs can put into a folder: regular ones only, so that opening never waits."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from jupyter_terra_env.rules.errors import OperationRefused, RefusalReason

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY


def open_regular(path: Path, *, follow: bool = False) -> BinaryIO:
    """Open a file for reading. Blocks for the disk only, never for another program.

    Args:
        path: its real path: a link is not followed.
        follow: for a path outside the workspaces, where links are as they are in Jupyter.

    Raises:
        FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError: as ``open`` does.
        OperationRefused: it is a named pipe, a socket or a device.
    """
    path = Path(os.path.realpath(path)) if follow else path
    # Looked at first: opening a pipe lets its writer go on, opening a device may do anything.
    _require(path, path.lstat())
    descriptor = os.open(path, _FLAGS)
    try:
        _require(path, os.fstat(descriptor))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: Path, *, follow: bool = False) -> bytes:
    """The content of a file; see ``open_regular``."""
    with open_regular(path, follow=follow) as file:
        return file.read()


def refuse_special(path: Path) -> None:
    """Make sure that there is a file, a folder or nothing at a path; links are followed.

    Raises:
        OperationRefused: there is a named pipe, a socket or a device.
    """
    try:
        info = path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _no_file(path) from error
        return  # Opening it reports why that is not possible.
    if not stat.S_ISDIR(info.st_mode):
        _require(path, info)


def _require(path: Path, info: os.stat_result) -> None:
    if stat.S_ISDIR(info.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(info.st_mode):
        raise _no_file(path)


def _no_file(path: Path) -> OperationRefused:
    return OperationRefused(
        RefusalReason.NOT_A_FILE,
        f"{path.name} is not a file but a named pipe, a socket, a device or a link: it cannot be opened here.",
    )
