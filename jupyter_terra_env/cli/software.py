"""Which software this machine runs, for a request for support."""

import platform
import sys
from importlib import metadata

_PACKAGES = (
    "jupyter_server",
    "jupyterlab",
    "notebook",
    "jupyter-collaboration",
    "jupytext",
    "google-cloud-storage",
    "google-auth",
    "traitlets",
    "tornado",
)


def software() -> dict[str, str]:
    """Versions by name: Python, the operating system, and the packages that matter; what is not installed is left out.

    Nothing is imported.
    """
    found = {"python": platform.python_version(), "system": f"{platform.system()} {platform.release()}"}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {**found, "environment": "virtual" if sys.prefix != sys.base_prefix else "of the system"}
