"""Jupyter's contents API on workspace notebooks; ``manager`` is the entry.

``reading`` lists and opens, ``durable_files`` saves, ``large_notebooks`` converts notebooks of 1 MB and more in another
process.

Jupyter's verbs (``get``, ``save``, ``copy``, …) call each other, and extensions override them: their signatures are
fixed. What one request needs further down travels in a ``ContextVar``, set by a context manager that is named after
what holds within it: ``only_reading``, ``replacing``, ``without_checkpoint``, ``saving_only``, ``stand_ins``,
``noting_what_is_read``. Only a large notebook travels in the model itself, as a ``StandIn`` or a ``PreparedNotebook``
in the place of its content: other code that reads the content must fail there, and not find an empty notebook.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    # On demand: child processes import parts of this package, and the manager brings all of Jupyter Server.
    if name != "TerraContentsManager":
        raise AttributeError(name)
    from jupyter_terra_env.server.contents.manager import TerraContentsManager  # noqa: PLC0415 - on demand

    return TerraContentsManager
