"""What this package's handlers share: finding the notebook of a request, and describing its lock in errors."""

import json
from typing import Any

from jupyter_server.base.handlers import APIHandler
from tornado import web

from jupyter_terra_env.notebooks.statuses import Statuses
from jupyter_terra_env.rules.errors import LockReason
from jupyter_terra_env.rules.workspace import Location, Workspaces, is_name_of_nothing, is_roundabout
from jupyter_terra_env.server.announcements import Announcements
from jupyter_terra_env.server.callers import refuse_foreign_pages
from jupyter_terra_env.server.handler_parts import HANDLER_PARTS_SETTING, HandlerParts
from jupyter_terra_env.server.http_errors import refusal_within
from jupyter_terra_env.server.request_bodies import MOST_BODY_BYTES, read_object, require_short
from jupyter_terra_env.server.status_fields import lock_fields

AUTOPAUSE_SETTING = "jupyter_terra_env_autopause"
ANNOUNCEMENTS_SETTING = "jupyter_terra_env_announcements"


class NotebookLookup:
    """Mixin of handlers: the parts they are handed, and the notebook a path names."""

    settings: dict[str, Any]

    @property
    def parts(self) -> HandlerParts:
        """What handlers stand on."""
        parts: HandlerParts = self.settings[HANDLER_PARTS_SETTING]
        return parts

    @property
    def workspaces(self) -> Workspaces:
        """Which folders belong to a workspace."""
        return self.parts.workspaces

    @property
    def statuses(self) -> Statuses:
        """What is known of each notebook."""
        return self.parts.statuses

    @property
    def announcements(self) -> Announcements:
        """What sends changes to tabs and events."""
        announcements: Announcements = self.settings[ANNOUNCEMENTS_SETTING]
        return announcements

    def locate(self, path: Any) -> Location:
        """Find the notebook or file that a request is about.

        Raises:
            HTTPError: 404 when it is not in a workspace folder, 400 when it is no path.
        """
        if not isinstance(path, str) or not path.strip("/"):
            raise web.HTTPError(400, "'path' must be the path of a file in a workspace folder.")
        if is_name_of_nothing(path):
            raise web.HTTPError(400, "'path' has a NUL or half of a character in it.", reason="malformed")
        location = self.workspaces.locate(path)
        if location is None or _is_no_file(location.relative_path):
            raise web.HTTPError(404, "This path is no file of a workspace folder.", reason="not-in-workspace")
        return location


_DISK_BYTES = 255
"""The longest name that a disk takes."""


def exact_query_argument(handler: web.RequestHandler, name: str) -> str:
    """An argument of the query as it was sent: Tornado strips blanks and control characters, which names may have.

    Raises:
        HTTPError: 400, when it is no UTF-8.
    """
    values = handler.request.query_arguments.get(name, [])
    return handler.decode_argument(values[-1], name) if values else ""


def _is_no_file(relative_path: str) -> bool:
    """Whether a path is the folder itself, not in its plain form, impossible, or hidden."""
    if not relative_path or is_roundabout(relative_path):
        return True
    components = relative_path.split("/")
    return any(component.startswith(".") or len(component.encode()) > _DISK_BYTES for component in components)


class LockErrorMixin(NotebookLookup, APIHandler):
    """Base of handlers that an edit lock may refuse: such an answer has the lock's holder and expiry."""

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

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Answer a refusal with its own status, even if an extension has wrapped it in an error of its own."""
        refusal = refusal_within(kwargs.get("exc_info", (None, None, None))[1])
        if refusal is not None:
            status_code = refusal.status_code
            kwargs["exc_info"] = (type(refusal), refusal, refusal.__traceback__)
        super().send_error(status_code, **kwargs)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer an error as Jupyter does, and add the lock to a refusal by it."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        is_by_lock = isinstance(error, web.HTTPError) and error.reason in set(LockReason)
        location = self.workspaces.locate(self.path_in_question()) if is_by_lock else None
        if location is None:
            super().write_error(status_code, **kwargs)
            return
        lock = lock_fields(self.statuses.lock_of(location), email=self.statuses.email_of_holder(location))
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps({"message": error.log_message, "reason": error.reason, "lock": lock}))


class WorkspaceHandler(LockErrorMixin):
    """Base of the endpoints under ``/terra-env``: they are about contents, and authorised as such."""

    auth_resource = "contents"
    most_body_bytes: int | None = MOST_BODY_BYTES
    """None for Jupyter's own limit."""

    async def prepare(self) -> None:  # type: ignore[override]  # Jupyter's is declared to return an awaitable of one
        """Refuse a long body, and a request that a page of another site had the browser send."""
        await super().prepare()
        if self.most_body_bytes is not None:
            require_short(self.request.body, self.most_body_bytes)
        refuse_foreign_pages(self)

    def path_in_question(self) -> str:
        """The path in the query or in the body."""
        body = None if self.request.method == "GET" else self.get_json_body()
        if isinstance(body, dict):
            path = body.get("path")
            return path if isinstance(path, str) else ""
        return exact_query_argument(self, "path")
