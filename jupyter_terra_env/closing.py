"""Closing in steps: every step is tried, none may raise, and each has a time limit."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

_AFTER_CANCELLING_SECONDS = 1.0


class ClosingSteps:
    """Runs the steps of a shutdown one after another, even if some fail.

    Args:
        log: receives the names of steps that failed or took too long.
    """

    def __init__(self, log: logging.Logger | logging.LoggerAdapter[Any]) -> None:
        self._log = log

    async def step(self, name: str, work: Coroutine[Any, Any, object], seconds: float) -> None:
        """Run one step.

        Args:
            name: what it does, for the log.
            work: the step.
            seconds: time limit, after which the step is cancelled.
        """
        task = asyncio.create_task(work, name=f"closing: {name}")
        try:
            _, late = await asyncio.wait({task}, timeout=seconds)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if late:
            task.cancel()
            await asyncio.wait({task}, timeout=_AFTER_CANCELLING_SECONDS)
            self._log.warning("While stopping: %s took more than %g s and was given up.", name, seconds)
            # Its later result is dropped.
            task.add_done_callback(lambda done: None if done.cancelled() else done.exception())
        elif not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("While stopping: %s failed.", name, exc_info=error)

    def call(self, name: str, work: Callable[[], object]) -> None:
        """Run one step that waits for nothing."""
        try:
            work()
        except Exception:  # noqa: BLE001 - the next step runs in any case
            self._log.exception("While stopping: %s failed.", name)
