"""What a preview shows: a notebook's content, without a kernel, a lock, or a copy on the disk."""

import contextlib
import io
from pathlib import Path

from jupyter_terra_env.bucket.store import BucketStore, ObjectTooLarge, ObjectVersion
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.storage.object_versions import HasObject, Rounds
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
                digest = await self._storage.digest(location)
                content = await within(
                    None if digest is None else self._storage.patience_seconds,
                    self._from_bucket(location),
                    location.workspace.bucket,
                    size_bytes=0 if digest is None else digest.size_bytes,
                )
        if content is None:
            content = await self._from_disk(location)
        return content

    async def _from_bucket(self, location: Location) -> bytes:
        _, content = await newest(self._storage.bucket(location), location, name=location.api_path)
        return content

    async def _from_disk(self, location: Location) -> bytes:
        try:
            return await self._storage.copies.run(file_content, self._storage.os_path(location), name=location.api_path)
        except (FileNotFoundError, IsADirectoryError) as error:
            raise ObjectNotFound(f"{location.api_path} is not on this disk.") from error


async def newest(bucket: BucketStore, where: HasObject, *, name: str) -> tuple[ObjectVersion, bytes]:
    """An object as it is now. Two requests; more if it changes between them.

    Args:
        bucket: its bucket.
        where: the object.
        name: what errors call it.

    Raises:
        ObjectNotFound: there is none.
        OperationRefused: it is too large.
    """
    rounds = Rounds(where)
    while True:
        rounds.begin()
        version = await version_to_show(bucket, where, name=name)
        try:
            return version, await content_of(bucket, version, name=name)
        except (ObjectNotFound, PreconditionFailed):
            continue


async def version_to_show(bucket: BucketStore, where: HasObject, *, name: str) -> ObjectVersion:
    """The version of an object that a preview would show. One request.

    Args:
        bucket: its bucket.
        where: the object.
        name: what errors call it.

    Raises:
        ObjectNotFound: there is none.
        OperationRefused: it is too large.
    """
    version = await bucket.stat(where.object_name)
    if version is None:
        raise ObjectNotFound(f"{name} is not in the workspace.")
    if version.size_bytes > MOST_BYTES:
        raise _too_large(name)
    return version


async def content_of(bucket: BucketStore, version: ObjectVersion, *, name: str) -> bytes:
    """The content of one version. One request.

    Args:
        bucket: its bucket.
        version: which version.
        name: what errors call it.

    Raises:
        ObjectNotFound, PreconditionFailed: the object has been deleted or replaced since.
        OperationRefused: it is too large.
    """
    with io.BytesIO() as file:
        try:
            await bucket.read_into(version.name, version.generation, file, most_bytes=MOST_BYTES)
        except ObjectTooLarge as error:
            raise _too_large(name) from error
        return file.getvalue()


def file_content(os_path: Path, *, name: str, follow: bool = False) -> bytes:
    """The content of a file. Blocks for the disk.

    Args:
        os_path: its path.
        name: what errors call it.
        follow: whether links are followed.

    Raises:
        OSError: as ``open`` does.
        OperationRefused: it is too large, or no regular file.
    """
    with open_regular(os_path, follow=follow) as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise _too_large(name)
    return content


def _too_large(name: str) -> OperationRefused:
    return OperationRefused(RefusalReason.NO_PREVIEW, f"{name} is too large for a preview. Open it instead.")
