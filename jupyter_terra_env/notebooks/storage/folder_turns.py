"""Servers on one disk take turns between the last look at a file and what follows from it.

Protocol: docs/protocol/open-and-save.md, race 27. Within a process, the locks of ``working_copies`` do that.
"""

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path

_TRIES = 200
_PAUSE_SECONDS = 0.005
"""A turn takes a few milliseconds. A second is waited for one; some other program may hold such a lock for ever."""


@contextlib.contextmanager
def turn_in(folder: Path) -> Iterator[None]:
    """Within it, no other server of this disk has a turn in this folder. Blocks: for use off the event loop.

    The lock is the kernel's, on the folder itself: it ends with the process, and a copy of the disk has none. Where
    there are no such locks, or one is not to be had, it goes on without.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:  # There is no such folder yet, or it may not be read.
        yield
        return
    try:
        _take(descriptor)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> None:
    never = threading.Event()
    for _ in range(_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            never.wait(_PAUSE_SECONDS)
        except OSError:
            return
        else:
            return
