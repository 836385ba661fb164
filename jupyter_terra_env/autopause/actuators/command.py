"""Pausing by a command of the operator's."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence

from jupyter_terra_env.autopause.actuators.port import Outcome, Result
from jupyter_terra_env.rules.autopause.state import PauseReason

REASON_VARIABLE = "TERRA_ENV_REASON"
REQUEST_VARIABLE = "TERRA_ENV_REQUEST_ID"


class CommandActuator:
    """Runs a command, without a shell; exit code 0 means that the machine is being paused.

    Args:
        argv: the program and its arguments.
        environ: the variables it gets, besides the reason and the request's id.
        patience_seconds: how long it may take; then it is ended, with its children.
    """

    name = "command"

    def __init__(self, argv: Sequence[str], *, environ: Mapping[str, str], patience_seconds: float) -> None:
        self._argv = tuple(argv)
        self._environ = dict(environ)
        self._patience_seconds = patience_seconds

    async def pause(self, reason: PauseReason, request_id: str) -> Outcome:
        """See ``Actuator``."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._argv,
                env={**self._environ, REASON_VARIABLE: reason.value, REQUEST_VARIABLE: request_id},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            return Outcome(result=Result.UNAVAILABLE, detail=f"The command cannot be run: {error.strerror}.")
        try:
            async with asyncio.timeout(self._patience_seconds):
                code = await process.wait()
        except TimeoutError:
            return Outcome(
                result=Result.UNAVAILABLE, detail=f"The command did not end in {self._patience_seconds:g} seconds."
            )
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if code == 0:
            return Outcome(result=Result.ACCEPTED, detail="The command ended well.")
        return Outcome(result=Result.UNAVAILABLE, detail=f"The command ended with exit code {code}.")
