"""Variables of kernels and terminals: those of the workspace whose folder they start in, and of no other.

Terra's images set them from ``.delocalize.json`` in a wrapper around each kernel (terra-docker: kernel_bootstrap.sh).
"""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_terra_env.rules.workspace import Location

Locate = Callable[[str], Location | None]


def workspace_variables(location: Location, owner_email: str) -> dict[str, str]:
    """The variables of a workspace.

    Args:
        location: a place in it.
        owner_email: Terra e-mail address of the environment's owner; empty when it is not known.
    """
    workspace = location.workspace
    variables = {"WORKSPACE_NAME": workspace.name, "WORKSPACE_BUCKET": f"gs://{workspace.bucket}"}
    return {**variables, "OWNER_EMAIL": owner_email} if owner_email else variables


def set_kernel_variables(kernel_manager: Any, locate: Locate, owner_email: str) -> None:
    """Have kernels that start in a workspace's folder see its variables.

    Args:
        kernel_manager: the server's mapping kernel manager.
        locate: finds the workspace of an API path.
        owner_email: as ``workspace_variables`` takes it.
    """
    start_kernel = kernel_manager.start_kernel

    @functools.wraps(start_kernel)
    async def start_in_workspace(*args: Any, path: str | None = None, **kwargs: Any) -> Any:
        location = locate(path) if path else None
        if location is not None:
            env = kwargs.get("env") or os.environ
            kwargs["env"] = {**env, **workspace_variables(location, owner_email)}
        return await start_kernel(*args, path=path, **kwargs)

    kernel_manager.start_kernel = start_in_workspace


def set_terminal_variables(terminal_manager: Any, locate: Locate, root: Path, owner_email: str) -> None:
    """Have terminals that start in a workspace's folder see its variables.

    Args:
        terminal_manager: the server's terminal manager.
        locate: finds the workspace of an API path.
        root: the server's root folder.
        owner_email: as ``workspace_variables`` takes it.
    """
    create = terminal_manager.create

    @functools.wraps(create)
    def create_in_workspace(**kwargs: Any) -> Any:
        path = os.path.relpath(kwargs["cwd"], os.path.realpath(root)) if kwargs.get("cwd") else ""
        location = locate(path) if path and not path.startswith("..") else None
        if location is not None:
            variables = workspace_variables(location, owner_email)
            kwargs["extra_env"] = {**(kwargs.get("extra_env") or {}), **variables}
        return create(**kwargs)

    terminal_manager.create = create_in_workspace
