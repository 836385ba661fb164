"""Whether a request is answered with what was read for it: an override of ``get`` may put something else in its place.

jupytext shows the inputs of a paired text file, and refuses to open a notebook that is newer than it. A version that
came from the workspace then counts as not shown: docs/protocol/open-and-save.md, Edits that were not shown.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from jupyter_terra_env.notebooks.sync.views import Views
from jupyter_terra_env.rules.workspace import Location
from jupyter_terra_env.server.contents.large_notebooks.manager import is_unchanged

Read = dict[str, object]
"""What was read for a request, by API path."""

_read: ContextVar[Read | None] = ContextVar("read", default=None)


@contextlib.contextmanager
def noting_what_is_read() -> Iterator[Read]:
    """Within it, what the contents manager reads is noted."""
    read: Read = {}
    token = _read.set(read)
    try:
        yield read
    finally:
        _read.reset(token)


def note_read(path: str, model: dict[str, Any]) -> bool:
    """Note what was read, before others can change it.

    Returns:
        Whether this is within ``noting_what_is_read``.
    """
    read = _read.get()
    if read is not None:
        read[path] = essence(model)
    return read is not None


async def note_replaced(manager: object, views: Views, location: Location) -> None:
    """Record that the workspace's version is in the working copy now, where an extension may show another.

    Args:
        manager: the server's contents manager.
        views: remember what was shown.
        location: the notebook.
    """
    if not is_unchanged(manager):
        await views.mark_unread(location)


def essence(model: dict[str, Any]) -> object:
    """What a person would miss in a model with content: the cells' sources, or the text."""
    content = model.get("content")
    if not isinstance(content, dict):
        return content
    cells = content.get("cells") or ()
    return [(cell.get("cell_type"), cell.get("source")) for cell in cells if isinstance(cell, dict)]
