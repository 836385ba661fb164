"""Durable names of files: given only where they are free, and there after a power cut."""

import errno
import shutil
from pathlib import Path

from jupyter_terra_env.durable import sync, sync_directory
from jupyter_terra_env.notebooks.storage.regular_files import open_regular
from jupyter_terra_env.notebooks.storage.temporary_files import temporary_file

NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
"""The errors of file systems that cannot give a file a second name."""


def keep_as(os_path: Path, new: Path) -> None:
    """Give a file's present content a second, free name, durably. Blocks.

    Raises:
        FileExistsError: the name is taken.
    """
    try:
        new.hardlink_to(os_path)
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        with temporary_file(new) as (file, temporary), open_regular(os_path) as source:
            shutil.copyfileobj(source, file)
            shutil.copymode(os_path, temporary)
            file.flush()
            sync(file.fileno())
            put_under_free_name(temporary, new)
    sync_directory(new.parent)


def put_under_free_name(complete: Path, new: Path) -> None:
    """Rename a complete file of the same folder, never onto another. Blocks.

    Raises:
        FileExistsError: the name is taken.
    """
    try:
        new.hardlink_to(complete)  # Unlike a rename, it fails when the name is taken.
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        # Without hard links an empty file takes the name first; the rename replaces that file only.
        new.touch(exist_ok=False)
        complete.replace(new)
    else:
        complete.unlink()
