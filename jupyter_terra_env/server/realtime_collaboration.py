"""Real-time collaboration (jupyter-collaboration), which a server with workspaces switches off.

Its shared documents load and save notebooks past the front end's document: a version that was taken from the workspace
does not reach the screen, and the next save writes over it.
"""

import logging
from collections.abc import Mapping
from typing import Any

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

RTC_OFF = "realtime-collaboration-off"
EXTENSIONS = ("jupyter_server_ydoc", "jupyter_collaboration")
"""Names of the server extension that brings it, the newer first."""

_PAGE_OPTION = "disableRTC"
_TRAIT = "disable_rtc"
_SESSIONS = r"/api/collaboration/session/(.*)"
_DOCUMENT_ROOMS = r"/api/collaboration/room/([^/]+(?::|%3[Aa])[^/]+(?::|%3[Aa]).+)"
"""Format, type and id of a document, maybe quoted; other rooms hold presence only."""

_SWITCHED_OFF = (
    "jupyter_terra_env: real-time collaboration (jupyter-collaboration) is switched off for this server, because its "
    "shared documents would save over other people's versions of workspace notebooks. "
    "TerraEnvApp.allow_realtime_collaboration leaves it on, at your own risk."
)
_LEFT_ON = (
    "jupyter_terra_env: real-time collaboration (jupyter-collaboration) is left on, as "
    "TerraEnvApp.allow_realtime_collaboration says. Its shared documents may save over other people's versions of "
    "workspace notebooks."
)


class NoSharedDocument(APIHandler):
    """Replaces the endpoint of shared documents: an open tab, or another client, may still ask for one."""

    auth_resource = "contents"

    async def prepare(self) -> None:  # type: ignore[override]  # Jupyter's is declared to return an awaitable of one
        """Refuse every request."""
        await super().prepare()
        raise web.HTTPError(
            409,
            "Real-time collaboration is switched off on this Jupyter server. Reload this page, then open the notebook.",
            reason=RTC_OFF,
        )


def is_enabled(extensions: Mapping[str, bool]) -> bool:
    """Whether a server loads real-time collaboration.

    Args:
        extensions: its ``jpserver_extensions``.
    """
    return any(extensions.get(name) for name in EXTENSIONS)


def settle_realtime_collaboration(
    serverapp: Any, *, allowed: bool, log: logging.Logger | logging.LoggerAdapter[Any]
) -> None:
    """Switch real-time collaboration off for a server, or say that it is on; nothing where it is not installed.

    Extensions are loaded one after the other: it does not matter whether the one in question already is.

    Args:
        serverapp: the Jupyter server, whose extensions are linked.
        allowed: whether it stays on.
        log: where it is said.
    """
    apps = _collaboration_apps(serverapp)
    if not apps:
        return
    if allowed:
        log.warning(_LEFT_ON)
        return
    for app in apps:
        setattr(app, _TRAIT, True)
    application = serverapp.web_app
    application.settings.setdefault("page_config_data", {})[_PAGE_OPTION] = True
    rules = [(url_path_join(serverapp.base_url, path), NoSharedDocument) for path in (_SESSIONS, _DOCUMENT_ROOMS)]
    application.add_handlers(".*$", rules)
    # Tornado asks in order, and the other extension's rules may be there already; it puts ours last but one.
    in_order = application.default_router.rules
    in_order.insert(0, in_order.pop(-2))
    log.warning(_SWITCHED_OFF)


def _collaboration_apps(serverapp: Any) -> list[Any]:
    extensions = serverapp.extension_manager.extensions
    points = [point for name in EXTENSIONS if name in extensions for point in _enabled_points(extensions[name])]
    return [point.app for point in points if hasattr(point.app, _TRAIT)]


def _enabled_points(extension: Any) -> list[Any]:
    return list(extension.extension_points.values()) if extension.enabled else []
