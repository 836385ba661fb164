"""Notifies Leonardo of use that it cannot see: terminals, processes, time that was asked for."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from jupyter_terra_env.rules.autopause.leonardo_bump import another_threshold, is_in_use, seconds_between
from jupyter_terra_env.rules.autopause.state import PauseState

_ACCEPTED = 202
_AGAIN_SECONDS = 60.0
"""Seconds to the next notification if Leonardo refused the last one, or pauses nothing."""


class Thresholds(Protocol):
    """The port to Leonardo's runtime."""

    def threshold(self) -> Awaitable[int | None]:
        """Minutes, 0 for off; None where it cannot be had. Raises ``ConnectionError`` for silence."""

    def set_threshold(self, minutes: int) -> Awaitable[int]:
        """Change it; the HTTP status. Raises ``ConnectionError`` for silence."""


class LeonardoBump:
    """Notifies Leonardo at intervals, and once more when the use has ended: its idle time begins there, too.

    Args:
        runtime: this machine's runtime.
        monotonic: a clock, in seconds.
        log: where trouble is logged, once each time it begins.
    """

    def __init__(
        self,
        runtime: Thresholds,
        *,
        monotonic: Callable[[], float],
        log: logging.Logger | logging.LoggerAdapter[Any],
    ) -> None:
        self._runtime = runtime
        self._monotonic = monotonic
        self._log = log
        self._notifying: asyncio.Task[None] | None = None
        self._next = float("-inf")
        self._was_in_use = self._is_troubled = False

    def ticked(self, state: PauseState) -> None:
        """Notify Leonardo if it is time to.

        Args:
            state: where the machine is.
        """
        in_use = is_in_use(state)
        has_ended, self._was_in_use = self._was_in_use and not in_use, in_use
        is_due = has_ended or (in_use and self._monotonic() >= self._next)
        if is_due and (self._notifying is None or self._notifying.done()):
            self._next = self._monotonic() + _AGAIN_SECONDS
            self._notifying = asyncio.create_task(self._notify(), name="notify Leonardo")

    async def close(self) -> None:
        """Cancel a notification under way."""
        if self._notifying is not None:
            self._notifying.cancel()
            await asyncio.gather(self._notifying, return_exceptions=True)

    async def _notify(self) -> None:
        try:
            minutes = await self._runtime.threshold()
            if minutes is None:
                self._trouble("it does not say after how long it pauses this environment")
                return
            other = another_threshold(minutes)
            code = _ACCEPTED if other is None else await self._runtime.set_threshold(other)
        except ConnectionError as error:
            self._trouble(str(error))
            return
        if code != _ACCEPTED:
            self._trouble(f"it answered {code}")
            return
        self._is_troubled = False
        self._next = self._monotonic() + (_AGAIN_SECONDS if other is None else seconds_between(minutes))

    def _trouble(self, what: str) -> None:
        if not self._is_troubled:
            self._log.warning(
                "Leonardo could not be notified that this environment is in use, and may pause it: %s.", what
            )
        self._is_troubled = True
