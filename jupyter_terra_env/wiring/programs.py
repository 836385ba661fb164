"""Gives the kernels and terminals of a server their variables: those of workspaces, and those of packages."""

import logging
import os
import sys
from pathlib import Path
from typing import Any

from jupyter_terra_env.environment.packages.folder import PackagesFolder, ignores_packages, packages_folder
from jupyter_terra_env.environment.settings import owner_email
from jupyter_terra_env.server.program_variables import Variables, add_kernel_variables, add_terminal_variables
from jupyter_terra_env.server.workspace_environment import variables_by_workspace

_IMPORTED = (
    "jupyter_terra_env: this server imports from the packages folder %s, so a package that someone installs there can "
    "keep it from starting. Start it with PYTHONNOUSERSITE=1 and without that folder in PYTHONPATH; its kernels and "
    "terminals use the folder anyway."
)
_IGNORED = (
    "jupyter_terra_env: the server runs in the virtual environment %s, which cannot see the packages folder: what pip "
    "installs in its kernels stays in that environment. Create it with 'python -m venv --system-site-packages', or use "
    "an environment that is not virtual."
)


def packages_of(app: Any) -> PackagesFolder | None:
    """The folder of packages that persist; None if it is not set.

    Args:
        app: the extension application.

    Raises:
        SettingsError: the setting is wrong.
    """
    return packages_folder(app.packages_folder, os.environ)


def set_variables(app: Any, *, log: logging.Logger | logging.LoggerAdapter[Any]) -> None:
    """Give kernels and terminals their variables, and log what keeps packages from persisting.

    Args:
        app: the extension application.
        log: the server's log.
    """
    if app.wired is not None:
        email = owner_email(os.environ, app.owner_email)
        _add(app.serverapp, variables_by_workspace(app.wired.workspaces.locate, email))
    packages = packages_of(app)
    if packages is not None:
        _add(app.serverapp, lambda _path, environ: packages.variables(environ))
        _warn(packages, log)


def _add(server: Any, variables: Variables) -> None:
    add_kernel_variables(server.kernel_manager, variables)
    terminals = server.web_app.settings.get("terminal_manager")
    if terminals is not None:
        add_terminal_variables(terminals, variables, Path(server.root_dir))


def _warn(packages: PackagesFolder, log: logging.Logger | logging.LoggerAdapter[Any]) -> None:
    why = packages.why_not_usable()
    if why is not None:
        log.warning("jupyter_terra_env: %s", why)
    if packages.imported_by(sys.path):
        log.warning(_IMPORTED, packages.path)
    if ignores_packages(Path(sys.prefix)):
        log.warning(_IGNORED, sys.prefix)
