"""What a preview shows: a notebook's content, without a kernel, a lock, or a copy on the disk."""

import contextlib
import io
from pathlib import Path

from jupyter_terra_env.bucket.store import ObjectTooLarge
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.storage.object_versions import Rounds
from jupyter_terra_env.notebooks.storage.patience import within
from jupyter_terra_env.notebooks.storage.regular_files import open_regular
from jupyter_terra_env.rules.errors import (
    BucketError,
    ObjectNotFound,
    OperationRefused,
    PreconditionFailed,
    RefusalReason,
)
from jupyter_terra_env.rules.workspace import Location

MOST_BYTES = 20 << 20
"""Of a notebook that is rendered: the page is made in memory."""


class Previews:
    """Reads what is to be previewed.

    Args:
        storage: disk and buckets.
    """

    def __init__(self, storage: NotebookStorage) -> None:
        self._storage = storage

    async def content(self, location: Location) -> bytes:
        """A notebook as the bucket has it; as the disk has it, in a playground or while the bucket is away.

        Raises:
            ObjectNotFound: there is no such notebook.
            OperationRefused: it is too large.
        """
        content = None
        if location.is_delocalized:
            with contextlib.suppress(BucketError, ObjectNotFound):
                digest = await self._storage.copies.digest(self._storage.os_path(location))
                content = await within(
                    None if digest is None else self._storage.patience_seconds,
                    self._from_bucket(location),
                    location.workspace.bucket,
                    size_bytes=0 if digest is None else digest.size_bytes,
                )
        if content is None:
            content = await self._from_disk(location)
        if len(content) > MOST_BYTES:
            raise _too_large(location)
        return content

    async def _from_bucket(self, location: Location) -> bytes:
        rounds = Rounds(location)
        while True:
            rounds.begin()
            version = await self._storage.stat(location)
            if version is None:
                raise ObjectNotFound(f"{location.api_path} is not in the workspace.")
            if version.size_bytes > MOST_BYTES:
                raise _too_large(location)
            with io.BytesIO() as file:
                try:
                    await self._storage.bucket(location).read_into(
                        location.object_name, version.generation, file, most_bytes=MOST_BYTES
                    )
                except ObjectTooLarge as error:
                    raise _too_large(location) from error
                except (ObjectNotFound, PreconditionFailed):
                    continue
                return file.getvalue()

    async def _from_disk(self, location: Location) -> bytes:
        try:
            return await self._storage.copies.run(_read_up_to, self._storage.os_path(location), MOST_BYTES + 1)
        except (FileNotFoundError, IsADirectoryError) as error:
            raise ObjectNotFound(f"{location.api_path} is not on this disk.") from error


def _read_up_to(os_path: Path, most_bytes: int) -> bytes:
    with open_regular(os_path) as file:
        return file.read(most_bytes)


def _too_large(location: Location) -> OperationRefused:
    return OperationRefused(
        RefusalReason.NO_PREVIEW, f"{location.api_path} is too large for a preview. Open it instead."
    )
