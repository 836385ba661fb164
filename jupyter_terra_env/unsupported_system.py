"""Windows is not supported: what the extension and the commands say there, instead of failing at an import.

Also the extension that Jupyter loads there: a plain Jupyter server with one line in its log.
"""

import importlib.util
import sys
from typing import Any

SENTENCE = (
    "jupyter_terra_env does not run on this system ({}): it needs Linux or macOS. On Windows, install it in the "
    "Windows Subsystem for Linux (WSL)."
)


def why_unsupported() -> str:
    """One sentence that says why this package cannot run here; empty if it can."""
    # File locks, by which processes know of each other, are what everything here needs first.
    if sys.platform == "win32" or importlib.util.find_spec("fcntl") is None:
        return SENTENCE.format("Windows" if sys.platform == "win32" else sys.platform)
    return ""


def _load_jupyter_server_extension(serverapp: Any) -> None:
    """Do nothing but say so: Jupyter's name for what it calls."""
    serverapp.log.error("%s This is a plain Jupyter server: no workspace is shown.", why_unsupported())
