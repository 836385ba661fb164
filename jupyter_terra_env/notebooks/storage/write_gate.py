"""The gate to an object: one change at a time, and one a second, which is what Cloud Storage takes of one object name.

Source of the rule: Cloud Storage's quotas, writes to an object.
"""

import asyncio
from collections.abc import Callable

from jupyter_terra_env.notebooks.storage.keyed_locks import KeyedLocks
from jupyter_terra_env.rules.workspace import Location

INTERVAL_SECONDS = 1.0
_REMEMBERED = 4096


class WriteGate:
    """Whose turn it is to change a notebook's object, and when it was last changed from here.

    Args:
        monotonic: seconds from some fixed point.
        interval_seconds: the shortest time between two changes.
    """

    def __init__(self, *, monotonic: Callable[[], float], interval_seconds: float) -> None:
        self._monotonic = monotonic
        self._interval_seconds = interval_seconds
        self._locks = KeyedLocks()
        self._changed_at: dict[str, float] = {}

    def turn(self, location: Location) -> asyncio.Lock:
        """The mutex under which a notebook's object is written, deleted or renamed."""
        return self._locks.of(location.api_path)

    def is_busy(self, location: Location) -> bool:
        """Whether the object of a notebook is being written, deleted or renamed."""
        return self.turn(location).locked()

    async def idle(self, location: Location) -> None:
        """Wait until the object is not being changed."""
        async with self.turn(location):
            pass

    def changed(self, location: Location) -> None:
        """Record that the object was changed just now, or may have been."""
        path = location.api_path
        self._changed_at.pop(path, None)
        self._changed_at[path] = self._monotonic()
        while len(self._changed_at) > _REMEMBERED:
            del self._changed_at[next(iter(self._changed_at))]

    def is_early(self, location: Location) -> bool:
        """Whether it is too early to change the object again."""
        return self._seconds_left(location) > 0

    async def wait(self, location: Location) -> None:
        """Wait until the object may be changed again."""
        await asyncio.sleep(max(0.0, self._seconds_left(location)))

    def _seconds_left(self, location: Location) -> float:
        changed_at = self._changed_at.get(location.api_path)
        return 0.0 if changed_at is None else changed_at + self._interval_seconds - self._monotonic()
