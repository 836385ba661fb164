"""Adds variables to the environment of the kernels and terminals that a server starts."""

import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Variables = Callable[[str, Mapping[str, str]], Mapping[str, str]]
"""Takes the API path where a program starts, and its variables so far; returns those to set."""


def add_kernel_variables(kernel_manager: Any, variables: Variables) -> None:
    """Have kernels that are started from now on see more variables.

    The kernel manager's class stays as it is: other extensions replace it.

    Args:
        kernel_manager: the server's mapping kernel manager.
        variables: see ``Variables``; the path is empty if the kernel belongs to no notebook.
    """
    start_kernel = kernel_manager.start_kernel

    @functools.wraps(start_kernel)
    async def start_with_variables(*args: Any, path: str | None = None, **kwargs: Any) -> Any:
        env = kwargs.get("env") or os.environ
        added = variables(path or "", env)
        if added:
            kwargs["env"] = {**env, **added}
        return await start_kernel(*args, path=path, **kwargs)

    kernel_manager.start_kernel = start_with_variables


def add_terminal_variables(terminal_manager: Any, variables: Variables, root: Path) -> None:
    """Have terminals that are opened from now on see more variables.

    Args:
        terminal_manager: the server's terminal manager.
        variables: see ``Variables``; the path is empty for the root folder and for folders outside of it.
        root: the server's root folder.
    """
    create = terminal_manager.create

    @functools.wraps(create)
    def create_with_variables(**kwargs: Any) -> Any:
        path = os.path.relpath(kwargs["cwd"], os.path.realpath(root)) if kwargs.get("cwd") else ""
        extra = kwargs.get("extra_env") or {}
        added = variables("" if path.startswith("..") else path, {**os.environ, **extra})
        if added:
            kwargs["extra_env"] = {**extra, **added}
        return create(**kwargs)

    terminal_manager.create = create_with_variables
