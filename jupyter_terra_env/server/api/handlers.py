"""REST endpoints under ``/terra-env``: where the work is, who edits, and opening the workspace's version over edits."""

import json
from typing import TYPE_CHECKING

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_terra_env.autopause.flush import FlushCause
from jupyter_terra_env.rules.errors import OperationRefused, RefusalReason
from jupyter_terra_env.server.api.conflicts import CONFLICT_HANDLERS
from jupyter_terra_env.server.api.presence import PresenceSocket
from jupyter_terra_env.server.api.preview import PreviewHandler
from jupyter_terra_env.server.api.sharing import SHARING_HANDLERS
from jupyter_terra_env.server.callers import as_readers_see, may_write
from jupyter_terra_env.server.contents.shown_contents import note_replaced
from jupyter_terra_env.server.http_errors import as_http_errors
from jupyter_terra_env.server.status_fields import foreign_debt_fields, payment_fields, status_fields
from jupyter_terra_env.server.workspace_handler import AUTOPAUSE_SETTING, WorkspaceHandler

if TYPE_CHECKING:
    from jupyter_terra_env.server.autopause.service import AutopauseService

_FLUSH_SECONDS = 30
_LONGEST_FLUSH = 3600


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


class LockHandler(WorkspaceHandler):
    """``POST /terra-env/lock`` ``{"path": …, "action": "acquire" | "release" | "take-over"}``."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Answer the status, with the lock as it is then."""
        location = self.locate(self.path_in_question())
        body = self.get_json_body()
        with as_http_errors(location.api_path):
            if not location.is_delocalized:
                raise OperationRefused(
                    RefusalReason.NO_LOCK,
                    "There is no edit lock here: playground copies and files that stay on this disk need none.",
                )
            match body.get("action") if isinstance(body, dict) else None:
                case "acquire":
                    await self.notebooks.locks.acquire(location)
                    self.notebooks.keeper.touch(location)
                case "take-over":
                    await self.notebooks.locks.take_over(location)
                    self.notebooks.keeper.touch(location)
                case "release":
                    await self.notebooks.keeper.give_back(location)
                case _:
                    raise web.HTTPError(400, "'action' must be 'acquire', 'release' or 'take-over'.")
            self.finish(json.dumps(await self.announcements.status(location)))


class OpenWorkspaceVersionHandler(WorkspaceHandler):
    """``POST /terra-env/open-workspace-version`` ``{"path": …}``: show the bucket's version.

    Edits in the working copy are kept in a file beside it: the way out of a conflict, and the way to a fresh
    playground copy.
    """

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Answer ``{path, kept_edits}``: the API path of the file with the edits, or null."""
        location = self.locate(self.path_in_question())
        if not location.belongs_in_bucket:
            raise web.HTTPError(409, "The workspace does not keep files of this name.", reason="name-pattern")
        with as_http_errors(location.api_path):
            kept = await self.notebooks.localizer.open_workspace_version(location)
            await note_replaced(self.contents_manager, self.notebooks, location)
        kept_path = None if kept is None else location.api_path[: -len(location.name)] + kept.name
        self.finish(json.dumps({"path": location.api_path, "kept_edits": kept_path}))


class DebtsHandler(WorkspaceHandler):
    """``GET /terra-env/debts``: the notebooks that hold saves the workspace has not."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer ``{debts: [status…]}``."""
        notebooks = self.notebooks
        await notebooks.foreign_edits.look()
        debts = [
            status_fields(await notebooks.status_of_debt(location), email=notebooks.email_of_holder(location))
            for location in await notebooks.undelivered()
        ]
        debts += [foreign_debt_fields(debt) for debt in await notebooks.foreign_debts()]
        self.finish(json.dumps({"debts": debts}))


class FlushHandler(WorkspaceHandler):
    """``POST /terra-env/flush`` ``{"deadline_seconds": …}``: the tabs save, and everything goes to the workspace."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Answer ``{paid: [path…], unpaid: [status…]}``."""
        body = self.get_json_body()
        deadline = body.get("deadline_seconds", _FLUSH_SECONDS) if isinstance(body, dict) else _FLUSH_SECONDS
        if isinstance(deadline, bool) or not isinstance(deadline, int | float) or not 0 <= deadline <= _LONGEST_FLUSH:
            raise web.HTTPError(400, f"'deadline_seconds' must be a number from 0 to {_LONGEST_FLUSH}.")
        autopause: AutopauseService = self.settings[AUTOPAUSE_SETTING]
        before_end = body.get("before_end", False) if isinstance(body, dict) else False
        if not isinstance(before_end, bool):
            raise web.HTTPError(400, "'before_end' must be true or false.")
        report = await autopause.flush(FlushCause.REQUESTED, float(deadline), before_end=before_end)
        delivery_result = await self.notebooks.delivery_result([file.path for file in report.paid.safe])
        self.finish(json.dumps(payment_fields(delivery_result)))


HANDLERS = (
    ("status", StatusHandler),
    ("lock", LockHandler),
    ("presence", PresenceSocket),
    ("debts", DebtsHandler),
    ("flush", FlushHandler),
    ("open-workspace-version", OpenWorkspaceVersionHandler),
    ("preview", PreviewHandler),
    *CONFLICT_HANDLERS,
    *SHARING_HANDLERS,
)
