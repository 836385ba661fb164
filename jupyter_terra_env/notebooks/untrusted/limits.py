"""What one child process may use, and what it died of."""

import contextlib
import os
import resource
import signal
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one job may use. The kernel ends the child at each of these limits.

    Attributes:
        cpu_seconds: processor time.
        wall_seconds: time from start to end.
        memory_bytes: address space, beyond what the child starts with (``RLIMIT_AS``).
        output_bytes: length of each file that it writes (``RLIMIT_FSIZE``).
        niceness: how far it stands back when others want the processor.
    """

    cpu_seconds: int
    wall_seconds: float
    memory_bytes: int
    output_bytes: int
    niceness: int = 0


class Death(StrEnum):
    """Why a job came to nothing; append only, never rename."""

    CPU = "cpu"
    TIME = "time"
    MEMORY = "memory"
    OUTPUT = "output"
    CRASHED = "crashed"
    KILLED = "killed"
    BUSY = "busy"
    UNAVAILABLE = "unavailable"


OVER_A_LIMIT = frozenset({Death.CPU, Death.TIME, Death.MEMORY, Death.OUTPUT, Death.CRASHED})
"""The content's doing: it would be the same again."""

SENTENCES = {
    Death.CPU: "it takes more processor time than this server allows",
    Death.TIME: "it takes longer than this server allows",
    Death.MEMORY: "it takes more memory than this server allows",
    Death.OUTPUT: "the result is larger than this server allows",
    Death.CRASHED: "the program that reads it crashed",
    Death.KILLED: "the process that reads it was ended from outside, perhaps because the machine has no memory left",
    Death.BUSY: "too many others are being worked on: try again in a minute",
    Death.UNAVAILABLE: "the process that reads it could not be started: try again in a minute",
}
"""Why, as the second half of a sentence."""

_BY_SIGNAL = {
    signal.SIGXCPU: Death.CPU,
    signal.SIGALRM: Death.TIME,
    signal.SIGXFSZ: Death.OUTPUT,
    signal.SIGKILL: Death.KILLED,
    signal.SIGTERM: Death.KILLED,
}


def death_by(signal_number: int) -> Death:
    """What a child died of that a signal has ended."""
    return _BY_SIGNAL.get(signal.Signals(signal_number), Death.CRASHED)


def apply(limits: Limits) -> None:
    """Put this very process under limits, for good. It is the first that the kernel ends when memory runs out."""
    _limit(resource.RLIMIT_CORE, 0, 0)
    _limit(resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 1)
    _limit(resource.RLIMIT_AS, (most := _address_space_bytes() + limits.memory_bytes), most)
    _limit(resource.RLIMIT_FSIZE, limits.output_bytes, limits.output_bytes)
    # Python ignores SIGXFSZ: a write that is too long is then an OSError, and it says so.
    for number in (signal.SIGXCPU, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, limits.wall_seconds)
    if limits.niceness:
        os.nice(limits.niceness)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("800", encoding="ascii")


def _limit(kind: int, soft: int, hard: int) -> None:
    # A limit that is lower already stays; some systems do not know all of them.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (soft, hard))


def _address_space_bytes() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:
        return 1 << 30
    return pages * resource.getpagesize()
