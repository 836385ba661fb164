"""What autopause cannot observe on this system: it is left out, and reported as such.

A source that exists but fails counts as work, because the machine must not be paused under a job that cannot be seen.
A system that never has the source would then never be paused.
"""

import shutil
import sys

import psutil

PROCESSES = "processes"
NETWORK = "network"
GRAPHICS_CARDS = "graphics cards"


def unobservable() -> tuple[str, ...]:
    """What cannot be observed here, in words. Blocks for some milliseconds."""
    missing = []
    if not _can_see_processes():
        missing.append(PROCESSES)
    if not _can_see_network():
        missing.append(NETWORK)
    # On Linux a machine with NVIDIA's cards has the command, and one without it has no cards to observe.
    if sys.platform != "linux" and shutil.which("nvidia-smi") is None:
        missing.append(GRAPHICS_CARDS)
    return tuple(missing)


def sentence(missing: tuple[str, ...]) -> str:
    """The sentence for the log and the commands; empty if everything can be observed."""
    if not missing:
        return ""
    named = " and ".join(filter(None, (", ".join(missing[:-1]), missing[-1])))
    return (
        f"This system ({sys.platform}) does not let autopause observe: {named}. They do not keep the machine running; "
        "running cells, jobs in the foreground of terminals and people do."
    )


def _can_see_processes() -> bool:
    try:
        own = psutil.Process().cpu_times()
        next(psutil.process_iter(["cpu_times"]))
    except (psutil.Error, OSError, StopIteration, RuntimeError):
        return False
    return own.user >= 0


def _can_see_network() -> bool:
    try:
        psutil.net_io_counters(pernic=True)
    except (psutil.Error, OSError, RuntimeError):
        return False
    return True
