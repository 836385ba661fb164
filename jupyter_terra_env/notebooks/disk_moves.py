"""Files and folders of the persistent disk: renamed and removed durably, never one onto another."""

import errno
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from send2trash import send2trash

from jupyter_terra_env.notebooks.temporary_files import make_parent, temporary_prefix
from jupyter_terra_env.notebooks.working_copies import NO_HARD_LINKS, sync_directory

_CHECKPOINTS = ".ipynb_checkpoints"


def files_below(folder: Path) -> Iterator[Path]:
    """The files of a folder, however deep; links are not followed."""
    for directory, _, names in os.walk(folder):
        for name in names:
            yield Path(directory) / name


def signature(path: Path) -> str:
    """What a file system tells of a file without reading it; another content means another signature."""
    info = path.lstat()
    return f"{info.st_ino}:{info.st_size}:{info.st_mtime_ns}"


def signatures(path: Path) -> dict[Path, str]:
    """The signatures of a file, or of all files of a folder; of nothing when there is none."""
    is_folder = path.is_dir() and not path.is_symlink()
    files = files_below(path) if is_folder else [path] if os.path.lexists(path) else []
    return {file: signature(file) for file in files}


def move_entry(old: Path, new: Path, *, keep: Collection[Path] = (), onto_folder: bool = False) -> None:
    """Rename a file or folder; nothing when there is none.

    Args:
        old: what is renamed.
        new: its new name.
        keep: files that stay where they are.
        onto_folder: files may join a folder that is there already; each stays where it is if its name is taken.

    Raises:
        FileExistsError: the new name is taken, and ``onto_folder`` is not set.
        OperationRefused: the new folder's name is that of a file.
    """
    if not os.path.lexists(old) or old in keep:
        return
    make_parent(new)
    if not old.is_dir() or old.is_symlink():
        _move_one(old, new, may_stay=onto_folder)
    elif not keep and not os.path.lexists(new):
        _move_folder(old, new)
    elif keep or onto_folder:
        _move_each(old, new, keep)
    else:
        raise FileExistsError(errno.EEXIST, "File exists", str(new))


def move_file(old: Path, new: Path) -> bool:
    """Rename a file durably, never onto another.

    Returns:
        False when there was no file to rename.

    Raises:
        FileExistsError: the new name is taken.
    """
    make_parent(new)
    if not os.path.lexists(old):
        return False
    try:
        new.hardlink_to(old)  # Unlike a rename, it fails when the name is taken.
    except FileExistsError:
        if not _is_one(old.lstat(), new.lstat()):
            raise
        old.unlink()  # Whoever began to move it died between the two names.
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        if os.path.lexists(new):
            raise FileExistsError(errno.EEXIST, "File exists", str(new)) from None
        old.rename(new)
    else:
        old.unlink()
    sync_directory(new.parent)
    sync_directory(old.parent)
    return True


def remove_entry(path: Path, *, to_trash: bool, keep: Collection[Path] = ()) -> None:
    """Remove a file or a whole folder; nothing when there is none.

    Args:
        path: what is removed.
        to_trash: to the trash of the desktop instead of for good.
        keep: files that stay where they are.

    Raises:
        OSError: it cannot be removed.
    """
    if not os.path.lexists(path) or path in keep:
        return
    is_folder = path.is_dir() and not path.is_symlink()
    if is_folder and keep:
        for file in [file for file in files_below(path) if file not in keep]:
            remove_entry(file, to_trash=to_trash)
        _remove_empty_folders(path)
    elif to_trash:
        send2trash(path)
    elif is_folder:
        shutil.rmtree(path)
    else:
        path.unlink()
    sync_directory(path.parent)


def _move_one(old: Path, new: Path, *, may_stay: bool) -> None:
    try:
        move_file(old, new)
    except FileExistsError:
        if not may_stay:
            raise
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _move_across(old, new)


def _move_folder(old: Path, new: Path) -> None:
    try:
        old.rename(new)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _move_across(old, new)
    sync_directory(new.parent)
    sync_directory(old.parent)


def _move_across(old: Path, new: Path) -> None:
    """Move to another file system: whole under a temporary name first, so that a death leaves no half."""
    temporary = new.with_name(f"{temporary_prefix()}{new.name}"[:255])
    if old.is_dir():
        shutil.copytree(old, temporary, symlinks=True)
        for file in files_below(temporary):
            _sync(file)
    else:
        shutil.copy2(old, temporary, follow_symlinks=False)
        _sync(temporary)
    temporary.rename(new)
    sync_directory(new.parent)
    remove_entry(old, to_trash=False)


def _sync(file: Path) -> None:
    if file.is_symlink() or not file.is_file():
        return  # A pipe has nothing to be made durable, and opening it would wait for somebody at its other end.
    with file.open("rb") as content:
        os.fsync(content.fileno())


def _move_each(old: Path, new: Path, keep: Collection[Path]) -> None:
    for file in [file for file in files_below(old) if file not in keep]:
        _move_one(file, new / file.relative_to(old), may_stay=True)
    _remove_empty_folders(old)


def _remove_empty_folders(folder: Path) -> None:
    """Remove folders that have nothing left in them."""
    for directory, _, _ in os.walk(folder, topdown=False):
        try:
            os.rmdir(directory)  # noqa: PTH106 - os.walk gives names
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise


def _is_one(info: os.stat_result, other: os.stat_result) -> bool:
    return (info.st_dev, info.st_ino) == (other.st_dev, other.st_ino)
