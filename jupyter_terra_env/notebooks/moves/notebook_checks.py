"""Checks renames that give an object a notebook's name: only a notebook may get one."""

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO, cast

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.moves.intents import SeenVersion
from jupyter_terra_env.notebooks.moves.name_checks import not_a_notebook
from jupyter_terra_env.notebooks.storage.file_digests import Snapshot, digest_file
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.sync.upload_gate import UploadGate
from jupyter_terra_env.rules.errors import (
    ConflictReason,
    NotWhole,
    ObjectNotFound,
    PreconditionFailed,
    WorkspaceConflict,
)
from jupyter_terra_env.rules.workspace import Location


class NotebookChecks:
    """Checks an object as if it were uploaded under its new name.

    Args:
        storage: working copies and buckets.
        gate: checks content.
    """

    def __init__(self, storage: NotebookStorage, gate: UploadGate) -> None:
        self._storage = storage
        self._gate = gate

    async def require_fit(self, old: Location, new: Location, version: ObjectVersion | SeenVersion) -> None:
        """Refuse to give a notebook's name to an object that is not a notebook.

        Args:
            old: its place.
            new: its new place.
            version: the version that is moved.

        Raises:
            OperationRefused: it is not a notebook, or could not be checked.
            WorkspaceConflict: another person has changed it meanwhile.
            BucketUnavailable, BucketRefused: see the port; its content is not on this disk.
        """
        if old.is_notebook or not new.is_notebook:
            return
        try:
            async with self._content(old, version) as snapshot:
                await self._gate.require_whole(new.name, snapshot, None)
        except NotWhole as unfit:
            raise not_a_notebook(old, new, unfit.reason) from unfit
        except (ObjectNotFound, PreconditionFailed) as error:
            raise WorkspaceConflict(ConflictReason.REMOTE_CHANGED) from error

    @contextlib.asynccontextmanager
    async def _content(self, location: Location, version: ObjectVersion | SeenVersion) -> AsyncIterator[Snapshot]:
        """Read the content of the object, from the working copy if it has the same content."""
        snapshot = await self._storage.copies.snapshot(self._storage.os_path(location))
        if snapshot is not None:
            with snapshot.file:
                if snapshot.digest.crc32c == version.crc32c:
                    yield snapshot
                    return
        run, folder = self._storage.copies.run, self._storage.entry(location.directory)
        with await run(_unnamed_file, folder) as file:
            await self._storage.bucket(location).read_into(location.object_name, version.generation, file)
            yield Snapshot(file=file, digest=await run(digest_file, file))


def _unnamed_file(folder: Path) -> BinaryIO:
    """Return a file that disappears when this process ends for any reason."""
    return cast("BinaryIO", tempfile.TemporaryFile(dir=folder))
