"""Knows which servers are alive: each holds a lock on a file of its own in the state folder.

Protocol: docs/protocol/journal.md, Two servers on one disk. Methods block for a few milliseconds.
"""

import contextlib
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

_SUFFIX = ".lock"


class ActOwners:
    """Distinguishes moves of a living server from those of a server that has died.

    The kernel releases a lock when its process ends for any reason, and a copy of the disk has no locks. If the file
    system does not support locks, every other server counts as dead.

    Args:
        folder: for the files of the servers, in the state folder.
        new_id: returns a unique name.
    """

    def __init__(self, folder: Path, *, new_id: Callable[[], str]) -> None:
        self._folder = folder
        self._new_id = new_id
        self._name = ""
        self._descriptor: int | None = None

    def me(self) -> str:
        """Return the name of this server, which counts as alive from now on.

        Raises:
            OSError: the disk refused.
        """
        if self._descriptor is None:
            name = self._new_id()
            self._folder.mkdir(parents=True, exist_ok=True)
            fresh = self._folder / f".{name}"
            descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with contextlib.suppress(OSError):  # A file system without locks.
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fresh.rename(self._file(name))  # No server finds the file without its lock.
            self._name, self._descriptor = name, descriptor
            for other in self._folder.glob(f"*{_SUFFIX}"):
                self.is_alive(other.name.removesuffix(_SUFFIX))
        return self._name

    def is_alive(self, owner: str) -> bool:
        """Whether another server of this name is alive; the file of a dead one is removed."""
        if not owner or owner == self._name:
            return False
        try:
            descriptor = os.open(self._file(owner), os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        else:
            self._file(owner).unlink(missing_ok=True)
            return False
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Record that this server runs no move any more."""
        if self._descriptor is not None:
            self._file(self._name).unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}{_SUFFIX}"
