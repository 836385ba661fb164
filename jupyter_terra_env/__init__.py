"""Terra's cloud environment for any Jupyter image: the entry points for Jupyter."""

from typing import Any

from jupyter_terra_env._version import __version__
from jupyter_terra_env.unsupported_system import why_unsupported

__all__ = ["__version__"]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Return the extension application of this package, for Jupyter Server.

    Returns:
        One extension point, imported only when Jupyter asks, so that ``import jupyter_terra_env`` stays cheap. On an
        unsupported system, an extension that only logs so.
    """
    if why_unsupported():
        return [{"module": "jupyter_terra_env.unsupported_system"}]
    from jupyter_terra_env.app import TerraEnvApp  # noqa: PLC0415 - keeps the package import free of Jupyter

    return [{"module": "jupyter_terra_env.app", "app": TerraEnvApp}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Return where the built front end is, for ``jupyter-builder develop``.

    Returns:
        One bundle, relative to this package, and its name among JupyterLab's extensions.
    """
    return [{"src": "labextension", "dest": "jupyter-terra-env"}]
