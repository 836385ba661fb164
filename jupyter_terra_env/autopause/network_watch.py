"""The network cards, as a source of work: a download in the background hardly uses the CPU."""

import re
from collections.abc import Callable

import psutil

from jupyter_terra_env.autopause.observation import Observation
from jupyter_terra_env.rules.autopause.activity import Work, WorkKind

_LOOPBACK = re.compile(r"lo\d*")
"""``lo`` on Linux, ``lo0`` on macOS."""


class NetworkWatch:
    """Counts the bytes of all network cards but the loopback one.

    Args:
        monotonic: a clock, in seconds.
        active_bytes_per_second: from where on traffic counts.
        work_samples: ticks in a row it takes.
    """

    name = "network"

    def __init__(self, *, monotonic: Callable[[], float], active_bytes_per_second: float, work_samples: int) -> None:
        self._monotonic = monotonic
        self._threshold = active_bytes_per_second
        self._work_samples = work_samples
        self._before: tuple[float, int] | None = None
        self._samples = 0
        self._since = 0.0

    async def look(self) -> Observation:
        """The traffic since the last look."""
        now, count = self._monotonic(), _bytes()
        before, self._before = self._before, (now, count)
        if before is None or now <= before[0]:
            return Observation()
        rate = (count - before[1]) / (now - before[0])
        if rate < self._threshold:
            self._samples = 0
            return Observation()
        if self._samples == 0:
            self._since = now
        self._samples += 1
        if self._samples < self._work_samples:
            return Observation()
        detail = f"{rate / 1000:,.0f} kB a second pass over the network."
        return Observation(
            work=(Work(kind=WorkKind.NETWORK, id="network", detail=detail, age_seconds=now - self._since),)
        )


def _bytes() -> int:
    cards = psutil.net_io_counters(pernic=True)
    return sum(card.bytes_sent + card.bytes_recv for name, card in cards.items() if not _LOOPBACK.fullmatch(name))
