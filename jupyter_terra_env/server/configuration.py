"""Checks of Jupyter's configuration: another contents manager beside a workspace, and settings without effect."""

import os
from collections.abc import Callable
from typing import Any

from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.rules.setting_names import unknown_settings, unknown_variables

KNOWN_VARIABLES = frozenset({"TERRA_ENV_EMBEDDED_BUCKET", "TERRA_ENV_REASON", "TERRA_ENV_REQUEST_ID"})
_VARIABLE_PREFIX = "TERRA_ENV_"
_MANAGER_SETTINGS = "'ServerApp.contents_manager_class' (or 'NotebookApp.contents_manager_class')"


class OtherContentsManager(SettingsError):
    """A workspace is configured, and so is a contents manager that cannot show it."""

    def __init__(self, manager: str) -> None:
        super().__init__(
            f"A workspace is configured, but so is another contents manager ({manager}), which does not show workspace "
            f"folders. Remove {_MANAGER_SETTINGS} from Jupyter's configuration, or set "
            "TerraEnvApp.allow_other_contents_manager to start without workspace folders."
        )


def is_other_contents_manager(manager: type) -> bool:
    """Whether a class of contents managers cannot show workspace folders."""
    # Only here: it is imported with the server's contents, which a plain Jupyter need not have.
    from jupyter_terra_env.server.contents.manager import TerraContentsManager  # noqa: PLC0415

    return not issubclass(manager, TerraContentsManager)


def settle_configuration(
    server: Any, app: Any, *, has_workspaces: Callable[[], bool], allowed: bool
) -> tuple[str, ...]:
    """Log which settings are ignored, and refuse another contents manager beside a workspace.

    Args:
        server: the Jupyter server, whose extensions are linked and whose contents manager is there.
        app: this package's application.
        has_workspaces: whether a workspace is configured.
        allowed: whether another contents manager is only warned of.

    Returns:
        The ignored settings, a sentence each.

    Raises:
        OtherContentsManager: there is one.
        SettingsError: a setting is wrong.
    """
    ignored = ignored_settings(server, app)
    for sentence in ignored:
        server.log.warning("jupyter_terra_env: %s", sentence)
    manager = type(server.contents_manager)
    if is_other_contents_manager(manager) and has_workspaces():
        if not allowed:
            raise OtherContentsManager(manager.__qualname__)
        server.log.warning(
            "jupyter_terra_env: another contents manager is configured (%s), so workspace folders are not shown.",
            manager.__qualname__,
        )
    return ignored


def ignored_settings(server: Any, app: Any) -> tuple[str, ...]:
    """Find the settings meant for this package that have no effect.

    Args:
        server: a Jupyter server whose extensions are linked.
        app: this package's application.

    Returns:
        A sentence each.
    """
    classes = {type(app).__name__: type(app), **{kind.__name__: kind for kind in app.classes}}
    own = {name: set(kind.class_traits(config=True)) for name, kind in classes.items()}
    unknown = [
        *unknown_settings(server.config, own, other_classes=_names_of_others(server) - own.keys()),
        *unknown_variables(os.environ, KNOWN_VARIABLES, prefix=_VARIABLE_PREFIX),
    ]
    late = [
        f"{section}.{name}"
        for section, names in own.items()
        for name in server.config.get(section, {})
        if name in names and name not in app.config.get(section, {})
    ]
    return (*(each.sentence for each in unknown), *map(_too_late, late))


def _names_of_others(server: Any) -> set[str]:
    linked = server.extension_manager.extension_apps.values()
    return {type(app).__name__ for apps in linked for app in apps} | {kind.__name__ for kind in server.classes}


def _too_late(setting: str) -> str:
    return (
        f"{setting}: it is ignored, because it is set in a file that Jupyter reads too late (jupyter_lab_config or "
        "jupyter_notebook_config). Move it to jupyter_server_config or jupyter_terra_env_config."
    )
