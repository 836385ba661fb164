"""Merging two versions of a notebook with what both began with: nbdime's work, taken only when nothing is left open."""

import importlib.util
import json
from typing import Any

MOST_BYTES = 4 << 20
"""Of each version. Merging is a program's work in Python, which slows the server while it lasts."""


def can_merge() -> bool:
    """Whether the library for it is installed (the extra ``merge``)."""
    return importlib.util.find_spec("nbdime") is not None


def merged(base: bytes, mine: bytes, theirs: bytes) -> bytes | None:
    """Merge.

    Args:
        base: the notebook both began with, as stored.
        mine: one version.
        theirs: the other.

    Returns:
        The merged notebook, as Jupyter stores one; None when they cannot be merged without a person's decision.
    """
    if not can_merge() or max(map(len, (base, mine, theirs))) > MOST_BYTES:
        return None
    import nbformat  # noqa: PLC0415 - only when needed: both are slow to import
    from nbdime.merging.notebooks import merge_notebooks  # noqa: PLC0415

    try:
        versions = [_notebook(content) for content in (base, mine, theirs)]
        notebook, decisions = merge_notebooks(*versions)
    except (ValueError, KeyError, nbformat.ValidationError):
        return None  # One of them is no notebook.
    if any(decision.conflict for decision in decisions):
        return None
    text: str = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
    return (text if text.endswith("\n") else text + "\n").encode()


def as_notebook(content: bytes) -> dict[str, object] | None:
    """A stored notebook as the contents API tells it; None when it is none.

    Marks of trust are left out: what is shown here was not vetted by anybody.
    """
    import nbformat  # noqa: PLC0415 - as above

    try:
        notebook: dict[str, object] = json.loads(json.dumps(_notebook(content)))
    except (ValueError, KeyError, nbformat.ValidationError):
        return None
    cells = notebook.get("cells")
    for cell in cells if isinstance(cells, list) else ():
        cell.get("metadata", {}).pop("trusted", None)
    return notebook


def _notebook(content: bytes) -> Any:
    import nbformat  # noqa: PLC0415 - as above

    return nbformat.reads(content.decode("utf-8"), as_version=4)  # type: ignore[no-untyped-call]
