"""What a folder on the disk has for a listing; an error about one entry leaves out that entry, and no other."""

import errno
import logging
import os
import stat
from dataclasses import dataclass

from jupyter_core.paths import is_file_hidden

from jupyter_terra_env.rules.workspace import is_unicode

_NOT_WORTH_A_WARNING = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EPERM}
"""It has gone meanwhile, leads nowhere, or is not for us: as in Jupyter's own listings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskEntry:
    """An entry of a folder.

    Attributes:
        name: its file name; bytes that are no UTF-8 are lone surrogates.
        is_folder: whether it is a folder, or a link to one.
    """

    name: str
    is_folder: bool

    @property
    def is_addressable(self) -> bool:
        """Whether an API path can name it."""
        return is_unicode(self.name)


def entries_of(
    os_path: str, *, allow_hidden: bool, log: logging.Logger | logging.LoggerAdapter[logging.Logger]
) -> list[DiskEntry]:
    """The files, folders and links of a folder. Blocks.

    Args:
        os_path: the folder.
        allow_hidden: whether hidden ones are listed.
        log: where entries that cannot be looked at are named.

    Raises:
        OSError: the folder itself cannot be read.
    """
    found = []
    for name in os.listdir(os_path):  # noqa: PTH208 - thousands of names
        path = os.path.join(os_path, name)  # noqa: PTH118 - the same reason
        try:
            entry = _entry(path, name, allow_hidden=allow_hidden)
        except (OSError, ValueError) as error:
            if not isinstance(error, OSError) or error.errno not in _NOT_WORTH_A_WARNING:
                log.warning("Not listed: %r (%s)", path, type(error).__name__)
        else:
            found += [] if entry is None else [entry]
    return found


def _entry(path: str, name: str, *, allow_hidden: bool) -> DiskEntry | None:
    info = os.lstat(path)
    if stat.S_IFMT(info.st_mode) not in {stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}:
        return None  # A pipe or socket.
    if not allow_hidden and is_file_hidden(path, stat_res=info):
        return None
    return DiskEntry(name=name, is_folder=os.path.isdir(path))  # noqa: PTH112 - the same reason
