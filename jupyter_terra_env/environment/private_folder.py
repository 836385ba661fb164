"""The state folder is this person's alone: names of notebooks, addresses of buckets and ids are in it."""

import contextlib
import os
import stat
from pathlib import Path

from jupyter_terra_env.rules.errors import SettingsError

_OTHERS = 0o077
_OURS = ("journal.sqlite3", "environment-id", "machine", "flush.json")
"""How the names of our files begin; a state folder that an operator named may hold others' files, too."""


def make_private(folder: Path, *, root: Path, journal: str) -> None:
    """Make a state folder, or take from others what rights they have in it and in our files there.

    Args:
        folder: the folder.
        root: the server's root folder: where it is, or is in, the state folder, only files are taken from others.
        journal: name of the journal's file, which SQLite would make readable for all.

    Raises:
        SettingsError: it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Never a file that is there: closing it would end the locks that SQLite holds on it.
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
    """Leave a file or folder to its owner; what is not ours, or a disk without modes, is left as it is."""
    with contextlib.suppress(OSError):
        info = path.lstat()
        if info.st_uid == os.geteuid() and not stat.S_ISLNK(info.st_mode) and info.st_mode & _OTHERS:
            path.chmod(stat.S_IMODE(info.st_mode) & ~_OTHERS)
