"""Builds Welder's API on a server's workspace notebooks."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from jupyter_terra_env.autopause.flush import FlushCause
from jupyter_terra_env.bucket.store import BucketStore
from jupyter_terra_env.notebooks.linked_files import LinkedFiles
from jupyter_terra_env.notebooks.linked_objects import LinkedObjects
from jupyter_terra_env.notebooks.staged_metadata import StagedMetadata
from jupyter_terra_env.server.welder.api import WelderApi
from jupyter_terra_env.wiring.notebook_parts import NotebookParts


def build_welder(app: Any, *, new_id: Callable[[], str]) -> WelderApi | None:
    """Build the API; None if no workspace is configured and none can be linked.

    Args:
        app: the extension application.
        new_id: gives a random id for a request that brings none.
    """
    parts, autopause = app.wired, app.autopause
    if parts is None or app.serverapp is None:
        return None

    async def flush(deadline_seconds: float) -> bool:
        """Bring everything to safety, as before a stop: what is on the disk is safe, the bucket gets it later."""
        if autopause is not None:
            await autopause.flush(FlushCause.STOPPING, deadline_seconds)
        if staged is not None:
            await staged.write()
        return True

    staged = None
    if app.staging_bucket:
        bucket = parts.bucket_threads.bucket(app.staging_bucket.removeprefix("gs://"), app.user_project or None)
        staged = StagedMetadata(bucket, parts.links, parts.storage, app.serverapp.log)

    return WelderApi(
        parts.links,
        LinkedFiles(
            parts.links,
            parts.storage,
            parts.localizer,
            parts.delocalizer,
            bucket_of=partial(_bucket_of, parts),
            root=Path(app.serverapp.root_dir),
        ),
        LinkedObjects(
            parts.links,
            parts.storage,
            locks=parts.locks,
            keeper=parts.keeper,
            saving=parts.saving,
            views=parts.localizer.views,
            delocalizer=parts.delocalizer,
            listings=parts.listings,
        ),
        take_over=None if staged is None else staged.take_over,
        flush=flush,
        new_id=new_id,
        log=app.serverapp.log,
    )


def _bucket_of(parts: NotebookParts, name: str) -> BucketStore:
    """A bucket by its name; the operator's project pays for those that are linked here."""
    payer = next((one.user_project for one in parts.workspaces.all if one.bucket == name), None)
    return parts.bucket_threads.bucket(name, payer)


def shares_unmarked_locks(app: Any, environ: Mapping[str, str]) -> bool:
    """Whether a lock that another client took for this person may be taken at once.

    Args:
        app: the extension application.
        environ: environment variables; Terra's images set WELDER_ENABLED.
    """
    if app.unmarked_locks_are_mine != "auto":
        return bool(app.unmarked_locks_are_mine == "on")
    return environ.get("WELDER_ENABLED", "").lower() == "true" and app.welder_port == 0
