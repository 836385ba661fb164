"""New files under names that were free when they were chosen: never over a file or an object that has come since."""

import contextlib
import os
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tornado.web import HTTPError

from jupyter_terra_env.notebooks.storage.bucket_listings import BucketListings
from jupyter_terra_env.notebooks.storage.file_digests import FileDigest
from jupyter_terra_env.rules.errors import BucketError, ConflictReason, RefusalReason
from jupyter_terra_env.rules.workspace import Location
from jupyter_terra_env.server.contents.large_notebooks.manager import LargeNotebookManager
from jupyter_terra_env.server.contents.large_notebooks.prepared_notebook import check_written
from jupyter_terra_env.server.http_errors import Refusal

_ROUNDS = 10


class NameTakenError(Refusal):
    """The name chosen for a new file has been taken meanwhile; nothing was changed."""

    def __init__(self, name: str) -> None:
        super().__init__(
            409,
            f"{name} was created by another person in the meantime; nothing was changed. Try again.",
            reason=RefusalReason.NAME_EXISTS.value,
        )


@dataclass(slots=True)
class _NewFile:
    """What was made under the name that was chosen, if anything was."""

    location: Location | None = None
    digest: FileDigest | None = None


_new_file: ContextVar[_NewFile | None] = ContextVar("new_file", default=None)


@contextlib.contextmanager
def _creating() -> Iterator[_NewFile]:
    """Within it, what this task saves replaces nothing."""
    new_file = _NewFile()
    token = _new_file.set(new_file)
    try:
        yield new_file
    finally:
        _new_file.reset(token)


class NewFilesManager(LargeNotebookManager):
    """The part of the contents manager that makes files under names of its own choice."""

    @property
    def _listings(self) -> BucketListings:
        """Listings of the workspaces: for a path that is in one."""
        listings: BucketListings = self.parts.listings
        return listings

    async def new_untitled(self, path: str = "", type: str = "", ext: str = "") -> dict[str, Any]:
        """See ``ContentsManager.new_untitled``; of two at once, the second gets the next name."""
        return await self._under_free_name(
            self._locate(path), lambda: super(NewFilesManager, self).new_untitled(path, type, ext)
        )

    async def _under_free_name(
        self, folder: Location | None, make: Callable[[], Awaitable[dict[str, Any]]]
    ) -> dict[str, Any]:
        """Make a file in a folder of a workspace.

        Args:
            folder: where; None outside the workspaces, where Jupyter does as ever.
            make: chooses a name and saves the file; called anew when the name has been taken meanwhile.
        """
        for is_last in (False,) * (_ROUNDS - 1) + (True,):
            with _creating() if folder is not None else contextlib.nullcontext() as new_file:
                try:
                    return await make()
                except HTTPError as error:
                    taken_in_bucket = error.reason == ConflictReason.NAME_TAKEN and new_file is not None
                    if is_last or folder is None or not (taken_in_bucket or isinstance(error, NameTakenError)):
                        raise
                    if new_file is not None and taken_in_bucket and not await self._take_back(new_file):
                        raise
                self._listings.forget(folder.child("any"))  # The listing is out of date.
        raise AssertionError("unreachable")

    async def _write(self, location: Location, content: bytes | memoryview, *, is_notebook: bool = False) -> None:
        new_file = _new_file.get()
        if new_file is None:
            await super()._write(location, content, is_notebook=is_notebook)
            return
        if len(content) >= self.large_bytes and await self._has_object(location):
            raise NameTakenError(location.name)  # No request waits for its upload: a conflict would be reported later.
        check_written(content)
        with self.perm_to_403(str(self._storage.os_path(location))):
            try:
                digest = await self._saving.create(location, content, is_notebook=is_notebook)
            except FileExistsError:
                raise NameTakenError(location.name) from None
        new_file.location, new_file.digest = location, digest

    async def _save_directory(self, os_path: str, model: dict[str, Any], path: str = "") -> None:
        if _new_file.get() is not None and self._locate(path) is not None:
            try:
                await self._storage.run(_make_directory, Path(os_path))
            except FileExistsError:
                raise NameTakenError(Path(os_path).name) from None
        await super()._save_directory(os_path, model, path)

    async def _has_object(self, location: Location) -> bool:
        try:
            return location.is_delocalized and await self._storage.stat(location) is not None
        except BucketError:
            return False

    async def _take_back(self, new_file: _NewFile) -> bool:
        """Remove a file that was just made, and is still what it was then."""
        location, digest = new_file.location, new_file.digest
        if location is None or digest is None:
            return False
        if not await self._saving.take_back(location, digest):
            return False
        await self.checkpoints.delete_all_checkpoints(location.api_path)
        return True


def _make_directory(os_path: Path) -> None:
    os_path.parent.mkdir(parents=True, exist_ok=True)
    os.mkdir(os_path)  # noqa: PTH102 - never onto one that is there
