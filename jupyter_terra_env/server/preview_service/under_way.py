"""Counts what is being answered, so that an end can wait for it."""

import asyncio
import contextlib
from types import TracebackType


class UnderWay:
    """A context manager around each answer."""

    def __init__(self) -> None:
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()

    def __enter__(self) -> None:
        self._count += 1
        self._none.clear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._count -= 1
        if self._count == 0:
            self._none.set()

    async def end(self, seconds: float) -> None:
        """Wait until nothing is being answered, at most so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._none.wait()
