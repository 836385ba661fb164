"""Names that a new file or folder of a workspace cannot have: refused before anything is written."""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from jupyter_server.services.contents.checkpoints import Checkpoints
from tornado.web import HTTPError

from jupyter_terra_env.notebooks.moves.name_checks import name_exists
from jupyter_terra_env.notebooks.storage.bucket_listings import BucketListings, Kind
from jupyter_terra_env.rules.errors import BucketError
from jupyter_terra_env.rules.workspace import MAX_COMPONENT_BYTES, Location, is_notebook_name
from jupyter_terra_env.server.contents.checkpoints import WorkspaceCheckpoints

_DISK_BYTES = 255
_WAIT_SECONDS = 1.0
"""A save does not wait long for the bucket; where both exist after all, the listing says so."""


def require_possible_name(location: Location, *, needs_checkpoint: bool) -> None:
    """Refuse a name that is too long for the disk, or for the checkpoint that Jupyter keeps beside a notebook.

    Args:
        location: the new file or folder.
        needs_checkpoint: whether it is a notebook, goes to the bucket by its name, or is a folder for such files.

    Raises:
        HTTPError: 400.
    """
    most = MAX_COMPONENT_BYTES if needs_checkpoint else _DISK_BYTES
    longest = max(len(os.fsencode(component)) for component in location.relative_path.split("/"))
    if len(os.fsencode(location.name)) > most or longest > _DISK_BYTES:
        raise HTTPError(
            400,
            f"{location.name[:40]}… cannot be saved: its name is longer than {most} bytes. Use a shorter name.",
            reason="name-too-long",
        )


async def require_free_name(listings: BucketListings, location: Location, *, is_folder: bool) -> None:
    """Refuse a new file that would hide a folder of the workspace, or a new folder that would hide a file.

    While the bucket does not answer, nothing is refused.

    Args:
        listings: the listings.
        location: the new file or folder.
        is_folder: whether it is a folder.

    Raises:
        OperationRefused: the bucket has the other under this name.
    """
    if (location.is_notebook and not is_folder) or not location.relative_path:
        return  # Beside a folder of its name, a notebook is what is shown.
    other = Kind.FILE if is_folder else Kind.FOLDER
    with contextlib.suppress(BucketError, TimeoutError):
        if await asyncio.wait_for(listings.kind(location), _WAIT_SECONDS) is other:
            raise name_exists(location)


def is_too_long_for_checkpoint(location: Location) -> bool:
    """Whether the disk has no room for the name of this file's checkpoint."""
    return len(os.fsencode(location.name)) > MAX_COMPONENT_BYTES


_without_checkpoint: ContextVar[bool] = ContextVar("without_checkpoint", default=False)


@contextlib.contextmanager
def without_checkpoint(location: Location, checkpoints: Checkpoints) -> Iterator[None]:
    """Within it, Jupyter's save goes on where its first checkpoint cannot be: too long a name, or a link out."""
    leads_out = isinstance(checkpoints, WorkspaceCheckpoints) and checkpoints.leads_out(location.api_path)
    token = _without_checkpoint.set(leads_out or is_too_long_for_checkpoint(location))
    try:
        yield
    finally:
        _without_checkpoint.reset(token)


def is_without_checkpoint() -> bool:
    """Whether this task is in ``without_checkpoint`` with such a file."""
    return _without_checkpoint.get()


def goes_by_checkpoints(model: dict[str, Any], location: Location) -> bool:
    """Whether what is to be saved gets a checkpoint beside it, or is kept in the bucket by its name."""
    by_name = is_notebook_name(location.workspace, location.name)
    return by_name or location.is_notebook or model.get("type") in {"notebook", "directory"}


def is_there(os_path: Path) -> bool:
    """Whether the disk has something under this name, a link that leads nowhere included. Blocks."""
    return os.path.lexists(os_path)
