"""The trash of the desktop, as Jupyter uses it (``delete_to_trash``): checked first, so that nothing is half deleted.

Functions block: call them off the event loop.
"""

import contextlib
import errno
import glob
import importlib
import os
from pathlib import Path
from urllib.parse import quote

from send2trash import send2trash

from jupyter_terra_env.rules.errors import OperationRefused, RefusalReason

plat_other = importlib.import_module("send2trash.plat_other")  # For Linux without GIO; it has no type stubs.
_OWN_IMPLEMENTATION = send2trash.__module__ == plat_other.__name__


class TrashUnusable(OSError):
    """The trash refused a file."""


def require(entry: Path, api_path: str) -> None:
    """Refuse, before anything changes, to delete a file that the trash could not take. A missing file is accepted.

    Raises:
        OperationRefused: the trash cannot be used.
        PermissionError: this user may not delete the file.
    """
    if not os.path.lexists(entry) or not _OWN_IMPLEMENTATION:
        return
    if not os.access(entry, os.W_OK) and not entry.is_symlink():
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(entry))
    try:
        folder = _trash_of(entry)
        for part in (folder / "files", folder / "info"):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not os.access(part, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(part))
    except OSError as error:
        raise OperationRefused(
            RefusalReason.NO_TRASH,
            f"{api_path} was not deleted: the trash cannot be used ({error.strerror or error}). Nothing was changed. "
            "Make the trash usable, or switch it off (c.FileContentsManager.delete_to_trash = False).",
        ) from error


def send(entry: Path, *, as_if: Path) -> None:
    """Send a file or folder to the trash.

    Args:
        entry: the file or folder.
        as_if: the place that the trash records as its origin.

    Raises:
        TrashUnusable: the trash refused it.
    """
    try:
        send2trash(entry)
    except OSError as error:
        raise TrashUnusable(error.errno, f"the trash refused it: {error.strerror or error}") from error
    # The file is in the trash, even if its origin cannot be corrected.
    with contextlib.suppress(OSError):
        _name_place(entry, as_if)


def _trash_of(entry: Path) -> Path:
    """Return the trash folder that send2trash uses for a file (freedesktop.org: Trash specification)."""
    home = os.path.realpath(os.path.expanduser("~"))  # noqa: PTH111 - as send2trash does
    if entry.lstat().st_dev == os.lstat(home).st_dev:
        return Path(os.fsdecode(plat_other.HOMETRASH_B))
    top = plat_other.find_mount_point(os.fsencode(entry.parent))
    return Path(os.fsdecode(plat_other.find_ext_volume_trash(top)))


def _name_place(entry: Path, as_if: Path) -> None:
    """Correct the origin that the trash records: the file was moved aside before it was sent."""
    trashes = [Path(os.fsdecode(plat_other.HOMETRASH_B)), _trash_of(as_if.parent)]
    aside, name = quote(os.fsencode(f"{entry.parent.name}/{entry.name}")), quote(os.fsencode(as_if.name))
    pattern = f"{glob.escape(entry.stem)}*.trashinfo"
    for info in {info for trash in trashes for info in (trash / "info").glob(pattern)}:
        text = info.read_text(encoding="utf-8", errors="surrogateescape")
        if aside in text:
            info.write_text(text.replace(aside, name), encoding="utf-8", errors="surrogateescape")
