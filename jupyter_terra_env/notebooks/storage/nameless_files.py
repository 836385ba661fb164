"""Copies without a name: no one else can write into them, and nothing is left of them when their process dies."""

import contextlib
import errno
import io
import os
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

from jupyter_terra_env.notebooks.storage.temporary_files import temporary_prefix

_NO_ROOM_OR_FAILING = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS}


def nameless_copy(directory: Path, source: BinaryIO) -> BinaryIO:
    """Copy an open file: to the disk, or to memory if the disk does not take it. Blocks.

    Args:
        directory: a folder on the disk to use.
        source: the file; its position changes.

    Returns:
        The copy, at its start; closing it deletes it.

    Raises:
        OSError: the source cannot be read, or there is no memory left.
    """
    try:
        target = _on_disk(directory)
    except OSError:
        return _filled(_in_memory(), source)
    try:
        return _filled(target, source)
    except OSError as error:
        if error.errno not in _NO_ROOM_OR_FAILING:
            raise
    return _filled(_in_memory(), source)


def _on_disk(directory: Path) -> BinaryIO:
    if hasattr(os, "O_TMPFILE"):  # Linux
        return os.fdopen(os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600), "w+b")
    descriptor, name = tempfile.mkstemp(prefix=temporary_prefix(), dir=directory)
    Path(name).unlink()
    return os.fdopen(descriptor, "w+b")


def _in_memory() -> BinaryIO:
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("upload"), "w+b")
    return io.BytesIO()


def _filled(target: BinaryIO, source: BinaryIO) -> BinaryIO:
    try:
        source.seek(0)
        shutil.copyfileobj(source, target, 1 << 20)
        target.flush()
        target.seek(0)
    except BaseException:
        with contextlib.suppress(OSError):
            target.close()
        raise
    return target
