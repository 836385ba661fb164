"""Pausing a machine of Compute Engine's that no other service manages."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from jupyter_terra_env.autopause.actuators.port import Outcome, Result
from jupyter_terra_env.rules.autopause.state import PauseReason, StopMode
from jupyter_terra_env.rules.errors import CloudRefused

_LOOKS = 15
_BETWEEN_LOOKS_SECONDS = 2.0


_STOPPING = {
    StopMode.STOP: {"STOPPING", "TERMINATED", "PENDING_STOP"},
    StopMode.SUSPEND: {"SUSPENDING", "SUSPENDED"},
}


class Instance(Protocol):
    """The port to this machine at Compute Engine. Both raise ``CloudRefused``, or ``ConnectionError`` for silence."""

    async def stop(self, mode: StopMode, request_id: str) -> None:
        """Ask for the stop or the suspension; asking again with one id has one effect."""

    async def status(self) -> str:
        """The instance's status, as ``RUNNING``."""


class ComputeEngineActuator:
    """Stops or suspends the instance, and believes it when the status read back says so.

    Args:
        instance: this machine.
        mode: how.
        sleep: waits between looks.
    """

    name = "compute_engine"

    def __init__(self, instance: Instance, *, mode: StopMode, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._instance = instance
        self._mode = mode
        self._sleep = sleep

    async def pause(self, reason: PauseReason, request_id: str) -> Outcome:  # noqa: ARG002
        """See ``Actuator``."""
        try:
            await self._instance.stop(self._mode, request_id)
            return await self._verified()
        except CloudRefused as refused:
            again = refused.status >= 500 or refused.status == 429
            return Outcome(result=Result.AGAIN if again else Result.UNAVAILABLE, detail=str(refused))
        except ConnectionError:
            return Outcome(result=Result.AGAIN, detail="Compute Engine cannot be reached.")

    async def _verified(self) -> Outcome:
        status = "unknown"
        for look in range(_LOOKS):
            if look > 0:
                await self._sleep(_BETWEEN_LOOKS_SECONDS)
            status = await self._instance.status()
            if status in _STOPPING[self._mode]:
                return Outcome(result=Result.ACCEPTED, detail=f"Compute Engine says {status}.")
        return Outcome(result=Result.AGAIN, detail=f"Compute Engine still says {status}.")
