"""No actuator: the pause is reported, and another program or person has to do it."""

from jupyter_terra_env.autopause.actuators.port import Outcome, Result
from jupyter_terra_env.rules.autopause.state import PauseReason


class ReportOnly:
    """Reports that the machine should be paused."""

    name = "report_only"

    async def pause(self, reason: PauseReason, request_id: str) -> Outcome:  # noqa: ARG002
        """See ``Actuator``."""
        return Outcome(result=Result.REPORTED, detail="Nothing here can pause this machine.")
