"""Jupyter's contents endpoints: a refusal by an edit lock tells of the lock, and large notebooks hold up nobody."""

from typing import Any

from jupyter_server.services.contents import handlers as jupyter_handlers
from tornado.routing import Rule
from tornado.web import stream_request_body

from jupyter_terra_env.server.callers import refuse_foreign_pages
from jupyter_terra_env.server.large_notebooks.answers import AnswersLargeNotebooks
from jupyter_terra_env.server.large_notebooks.manager import LargeNotebookManager
from jupyter_terra_env.server.large_notebooks.saves import LargeSaves, TakesLargeNotebooks
from jupyter_terra_env.server.request_bodies import require_path, require_text
from jupyter_terra_env.server.workspace_handler import TellsTheLock

_TEXT_FIELDS = ("name", "path", "type", "format", "ext", "copy_from")


class WorkspaceContentsHandler(TellsTheLock, AnswersLargeNotebooks):
    """``/api/contents/PATH``."""

    async def prepare(self) -> None:  # type: ignore[override]  # Jupyter's is declared to return an awaitable of one
        """Refuse what a page of another site has a browser ask of a workspace: reading a notebook there opens it."""
        await super().prepare()
        path = self.path_in_question()
        require_path(path)
        if self.request.method == "GET" and self.notebooks.workspaces.locate(path) is not None:
            refuse_foreign_pages(self)

    def get_json_body(self) -> dict[str, Any] | None:
        """The model in the body; None where there is no body.

        Raises:
            HTTPError: 400, it is no object, or one of its names is no text.
        """
        model = super().get_json_body()
        if model is not None:
            require_text(model, _TEXT_FIELDS)
        return model


@stream_request_body
class LargeSaveHandler(TakesLargeNotebooks, WorkspaceContentsHandler):
    """``PUT /api/contents/PATH`` with a large notebook."""


CONTENTS_HANDLERS = tuple(
    (pattern, WorkspaceContentsHandler if handler is jupyter_handlers.ContentsHandler else handler)
    for pattern, handler in jupyter_handlers.default_handlers
)
"""All of Jupyter's, in its order: an extension's rules come first, and the last of these would match the others."""


def large_save_rules(base_url: str, manager: object) -> list[Rule]:
    """The rules to add before those above: what they match depends on more than the path.

    Args:
        base_url: the server's.
        manager: its contents manager; with another one than this package's there are no rules.
    """
    if not isinstance(manager, LargeNotebookManager):
        return []
    return [Rule(LargeSaves(base_url, manager.is_large_save), LargeSaveHandler)]
