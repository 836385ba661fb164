"""What the contents manager shows: folders as the union of bucket and disk, notebooks as opening made them."""

import asyncio
import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from tornado.web import HTTPError

from jupyter_terra_env.notebooks.places import kept_changing
from jupyter_terra_env.rules.errors import ObjectNotFound, OperationRefused, PreconditionFailed
from jupyter_terra_env.rules.status import WorkStatus
from jupyter_terra_env.rules.workspace import Location
from jupyter_terra_env.server.http_errors import translated
from jupyter_terra_env.server.large_notebooks.manager import LargeNotebookManager
from jupyter_terra_env.server.models import (
    add_bucket_entries,
    add_marks,
    folder_in_bucket,
    link_that_is_not_followed,
    notebook_in_bucket,
)
from jupyter_terra_env.server.status_fields import STATUS_KEY, status_fields

_ROUNDS = 5


class ShowingManager(LargeNotebookManager):
    """The parts of reading, which the contents manager's verbs put together."""

    async def _is_on_disk(self, os_path: Path) -> bool:
        # os.path tells where pathlib raises, of names that no disk can have.
        return bool(await self.notebooks.places.copies.run(os.path.exists, os_path))

    async def _is_folder(self, location: Location, os_path: Path) -> bool:
        if location.relative_path == "" or await self.notebooks.places.copies.run(os.path.isdir, os_path):
            return True
        if location.belongs_in_bucket or await self._is_on_disk(os_path):
            return False
        return bool(await self.notebooks.folders.has_folder(location))

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
        listing = asyncio.create_task(self.notebooks.folders.bucket_folder(location)) if content else None
        time = self._folder_time(location)
        if await self._is_on_disk(os_path):
            model: dict[str, Any] = await super()._dir_model(location.api_path, content=content)
        else:
            model = folder_in_bucket(location, time)
            model.update(content=[] if content else None, format="json" if content else None)
        if listing is not None:
            folder = await listing
            add_entries = partial(add_bucket_entries, model, location, folder)
            # Thousands of entries take a while: not on the event loop.
            await self.notebooks.places.copies.run(add_entries, folder_time=time, is_listed=self.should_list)
            if location.is_edit:
                names = [entry["name"] for entry in model["content"]]
                add_marks(model, await self.notebooks.marks.of(location, names, folder.notebooks))
        return model

    def _folder_time(self, location: Location) -> datetime:
        """A stable time for folders that only object names imply: that of the workspace folder itself."""
        folder = Path(self.root_dir) / location.directory
        if not folder.exists():
            folder = Path(self.root_dir)
        return datetime.fromtimestamp(folder.stat().st_mtime, UTC)

    async def _get_unread(self, location: Location, type: str | None, format: str | None) -> dict[str, Any]:
        """A model without content or hash: from the disk, without more ado than Jupyter's; else from the bucket."""
        try:
            on_disk = os.path.exists(self.notebooks.places.os_path(location))  # noqa: ASYNC240, PTH110 - as Jupyter does; tells, never raises
        except OperationRefused:
            return link_that_is_not_followed(location)
        if on_disk:
            model: dict[str, Any] = await super().get(location.api_path, False, type, format)
            return self._with_writable(location, model)
        with translated(location.api_path):
            if not location.belongs_in_bucket:
                if await self._is_folder(location, self.notebooks.places.os_path(location)):
                    return folder_in_bucket(location, self._folder_time(location))
                raise ObjectNotFound(location.api_path)
            version = await self.notebooks.places.stat(location)
            if version is None:
                raise ObjectNotFound(location.api_path)
            if type == "directory":
                raise HTTPError(400, f"{location.api_path} is not a directory", reason="bad type")
            return notebook_in_bucket(location, version)

    async def _get_localized(
        self, location: Location, content: Any, type: str | None, format: str | None, *, hashed: bool, to_edit: bool
    ) -> dict[str, Any]:
        """Open, and read what opening came to. Of who may only read, no lock is taken and nothing is remembered."""
        if not content:
            await self.notebooks.localizer.open(location, to_edit=False)
            return await self._get_file(location, content, type, format, hashed=hashed)
        for _ in range(_ROUNDS):
            opened = await self.notebooks.localizer.open(location, to_edit=to_edit)
            if to_edit:
                self.notebooks.keeper.touch(location)
            if opened.shown is None:
                model = await self._get_opened(location, type, format, hashed=hashed, downloaded=opened.downloaded)
                if to_edit:
                    await self.notebooks.localizer.kept_edits.shown(location)
                break
            try:
                async with self.notebooks.localizer.content_of(location, opened.shown) as file:
                    model = await self._get_version(location, opened.shown, file, type, format)
                    if hashed:
                        digest = await self.notebooks.places.copies.digest(file)
                        model.update(hash=digest.sha256, hash_algorithm="sha256")
                break
            except (ObjectNotFound, PreconditionFailed):
                continue  # Whoever edits it has just saved again.
        else:
            raise kept_changing(location)
        return self._with_writable(location, await self._with_status(location, model))

    async def _get_opened(
        self, location: Location, type: str | None, format: str | None, *, hashed: bool, downloaded: bool
    ) -> dict[str, Any]:
        try:
            return await self._get_file(location, 1, type, format, hashed=hashed)
        except HTTPError:
            if downloaded:
                # What cannot be shown is not kept: the bucket has it.
                await self.notebooks.localizer.discard(location)
            raise

    async def _with_status(
        self, location: Location, model: dict[str, Any], work: WorkStatus | None = None
    ) -> dict[str, Any]:
        status = await self.notebooks.status_of(location, work)
        return {**model, STATUS_KEY: status_fields(status, email=self.notebooks.email_of_holder(location))}

    def _with_writable(self, location: Location, model: dict[str, Any]) -> dict[str, Any]:
        return {**model, "writable": model["writable"] and not self.notebooks.is_read_only(location)}
