"""Merging two versions of a notebook with what both began with: nbdime's work, taken only when nothing is left open.

Others wrote them, and comparing takes time that grows with the square of their size: child processes do it.
Protocol: docs/protocol/untrusted-work.md.
"""

import importlib.util
import json
import os
from typing import Any

from jupyter_terra_env.notebooks.untrusted.cage import Cage, DeclinedError, Lane
from jupyter_terra_env.notebooks.untrusted.limits import Limits
from jupyter_terra_env.notebooks.untrusted.memory_file import view_of
from jupyter_terra_env.notebooks.untrusted.zygote import Conversation

MOST_BYTES = 4 << 20
"""Of each version that is merged."""
_MIB = 1 << 20
LOOKING = Limits(cpu_seconds=8, wall_seconds=16.0, memory_bytes=1024 * _MIB, output_bytes=64 * _MIB, niceness=10)
"""For finding out whether a merge can be offered."""
ASKED_FOR = Limits(cpu_seconds=45, wall_seconds=90.0, memory_bytes=2048 * _MIB, output_bytes=64 * _MIB, niceness=5)
"""For a merge that a person has chosen."""
SHOWING = Limits(cpu_seconds=15, wall_seconds=30.0, memory_bytes=2048 * _MIB, output_bytes=256 * _MIB, niceness=5)
"""For reading one version."""


def can_merge() -> bool:
    """Whether the library for it is installed (the extra ``merge``)."""
    return importlib.util.find_spec("nbdime") is not None


async def merged(cage: Cage, base: bytes, mine: bytes, theirs: bytes, *, limits: Limits = ASKED_FOR) -> bytes | None:
    """Merge.

    Args:
        cage: does it.
        base: the notebook both began with, as stored.
        mine: one version.
        theirs: the other.
        limits: what it may use.

    Returns:
        The merged notebook, as Jupyter stores one; None when they cannot be merged without a person's decision.

    Raises:
        NotDoneError: it takes too much, or no process could do it.
    """
    if not can_merge() or max(map(len, (base, mine, theirs))) > MOST_BYTES:
        return None
    try:
        answer, content = await cage.run(f"{__name__}:merge", {}, [base, mine, theirs], limits, lane=Lane.COMPARISONS)
    except DeclinedError:
        return None  # One of them is no notebook.
    return content if answer["merged"] else None


async def as_notebook(cage: Cage, content: bytes) -> bytes | None:
    """A stored notebook as the contents API returns it, as JSON; None if it is not a notebook.

    Marks of trust are left out: what is shown here was not vetted by anybody.

    Raises:
        NotDoneError: it takes too much, or no process could do it.
    """
    try:
        _, text = await cage.run(f"{__name__}:read", {}, [content], SHOWING, lane=Lane.COMPARISONS)
    except DeclinedError:
        return None
    return text


# What children do


def merge(request: dict[str, Any], conversation: Conversation) -> dict[str, Any]:  # noqa: ARG001 - a job
    """Merge; its files are base, mine, theirs and the merged notebook."""
    import nbformat  # noqa: PLC0415 - both are slow to import, and only needed by children
    from nbdime.merging.notebooks import merge_notebooks  # noqa: PLC0415

    *versions, target = conversation.files
    notebook, decisions = merge_notebooks(*(_notebook(version) for version in versions))
    if any(decision.conflict for decision in decisions):
        return {"merged": False}
    text: str = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
    _write(target, text if text.endswith("\n") else text + "\n")
    return {"merged": True}


def read(request: dict[str, Any], conversation: Conversation) -> dict[str, Any]:  # noqa: ARG001 - a job
    """Read a notebook; its files are the notebook, and the one to write."""
    source, target = conversation.files
    notebook = _notebook(source)
    for cell in notebook["cells"] if isinstance(notebook.get("cells"), list) else ():
        cell.get("metadata", {}).pop("trusted", None)
    _write(target, json.dumps(notebook))
    return {}


def _notebook(source: int) -> Any:
    import nbformat  # noqa: PLC0415 - only the child process needs it

    return nbformat.reads(bytes(view_of(source)).decode("utf-8"), as_version=4)  # type: ignore[no-untyped-call]


def _write(target: int, text: str) -> None:
    with os.fdopen(target, "wb") as file:
        file.write(text.encode("utf-8"))
