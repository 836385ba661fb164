"""The presence socket: open as long as a tab shows a notebook. Protocol: docs/protocol/keeping-locks.md."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from jupyter_server.utils import ensure_async
from tornado import web
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from jupyter_terra_env.notebooks.lock_keeper import Tab
from jupyter_terra_env.rules.errors import TerraEnvError
from jupyter_terra_env.rules.workspace import Location
from jupyter_terra_env.server.workspace_handler import FindsNotebooks, exact_query_argument


class PresenceSocket(FindsNotebooks, WebSocketMixin, WebSocketHandler, JupyterHandler):
    """``/terra-env/presence?path=…``, one for each tab; sends the status at once and after every change."""

    auth_resource = "contents"
    location: Location
    tab: Tab | None = None
    end_listening: Callable[[], None] | None = None

    @ws_authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Open the socket for a notebook.

        Raises:
            HTTPError: 403 not authorised; 404 no notebook of a workspace.
        """
        allowed = await ensure_async(self.authorizer.is_authorized(self, self.current_user, "read", self.auth_resource))
        if not allowed:
            raise web.HTTPError(403)
        self.location = self.locate(exact_query_argument(self, "path"))
        opened = super().get(*args, **kwargs)
        if opened is not None:
            await opened

    async def open(self, *args: Any, **kwargs: Any) -> None:
        """A tab shows the notebook."""
        super().open(*args, **kwargs)
        self.tab = self.notebooks.keeper.enter(self.location)
        self.end_listening = self.announcements.listen(self.location, self.tell)
        with contextlib.suppress(TerraEnvError):  # What is not there yet is told when it is.
            self.tell(await self.announcements.status(self.location))

    def tell(self, status: dict[str, Any]) -> None:
        """Send a status."""
        with contextlib.suppress(WebSocketClosedError):
            self.write_message(json.dumps(status))

    def on_message(self, message: str | bytes) -> None:
        """A tab says ``{"looked_at": true}`` while a person can see it; anything else says nothing."""
        try:
            said = json.loads(message)
        except (ValueError, RecursionError):
            return
        if self.tab is not None and isinstance(said, dict) and isinstance(said.get("looked_at"), bool):
            self.notebooks.keeper.look_at(self.tab, is_looked_at=said["looked_at"])

    def on_close(self) -> None:
        """The tab is gone, or shows something else."""
        if self.end_listening is not None:
            self.end_listening()
        if self.tab is not None:
            self.notebooks.keeper.leave(self.tab)
