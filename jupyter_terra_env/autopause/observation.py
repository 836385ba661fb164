"""The port to whatever can tell that something works."""

from dataclasses import dataclass
from typing import Protocol

from jupyter_terra_env.rules.activity import Work


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
    """Something that can tell. It is asked once a tick."""

    @property
    def name(self) -> str:
        """What cannot be observed when asking fails."""

    async def look(self) -> Observation:
        """See what works now."""
