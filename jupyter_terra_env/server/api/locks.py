"""REST: taking, taking over and releasing the edit lock of a notebook."""

import json

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_terra_env.rules.errors import OperationRefused, RefusalReason
from jupyter_terra_env.server.http_errors import as_http_errors
from jupyter_terra_env.server.workspace_handler import WorkspaceHandler


class LockHandler(WorkspaceHandler):
    """``POST /terra-env/lock`` ``{"path": …, "action": "acquire" | "release" | "take-over"}``."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Perform the action, and answer with the new status."""
        location = self.locate(self.path_in_question())
        body, keeper = self.get_json_body(), self.parts.keeper
        with as_http_errors(location.api_path):
            if not location.is_delocalized:
                raise OperationRefused(
                    RefusalReason.NO_LOCK,
                    "There is no edit lock here: playground copies and files that stay on this disk need none.",
                )
            match body.get("action") if isinstance(body, dict) else None:
                case "acquire":
                    await keeper.acquire(location)
                case "take-over":
                    await keeper.take_over(location)
                case "release":
                    await keeper.give_back(location)
                case _:
                    raise web.HTTPError(400, "'action' must be 'acquire', 'release' or 'take-over'.")
            self.finish(json.dumps(await self.announcements.status(location)))
