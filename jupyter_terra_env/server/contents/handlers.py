"""Jupyter's contents endpoints: a refusal by an edit lock describes the lock, and large notebooks hold up no one."""

from collections.abc import Callable
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.services.contents import handlers as jupyter_handlers
from jupyter_server.utils import ensure_async
from tornado import web
from tornado.routing import Rule

from jupyter_terra_env.server.callers import refuse_foreign_pages
from jupyter_terra_env.server.contents.chunked_uploads import client_of, sender
from jupyter_terra_env.server.contents.large_notebooks.answers import LargeResponseMixin
from jupyter_terra_env.server.contents.large_notebooks.manager import is_unchanged
from jupyter_terra_env.server.contents.large_notebooks.saves import LargeSaves, StreamingSaveMixin
from jupyter_terra_env.server.contents.shown_contents import essence, noting_what_is_read
from jupyter_terra_env.server.request_bodies import require_text
from jupyter_terra_env.server.workspace_handler import LockErrorMixin

_TEXT_FIELDS = ("name", "path", "type", "format", "ext", "copy_from")


class WorkspaceContentsHandler(LockErrorMixin, LargeResponseMixin):
    """``/api/contents/PATH``."""

    _answered: object = None

    async def prepare(self) -> None:  # type: ignore[override]  # Jupyter's is declared to return an awaitable of one
        """Refuse what a page of another site has a browser ask of a workspace: reading a notebook there opens it."""
        await super().prepare()
        path = self.path_in_question()
        if self.request.method == "GET" and self.workspaces.locate(path) is not None:
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

    @web.authenticated
    @authorized
    async def put(self, path: str = "") -> None:
        """See ``ContentsHandler.put``; uploads in chunks belong to the client that began them."""
        sender.set(client_of(self.request))
        await ensure_async(super().put(path))

    @web.authenticated
    @authorized
    async def get(self, path: str = "") -> None:
        """See ``ContentsHandler.get``; what an extension shows instead of a notebook is not taken for it."""
        if is_unchanged(self.contents_manager):
            await ensure_async(super().get(path))
            return
        with noting_what_is_read() as read:
            await ensure_async(super().get(path))
        views = self.parts.views
        for read_path, found in read.items():
            location = self.workspaces.locate(read_path)
            # Other files than the one in question were read to show this one.
            if location is not None and (read_path != path.strip("/") or found == self._answered):
                await views.mark_read(location)

    def _finish_model(self, model: dict[str, Any], location: bool = True) -> None:  # noqa: FBT001, FBT002
        self._answered = essence(model)
        super()._finish_model(model, location)

    async def _new_untitled(self, path: str, *args: Any, **kwargs: Any) -> None:
        location, listings = self.workspaces.locate(path), self.parts.listings
        if location is not None:
            # Jupyter's search for a free name then sees the bucket's names, too.
            await listings.bucket_folder(location)
        await super()._new_untitled(path, *args, **kwargs)


@web.stream_request_body
class LargeSaveHandler(StreamingSaveMixin, WorkspaceContentsHandler):
    """``PUT /api/contents/PATH`` with a large notebook."""


class WorkspaceCheckpointsHandler(LockErrorMixin, jupyter_handlers.CheckpointsHandler):
    """``/api/contents/PATH/checkpoints``."""


class WorkspaceCheckpointHandler(LockErrorMixin, jupyter_handlers.ModifyCheckpointsHandler):
    """``/api/contents/PATH/checkpoints/ID``."""


class WorkspaceTrustHandler(LockErrorMixin, jupyter_handlers.TrustNotebooksHandler):
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
