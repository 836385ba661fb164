"""A source of signals with a time limit: one that hangs is unknown, and holds up neither the ticks nor the others."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from jupyter_terra_env.autopause.observation import Observation, WorkSource
from jupyter_terra_env.rules.activity import Work, WorkKind


class BoundedSource:
    """Asks a source, and waits for its answer only so long; while an answer is outstanding, it is not asked again.

    Args:
        source: what is asked.
        limit_seconds: how long an answer may take.
        monotonic: a clock, in seconds.
        log: where trouble is logged, once each time it begins.
    """

    def __init__(
        self,
        source: WorkSource,
        *,
        limit_seconds: float,
        monotonic: Callable[[], float],
        log: logging.Logger | logging.LoggerAdapter[Any],
    ) -> None:
        self._source = source
        self._limit_seconds = limit_seconds
        self._monotonic = monotonic
        self._log = log
        self._asking: asyncio.Task[Observation] | None = None
        self._asked = 0.0
        self._is_late = self._is_troubled = False

    async def look(self) -> Observation:
        """What the source sees; work of an unknown kind, named, where it fails or does not answer in time."""
        if self._asking is None:
            self._asked = self._monotonic()
            self._asking = asyncio.create_task(self._source.look(), name=f"look at {self._source.name}")
        # Who has been late once is not waited for again: the next tick sees whether the answer has come.
        await asyncio.wait({self._asking}, timeout=0 if self._is_late else self._limit_seconds)
        if not self._asking.done():
            return self._late()
        asked, self._asking = self._asking, None
        self._is_late = False
        # A task of ours that was cancelled by somebody else has failed as well.
        error = asyncio.CancelledError() if asked.cancelled() else asked.exception()
        if error is not None:
            return self._failed(error)
        self._is_troubled = False
        return asked.result()

    def cancel(self) -> None:
        """Give up an answer that is outstanding, without waiting for it."""
        if self._asking is not None:
            self._asking.cancel()

    def _late(self) -> Observation:
        if not self._is_late:
            self._is_late = self._is_troubled = True
            self._log.error("Autopause cannot observe: %s. There is no answer; it counts as work.", self._source.name)
        detail = f"Whether {self._source.name} are at work is unknown: looking at them has not ended yet."
        return self._unknown(detail, self._monotonic() - self._asked)

    def _failed(self, error: BaseException) -> Observation:
        if not self._is_troubled:
            self._is_troubled = True
            self._log.error("Autopause cannot observe: %s.", self._source.name, exc_info=error)
        return self._unknown(f"It cannot be seen whether {self._source.name} work.", 0.0)

    def _unknown(self, detail: str, age_seconds: float) -> Observation:
        work = Work(kind=WorkKind.UNKNOWN, id=self._source.name, detail=detail, age_seconds=age_seconds)
        return Observation(work=(work,))
