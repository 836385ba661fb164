"""One mutex per key, for as long as anything uses it."""

import asyncio
from weakref import WeakValueDictionary


class KeyedLocks:
    """Gives every holder and waiter of one key the same lock. Use it from one event loop."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, key: str) -> asyncio.Lock:
        """The lock of a key."""
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        return lock
