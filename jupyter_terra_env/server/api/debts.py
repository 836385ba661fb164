"""REST: the saves that the workspace does not have yet, and bringing them there now."""

import json
from typing import TYPE_CHECKING

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_terra_env.autopause.flush import FlushCause
from jupyter_terra_env.server.status_fields import foreign_debt_fields, payment_fields, status_fields
from jupyter_terra_env.server.workspace_handler import AUTOPAUSE_SETTING, WorkspaceHandler

if TYPE_CHECKING:
    from jupyter_terra_env.server.autopause.service import AutopauseService

_FLUSH_SECONDS = 30
_LONGEST_FLUSH = 3600


class DebtsHandler(WorkspaceHandler):
    """``GET /terra-env/debts``: the notebooks with saves that the workspace does not have yet."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer ``{debts: [status…]}``, first looking for files that programs have written."""
        deliveries, statuses = self.parts.deliveries, self.statuses
        found = await deliveries.look()
        debts = [status_fields(one, email=statuses.email_of_holder(one.location)) for one in found.unpaid]
        debts += [foreign_debt_fields(debt) for debt in found.foreign]
        self.finish(json.dumps({"debts": debts}))


class FlushHandler(WorkspaceHandler):
    """``POST /terra-env/flush`` ``{"deadline_seconds": …}``: save all tabs, and bring all saves to the workspace."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Answer ``{paid: [path…], unpaid: [status…]}``."""
        body = self.get_json_body() or {}
        deadline, before_end = body.get("deadline_seconds", _FLUSH_SECONDS), body.get("before_end", False)
        if isinstance(deadline, bool) or not isinstance(deadline, int | float) or not 0 <= deadline <= _LONGEST_FLUSH:
            raise web.HTTPError(400, f"'deadline_seconds' must be a number from 0 to {_LONGEST_FLUSH}.")
        if not isinstance(before_end, bool):
            raise web.HTTPError(400, "'before_end' must be true or false.")
        autopause: AutopauseService = self.settings[AUTOPAUSE_SETTING]
        report = await autopause.flush(FlushCause.REQUESTED, float(deadline), before_end=before_end)
        deliveries = self.parts.deliveries
        delivery_result = await deliveries.result([file.path for file in report.paid.safe])
        self.finish(json.dumps(payment_fields(delivery_result)))
