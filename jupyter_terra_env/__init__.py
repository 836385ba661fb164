"""Terra's cloud environment for any Jupyter image: the entry points Jupyter asks for."""

from typing import Any

from jupyter_terra_env._version import __version__
from jupyter_terra_env.unsupported_system import why_unsupported

__all__ = ["__version__"]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Tell Jupyter Server which extension application this package brings.

    Returns:
        One extension point, imported only when Jupyter asks: a plain ``import jupyter_terra_env`` stays cheap. On a
        system that is not supported it is one that only says so.
    """
    if why_unsupported():
        return [{"module": "jupyter_terra_env.unsupported_system"}]
    from jupyter_terra_env.app import TerraEnvApp  # noqa: PLC0415 - keeps the package import free of Jupyter

    return [{"module": "jupyter_terra_env.app", "app": TerraEnvApp}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Tell ``jupyter-builder develop`` where the built front end is.

    Returns:
        One bundle, relative to this package, and its name among JupyterLab's extensions.
    """
    return [{"src": "labextension", "dest": "jupyter-terra-env"}]
