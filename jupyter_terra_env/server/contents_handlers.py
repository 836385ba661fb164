"""Jupyter's contents endpoints: a refusal by an edit lock tells of the lock, and large notebooks hold up nobody."""

from collections.abc import Callable
from typing import Any

from jupyter_server.services.contents import handlers as jupyter_handlers
from tornado.routing import Rule
from tornado.web import stream_request_body

from jupyter_terra_env.server.large_notebooks.answers import AnswersLargeNotebooks
from jupyter_terra_env.server.large_notebooks.saves import LargeSaves, TakesLargeNotebooks
from jupyter_terra_env.server.workspace_handler import TellsTheLock


class WorkspaceContentsHandler(TellsTheLock, AnswersLargeNotebooks):
    """``/api/contents/PATH``."""

    async def _new_untitled(self, path: str, *args: Any, **kwargs: Any) -> None:
        location = self.notebooks.workspaces.locate(path)
        if location is not None:
            # Whoever looks for a free name knows the bucket's then: not everybody asks for them.
            await self.notebooks.folders.bucket_folder(location)
        await super()._new_untitled(path, *args, **kwargs)


@stream_request_body
class LargeSaveHandler(TakesLargeNotebooks, WorkspaceContentsHandler):
    """``PUT /api/contents/PATH`` with a large notebook."""


class WorkspaceCheckpointsHandler(TellsTheLock, jupyter_handlers.CheckpointsHandler):
    """``/api/contents/PATH/checkpoints``."""


class WorkspaceCheckpointHandler(TellsTheLock, jupyter_handlers.ModifyCheckpointsHandler):
    """``/api/contents/PATH/checkpoints/ID``."""


class WorkspaceTrustHandler(TellsTheLock, jupyter_handlers.TrustNotebooksHandler):
    """``/api/contents/PATH/trust``."""


_OURS = {
    jupyter_handlers.ContentsHandler: WorkspaceContentsHandler,
    jupyter_handlers.CheckpointsHandler: WorkspaceCheckpointsHandler,
    jupyter_handlers.ModifyCheckpointsHandler: WorkspaceCheckpointHandler,
    jupyter_handlers.TrustNotebooksHandler: WorkspaceTrustHandler,
}
CONTENTS_HANDLERS = tuple(
    (pattern, _OURS.get(handler, handler)) for pattern, handler in jupyter_handlers.default_handlers
)
"""All of Jupyter's, in its order: an extension's rules come first, and the last of these would match the others."""


def large_save_rules(base_url: str, manager: Callable[[], object]) -> list[Rule]:
    """The rules to add before those above: what they match depends on more than the path.

    Args:
        base_url: the server's.
        manager: its contents manager of the moment; extensions replace it.
    """
    return [Rule(LargeSaves(base_url, manager), LargeSaveHandler)]
