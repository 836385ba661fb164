"""The message of the extension and the commands on Windows, which is not supported.

Also the extension that Jupyter loads there: it leaves a plain Jupyter server with one line in its log.
"""

import importlib.util
import sys
from typing import Any

SENTENCE = (
    "jupyter_terra_env does not run on this system ({}): it needs Linux or macOS. On Windows, install it in the "
    "Windows Subsystem for Linux (WSL)."
)


def why_unsupported() -> str:
    """Return why this package cannot run here, in one sentence; empty if it can."""
    # Everything here depends on file locks between processes.
    if sys.platform == "win32" or importlib.util.find_spec("fcntl") is None:
        return SENTENCE.format("Windows" if sys.platform == "win32" else sys.platform)
    return ""


def _load_jupyter_server_extension(serverapp: Any) -> None:
    """Log that the system is not supported. Jupyter calls this function by its name."""
    serverapp.log.error("%s This is a plain Jupyter server: no workspace is shown.", why_unsupported())
