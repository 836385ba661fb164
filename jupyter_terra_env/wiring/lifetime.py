"""What a server's parts do when its event loop starts, and when the server stops."""

import logging
from typing import Any

from jupyter_terra_env.closing import ClosingSteps
from jupyter_terra_env.wiring.notebook_parts import UPLOADS_SECONDS
from jupyter_terra_env.wiring.programs import set_variables

_AFTER_FLUSH_SECONDS = 2.0
"""For uploads after a flush: what it could not bring to the bucket just now is not tried for long once more."""
_STEP_SECONDS = 3.0
_STOPPING_SECONDS = 30.0
"""Beyond the time of a step's own parts: reached only if a part blocks in spite of its own limits."""


async def start_parts(app: Any, *, log: logging.Logger | logging.LoggerAdapter[Any]) -> None:
    """Start what needs the event loop.

    Args:
        app: the extension application.
        log: the server's log.
    """
    set_variables(app, log=log)
    if app.wired is not None:
        await app.wired.start()
    if app.folder_workspaces is not None:
        app.folder_workspaces.start()
    if app.welder is not None:
        await app.welder.start()
    if app.welder_listener is not None and app.welder is not None:
        app.welder_listener.start(app.welder)


async def stop_parts(app: Any, *, log: logging.Logger | logging.LoggerAdapter[Any]) -> None:
    """Let uploads in flight end, and give locks back.

    Args:
        app: the extension application.
        log: the server's log.
    """
    closing = ClosingSteps(log)
    if app.welder_listener is not None:
        await closing.step("ending Welder's API", app.welder_listener.close(), _STEP_SECONDS)
    if app.folder_workspaces is not None:
        await closing.step("ending the look at folders", app.folder_workspaces.close(), _STEP_SECONDS)
    if app.autopause is not None:
        budget = app.autopause.shutdown_budget_seconds
        await closing.step("bringing everything to safety", app.autopause.stop(), budget + _STOPPING_SECONDS)
    if app.wired is not None and app.announcements is not None:
        uploads = UPLOADS_SECONDS if app.autopause is None else _AFTER_FLUSH_SECONDS
        await closing.step("ending announcements", app.announcements.close(), _STEP_SECONDS)
        await closing.step(
            "ending the workspaces", app.wired.close(uploads_seconds=uploads), uploads + _STOPPING_SECONDS
        )
        await closing.step("ending the reading of notebooks", app.wired.cage.close(), _STEP_SECONDS)
