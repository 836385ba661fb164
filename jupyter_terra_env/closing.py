"""Closing in steps: each is tried, none may raise, none may take longer than it is given."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

_AFTER_CANCELLING_SECONDS = 1.0


class ClosingSteps:
    """Does the steps of an end one after another, whatever becomes of each.

    Args:
        log: where a step that failed or took too long is named.
    """

    def __init__(self, log: logging.Logger | logging.LoggerAdapter[Any]) -> None:
        self._log = log

    async def step(self, name: str, work: Coroutine[Any, Any, object], seconds: float) -> None:
        """Do one step.

        Args:
            name: what it does, for the log.
            work: the step.
            seconds: how long it may take; it is cancelled then.
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
            # What it still comes to, nobody waits for.
            task.add_done_callback(lambda done: None if done.cancelled() else done.exception())
        elif not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("While stopping: %s failed.", name, exc_info=error)

    def call(self, name: str, work: Callable[[], object]) -> None:
        """Do one step that does not wait for anything."""
        try:
            work()
        except Exception:  # noqa: BLE001 - the next step comes in any case
            self._log.exception("While stopping: %s failed.", name)
