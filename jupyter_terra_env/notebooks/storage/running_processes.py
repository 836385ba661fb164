"""Which processes run here, and since when: what temporary files ask about the process that made them.

Linux answers in ``/proc``; elsewhere (macOS) psutil and signal 0 do.
"""

import hashlib
import os
from pathlib import Path

import psutil

_DIGITS = 10
_START_TIME_FIELD = 19
"""Field 22 of ``/proc/PID/stat``, counted after the command's name (Linux: proc_pid_stat)."""


def start_of(pid: int) -> str | None:
    """What distinguishes a running process from others of the same number.

    Args:
        pid: the process id.

    Returns:
        Ten hexadecimal digits; None if no process has this id, or if its start cannot be determined.
    """
    began = _start_in_proc(pid) or _start_by_psutil(pid)
    return None if began is None else hashlib.sha256(began.encode()).hexdigest()[:_DIGITS]


def is_running(pid: int) -> bool:
    """Whether a process has this id, in so far as this process can see; another user's counts, too."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # It exists and belongs to another user.
        return True
    return True


def _start_in_proc(pid: int) -> str | None:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except OSError:
        boot = ""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        began = stat.rpartition(")")[2].split()[_START_TIME_FIELD]
    except (OSError, IndexError):
        return None
    return f"{boot}:{began}"


def _start_by_psutil(pid: int) -> str | None:
    try:
        return f"{psutil.Process(pid).create_time():.6f}"
    except (psutil.Error, OSError, OverflowError, ValueError):
        return None
