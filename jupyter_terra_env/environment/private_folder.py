"""Makes the state folder private to this person: it contains names of notebooks, buckets and ids."""

import contextlib
import os
import stat
from pathlib import Path

from jupyter_terra_env.rules.errors import SettingsError

_OTHERS = 0o077
_OURS = ("journal.sqlite3", "environment-id", "machine", "flush.json")
"""Prefixes of our files' names; a state folder that an operator chose may also contain other files."""


def make_private(folder: Path, *, root: Path, journal: str) -> None:
    """Create a state folder, and remove other users' rights in it and in our files there.

    Args:
        folder: the folder.
        root: the server's root folder. If it is the state folder or lies within it, only our files are made private.
        journal: name of the journal's file, which SQLite would create readable for all.

    Raises:
        SettingsError: it cannot be created.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Never an existing file: closing it would release the locks that SQLite holds on it.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(folder / journal, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise SettingsError(f"state_directory: the journal {folder / journal} cannot be opened: {error}") from error
    if folder != root and folder not in root.parents:
        _take_from_others(folder)
    with contextlib.suppress(OSError):
        for entry in folder.iterdir():
            if entry.name.startswith(_OURS):
                _take_from_others(entry)


def _take_from_others(path: Path) -> None:
    """Make a file or folder private to its owner; those of others, and disks without modes, are left as they are."""
    with contextlib.suppress(OSError):
        info = path.lstat()
        if info.st_uid == os.geteuid() and not stat.S_ISLNK(info.st_mode) and info.st_mode & _OTHERS:
            path.chmod(stat.S_IMODE(info.st_mode) & ~_OTHERS)
