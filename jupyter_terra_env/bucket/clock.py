"""The bucket's time, from the ``Date`` of its answers: two machines agree on it, whatever their own clocks say."""

import logging
import threading
from collections.abc import Callable
from email.utils import parsedate_to_datetime

_HALF_SECOND_MS = 500
_NOTICEABLE_MS = 60_000


class BucketClock:
    """Tells the bucket's time between its answers, by this machine's clock. Safe to share between threads.

    Args:
        local_ms: this machine's wall clock, epoch milliseconds.
        log: where a machine's wrong clock is told of, once.
    """

    def __init__(
        self, *, local_ms: Callable[[], int], log: logging.Logger | logging.LoggerAdapter[logging.Logger]
    ) -> None:
        self._local_ms = local_ms
        self._log = log
        self._guard = threading.Lock()
        self._ahead_ms = 0
        self._told = False

    def observe(self, date: str | None) -> None:
        """Take the ``Date`` header of an answer that has just arrived; anything else is ignored."""
        try:
            bucket_ms = int(parsedate_to_datetime(date or "").timestamp() * 1000)
        except (TypeError, ValueError):
            return
        with self._guard:
            # The header tells whole seconds: the true time is on average half a second later.
            self._ahead_ms = bucket_ms + _HALF_SECOND_MS - self._local_ms()
            wrong = abs(self._ahead_ms) > _NOTICEABLE_MS
            tell = wrong and not self._told
            self._told = self._told or wrong
        if tell:
            self._log.warning(
                "This machine's clock is %d s off the workspace bucket's; edit locks go by the bucket's.",
                -self._ahead_ms // 1000,
            )

    def now_ms(self) -> int:
        """The bucket's time, epoch milliseconds; this machine's until the bucket has answered once."""
        with self._guard:
            return self._local_ms() + self._ahead_ms
