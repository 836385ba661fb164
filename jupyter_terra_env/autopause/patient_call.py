"""A call that may hang, as on a disk that does not answer: waited for only so long, and never begun twice."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")
_END_SECONDS = 1.0


class Late(TimeoutError):
    """The call has not come back. It goes on."""


class PatientCall(Generic[T]):
    """Calls, and gives up waiting in time.

    Args:
        call: what is called; nothing that must not be cancelled at the end.
        patience_seconds: how long it is waited for.
        name: of the task.
    """

    def __init__(self, call: Callable[[], Awaitable[T]], *, patience_seconds: float, name: str) -> None:
        self._call = call
        self._patience_seconds = patience_seconds
        self._name = name
        self._task: asyncio.Task[T] | None = None

    async def result(self) -> T:
        """What the call gives. What one that was late gives is dropped: it says nothing of now.

        Raises:
            Late: it has not come back in time, or the one before has not come back yet. The latter is not waited for:
                a frequent caller must not be held up each time.
        """
        if self._task is not None and not self._task.done():
            raise Late(self._name)
        self._task = asyncio.create_task(self._run(), name=self._name)
        done, _ = await asyncio.wait({self._task}, timeout=self._patience_seconds)
        if not done:
            self._task.add_done_callback(_drop)
            raise Late(self._name)
        return self._task.result()

    async def close(self) -> None:
        """End a call that has not come back, as far as it can be ended."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_END_SECONDS)

    async def _run(self) -> T:
        return await self._call()


def _drop(task: asyncio.Task[T]) -> None:
    """Retrieve the outcome of a late call, so that asyncio logs nothing about it."""
    with contextlib.suppress(asyncio.CancelledError):
        task.exception()
