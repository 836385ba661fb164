"""Jupyter's contents endpoints: a refusal by an edit lock tells of the lock, and large notebooks hold up nobody."""

from jupyter_server.services.contents import handlers as jupyter_handlers

from jupyter_terra_env.server.large_notebooks.answers import AnswersLargeNotebooks
from jupyter_terra_env.server.workspace_handler import TellsTheLock


class WorkspaceContentsHandler(TellsTheLock, AnswersLargeNotebooks):
    """``/api/contents/PATH``."""


CONTENTS_HANDLERS = tuple(
    (pattern, WorkspaceContentsHandler if handler is jupyter_handlers.ContentsHandler else handler)
    for pattern, handler in jupyter_handlers.default_handlers
)
"""All of Jupyter's, in its order: an extension's rules come first, and the last of these would match the others."""
