"""The bucket's time, from the ``Date`` of its answers: two machines agree on it even if their own clocks differ."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime

_HALF_SECOND_MS = 500
_NOTICEABLE_MS = 60_000


def machine_clock() -> Callable[[], int]:
    """This machine's wall clock as it is now, carried on by a monotonic clock.

    A wall clock that is set between two answers would make a lock of ours last for hours. Where the system offers one,
    the clock that carries on does not stand still while the machine sleeps.

    Returns:
        A function that returns epoch milliseconds.
    """
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return lambda: time.time_ns() // 1_000_000
    start_ns = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return lambda: (start_ns + time.clock_gettime_ns(time.CLOCK_BOOTTIME)) // 1_000_000


class BucketClock:
    """Gives the bucket's time between its answers, by this machine's clock. Safe to share between threads.

    Args:
        local_ms: this machine's clock, epoch milliseconds; it may be wrong, but is not set, see ``machine_clock``.
        log: reports a machine's wrong clock, once.
    """

    def __init__(
        self, *, local_ms: Callable[[], int], log: logging.Logger | logging.LoggerAdapter[logging.Logger]
    ) -> None:
        self._local_ms = local_ms
        self._log = log
        self._guard = threading.Lock()
        self._ahead_ms = 0
        self._is_set = False
        self._told = False

    def observe(self, date: str | None) -> None:
        """Take the ``Date`` header of an answer that has just arrived; anything else is ignored."""
        try:
            told = parsedate_to_datetime(date or "")
        except (TypeError, ValueError, OverflowError, IndexError):
            return
        # HTTP dates are UTC; one that names no zone is not to be read in this machine's.
        bucket_ms = int(told.replace(tzinfo=told.tzinfo or UTC).timestamp() * 1000)
        with self._guard:
            # The header has whole seconds: the true time is on average half a second later.
            self._is_set = True
            ahead_ms = self._ahead_ms = bucket_ms + _HALF_SECOND_MS - self._local_ms()
            wrong = abs(ahead_ms) > _NOTICEABLE_MS
            tell = wrong and not self._told
            self._told = self._told or wrong
        if tell:
            self._log.warning(
                "This machine's clock is %d s off the workspace bucket's; edit locks go by the bucket's.",
                -ahead_ms // 1000,
            )

    @property
    def is_set(self) -> bool:
        """Whether the bucket has answered once; until then this machine's clock may be hours off."""
        with self._guard:
            return self._is_set

    def now_ms(self) -> int:
        """The bucket's time, epoch milliseconds; this machine's until the bucket has answered once."""
        with self._guard:
            return self._local_ms() + self._ahead_ms
