"""REST endpoints under ``/terra-env``: where the work is, and opening the workspace's version over edits."""

import json
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from jupyter_terra_env.notebooks.workspace_notebooks import WorkspaceNotebooks
from jupyter_terra_env.rules.workspace import Location, why_not_shown
from jupyter_terra_env.server.http_errors import translated
from jupyter_terra_env.server.models import status_fields

NOTEBOOKS_SETTING = "jupyter_terra_env_notebooks"


class _WorkspaceHandler(APIHandler):
    """Base of the endpoints: they are about contents, and authorised as such."""

    auth_resource = "contents"

    @property
    def notebooks(self) -> WorkspaceNotebooks:
        """The wired parts."""
        notebooks: WorkspaceNotebooks = self.settings[NOTEBOOKS_SETTING]
        return notebooks

    def locate(self, path: Any) -> Location:
        """Find the place a request is about.

        Raises:
            HTTPError: 404 when it is not in a workspace folder, 400 when it is no path.
        """
        if not isinstance(path, str) or not path.strip("/"):
            raise web.HTTPError(400, "'path' must be the path of a file in a workspace folder.")
        location = self.notebooks.workspaces.locate(path)
        if location is None or why_not_shown(location.relative_path) is not None:
            raise web.HTTPError(404, "This path is no file of a workspace folder.", reason="not-in-workspace")
        return location


class StatusHandler(_WorkspaceHandler):
    """``GET /terra-env/status?path=…``: mode and place of the work, without asking the bucket."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer ``{path, workspace, bucket, object, mode, place, message, reason}``."""
        location = self.locate(self.get_query_argument("path", ""))
        with translated(location.api_path):
            status = await self.notebooks.delocalizer.current_status(location)
        self.finish(
            json.dumps(
                {
                    "path": location.api_path,
                    "workspace": location.workspace.name,
                    "bucket": location.workspace.bucket,
                    "object": location.object_name if location.belongs_in_bucket else None,
                    **status_fields(status),
                }
            )
        )


class OpenWorkspaceVersionHandler(_WorkspaceHandler):
    """``POST /terra-env/open-workspace-version`` ``{"path": …}``: show the bucket's version.

    Edits in the working copy are kept in a file beside it: the way out of a conflict, and the way to a fresh
    playground copy.
    """

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Answer ``{path, kept_edits}``: the API path of the file with the edits, or null."""
        body = self.get_json_body()
        location = self.locate(body.get("path") if isinstance(body, dict) else None)
        if not location.belongs_in_bucket:
            raise web.HTTPError(409, "The workspace does not keep files of this name.", reason="name-pattern")
        with translated(location.api_path):
            kept = await self.notebooks.localizer.open_workspace_version(location)
        kept_path = None if kept is None else location.api_path[: -len(location.name)] + kept.name
        self.finish(json.dumps({"path": location.api_path, "kept_edits": kept_path}))


HANDLERS = (
    ("status", StatusHandler),
    ("open-workspace-version", OpenWorkspaceVersionHandler),
)
