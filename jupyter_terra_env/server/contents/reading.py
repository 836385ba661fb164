"""What the contents manager shows: folders as the union of bucket and disk, notebooks as opening made them."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tornado.web import HTTPError

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.storage.file_digests import FileDigest, digest_file
from jupyter_terra_env.notebooks.storage.object_versions import Rounds
from jupyter_terra_env.notebooks.storage.regular_files import refuse_special
from jupyter_terra_env.notebooks.sync.views import refuse_too_large
from jupyter_terra_env.rules.errors import ObjectNotFound, OperationRefused, PreconditionFailed
from jupyter_terra_env.rules.status import WorkStatus
from jupyter_terra_env.rules.workspace import Location
from jupyter_terra_env.server.contents.disk_entries import DiskEntry, entries_of
from jupyter_terra_env.server.contents.downloads import ShownFile
from jupyter_terra_env.server.contents.large_notebooks.manager import LargeNotebookManager, is_unchanged
from jupyter_terra_env.server.contents.models import (
    add_bucket_entries,
    add_local_only,
    add_marks,
    entry_no_path_can_name,
    folder_in_bucket,
    link_that_is_not_followed,
    notebook_in_bucket,
)
from jupyter_terra_env.server.contents.shown_contents import note_read
from jupyter_terra_env.server.http_errors import as_http_errors
from jupyter_terra_env.server.status_fields import STATUS_KEY, status_fields

if TYPE_CHECKING:
    from jupyter_terra_env.notebooks.sync.views import ShownVersion

_ENTRIES_AT_ONCE = 20
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


class ContentsReader(LargeNotebookManager):
    """The parts of reading, which the contents manager's verbs put together."""

    def exists(self, path: str) -> bool:  # type: ignore[override]  # Jupyter's file managers answer at once, too
        """Whether the disk has this, or the bucket by a listing that is still remembered.

        Jupyter's own code asks of what is on the disk only; extensions look for a free name this way.
        """
        if super().exists(path):
            return True
        location = self._located_if_plain(path)
        return location is not None and location.is_delocalized and bool(self.notebooks.listings.is_listed(location))

    async def _is_on_disk(self, os_path: Path) -> bool:
        # os.path answers where pathlib raises: for names that no disk can have.
        return bool(await self.notebooks.storage.copies.run(os.path.exists, os_path))

    async def _refuse_special(self, os_path: Path) -> None:
        """Named pipes, sockets and devices are not opened: that would wait for another program."""
        await self.notebooks.storage.copies.run(refuse_special, os_path)

    async def _is_folder(self, location: Location, os_path: Path) -> bool:
        """Whether this is a folder, with any name: on the disk, or because the bucket has objects below it."""
        if location.relative_path == "" or await self.notebooks.storage.copies.run(os.path.isdir, os_path):
            return True
        if await self._is_on_disk(os_path):
            return False
        return bool(await self.notebooks.listings.is_folder(location))

    async def _is_first_a_notebook(self, location: Location, os_path: Path) -> bool:
        """Whether to look for a notebook before a folder: its name is rarely a folder's, and a listing is a request."""
        return location.is_notebook and location.belongs_in_bucket and not await self._is_on_disk(os_path)

    async def _get_folder(
        self,
        location: Location,
        os_path: Path,
        *,
        content: bool,
        type: str | None,
    ) -> dict[str, Any]:
        if type not in {None, "directory"}:
            raise HTTPError(400, f"{location.api_path} is a directory, not a {type}", reason="bad type")
        listing = asyncio.create_task(self.notebooks.listings.bucket_folder(location)) if content else None
        time = self._folder_time(location)
        model: dict[str, Any]
        if await self._is_on_disk(os_path):
            model = await super()._dir_model(location.api_path, content=False)
        else:
            model = folder_in_bucket(location, time)
        if listing is not None:
            model.update(content=await self._entries_on_disk(location, os_path), format="json")
            folder = await listing
            add_entries = partial(add_bucket_entries, model, location, folder)
            # Thousands of entries take a while: not on the event loop.
            await self.notebooks.storage.copies.run(add_entries, folder_time=time, is_listed=self.should_list)
            if location.is_edit:
                names = [entry["name"] for entry in model["content"]]
                add_marks(model, await self.notebooks.badges.of(location, names, folder.notebooks))
                await self.notebooks.storage.copies.run(add_local_only, model, location, folder)
        return model

    async def _entries_on_disk(self, location: Location, os_path: Path) -> list[dict[str, Any]]:
        """The models of what the disk has in a folder; an entry that cannot be read now is left out."""
        find = partial(entries_of, str(os_path), allow_hidden=self.allow_hidden, log=self.log)
        try:
            with self.perm_to_403(location.api_path):
                found = await self.notebooks.storage.copies.run(find)
        except (FileNotFoundError, NotADirectoryError):
            return []  # The bucket's alone, or gone meanwhile.
        models = []
        for number, entry in enumerate(found):
            if number % _ENTRIES_AT_ONCE == 0:
                await asyncio.sleep(0)  # Thousands of entries must not hold the event loop.
            if self.should_list(entry.name) and (model := await self._entry(location.child(entry.name), entry)):
                models.append(model)
        return models

    async def _entry(self, location: Location, entry: DiskEntry) -> dict[str, Any] | None:
        if not entry.is_addressable:
            return entry_no_path_can_name(location, is_folder=entry.is_folder)
        try:
            model: dict[str, Any] = await self.get(location.api_path, content=False)
        except (HTTPError, OSError, ValueError) as error:
            self.log.debug("Not listed: %r (%s)", location.api_path, type(error).__name__)
            return None
        return model

    def _folder_time(self, location: Location) -> datetime:
        """A stable time for folders that only object names imply: that of the workspace folder itself."""
        folder = Path(self.root_dir) / location.directory
        if not folder.exists():
            folder = Path(self.root_dir)
        return datetime.fromtimestamp(folder.stat().st_mtime, UTC)

    async def _get_unread(self, location: Location, type: str | None, format: str | None) -> dict[str, Any]:
        """A model without content or hash: from the disk, without more ado than Jupyter's; else from the bucket."""
        if self._is_shown_instead(location):
            return self._model_of_shown(location, type)
        try:
            on_disk = os.path.exists(self.notebooks.storage.os_path(location))  # noqa: ASYNC240, PTH110 - as Jupyter does; it never raises
            # Jupyter shows a link that leads nowhere.
            on_disk = on_disk or os.path.islink(self.notebooks.storage.entry(location.api_path))  # noqa: ASYNC240, PTH114 - the same reason
        except OperationRefused:
            return link_that_is_not_followed(location)
        if on_disk:
            model: dict[str, Any] = await super().get(location.api_path, False, type, format)
            return self._with_writable(location, model)
        with as_http_errors(location.api_path):
            return await self._get_unread_in_bucket(location, type)

    async def _get_unread_in_bucket(self, location: Location, type: str | None) -> dict[str, Any]:
        listings = self.notebooks.listings
        wants_file = type not in {None, "directory"}
        first_a_notebook = location.is_notebook and location.belongs_in_bucket
        if not wants_file and not first_a_notebook and await listings.is_folder(location):
            return folder_in_bucket(location, self._folder_time(location))
        version = await self.notebooks.storage.stat(location) if location.belongs_in_bucket else None
        if version is None:
            if not await listings.has_folder(location):
                raise ObjectNotFound(location.api_path)
            if wants_file:
                raise HTTPError(400, f"{location.api_path} is a directory, not a {type}", reason="bad type")
            return folder_in_bucket(location, self._folder_time(location))
        if type == "directory":
            raise HTTPError(400, f"{location.api_path} is not a directory", reason="bad type")
        return notebook_in_bucket(location, version)

    async def _get_localized(
        self, location: Location, content: Any, type: str | None, format: str | None, *, hashed: bool
    ) -> dict[str, Any]:
        """Open, and read what opening came to."""
        if not content:
            await self.notebooks.localizer.open(location, to_edit=False)
            return await self._get_file(location, content, type, format, hashed=hashed)
        to_edit = not _only_reads.get()
        largest_bytes = None if _is_notebook_wanted(location, type) else LARGEST_SHOWN_BYTES
        views = self.notebooks.localizer.views
        rounds = Rounds(location)
        while True:
            rounds.begin()
            opened = await self.notebooks.localizer.open(location, take_lock=to_edit, largest_bytes=largest_bytes)
            if to_edit:
                self.notebooks.keeper.touch(location)
            if opened.shown is None:
                model = await self._get_opened(location, type, format, hashed=hashed, downloaded=opened.downloaded)
                if to_edit:
                    await self._note_shown(location, model, downloaded=opened.downloaded)
                break
            try:
                model, digest = await self._get_from_bucket(location, opened.shown, type, format, hashed=hashed)
                if to_edit:
                    views.showed(location, opened.shown, digest)
                break
            except (ObjectNotFound, PreconditionFailed):
                continue  # The editor has just saved again.
        model = await self._with_status(location, model)
        model[STATUS_KEY]["shown_version"] = await self.notebooks.shown_version(location, opened.shown)
        return self._with_writable(location, model)

    async def _note_shown(self, location: Location, model: dict[str, Any], *, downloaded: bool) -> None:
        """Take note that a working copy is shown; where others may show something else, the handler does, if it is."""
        if not note_read(location.api_path, model) and is_unchanged(self):
            await self.notebooks.localizer.unseen_edits.shown(location)
            self.notebooks.localizer.views.shows_working_copy(location)
        elif downloaded and location.is_delocalized:
            # A full disk does not prevent reading.
            with contextlib.suppress(OSError):
                await self.notebooks.localizer.unseen_edits.mark_unseen(location)

    async def _get_from_bucket(
        self, location: Location, version: ObjectVersion, type: str | None, format: str | None, *, hashed: bool
    ) -> tuple[dict[str, Any], FileDigest]:
        """A version in the bucket, to look at; see ``Localizer.content_of`` for what it raises."""
        async with self.notebooks.localizer.content_of(location, version) as file:
            model = await self._get_version(location, version, file, type, format)
            digest = await self.notebooks.storage.copies.run(_digest_of_file, file)
        if hashed:
            model.update(hash=digest.sha256, hash_algorithm="sha256")
        return model, digest

    async def _get_behind_folder(
        self, location: Location, content: Any, type: str | None, format: str | None, *, hashed: bool
    ) -> dict[str, Any]:
        """A file in the bucket that a folder of its name is shown before: to read; it cannot be on the disk as well."""
        version = await self.notebooks.storage.stat(location) if location.belongs_in_bucket else None
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
        os_path = self.notebooks.storage.os_path(location)
        if not _is_notebook_wanted(location, type) and await self._is_on_disk(os_path):
            refuse_too_large(
                location, (await self.notebooks.storage.copies.run(os_path.stat)).st_size, LARGEST_SHOWN_BYTES
            )
        try:
            return await self._get_file(location, 1, type, format, hashed=hashed)
        except HTTPError as error:
            if downloaded:
                # What cannot be shown is not kept: the bucket has it.
                await self.notebooks.localizer.discard(location)
            elif location.is_delocalized and error.status_code == 400 and _is_notebook_wanted(location, type):
                # Jupyter's sentence does not say what became of the workspace's version.
                await self._require_whole(location)
            raise

    async def _require_whole(self, location: Location) -> None:
        """Make sure that a working copy is what its name claims it to be.

        Raises:
            NotWhole: it is not.
        """
        storage = self.notebooks.storage
        await self.notebooks.gate.require_file_whole(storage.os_path(location), await storage.baseline(location))

    async def _with_status(
        self, location: Location, model: dict[str, Any], work: WorkStatus | None = None
    ) -> dict[str, Any]:
        status = await self.notebooks.status_of(location, work)
        return {**model, STATUS_KEY: status_fields(status, email=self.notebooks.email_of_holder(location))}

    def _with_writable(self, location: Location, model: dict[str, Any]) -> dict[str, Any]:
        return {**model, "writable": model["writable"] and not self.notebooks.is_read_only(location)}

    async def _get_hash_only(self, location: Location, type: str | None, format: str | None) -> dict[str, Any]:
        """The hash of what was shown or saved last, without a question to the bucket."""
        if not self._is_shown_instead(location):
            return await self._get_file(location, 0, type, format, hashed=True)
        return self._model_of_shown(location, type)

    def _is_shown_instead(self, location: Location) -> bool:
        """Whether the bucket's version was shown last, in the place of the working copy."""
        return self.notebooks.localizer.views.instead(location) is not None

    def _model_of_shown(self, location: Location, type: str | None) -> dict[str, Any]:
        """The model, without content, of the bucket's version that was shown last."""
        shown: ShownVersion = self.notebooks.localizer.views.instead(location)
        if type == "directory":
            raise HTTPError(400, f"{location.api_path} is not a directory", reason="bad type")
        model = notebook_in_bucket(location, shown.version)
        model.update(type=type or model["type"], hash=shown.sha256, hash_algorithm="sha256")
        return self._with_writable(location, model)

    @contextlib.asynccontextmanager
    async def shown_file(self, path: str) -> AsyncIterator[ShownFile | None]:
        """What a download of a path gives: exactly what opening would show. It opens nothing.

        Yields:
            The content; None for a file that only this disk has.

        Raises:
            HTTPError: as for opening.
        """
        location = self._locate(path)
        async with contextlib.AsyncExitStack() as stack:
            shown = None
            if location is not None:
                with as_http_errors(location.api_path):
                    os_path = self.notebooks.storage.os_path(location)
                    if location.belongs_in_bucket:
                        shown = await self._shown_file(location, os_path, stack)
            yield shown

    async def _shown_file(self, location: Location, os_path: Path, stack: contextlib.AsyncExitStack) -> ShownFile:
        copies = self.notebooks.storage.copies
        rounds = Rounds(location)
        while True:
            rounds.begin()
            version = await self.notebooks.localizer.views.now(location)
            if version is None:
                digest = await copies.digest(os_path)
                if digest is not None:
                    return ShownFile(file=None, sha256=digest.sha256)
                continue
            try:
                file = await stack.enter_async_context(self.notebooks.localizer.content_of(location, version))
            except (ObjectNotFound, PreconditionFailed):
                continue  # The editor has just saved again.
            await copies.run(os.utime, file, (version.updated.timestamp(),) * 2)
            return ShownFile(file=file, sha256=(await copies.run(_digest_of_file, file)).sha256)


def _is_notebook_wanted(location: Location, type: str | None) -> bool:
    return type == "notebook" or (type is None and location.is_notebook)


def _digest_of_file(file: Path) -> FileDigest:
    with file.open("rb") as content:
        return digest_file(content)
