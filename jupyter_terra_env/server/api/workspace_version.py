"""REST: opening the workspace's version of a notebook over the edits in its working copy."""

import json

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_terra_env.server.contents.shown_contents import note_replaced
from jupyter_terra_env.server.http_errors import as_http_errors
from jupyter_terra_env.server.workspace_handler import WorkspaceHandler


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
        notebooks = self.parts.notebooks
        with as_http_errors(location.api_path):
            kept = await notebooks.open_workspace_version(location)
            await note_replaced(self.contents_manager, self.parts.views, location)
        kept_path = None if kept is None else location.api_path[: -len(location.name)] + kept.name
        self.finish(json.dumps({"path": location.api_path, "kept_edits": kept_path}))
