"""What the pages of JupyterLab and Notebook know of the server before their first request.

Without this option the server's extension is off, or only the front end is installed: it stays silent then.
"""

import json
from functools import partial
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from jupyter_terra_env.rules.workspace import Workspaces

PAGE_OPTION = "terraEnv"
"""Key in JupyterLab's page configuration."""


def publish_page_options(settings: dict[str, Any], workspaces: Workspaces | None, *, can_pause: bool) -> None:
    """Put into the pages' configuration the workspaces' folders, and whether autopause is shown.

    Pages that are loaded after a storage link was made get its folders, too.

    Args:
        settings: the web application's settings.
        workspaces: None in a plain Jupyter server.
        can_pause: whether anything here can pause the machine.
    """
    publish = partial(_put_options, settings, workspaces, can_pause=can_pause)
    publish()
    if workspaces is not None:
        workspaces.on_change(publish)


def _put_options(settings: dict[str, Any], workspaces: Workspaces | None, *, can_pause: bool) -> None:
    folders = [] if workspaces is None else [folder for each in workspaces.all for folder, _ in each.directories()]
    pairs = [] if workspaces is None else [[w.edit_directory, w.playground_directory] for w in workspaces.all]
    options = {"folders": folders, "pairs": pairs, "autopause": can_pause or bool(folders)}
    settings.setdefault("page_config_data", {})[PAGE_OPTION] = options


class PlainStatusHandler(APIHandler):
    """``GET /terra-env/status`` of a server without a workspace: no path is a workspace's, and asking is no error."""

    auth_resource = "contents"

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer that there are none."""
        self.finish(json.dumps({"workspaces": []}))


PLAIN_HANDLERS = (("status", PlainStatusHandler),)
