"""The machine's clocks, and which start of the machine this is."""

import time
from pathlib import Path

from jupyter_terra_env.rules.autopause.clock_gaps import Moment

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def machine_clocks() -> Moment:
    """The clocks now. Where the system has no boot clock, a suspension is seen by the wall clock alone."""
    monotonic = time.monotonic()
    boot = time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else monotonic
    return Moment(monotonic=monotonic, boot=boot, wall=time.time_ns() / 1e9)


def boot_id() -> str:
    """Identifies this start of the machine; empty if the system does not know."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
