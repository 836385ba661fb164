"""Temporary files beside what they are to replace: hidden, gone at the end, and swept when their process died.

Their names say which process made them: ``.terra-env-PID.START-…``. The number alone is not enough, because the server
of a container has the same one at every start; START stands for this boot of the machine and the moment the process
began. An open temporary file is locked (``flock``), so that a server in another container, which sees other numbers,
leaves it alone.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from jupyter_terra_env.notebooks.storage.running_processes import is_running, start_of
from jupyter_terra_env.rules.errors import OperationRefused, RefusalReason

TEMPORARY_PREFIX = ".terra-env-"
_LONGEST_NAME_BYTES = 255


def temporary_prefix() -> str:
    """Start of the names of this process's temporary files: hidden, and known to be whose."""
    pid = os.getpid()
    return f"{TEMPORARY_PREFIX}{pid}.{start_of(pid) or ''}-"


def make_parent(target: Path) -> None:
    """Make the folder a file is to be put in.

    Raises:
        OperationRefused: the folder's name belongs to a file.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise parent_is_file(target) from error


def parent_is_file(target: Path) -> OperationRefused:
    """The refusal to put a file or folder where the name of its folder belongs to a file."""
    return OperationRefused(
        RefusalReason.PARENT_IS_FILE, f"{target.name} cannot be put on the disk: its folder's name is that of a file."
    )


@contextlib.contextmanager
def temporary_file(target: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A temporary file in the target's folder, gone at the end unless it was renamed.

    Raises:
        OperationRefused: the folder's name belongs to a file.
    """
    make_parent(target)
    descriptor, name = tempfile.mkstemp(prefix=temporary_prefix(), dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            with contextlib.suppress(OSError):  # Not every file system has locks.
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            yield file, temporary
    finally:
        temporary.unlink(missing_ok=True)


def temporary_sibling(target: Path) -> Path:
    """A temporary name beside a target, as long as the disk allows, and recognisable in a listing."""
    start = os.fsencode(temporary_prefix())
    return target.with_name(os.fsdecode((start + os.fsencode(target.name))[:_LONGEST_NAME_BYTES]))


def sweep(directories: Sequence[Path], own_pid: int) -> None:
    """Remove temporary files that processes which are gone left below these folders.

    Args:
        directories: the folders.
        own_pid: this process's number.
    """
    for directory in directories:
        for leftover in directory.rglob(f"{TEMPORARY_PREFIX}*"):
            if _is_left_over(leftover.name, own_pid):
                with contextlib.suppress(OSError):  # In use after all, or it cannot be removed: on with the others.
                    _remove(leftover)


def _is_left_over(name: str, own_pid: int) -> bool:
    owner, _, _ = name.removeprefix(TEMPORARY_PREFIX).partition("-")
    pid, _, start = owner.partition(".")
    if not pid.isascii() or not pid.isdigit():
        return False
    found = start_of(int(pid))
    if not start:
        # Made by an earlier version, or where the start of a process cannot be determined: the number has to do.
        return (int(pid) == own_pid and found is not None) or not is_running(int(pid))
    if found is None:
        # It has ended, or when it began cannot be determined: a live process keeps its files.
        return not is_running(int(pid))
    return start != found


def _remove(leftover: Path) -> None:
    if leftover.is_dir() and not leftover.is_symlink():
        shutil.rmtree(leftover)  # Half a copy of a folder, which is still where it was.
        return
    descriptor = os.open(leftover, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        leftover.unlink(missing_ok=True)
    finally:
        os.close(descriptor)
