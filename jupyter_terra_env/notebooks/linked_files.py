"""Objects and data that Welder's clients want on the disk. Protocol: docs/protocol/storage-links.md.

Every call may come twice: clients repeat a request whose answer was lost.
"""

import asyncio
import contextlib
import itertools
import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import BinaryIO

from jupyter_terra_env.bucket.store import BucketStore
from jupyter_terra_env.durable import sync, sync_directory
from jupyter_terra_env.notebooks.concurrency import for_each
from jupyter_terra_env.notebooks.storage.durable_names import keep_as
from jupyter_terra_env.notebooks.storage.file_digests import digest_file
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.storage.regular_files import open_regular
from jupyter_terra_env.notebooks.storage.temporary_files import temporary_file
from jupyter_terra_env.notebooks.storage_links import StorageLinks
from jupyter_terra_env.notebooks.sync.delocalizer import Delocalizer
from jupyter_terra_env.notebooks.sync.localizer import Localizer
from jupyter_terra_env.notebooks.sync.unseen_edits import unseen_edits_name
from jupyter_terra_env.rules.errors import ObjectNotFound
from jupyter_terra_env.rules.status import brought_for_program
from jupyter_terra_env.rules.storage_links import BadRequest
from jupyter_terra_env.rules.whole_content import NOTEBOOK_SUFFIX
from jupyter_terra_env.rules.workspace import Location


class LinkedFiles:
    """Puts files below the server's root, as working copies where a link covers them.

    Args:
        links: which link a path belongs to.
        storage: the disk.
        localizer: makes the object of a linked path its working copy.
        delocalizer: reports it where another one was shown.
        bucket_of: gives a bucket by its name.
        root: the server's root folder.
    """

    def __init__(
        self,
        links: StorageLinks,
        storage: NotebookStorage,
        localizer: Localizer,
        delocalizer: Delocalizer,
        *,
        bucket_of: Callable[[str], BucketStore],
        root: Path,
    ) -> None:
        self._links = links
        self._storage = storage
        self._localizer = localizer
        self._delocalizer = delocalizer
        self._views = localizer.views
        self._bucket_of = bucket_of
        self._root = root

    async def localize(self, entries: Iterable[tuple[tuple[str, str] | bytes, str]]) -> None:
        """Bring objects or data to paths; edits that the bucket has not are kept in files beside.

        Args:
            entries: sources (bucket and object name, or content) and paths below the server's root.

        Raises:
            ObjectNotFound: an object does not exist; other entries may be done.
            BadRequest: a path leads out of the server's root.
            BucketUnavailable, BucketRefused, OSError: as the parts say.
        """

        async def localize(entry: tuple[tuple[str, str] | bytes, str]) -> None:
            await self._localize(*entry)

        await for_each(entries, localize)

    async def _localize(self, source: tuple[str, str] | bytes, path: str) -> None:
        if isinstance(source, bytes):
            await self._put(path, lambda file: _write(file, source))
            return
        bucket_name, name = source
        found = self._links.match(path)
        place = None if found is None else found[1]
        if place is not None and place.belongs_in_bucket and _is_object_of(place, bucket_name, name):
            await self._open_workspace_version(place)
            return
        bucket = self._bucket_of(bucket_name)
        version = await bucket.stat(name)
        if version is None:
            raise ObjectNotFound(f"{bucket_name}/{name} not found")
        await self._put(path, lambda file: self._fetch(bucket, name, version.generation, file))

    async def _open_workspace_version(self, place: Location) -> None:
        """Make the bucket's version the working copy; a tab that shows the one it replaces is notified."""
        before = await self._storage.digest(place)
        await self._localizer.open_workspace_version(place)
        self._views.shows_working_copy(place)
        if before is not None and before != await self._storage.digest(place):
            self._delocalizer.report_status(place, brought_for_program())

    async def _fetch(self, bucket: BucketStore, name: str, generation: int, file: Path) -> None:
        with file.open("r+b") as target:
            await bucket.read_into(name, generation, target)

    async def _put(self, path: str, fill: Callable[[Path], Awaitable[None]]) -> None:
        """Put a file into the server's root, whole; what it replaces and may hold edits is kept in another file."""
        run = self._storage.run
        target = await run(self._inside, path)
        found = self._links.match(path)
        is_saved = found is not None and found[1] is not None and found[1].belongs_in_bucket
        keeps = is_saved or target.suffix == NOTEBOOK_SUFFIX
        with temporary_file(target) as (file, temporary):
            await fill(temporary)
            async with self._storage.copies.lock(target):
                await run(_replace, file, temporary, target, keeps=keeps)

    def _inside(self, path: str) -> Path:
        """The real path of a file below the server's root.

        Raises:
            BadRequest: a symbolic link leads out of it, or it is no file's or one of the server's own.
        """
        root = os.path.realpath(self._root)
        target = os.path.realpath(os.path.join(root, *path.split("/")))  # noqa: PTH118
        if not target.startswith(root.rstrip(os.sep) + os.sep) or os.path.isdir(target):  # noqa: PTH112
            raise BadRequest("localDestinationPath: expected the path of a file below the server's root")
        if self._links.is_within_state(Path(target)):
            raise BadRequest("localDestinationPath: this folder is the server's own")
        return Path(target)


def _is_object_of(place: Location, bucket: str, name: str) -> bool:
    # Terra's pages join a link's folder and a name; a folder that ends in a slash then has two.
    return place.workspace.bucket == bucket and place.object_name == name.replace("//", "/")


async def _write(file: Path, content: bytes) -> None:
    await asyncio.to_thread(file.write_bytes, content)


def _replace(file: BinaryIO, complete: Path, target: Path, *, keeps: bool) -> None:
    sync(file.fileno())
    if keeps and target.exists() and not _is_same(file, target):
        _keep(target)
    complete.replace(target)
    sync_directory(target.parent)


def _is_same(file: BinaryIO, target: Path) -> bool:
    with open_regular(target) as present:
        return digest_file(present) == digest_file(file)


def _keep(target: Path) -> None:
    for number in itertools.count(1):
        with contextlib.suppress(FileExistsError):
            keep_as(target, unseen_edits_name(target, number))
            return
