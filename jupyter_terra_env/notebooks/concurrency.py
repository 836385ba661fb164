"""Doing the same for many things, several at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")

_AT_ONCE = 8


async def for_each(items: Iterable[T], act: Callable[[T], Awaitable[None]], *, at_once: int = _AT_ONCE) -> None:
    """Call a function for each item, several at once. The first failure is raised when all calls have ended.

    Args:
        items: the items.
        act: called once for each.
        at_once: how many calls run at the same time at most.
    """
    slots = asyncio.Semaphore(at_once)

    async def do(item: T) -> None:
        async with slots:
            await act(item)

    for outcome in await asyncio.gather(*(do(item) for item in items), return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
