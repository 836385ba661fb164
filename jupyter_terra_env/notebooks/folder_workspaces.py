"""Workspaces that files in folders name while the server runs: a Welder beside this server writes them.

Protocol: docs/protocol/storage-links.md.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from jupyter_terra_env.notebooks.storage.working_copies import WorkingCopies
from jupyter_terra_env.rules.errors import TerraEnvError
from jupyter_terra_env.rules.workspace import Workspace, Workspaces

LOOK_SECONDS = 5.0


class FolderWorkspaces:
    """Looks again and again.

    Args:
        workspaces: what is found is added there.
        copies: threads to look in.
        find: finds the workspaces of the settings and of the files there are now; blocks, and may raise
            ``TerraEnvError`` or ``OSError``: then nothing changes.
        log: the server's log.
        look_seconds: time between looks.
    """

    def __init__(
        self,
        workspaces: Workspaces,
        copies: WorkingCopies,
        *,
        find: Callable[[], tuple[Workspace, ...]],
        log: logging.Logger | logging.LoggerAdapter[Any],
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._workspaces = workspaces
        self._copies = copies
        self._find = find
        self._log = log
        self._look_seconds = look_seconds
        self._trouble = ""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look from now on, until ``close``."""
        self._task = asyncio.create_task(self._look_on(), name="look for workspaces in folders")

    async def look(self) -> None:
        """Look now. A workspace whose file is gone or unreadable stays: notebooks of it may be open."""
        try:
            found = await self._copies.run(self._find)
        except (TerraEnvError, OSError) as error:
            if str(error) != self._trouble:
                self._log.warning("jupyter_terra_env: workspaces in folders are not looked for: %s", error)
            self._trouble = str(error)
            return
        self._trouble = ""
        before = self._workspaces.configured
        self._workspaces.configure(found)
        for workspace in self._workspaces.configured:
            if workspace not in before:
                self._log.info(
                    "jupyter_terra_env: workspace %r: gs://%s/%s in the folder %r, as a file in it says.",
                    workspace.name,
                    workspace.bucket,
                    workspace.prefix,
                    workspace.edit_directory,
                )

    async def close(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(self._look_seconds)
            await self.look()
