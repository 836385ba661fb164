"""Uploads one notebook's working copy: tries until it succeeds, or until another try makes no sense."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from jupyter_terra_env.rules.status import WorkStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What one attempt came to.

    Attributes:
        status: where the work is now.
        again_in_seconds: when to try again; None when there is nothing more to do.
        may_pass: whether trying again soon may succeed; otherwise only a person can help.
    """

    status: WorkStatus
    again_in_seconds: float | None = None
    may_pass: bool = False


class UploadTask:
    """Runs attempts, one after another, with pauses that a new save ends.

    Args:
        attempt: makes one, given how many have failed before it in a row.
        name: of the task.
    """

    def __init__(self, attempt: Callable[[int], Awaitable[Attempt]], *, name: str) -> None:
        self._attempt = attempt
        self._begun = 0
        self._ended = 0
        self._wanted = 1
        self._wake = asyncio.Event()
        self._changed = asyncio.Condition()
        self._may_pass = True
        self.status: WorkStatus | None = None
        self.task = asyncio.create_task(self._run(), name=name)

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to do."""
        return self.task.done()

    def retry_now(self) -> int:
        """Try (again) at once.

        Returns:
            The number of the attempt that begins after now, for ``result``.
        """
        self._wanted = max(self._wanted, self._begun + 1)
        self._wake.set()
        return self._wanted

    async def result(self, attempt: int) -> WorkStatus:
        """Wait until an attempt has ended.

        Returns:
            What it came to.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: self._ended >= attempt or self.is_over)
        if self.status is None:
            raise RuntimeError("an upload that has ended has a status")
        return self.status

    async def finish(self) -> None:
        """Try (again) at once, and wait until that has succeeded, or only a person can help."""
        self.retry_now()
        async with self._changed:
            await self._changed.wait_for(lambda: self.is_over or (self._wanted <= self._ended and not self._may_pass))

    async def _run(self) -> None:
        failures = 0
        while True:
            self._wake.clear()
            self._begun += 1
            number = self._begun
            attempt = await self._attempt(failures)
            self.status = attempt.status
            self._may_pass = attempt.may_pass
            async with self._changed:
                self._ended = number
                self._changed.notify_all()
            if self._wanted > number:
                failures = 0
            elif attempt.again_in_seconds is None:
                return
            else:
                failures += 1
                await self._pause(attempt.again_in_seconds)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
