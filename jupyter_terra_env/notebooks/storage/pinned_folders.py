"""Where a path really leads, and holding on to the folder there: what is done in it is done in that very folder.

A path is checked first and used afterwards. Between both, a folder on the way could be replaced by a link that leads
out of the workspace. So the folder is opened from the root on, name by name, without following a link, and its file is
then named through the open folder. Linux only; elsewhere the path is used as it is.
"""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from jupyter_terra_env.notebooks.storage.temporary_files import parent_is_file


def resolve_inside(directory: Path, relative_path: str) -> Path | None:
    """Resolve a path and every link in it, and make sure it stays below its workspace folder.

    Args:
        directory: OS path of the workspace folder.
        relative_path: ``/``-separated path below it.

    Returns:
        The real path, or None when it leads out of the folder.
    """
    base = os.path.realpath(directory)
    target = os.path.realpath(os.path.join(base, *relative_path.split("/"))) if relative_path else base  # noqa: PTH118
    inside = target == base or target.startswith(base.rstrip(os.sep) + os.sep)
    return Path(target) if inside else None


@contextlib.contextmanager
def pinned(real: Path, *, makes_folders: bool = False) -> Iterator[Path]:
    """Hold on to a file's folder. Blocks.

    Args:
        real: the file's real path: no folder on the way is a link.
        makes_folders: whether folders that are missing are made.

    Yields:
        A path of the same file, for use until this is left; errors that leave it name the real path.

    Raises:
        FileNotFoundError: a folder is missing.
        NotADirectoryError: a folder on the way is a file, or a link by now.
        OperationRefused: the same, where folders are made.
    """
    if not hasattr(os, "O_PATH"):
        yield real
        return
    descriptor = _made(real) if makes_folders else _opened(real.parent)
    here = Path(f"/proc/self/fd/{descriptor}")
    try:
        # Nothing leads through an open folder in a container without /proc.
        yield here / real.name if here.exists() else real
    except OSError as error:
        _name_real_path(error, here, real.parent)
        raise
    finally:
        os.close(descriptor)


def _made(real: Path) -> int:
    try:
        return _opened(real.parent, makes_folders=True)
    except NotADirectoryError as error:
        raise parent_is_file(real) from error


def _opened(folder: Path, *, makes_folders: bool = False) -> int:
    """A descriptor of a folder, to name things with."""
    flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    if not folder.is_absolute() or ".." in folder.parts:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(folder))
    descriptor = os.open(folder.anchor, flags)
    try:
        for name in folder.parts[1:]:
            if makes_folders:
                with contextlib.suppress(FileExistsError):
                    _make_missing(name, descriptor)
            descriptor, above = os.open(name, flags, dir_fd=descriptor), descriptor
            os.close(above)
    except OSError as error:
        os.close(descriptor)
        error.filename = str(folder)
        raise
    return descriptor


def _make_missing(name: str, descriptor: int) -> None:
    try:
        os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    except FileNotFoundError:
        os.mkdir(name, dir_fd=descriptor)


def _name_real_path(error: OSError, here: Path, folder: Path) -> None:
    for field in ("filename", "filename2"):
        name = getattr(error, field)
        if isinstance(name, str | os.PathLike) and Path(name).is_relative_to(here):
            setattr(error, field, str(folder / Path(name).relative_to(here)))
