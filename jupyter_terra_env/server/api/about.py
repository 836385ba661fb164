"""REST: what this server has, for `jupyter terra-env check` and for requests for support."""

import json
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from jupyter_terra_env._version import __version__
from jupyter_terra_env.server.configuration import is_other_contents_manager
from jupyter_terra_env.server.handler_parts import HANDLER_PARTS_SETTING

IGNORED_SETTING = "jupyter_terra_env_ignored_settings"


class AboutHandler(APIHandler):
    """``GET /terra-env/about``: version, contents manager and workspaces of the running server."""

    auth_resource = "contents"
    _track_activity = False

    @web.authenticated
    @authorized
    def get(self) -> None:
        """Answer what the server has; docs/reference.md lists the fields."""
        self.finish(json.dumps(about(self.settings)))


def about(settings: dict[str, Any]) -> dict[str, Any]:
    """What a server has.

    Args:
        settings: the settings of its web application.
    """
    manager, parts = type(settings["contents_manager"]), settings[HANDLER_PARTS_SETTING]
    workspaces = () if parts is None else parts.workspaces.all
    return {
        "version": __version__,
        "other_contents_manager": manager.__qualname__ if is_other_contents_manager(manager) else None,
        "workspaces": [place_of(each) for each in workspaces],
        "ignored_settings": list(settings.get(IGNORED_SETTING, ())),
    }


def place_of(workspace: Any) -> dict[str, Any]:
    """Where a workspace is: bucket and folders."""
    return {
        "name": workspace.name,
        "bucket": workspace.bucket,
        "prefix": workspace.prefix,
        "edit_directory": workspace.edit_directory,
        "playground_directory": workspace.playground_directory,
    }


ABOUT_HANDLERS = (("about", AboutHandler),)
