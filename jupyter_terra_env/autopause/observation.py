"""The port to the sources of work."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from jupyter_terra_env.rules.autopause.activity import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one source sees.

    Attributes:
        work: what works now.
        waits: what would be work if it did not wait for a person.
        work_age: seconds since the last piece of work ended; None when that is not known.
    """

    work: tuple[Work, ...] = ()
    waits: tuple[Work, ...] = ()
    work_age: float | None = None


class WorkSource(Protocol):
    """A source of work, asked once a tick."""

    @property
    def name(self) -> str:
        """What cannot be observed if asking fails: part of the report."""

    async def look(self) -> Observation:
        """Observe what is running now."""


class RateLimitedSource:
    """Rate-limits a source: a load sampled over too short a time is meaningless.

    Args:
        source: what is asked.
        between_seconds: how far apart, at least.
        monotonic: a clock, in seconds.
    """

    def __init__(self, source: WorkSource, *, between_seconds: float, monotonic: Callable[[], float]) -> None:
        self._source = source
        self._between_seconds = between_seconds
        self._monotonic = monotonic
        self._asked: float | None = None
        self._last = Observation()

    @property
    def name(self) -> str:
        """The source's name."""
        return self._source.name

    async def look(self) -> Observation:
        """What the source sees, or saw a moment ago."""
        now = self._monotonic()
        if self._asked is None or now - self._asked >= self._between_seconds:
            # Asked anew if it fails: what it saw before that is no answer.
            self._last = await self._source.look()
            self._asked = now
        return self._last
