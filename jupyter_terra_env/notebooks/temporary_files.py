"""Temporary files beside what they are to replace: hidden, gone at the end, and swept when their process died."""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from jupyter_terra_env.rules.errors import OperationRefused, RefusalReason

TEMPORARY_PREFIX = ".terra-env-"


def temporary_prefix() -> str:
    """Start of the names of this process's temporary files: hidden, and known to be whose."""
    return f"{TEMPORARY_PREFIX}{os.getpid()}-"


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
            yield file, temporary
    finally:
        temporary.unlink(missing_ok=True)


def sweep(directories: Sequence[Path], own_pid: int) -> None:
    """Remove temporary files that processes which are gone left below these folders."""
    for directory in directories:
        for leftover in directory.rglob(f"{TEMPORARY_PREFIX}*"):
            pid, _, _ = leftover.name.removeprefix(TEMPORARY_PREFIX).partition("-")
            # A process of the same number in another container would be unlucky: its file is only left for later.
            if pid.isdigit() and int(pid) != own_pid and not Path(f"/proc/{pid}").exists():
                leftover.unlink(missing_ok=True)
