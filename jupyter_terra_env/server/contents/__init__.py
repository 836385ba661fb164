"""Jupyter's contents API on workspace notebooks; ``manager`` is the entry.

``reading`` lists and opens, ``durable_files`` saves, ``large_notebooks`` converts notebooks of 1 MB and more in another
process.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    # On demand: child processes import parts of this package, and the manager brings all of Jupyter Server.
    if name != "TerraContentsManager":
        raise AttributeError(name)
    from jupyter_terra_env.server.contents.manager import TerraContentsManager  # noqa: PLC0415 - as said

    return TerraContentsManager
