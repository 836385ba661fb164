"""What the contents manager lists: folders as the union of bucket and disk."""

import asyncio
import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from tornado.web import HTTPError

from jupyter_terra_env.rules.workspace import Location
from jupyter_terra_env.server.contents.disk_entries import DiskEntry, entries_of
from jupyter_terra_env.server.contents.durable_files import DurableFileManager
from jupyter_terra_env.server.contents.models import (
    add_bucket_entries,
    add_local_only,
    add_marks,
    entry_no_path_can_name,
    folder_in_bucket,
)
from jupyter_terra_env.server.contents.parts import ContentsParts

_ENTRIES_AT_ONCE = 20


class FolderReader:
    """Finds folders on the disk and in the bucket, and lists them.

    Args:
        manager: the contents manager, for what Jupyter says of the entries of the disk.
        parts: the notebooks of its workspaces.
    """

    def __init__(self, manager: DurableFileManager, parts: ContentsParts) -> None:
        self._manager = manager
        self._storage = parts.storage
        self._listings = parts.listings
        self._badges = parts.badges

    async def is_on_disk(self, os_path: Path) -> bool:
        """Whether the disk has this."""
        # os.path answers where pathlib raises: for names that no disk can have.
        return await self._storage.run(os.path.exists, os_path)

    async def is_folder(self, location: Location, os_path: Path) -> bool:
        """Whether this is a folder, with any name: on the disk, or because the bucket has objects below it."""
        if location.relative_path == "" or await self._storage.run(os.path.isdir, os_path):
            return True
        if await self.is_on_disk(os_path):
            return False
        return await self._listings.is_folder(location)

    async def model(self, location: Location, os_path: Path, *, content: bool, taken_for: str | None) -> dict[str, Any]:
        """The model of a folder.

        Args:
            location: the folder.
            os_path: where it is on the disk, if it is there.
            content: whether its entries are wanted.
            taken_for: the type that the client asks for; None for any.

        Raises:
            HTTPError: 400, it is taken for a file; and as the listing says.
        """
        if taken_for not in {None, "directory"}:
            raise HTTPError(400, f"{location.api_path} is a directory, not a {taken_for}", reason="bad type")
        listing = asyncio.create_task(self._listings.bucket_folder(location)) if content else None
        time = self._time(location)
        if await self.is_on_disk(os_path):
            model = await self._manager.model_of_folder(location)
        else:
            model = folder_in_bucket(location, time)
        if listing is not None:
            model.update(content=await self._entries_on_disk(location, os_path), format="json")
            folder = await listing
            add_entries = partial(add_bucket_entries, model, location, folder)
            # Thousands of entries take a while: not on the event loop.
            await self._storage.run(add_entries, folder_time=time, is_listed=self._manager.should_list)
            if location.is_edit:
                names = [entry["name"] for entry in model["content"]]
                add_marks(model, await self._badges.of(location, names, folder.notebooks))
                await self._storage.run(add_local_only, model, location, folder)
        return model

    def model_in_bucket(self, location: Location) -> dict[str, Any]:
        """The model, without entries, of a folder that only the bucket has."""
        return folder_in_bucket(location, self._time(location))

    async def _entries_on_disk(self, location: Location, os_path: Path) -> list[dict[str, Any]]:
        """The models of what the disk has in a folder; an entry that cannot be read now is left out."""
        manager = self._manager
        find = partial(entries_of, str(os_path), allow_hidden=manager.allow_hidden, log=manager.log)
        try:
            with manager.perm_to_403(location.api_path):
                found = await self._storage.run(find)
        except (FileNotFoundError, NotADirectoryError):
            return []  # The bucket's alone, or gone meanwhile.
        models = []
        for number, entry in enumerate(found):
            if number % _ENTRIES_AT_ONCE == 0:
                await asyncio.sleep(0)  # Thousands of entries must not hold the event loop.
            if manager.should_list(entry.name) and (model := await self._entry(location.child(entry.name), entry)):
                models.append(model)
        return models

    async def _entry(self, location: Location, entry: DiskEntry) -> dict[str, Any] | None:
        if not entry.is_addressable:
            return entry_no_path_can_name(location, is_folder=entry.is_folder)
        try:
            model: dict[str, Any] = await self._manager.get(location.api_path, content=False)
        except (HTTPError, OSError, ValueError) as error:
            self._manager.log.debug("Not listed: %r (%s)", location.api_path, type(error).__name__)
            return None
        return model

    def _time(self, location: Location) -> datetime:
        """A stable time for folders that only object names imply: that of the workspace folder itself."""
        folder = Path(self._manager.root_dir) / location.directory
        if not folder.exists():
            folder = Path(self._manager.root_dir)
        return datetime.fromtimestamp(folder.stat().st_mtime, UTC)
