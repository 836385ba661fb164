"""REST: the report of autopause, and requests to it."""

import asyncio
import json
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from jupyter_terra_env.rules.errors import AutopauseRefused
from jupyter_terra_env.server.autopause.requests import InvalidRequest, read_request
from jupyter_terra_env.server.request_bodies import MOST_BODY_BYTES, require_short
from jupyter_terra_env.server.workspace_handler import AUTOPAUSE_SETTING

if TYPE_CHECKING:
    from jupyter_terra_env.server.autopause.service import AutopauseService


class AutopauseHandler(APIHandler):
    """``/terra-env/autopause``: the report, and requests of people and programs."""

    auth_resource = "autopause"
    _track_activity = False

    @property
    def service(self) -> "AutopauseService":
        """The wired parts."""
        service: AutopauseService = self.settings[AUTOPAUSE_SETTING]
        return service

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer the report."""
        self.finish(json.dumps(self.service.report()))

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Handle a request, and answer with the report; it has a lease's id or a flush's outcome, too."""
        try:
            request = read_request(self._body())
            more = await self.service.handle(request)
        except InvalidRequest as error:
            raise web.HTTPError(400, str(error), reason="malformed") from error
        except AutopauseRefused as refused:
            raise web.HTTPError(409, str(refused), reason=refused.reason.value) from refused
        except asyncio.CancelledError:
            raise web.HTTPError(503, "This server is being stopped.", reason="stopping") from None
        self.finish(json.dumps({**self.service.report(), **more}))

    def _body(self) -> Any:
        require_short(self.request.body, MOST_BODY_BYTES)
        try:
            return json.loads(self.request.body.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise InvalidRequest("The body must be a JSON object.") from error


AUTOPAUSE_HANDLERS = (("autopause", AutopauseHandler),)
