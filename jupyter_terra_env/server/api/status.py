"""REST: where the work of a notebook is, and who edits it."""

import json

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_terra_env.server.callers import as_readers_see, may_write
from jupyter_terra_env.server.http_errors import as_http_errors
from jupyter_terra_env.server.workspace_handler import WorkspaceHandler


class StatusHandler(WorkspaceHandler):
    """``GET /terra-env/status?path=…``: where the work is, and who edits, without asking the bucket."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer the status; docs/reference.md lists its fields."""
        location = self.locate(self.path_in_question())
        with as_http_errors(location.api_path):
            status = await self.announcements.status(location)
        self.finish(json.dumps(status if await may_write(self) else as_readers_see(status)))
