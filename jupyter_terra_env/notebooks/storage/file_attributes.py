"""What a file keeps when a save replaces it: all that it keeps when Jupyter's own manager writes it in place."""

import contextlib
import errno
import os
import tempfile
from pathlib import Path


def require_replaceable(os_path: Path) -> None:
    """Make sure that a file may be read and written before another takes its place.

    Renaming over a file needs no permission for it; writing it in place, as Jupyter's own manager does, needs one.

    Raises:
        PermissionError: it may not be; nothing has changed.
        OSError: the disk is read-only.
    """
    if not os_path.exists():
        return
    is_other = os.geteuid() != os.getuid() or os.getegid() != os.getgid()
    effective = is_other and os.access in os.supports_effective_ids
    if not os.access(os_path, os.R_OK | os.W_OK, effective_ids=effective):
        if os.statvfs(os_path).f_flag & os.ST_RDONLY:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(os_path))
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(os_path))


def copy_attributes(os_path: Path, descriptor: int) -> None:
    """Give a new file what the one it replaces has: owner and group, mode, access list and extended attributes.

    What the system does not let this process give is left out; the mode is always given. Extended attributes and
    access lists are copied on Linux only: Python has no functions for those of other systems.

    Args:
        os_path: the file to be replaced; need not exist: the mode is then what ``open`` gives a new file.
        descriptor: the new file, open for writing.
    """
    try:
        found = os_path.stat()
    except FileNotFoundError:
        os.fchmod(descriptor, 0o666 & ~_umask())
        return
    _copy_owner(found, descriptor)
    os.fchmod(descriptor, found.st_mode & 0o7777)
    # After the mode: setting it changes the mask of an access list, which is one of these attributes.
    _copy_extended(os_path, descriptor)


def _copy_owner(found: os.stat_result, descriptor: int) -> None:
    mine = os.fstat(descriptor)
    if (mine.st_uid, mine.st_gid) == (found.st_uid, found.st_gid):
        return
    try:
        os.fchown(descriptor, found.st_uid, found.st_gid)
    except OSError:
        with contextlib.suppress(OSError):
            os.fchown(descriptor, -1, found.st_gid)


def _copy_extended(os_path: Path, descriptor: int) -> None:
    if not hasattr(os, "listxattr"):
        return
    with contextlib.suppress(OSError):
        for name in os.listxattr(os_path):
            with contextlib.suppress(OSError):
                os.setxattr(descriptor, name, os.getxattr(os_path, name))


def _umask() -> int:
    """The mask of new files' modes. ``os.umask`` reads it by setting it, which would race with other threads."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    return _umask_of_a_new_file()


def _umask_of_a_new_file() -> int:
    """The mask as it shows in a file that is made for this and removed again."""
    try:
        with tempfile.TemporaryDirectory(prefix="terra-env-") as folder:
            descriptor = os.open(Path(folder) / "mode", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            try:
                return 0o666 & ~os.fstat(descriptor).st_mode
            finally:
                os.close(descriptor)
    except OSError:
        return 0o022
