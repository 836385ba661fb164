"""What this package's handlers share: finding the notebook a request is about, and telling of its lock in errors."""

import json
from typing import Any

from jupyter_server.base.handlers import APIHandler
from tornado import web

from jupyter_terra_env.notebooks.workspace_notebooks import WorkspaceNotebooks
from jupyter_terra_env.rules.errors import LockReason
from jupyter_terra_env.rules.workspace import Location, why_not_shown
from jupyter_terra_env.server.announcements import Announcements
from jupyter_terra_env.server.callers import refuse_foreign_pages
from jupyter_terra_env.server.request_bodies import MOST_BODY_BYTES, read_object, require_path, require_short
from jupyter_terra_env.server.status_fields import lock_fields

NOTEBOOKS_SETTING = "jupyter_terra_env_notebooks"
ANNOUNCEMENTS_SETTING = "jupyter_terra_env_announcements"


class FindsNotebooks:
    """Mixin of handlers: the wired parts, and the notebook a path names."""

    settings: dict[str, Any]

    @property
    def notebooks(self) -> WorkspaceNotebooks:
        """The wired parts."""
        notebooks: WorkspaceNotebooks = self.settings[NOTEBOOKS_SETTING]
        return notebooks

    @property
    def announcements(self) -> Announcements:
        """Who tells of changes."""
        announcements: Announcements = self.settings[ANNOUNCEMENTS_SETTING]
        return announcements

    def locate(self, path: Any) -> Location:
        """Find the place a request is about.

        Raises:
            HTTPError: 404 when it is not in a workspace folder, 400 when it is no path.
        """
        if not isinstance(path, str) or not path.strip("/"):
            raise web.HTTPError(400, "'path' must be the path of a file in a workspace folder.")
        require_path(path)
        location = self.notebooks.workspaces.locate(path)
        if location is None or why_not_shown(location.relative_path) is not None:
            raise web.HTTPError(404, "This path is no file of a workspace folder.", reason="not-in-workspace")
        return location


class TellsTheLock(FindsNotebooks, APIHandler):
    """Base of handlers that may be refused by an edit lock: such an answer says whose it is, and until when."""

    def path_in_question(self) -> str:
        """The API path the request is about."""
        return str(self.path_kwargs.get("path", ""))

    def get_json_body(self) -> dict[str, Any] | None:
        """The object in the body; None where there is no body.

        Raises:
            HTTPError: 400, it is something else.
        """
        body = self.request.body.strip()
        return read_object(body) if body else None

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer an error as Jupyter does, and add the lock to a refusal by it."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if not isinstance(error, web.HTTPError) or error.reason not in set(LockReason):
            super().write_error(status_code, **kwargs)
            return
        location = self.notebooks.workspaces.locate(self.path_in_question())
        if location is None:
            super().write_error(status_code, **kwargs)
            return
        lock = lock_fields(self.notebooks.locks.view(location), email=self.notebooks.email_of_holder(location))
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps({"message": error.log_message, "reason": error.reason, "lock": lock}))


class WorkspaceHandler(TellsTheLock):
    """Base of the endpoints under ``/terra-env``: they are about contents, and authorised as such."""

    auth_resource = "contents"
    most_body_bytes = MOST_BODY_BYTES

    async def prepare(self) -> None:  # type: ignore[override]  # Jupyter's is declared to return an awaitable of one
        """Refuse what a page of another site has a browser ask."""
        await super().prepare()
        require_short(self.request.body, self.most_body_bytes)
        refuse_foreign_pages(self)

    def path_in_question(self) -> str:
        """The path in the query or in the body."""
        body = None if self.request.method == "GET" else self.get_json_body()
        path = body.get("path") if isinstance(body, dict) else self.get_query_argument("path", "")
        return path if isinstance(path, str) else ""
