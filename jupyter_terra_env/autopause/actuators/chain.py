"""The configured actuators, tried in order; each failure is kept for the report."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from jupyter_terra_env.autopause.actuators.port import Actuator, Outcome, Result
from jupyter_terra_env.autopause.actuators.report_only import ReportOnly
from jupyter_terra_env.rules.autopause.state import PauseReason

TRIES = 3
_FIRST_WAIT_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One try of one actuator.

    Attributes:
        actuator: its name.
        outcome: its answer.
    """

    actuator: str
    outcome: Outcome


class PauseChain:
    """Pauses the machine with the first actuator that succeeds.

    Args:
        actuators: in the order in which they are tried.
        new_id: gives a UUID; one attempt keeps it over all its tries.
        patience_seconds: how long one try may take.
        sleep: waits between tries.
        on_tried: called after every try.
    """

    def __init__(
        self,
        actuators: Sequence[Actuator],
        *,
        new_id: Callable[[], str],
        patience_seconds: float,
        sleep: Callable[[float], Awaitable[None]],
        on_tried: Callable[[Tried, PauseReason], None],
    ) -> None:
        self._actuators = tuple(actuators)
        self._new_id = new_id
        self._patience_seconds = patience_seconds
        self._sleep = sleep
        self._on_tried = on_tried
        self.last: tuple[Tried, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The actuators' names, in order."""
        return tuple(actuator.name for actuator in self._actuators)

    @property
    def that_pause(self) -> tuple[str, ...]:
        """Names of the actuators that do more than report."""
        return tuple(name for name in self.names if name != ReportOnly.name)

    async def pause(self, reason: PauseReason) -> Result:
        """Pause the machine.

        Args:
            reason: why.

        Returns:
            ``ACCEPTED``, ``REPORTED``, or ``UNAVAILABLE`` when none could.
        """
        self.last = ()
        for actuator in self._actuators:
            result = await self._pause_by(actuator, reason)
            if result in (Result.ACCEPTED, Result.REPORTED):
                return result
        return Result.UNAVAILABLE

    async def _pause_by(self, actuator: Actuator, reason: PauseReason) -> Result:
        request_id, wait = self._new_id(), _FIRST_WAIT_SECONDS
        for number in range(TRIES):
            if number > 0:
                await self._sleep(wait)
                wait *= 2
            outcome = await self._one_try(actuator, reason, request_id)
            tried = Tried(actuator=actuator.name, outcome=outcome)
            self.last = (*self.last, tried)
            self._on_tried(tried, reason)
            if outcome.result is not Result.AGAIN:
                return outcome.result
        return Result.UNAVAILABLE

    async def _one_try(self, actuator: Actuator, reason: PauseReason, request_id: str) -> Outcome:
        try:
            async with asyncio.timeout(self._patience_seconds):
                return await actuator.pause(reason, request_id)
        except TimeoutError:
            return Outcome(result=Result.AGAIN, detail="There was no answer in time.")
        except Exception as error:  # noqa: BLE001 - one broken actuator must not keep the next from being tried
            return Outcome(result=Result.UNAVAILABLE, detail=f"Unexpected failure ({type(error).__name__}).")
