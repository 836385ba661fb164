"""Files and folders of the persistent disk: renamed and removed durably, never one onto another."""

import contextlib
import errno
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from jupyter_terra_env.durable import sync, sync_directory
from jupyter_terra_env.notebooks.storage.durable_names import NO_HARD_LINKS
from jupyter_terra_env.notebooks.storage.temporary_files import make_parent, parent_is_file, temporary_sibling

_ROUNDS = 3


def files_below(folder: Path) -> Iterator[Path]:
    """The files of a folder, however deep; links are not followed."""
    for directory, _, names in os.walk(folder):
        for name in names:
            yield Path(directory) / name


def entries_below(folder: Path) -> Iterator[Path]:
    """Everything below a folder that is not a folder itself, at any depth; links are included and not followed.

    Raises:
        OSError: a folder cannot be read, so its content is not known.
    """

    def refuse(error: OSError) -> None:
        raise error

    for directory, folders, names in os.walk(folder, onerror=refuse):
        for name in (*names, *folders):
            entry = Path(directory) / name
            if name in names or entry.is_symlink():
                yield entry


def signature(path: Path) -> str:
    """What a file system reports of a file without reading it; other content has another signature."""
    info = path.lstat()
    return f"{info.st_ino}:{info.st_size}:{info.st_mtime_ns}"


def signatures(path: Path) -> dict[Path, str]:
    """The signatures of a file, or of all files of a folder; of nothing when there is none.

    Raises:
        OSError: a folder cannot be read.
    """
    is_folder = path.is_dir() and not path.is_symlink()
    found = {}
    for file in entries_below(path) if is_folder else [path]:
        with contextlib.suppress(FileNotFoundError):  # It has gone since.
            found[file] = signature(file)
    return found


def require_movable(old: Path, new: Path) -> None:
    """Check, as far as the disk reports it, that a file or folder could be renamed. Changes nothing.

    Raises:
        OperationRefused: the new folder's name is that of a file.
        PermissionError: it could not.
    """
    into = new.parent
    while not os.path.lexists(into):
        into = into.parent
    if not into.is_dir():
        raise parent_is_file(new)
    if not os.path.lexists(old):
        return
    needed = {old.parent, into}
    if old.is_dir() and not old.is_symlink() and old.parent != new.parent:
        needed.add(old)  # A folder that moves to another one must be writable, for its "..".
        if old.lstat().st_dev != into.stat().st_dev:
            needed |= {Path(directory) for directory, _, _ in os.walk(old)}
    for folder in needed:
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


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
        _give_second_name(old, new)  # Unlike a rename, it fails when the name is taken.
    except FileExistsError:
        if not _is_one(old.lstat(), new.lstat()):
            raise
        old.unlink()  # The process that began to move it died between the two names.
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        if os.path.lexists(new):
            raise FileExistsError(errno.EEXIST, "File exists", str(new)) from None
        old.rename(new)
    else:
        _unlink_second_name(old, new)
    sync_directory(new.parent)
    sync_directory(old.parent)
    return True


def _give_second_name(old: Path, new: Path) -> None:
    if old.is_symlink():
        # Where links are followed (macOS), it would be what the link leads to that gets the name.
        os.link(old, new, follow_symlinks=False)
    else:
        new.hardlink_to(old)


def _unlink_second_name(old: Path, new: Path) -> None:
    """Remove the old one of a file's two names; another file that has taken it meanwhile stays."""
    try:
        if _is_one(old.lstat(), new.lstat()):
            old.unlink()
    except FileNotFoundError:
        return
    except OSError:
        new.unlink()  # It cannot be moved: it keeps the name it had.
        raise


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
    """Move to another file system: whole under a temporary name first, so that a death leaves no half.

    Raises:
        FileExistsError: the new name is taken.
        OSError: a program went on writing; nothing was moved.
    """
    temporary = temporary_sibling(new)
    for _ in range(_ROUNDS):
        copied = signatures(old)
        _copy_all(old, temporary)
        if signatures(old) == copied:
            break
        _drop(temporary)
    else:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(old))
    _put_in_place(temporary, new)
    # Only what was copied goes: what a program puts there meanwhile is nowhere else.
    for file, seen in copied.items():
        if os.path.lexists(file) and signature(file) == seen:
            file.unlink()
    if old.is_dir() and not old.is_symlink():
        remove_empty_folders(old)
    sync_directory(old.parent)


def _copy_all(old: Path, temporary: Path) -> None:
    try:
        if old.is_dir() and not old.is_symlink():
            shutil.copytree(old, temporary, symlinks=True)
            for file in files_below(temporary):
                _sync(file)
        else:
            shutil.copy2(old, temporary, follow_symlinks=False)
            _sync(temporary)
    except BaseException:
        _drop(temporary)
        raise


def _put_in_place(temporary: Path, new: Path) -> None:
    """Give what was copied its name, never onto another."""
    try:
        if temporary.is_dir() and not temporary.is_symlink():
            temporary.rename(new)  # Fails on anything but an empty folder.
            sync_directory(new.parent)
        else:
            move_file(temporary, new)
    except BaseException:
        _drop(temporary)
        raise


def _drop(temporary: Path) -> None:
    if temporary.is_dir() and not temporary.is_symlink():
        shutil.rmtree(temporary)
    else:
        temporary.unlink(missing_ok=True)


def _sync(file: Path) -> None:
    if file.is_symlink() or not file.is_file():
        return  # A pipe has nothing to be made durable, and opening it would wait for a process at its other end.
    with file.open("rb") as content:
        sync(content.fileno())


def _move_each(old: Path, new: Path, keep: Collection[Path]) -> None:
    for file in [file for file in entries_below(old) if file not in keep]:
        _move_one(file, new / file.relative_to(old), may_stay=True)
    remove_empty_folders(old)


def remove_empty_folders(folder: Path) -> None:
    """Remove a folder, and the folders in it, as far as there is nothing left in them."""
    for directory, _, _ in os.walk(folder, topdown=False):
        try:
            os.rmdir(directory)  # noqa: PTH106 - os.walk gives names
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise


def _is_one(info: os.stat_result, other: os.stat_result) -> bool:
    return (info.st_dev, info.st_ino) == (other.st_dev, other.st_ino)
