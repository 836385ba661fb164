"""One change a second for each object: what Cloud Storage takes of one object name (quotas: writes to an object)."""

import asyncio
from collections.abc import Callable

INTERVAL_SECONDS = 1.0
_REMEMBERED = 4096


class Pace:
    """Remembers when each notebook's object was last changed from here.

    Args:
        monotonic: seconds from some fixed point.
        interval_seconds: the shortest time between two changes.
    """

    def __init__(self, *, monotonic: Callable[[], float], interval_seconds: float) -> None:
        self._monotonic = monotonic
        self._interval_seconds = interval_seconds
        self._changed_at: dict[str, float] = {}

    def changed(self, path: str) -> None:
        """The object of this API path was changed just now, or may have been."""
        self._changed_at.pop(path, None)
        self._changed_at[path] = self._monotonic()
        while len(self._changed_at) > _REMEMBERED:
            del self._changed_at[next(iter(self._changed_at))]

    def is_early(self, path: str) -> bool:
        """Whether it is too early to change the object again."""
        return self._seconds_left(path) > 0

    async def wait(self, path: str) -> None:
        """Wait until the object may be changed again."""
        await asyncio.sleep(max(0.0, self._seconds_left(path)))

    def _seconds_left(self, path: str) -> float:
        changed_at = self._changed_at.get(path)
        return 0.0 if changed_at is None else changed_at + self._interval_seconds - self._monotonic()
