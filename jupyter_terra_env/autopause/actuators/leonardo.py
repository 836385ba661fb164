"""Pausing through Leonardo, which owns the machine in Terra."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from jupyter_terra_env.autopause.actuators.port import Outcome, Result
from jupyter_terra_env.rules.autopause.state import PauseReason

_STOPPING = {"PreStopping", "Stopping", "Stopped"}
_READINGS = 10
_BETWEEN_LOOKS_SECONDS = 2.0
_OVERLOADED = 429


class LeonardoRuntime(Protocol):
    """The port to this machine's runtime in Leonardo. Both raise ``ConnectionError`` where there is no answer."""

    async def stop(self) -> int:
        """Ask for the stop; the answer's HTTP status."""

    async def status(self) -> tuple[int, str]:
        """HTTP status, and the runtime's status where that is 200."""


class LeonardoActuator:
    """Stops the runtime, and believes it when the status read back says so.

    Args:
        runtime: this machine's runtime.
        sleep: waits between readings.
    """

    name = "leonardo"

    def __init__(self, runtime: LeonardoRuntime, *, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._runtime = runtime
        self._sleep = sleep

    async def pause(self, reason: PauseReason, request_id: str) -> Outcome:  # noqa: ARG002 - stopping is idempotent
        """See ``Actuator``."""
        try:
            code = await self._runtime.stop()
            if code not in (202, 409):
                return _refusal(code)
            # 409: it cannot be stopped in its present status, which may be because it is stopping.
            return await self._verified(readings=_READINGS if code == 202 else 1)
        except ConnectionError:
            return Outcome(result=Result.AGAIN, detail="Leonardo cannot be reached.")

    async def _verified(self, readings: int) -> Outcome:
        status = "unknown"
        for look in range(readings):
            if look > 0:
                await self._sleep(_BETWEEN_LOOKS_SECONDS)
            code, status = await self._runtime.status()
            if code == 200 and status in _STOPPING:
                return Outcome(result=Result.ACCEPTED, detail=f"Leonardo says {status}.")
        return Outcome(result=Result.AGAIN, detail=f"Leonardo still says {status or 'nothing'}.")


def _refusal(code: int) -> Outcome:
    again = code >= 500 or code == _OVERLOADED
    return Outcome(result=Result.AGAIN if again else Result.UNAVAILABLE, detail=f"Leonardo answered {code}.")
