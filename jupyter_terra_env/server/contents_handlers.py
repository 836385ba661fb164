"""Jupyter's contents endpoints, with more in one kind of error: a refusal by an edit lock tells of the lock."""

from jupyter_server.services.contents import handlers as jupyter_handlers

from jupyter_terra_env.server.workspace_handler import TellsTheLock


class WorkspaceContentsHandler(TellsTheLock, jupyter_handlers.ContentsHandler):
    """``/api/contents/PATH``."""


CONTENTS_HANDLERS = tuple(
    (pattern, WorkspaceContentsHandler if handler is jupyter_handlers.ContentsHandler else handler)
    for pattern, handler in jupyter_handlers.default_handlers
)
"""All of Jupyter's, in its order: an extension's rules come first, and the last of these would match the others."""
