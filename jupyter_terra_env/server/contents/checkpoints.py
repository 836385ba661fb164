"""Checkpoints beside the notebooks of a workspace: a link in their place leads no read and no write out of its folder.

A folder that was cloned may come with ``.ipynb_checkpoints`` as a link, or with one in it: Jupyter would write what is
saved through the link over another file, and restore what that file holds.
"""

import os
from typing import Protocol

from jupyter_server.services.contents.filecheckpoints import AsyncFileCheckpoints
from tornado.web import HTTPError

from jupyter_terra_env.rules.errors import OperationRefused
from jupyter_terra_env.server.contents.parts import ContentsParts

CHECKPOINT_ID = "checkpoint"
"""Jupyter keeps one checkpoint of each file."""


class _Parent(Protocol):
    """What is needed of the contents manager."""

    parts: ContentsParts


class WorkspaceCheckpoints(AsyncFileCheckpoints):
    """Jupyter's own checkpoints, without those that a link leads elsewhere."""

    parent: _Parent

    def checkpoint_path(self, checkpoint_id: str, path: str) -> str:
        """See ``FileCheckpoints.checkpoint_path``.

        Raises:
            HTTPError: 404, when a link leads out of the workspace folder.
        """
        refused = self._why_not(checkpoint_id, path)
        if refused is not None:
            raise HTTPError(404, str(refused), reason=refused.reason.value)
        return str(super().checkpoint_path(checkpoint_id, path))

    def leads_out(self, path: str) -> bool:
        """Whether the checkpoint of a file would be outside its workspace folder."""
        return self._why_not(CHECKPOINT_ID, path) is not None

    async def list_checkpoints(self, path: str) -> list[dict[str, object]]:
        """See ``FileCheckpoints.list_checkpoints``."""
        return [] if self.leads_out(path) else list(await super().list_checkpoints(path))

    async def rename_all_checkpoints(self, old_path: str, new_path: str) -> None:
        """See ``Checkpoints.rename_all_checkpoints``; what a link leads to stays where it is."""
        if not (self.leads_out(old_path) or self.leads_out(new_path)):
            await super().rename_all_checkpoints(old_path, new_path)

    def _why_not(self, checkpoint_id: str, path: str) -> OperationRefused | None:
        parts = self.parent.parts
        location = parts.workspaces.locate(path)
        if location is None or not location.relative_path or os.path.isabs(self.checkpoint_dir):  # noqa: PTH117
            return None  # Where an operator has them kept is the operator's business.
        stem, suffix = os.path.splitext(location.name)  # noqa: PTH122 - as Jupyter names them
        checkpoint = location.parent.child(self.checkpoint_dir).child(f"{stem}-{checkpoint_id}{suffix}")
        try:
            parts.storage.os_path(checkpoint)
        except OperationRefused as refused:
            return refused
        return None
