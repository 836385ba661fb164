"""The software versions of this machine, for a request for support."""

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
    """Return versions of Python, the operating system and relevant packages by name; what is not installed is left out.

    Nothing is imported.
    """
    found = {"python": platform.python_version(), "system": f"{platform.system()} {platform.release()}"}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {**found, "environment": "virtual" if sys.prefix != sys.base_prefix else "of the system"}
