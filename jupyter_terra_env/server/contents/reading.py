"""What the contents manager shows of a path: a folder as it is listed, a notebook as opening made it."""

import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from tornado.web import HTTPError

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.storage.file_digests import FileDigest, digest_file
from jupyter_terra_env.notebooks.storage.object_versions import Rounds
from jupyter_terra_env.notebooks.storage.regular_files import refuse_special
from jupyter_terra_env.notebooks.sync.views import ShownVersion, refuse_too_large
from jupyter_terra_env.rules.errors import ObjectNotFound, OperationRefused, PreconditionFailed
from jupyter_terra_env.rules.status import WorkStatus
from jupyter_terra_env.rules.workspace import Location
from jupyter_terra_env.server.contents.downloads import ShownFile
from jupyter_terra_env.server.contents.durable_files import DurableFileManager
from jupyter_terra_env.server.contents.folders import FolderReader
from jupyter_terra_env.server.contents.large_notebooks.manager import is_unchanged
from jupyter_terra_env.server.contents.models import link_that_is_not_followed, notebook_in_bucket
from jupyter_terra_env.server.contents.parts import ContentsParts
from jupyter_terra_env.server.contents.shown_contents import note_read
from jupyter_terra_env.server.http_errors import as_http_errors
from jupyter_terra_env.server.status_fields import STATUS_KEY, status_fields

LARGEST_SHOWN_BYTES = 100 * 1024 * 1024
"""Of files that are no notebooks: Jupyter holds them in memory several times over to show them."""

_only_reads: ContextVar[bool] = ContextVar("only_reads", default=False)


@contextlib.contextmanager
def only_reading() -> Iterator[None]:
    """Within it, this task gets what opening would show, but does not edit it: no lock is taken."""
    token = _only_reads.set(True)
    try:
        yield
    finally:
        _only_reads.reset(token)


