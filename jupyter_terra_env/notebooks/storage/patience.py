"""How long a person waits for a bucket where the disk could answer."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from jupyter_terra_env.rules.errors import BucketTrouble, BucketUnavailable

PATIENCE_SECONDS = 3.0
SLOWEST_BYTES_PER_SECOND = 256 << 10
"""A download that is slower than this is not waited for where the disk has something to show."""

T = TypeVar("T")


async def within(seconds: float | None, asked: Awaitable[T], bucket: str, *, size_bytes: int = 0) -> T:
    """Wait for an answer of a bucket, which may be dropped.

    Args:
        seconds: how long; None for as long as the bucket's own time limits let it.
        asked: what gives the answer.
        bucket: bucket name, for the error.
        size_bytes: what the answer brings, which takes its time.

    Raises:
        BucketUnavailable: it did not come in time.
        Exception: as what was asked raises.
    """
    limit = None if seconds is None else seconds + size_bytes / SLOWEST_BYTES_PER_SECOND
    try:
        async with asyncio.timeout(limit):
            return await asked
    except TimeoutError:
        raise no_answer(bucket, limit or 0.0) from None


def no_answer(bucket: str, seconds: float) -> BucketUnavailable:
    """The error of a bucket that has not answered yet."""
    return BucketUnavailable(bucket, BucketTrouble.UNREACHABLE, f"no answer within {seconds:g} s")
