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

from jupyter_terra_env.notebooks.locks.lock_keeper import LockKeeper, Tab
from jupyter_terra_env.rules.errors import TerraEnvError
from jupyter_terra_env.rules.workspace import Location
from jupyter_terra_env.server.api.tab_seats import SeatedTab, TabSeats
from jupyter_terra_env.server.callers import as_readers_see, may_write
from jupyter_terra_env.server.workspace_handler import NotebookLookup, exact_query_argument

_SEATS_SETTING = "jupyter_terra_env_tab_seats"
MOST_SOCKETS = 1000
"""Presence sockets at once: one for each tab that shows a notebook."""
_LONGEST_MESSAGE_BYTES = 4096


class PresenceSocket(NotebookLookup, WebSocketMixin, WebSocketHandler, JupyterHandler):
    """``/terra-env/presence?path=…``, one for each tab; sends the status at once and after every change.

    Which of several tabs edits: docs/protocol/tabs.md.
    """

    auth_resource = "contents"
    location: Location
    is_writer = False
    tab: Tab | None = None
    seated: SeatedTab | None = None
    status: dict[str, Any] | None = None
    end_listening: Callable[[], None] | None = None

    @ws_authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Open the socket for a notebook.

        Raises:
            HTTPError: 403 not authorised; 404 no notebook of a workspace; 503 too many sockets.
        """
        allowed = await ensure_async(self.authorizer.is_authorized(self, self.current_user, "read", self.auth_resource))
        if not allowed:
            raise web.HTTPError(403)
        self.location = self.locate(exact_query_argument(self, "path"))
        if self.announcements.listeners >= MOST_SOCKETS:
            raise web.HTTPError(503, "Too many tabs show notebooks of this server: close some.")
        self.is_writer = await may_write(self)
        opened = super().get(*args, **kwargs)
        if opened is not None:
            await opened

    @property
    def max_message_size(self) -> int:
        """Clients send short messages only."""
        return _LONGEST_MESSAGE_BYTES

    async def open(self, *args: Any, **kwargs: Any) -> None:
        """A tab shows the notebook; its lock is kept only for a client that may write."""
        super().open(*args, **kwargs)
        if self.is_writer:
            self.tab = self.keeper.enter(self.location)
        wants = self.is_writer and self.get_query_argument("edits", "1") != "0"
        self.seated = self.seats.enter(self.location.api_path, self.send_tabs, wants=wants)
        self.end_listening = self.announcements.listen(self.location, self.send_status)
        with contextlib.suppress(TerraEnvError):  # A notebook that does not exist yet is announced when it does.
            self.send_status(await self.announcements.status(self.location))

    def send_status(self, status: dict[str, Any]) -> None:
        """Send a status."""
        self.status = status if self.is_writer else as_readers_see(status)
        if self.seated is not None:
            self.send_tabs(self.seated.fields)

    def send_tabs(self, tabs: dict[str, Any]) -> None:
        """Send the last status with the state of the tabs; nothing before a status is known."""
        if self.status is not None:
            with contextlib.suppress(WebSocketClosedError):
                self.write_message(json.dumps({**self.status, "tabs": tabs}))

    @property
    def keeper(self) -> LockKeeper:
        """Keeps the locks of what tabs show."""
        return self.parts.keeper

    @property
    def seats(self) -> TabSeats:
        """Which tab edits what, for all sockets of this server."""
        seats: TabSeats = self.settings.setdefault(_SEATS_SETTING, TabSeats())
        return seats

    def on_message(self, message: str | bytes) -> None:
        """Take ``{"action": …}`` or ``{"looked_at": …}``: whether a person can see the tab. All else is ignored."""
        try:
            message_fields = json.loads(message)
        except (ValueError, RecursionError):
            return
        if not isinstance(message_fields, dict):
            return
        if self.is_writer and self.seated is not None and "action" in message_fields:
            self.seated.act(message_fields["action"])
        if self.tab is not None and isinstance(message_fields.get("looked_at"), bool):
            self.keeper.look_at(self.tab, is_looked_at=message_fields["looked_at"])

    def on_close(self) -> None:
        """The tab was closed, or shows something else."""
        if self.end_listening is not None:
            self.end_listening()
        if self.seated is not None:
            self.seated.leave()
        if self.tab is not None:
            self.keeper.leave(self.tab)