class ContentsReader:
    """Reads the places of workspace folders for the contents manager, and has Jupyter's code read the files.

    Args:
        manager: the contents manager.
        parts: the notebooks of its workspaces.
        folders: finds and lists folders.
    """

    def __init__(self, manager: DurableFileManager, parts: ContentsParts, folders: FolderReader) -> None:
        self._manager = manager
        self._folders = folders
        self._notebooks = parts.notebooks
        self._statuses = parts.statuses
        self._storage = parts.storage
        self._listings = parts.listings
        self._views = parts.views

    async def get(
        self, location: Location, content: Any, type: str | None, format: str | None, *, require_hash: bool
    ) -> dict[str, Any]:
        """The model of a place; asking for the content opens a notebook. See ``ContentsManager.get``.

        Raises:
            HTTPError: as docs/reference.md says.
        """
        if not content and not require_hash:
            return await self._get_unread(location, type, format)
        with as_http_errors(location.api_path):
            os_path = self._storage.os_path(location)
            first_a_notebook = await self._is_first_a_notebook(location, os_path)
            if not first_a_notebook and await self._folders.is_folder(location, os_path):
                if location.relative_path and type in {"file", "notebook"}:
                    return await self._get_behind_folder(location, content, type, format, hashed=bool(require_hash))
                return await self._folders.model(location, os_path, content=bool(content), taken_for=type)
            # Named pipes, sockets and devices are not opened: that would wait for another program.
            await self._storage.run(refuse_special, os_path)
            if not content and (self._views.instead(location) is not None or await self._folders.is_on_disk(os_path)):
                # No question to the bucket: JupyterLab asks this before and after each save.
                return await self._get_hash_only(location, type, format)
            try:
                return await self._get_localized(location, content, type, format, hashed=bool(require_hash))
            except ObjectNotFound:
                if not first_a_notebook or not await self._listings.has_folder(location):
                    raise
            return await self._folders.model(location, os_path, content=bool(content), taken_for=type)

    async def with_status(
        self, location: Location, model: dict[str, Any], work: WorkStatus | None = None
    ) -> dict[str, Any]:
        """A model with where the work is and who edits, besides what Jupyter has in it.

        Args:
            location: the notebook.
            model: its model.
            work: where its work is, when that is known already.
        """
        status = await self._statuses.of(location, work)
        return {**model, STATUS_KEY: status_fields(status, email=self._statuses.email_of_holder(location))}

    @contextlib.asynccontextmanager
    async def shown_file(self, location: Location) -> AsyncIterator[ShownFile | None]:
        """What a download of a place gives: exactly what opening would show. It opens nothing.

        Yields:
            The content; None for a file that only this disk has.

        Raises:
            HTTPError: as for opening.
        """
        async with contextlib.AsyncExitStack() as stack:
            shown = None
            with as_http_errors(location.api_path):
                self._storage.os_path(location)  # Refuses a link that leads out, for any file.
                if location.belongs_in_bucket:
                    shown = await self._shown_file(location, stack)
            yield shown

    async def _is_first_a_notebook(self, location: Location, os_path: Path) -> bool:
        """Whether to look for a notebook before a folder: its name is rarely a folder's, and a listing is a request."""
        return location.is_notebook and location.belongs_in_bucket and not await self._folders.is_on_disk(os_path)

    async def _get_unread(self, location: Location, type: str | None, format: str | None) -> dict[str, Any]:
        """A model without content or hash: from the disk, without more ado than Jupyter's; else from the bucket."""
        shown = self._views.instead(location)
        if shown is not None:
            return self._model_of_shown(location, shown, type)
        try:
            on_disk = os.path.exists(self._storage.os_path(location))  # noqa: ASYNC240, PTH110 - as Jupyter does; it never raises
            # Jupyter shows a link that leads nowhere.
            on_disk = on_disk or os.path.islink(self._storage.entry(location.api_path))  # noqa: ASYNC240, PTH114 - the same reason
        except OperationRefused:
            return link_that_is_not_followed(location)
        if on_disk:
            model = await self._manager.model_of_file(location, 0, type, format, hashed=False)
            return self._with_writable(location, model)
        with as_http_errors(location.api_path):
            return await self._get_unread_in_bucket(location, type)

    async def _get_unread_in_bucket(self, location: Location, type: str | None) -> dict[str, Any]:
        wants_file = type not in {None, "directory"}
        first_a_notebook = location.is_notebook and location.belongs_in_bucket
        if not wants_file and not first_a_notebook and await self._listings.is_folder(location):
            return self._folders.model_in_bucket(location)
        version = await self._object_of(location)
        if version is None:
            if not await self._listings.has_folder(location):
                raise ObjectNotFound(location.api_path)
            if wants_file:
                raise HTTPError(400, f"{location.api_path} is a directory, not a {type}", reason="bad type")
            return self._folders.model_in_bucket(location)
        if type == "directory":
            raise HTTPError(400, f"{location.api_path} is not a directory", reason="bad type")
        return notebook_in_bucket(location, version)

    async def _object_of(self, location: Location) -> ObjectVersion | None:
        return await self._storage.stat(location) if location.belongs_in_bucket else None

    async def _get_localized(
        self, location: Location, content: Any, type: str | None, format: str | None, *, hashed: bool
    ) -> dict[str, Any]:
        """Open, and read what opening came to."""
        if not content:
            await self._notebooks.localize(location)
            return await self._manager.model_of_file(location, content, type, format, hashed=hashed)
        to_edit = not _only_reads.get()
        largest_bytes = None if _is_notebook_wanted(location, type) else LARGEST_SHOWN_BYTES
        rounds = Rounds(location)
        while True:
            rounds.begin()
            opened = await self._notebooks.open(location, to_edit=to_edit, largest_bytes=largest_bytes)
            if opened.shown is None:
                model = await self._get_opened(location, type, format, hashed=hashed, downloaded=opened.downloaded)
                if to_edit:
                    await self._note_shown(location, model, downloaded=opened.downloaded)
                break
            try:
                model, digest = await self._get_from_bucket(location, opened.shown, type, format, hashed=hashed)
                if to_edit:
                    self._views.showed(location, opened.shown, digest)
                break
            except (ObjectNotFound, PreconditionFailed):
                continue  # The editor has just saved again.
        model = await self.with_status(location, model)
        model[STATUS_KEY]["shown_version"] = await self._statuses.shown_version(location, opened.shown)
        return self._with_writable(location, model)

    async def _note_shown(self, location: Location, model: dict[str, Any], *, downloaded: bool) -> None:
        """Take note that a working copy is shown; where others may show something else, the handler does, if it is."""
        if not note_read(location.api_path, model) and is_unchanged(self._manager):
            await self._views.mark_read(location)
        elif downloaded:
            await self._views.mark_unread(location)

    async def _get_from_bucket(
        self, location: Location, version: ObjectVersion, type: str | None, format: str | None, *, hashed: bool
    ) -> tuple[dict[str, Any], FileDigest]:
        """A version in the bucket, to look at; see ``Localizer.content_of`` for what it raises."""
        async with self._notebooks.content_of(location, version) as file:
            model = await self._manager.model_of_version(location, version, file, type, format)
            digest = await self._storage.run(_digest_of_file, file)
        if hashed:
            model.update(hash=digest.sha256, hash_algorithm="sha256")
        return model, digest

    async def _get_behind_folder(
        self, location: Location, content: Any, type: str | None, format: str | None, *, hashed: bool
    ) -> dict[str, Any]:
        """A file in the bucket that a folder of its name is shown before: to read; it cannot be on the disk as well."""
        version = await self._object_of(location)
        if version is None:
            raise HTTPError(400, f"{location.api_path} is a directory, not a {type}", reason="bad type")
        if not content and not hashed:
            return {**notebook_in_bucket(location, version), "writable": False}
        refuse_too_large(location, version.size_bytes, LARGEST_SHOWN_BYTES)
        model, _ = await self._get_from_bucket(location, version, type, format, hashed=hashed)
        return model

    async def _get_opened(
        self, location: Location, type: str | None, format: str | None, *, hashed: bool, downloaded: bool
    ) -> dict[str, Any]:
        os_path = self._storage.os_path(location)
        if not _is_notebook_wanted(location, type) and await self._folders.is_on_disk(os_path):
            refuse_too_large(location, (await self._storage.run(os_path.stat)).st_size, LARGEST_SHOWN_BYTES)
        try:
            return await self._manager.model_of_file(location, 1, type, format, hashed=hashed)
        except HTTPError as error:
            # Jupyter's sentence does not say what became of the workspace's version.
            if downloaded or (error.status_code == 400 and _is_notebook_wanted(location, type)):
                await self._notebooks.refuse_unreadable(location, downloaded=downloaded)
            raise

    def _with_writable(self, location: Location, model: dict[str, Any]) -> dict[str, Any]:
        return {**model, "writable": model["writable"] and not self._statuses.is_read_only(location)}

    async def _get_hash_only(self, location: Location, type: str | None, format: str | None) -> dict[str, Any]:
        """The hash of what was shown or saved last, without a question to the bucket."""
        shown = self._views.instead(location)
        if shown is None:
            return await self._manager.model_of_file(location, 0, type, format, hashed=True)
        return self._model_of_shown(location, shown, type)

    def _model_of_shown(self, location: Location, shown: ShownVersion, type: str | None) -> dict[str, Any]:
        """The model, without content, of the bucket's version that was shown last."""
        if type == "directory":
            raise HTTPError(400, f"{location.api_path} is not a directory", reason="bad type")
        model = notebook_in_bucket(location, shown.version)
        model.update(type=type or model["type"], hash=shown.sha256, hash_algorithm="sha256")
        return self._with_writable(location, model)

    async def _shown_file(self, location: Location, stack: contextlib.AsyncExitStack) -> ShownFile:
        rounds = Rounds(location)
        while True:
            rounds.begin()
            version = await self._views.now(location)
            if version is None:
                digest = await self._storage.digest(location)
                if digest is not None:
                    return ShownFile(file=None, sha256=digest.sha256)
                continue
            try:
                file = await stack.enter_async_context(self._notebooks.content_of(location, version))
            except (ObjectNotFound, PreconditionFailed):
                continue  # The editor has just saved again.
            await self._storage.run(os.utime, file, (version.updated.timestamp(),) * 2)
            return ShownFile(file=file, sha256=(await self._storage.run(_digest_of_file, file)).sha256)


def _is_notebook_wanted(location: Location, type: str | None) -> bool:
    return type == "notebook" or (type is None and location.is_notebook)


def _digest_of_file(file: Path) -> FileDigest:
    with file.open("rb") as content:
        return digest_file(content)
