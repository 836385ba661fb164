"""Time that counts for autopause: what passed while the machine ran and this process was there to see it.

Three clocks are read at every tick. The monotonic one stands still while the machine is suspended, the boot clock does
not, and the wall clock is also set by people and time servers. Where they disagree, or a tick comes far too late,
something happened that was not observed: that stretch is not counted, and nothing is decided on it.
"""

from dataclasses import dataclass

GAP_TICKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The clocks at one moment, in seconds.

    Attributes:
        monotonic: time while awake (``CLOCK_MONOTONIC``).
        boot: time since boot, suspension included (``CLOCK_BOOTTIME``).
        wall: epoch seconds.
    """

    monotonic: float
    boot: float
    wall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """What passed between two ticks.

    Attributes:
        counted_seconds: time that counts; 0 for a gap.
        gap_seconds: length of a stretch that was not observed, or by which the wall clock was set; None for none.
    """

    counted_seconds: float
    gap_seconds: float | None = None


def passed(before: Moment, now: Moment, *, tick_seconds: float) -> Passed:
    """How much counts of the time between two ticks.

    Args:
        before: the clocks at the last tick.
        now: the clocks at this tick.
        tick_seconds: how far apart ticks are meant to be.
    """
    awake = now.monotonic - before.monotonic
    suspended = (now.boot - before.boot) - awake
    was_set = (now.wall - before.wall) - awake
    allowed = GAP_TICKS * tick_seconds
    if awake < 0 or awake > allowed or abs(suspended) > allowed or abs(was_set) > allowed:
        return Passed(counted_seconds=0.0, gap_seconds=max(abs(awake), abs(suspended), abs(was_set)))
    return Passed(counted_seconds=awake)
