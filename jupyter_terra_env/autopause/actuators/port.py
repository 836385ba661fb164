"""The port to what can pause the machine."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from jupyter_terra_env.rules.autopause.state import PauseReason


class Result(StrEnum):
    """What became of one attempt; append only, never rename."""

    ACCEPTED = "accepted"
    """The machine is being paused, and the status read back says so."""
    REPORTED = "reported"
    """This actuator only reports the pause."""
    UNAVAILABLE = "unavailable"
    """This actuator cannot do it here: the next one is tried."""
    AGAIN = "again"
    """It may work in a moment: the same one is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """An actuator's answer.

    Attributes:
        result: what became of it.
        detail: one sentence, without secrets.
    """

    result: Result
    detail: str


class Actuator(Protocol):
    """Something that can pause the machine."""

    @property
    def name(self) -> str:
        """Its name in settings and reports."""

    async def pause(self, reason: PauseReason, request_id: str) -> Outcome:
        """Pause the machine and verify it; asking twice with one id has one effect.

        Args:
            reason: why.
            request_id: a UUID, the same for all tries of one attempt.
        """
