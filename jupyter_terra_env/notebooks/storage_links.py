"""The storage links of a server: kept on the disk, each with the workspace it makes.

Protocol: docs/protocol/storage-links.md.
"""

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from jupyter_terra_env.durable import write_durably
from jupyter_terra_env.notebooks.storage.bucket_listings import BucketListings
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.storage.temporary_files import temporary_prefix
from jupyter_terra_env.notebooks.sync.delocalizer import Delocalizer
from jupyter_terra_env.notebooks.sync.localizer import Localizer
from jupyter_terra_env.rules.errors import TerraEnvError
from jupyter_terra_env.rules.storage_links import BadRequest, LinkTable, Match, StorageLink, parse_link
from jupyter_terra_env.rules.workspace import Location, Mode, Workspace, Workspaces

LINKS_FILE = "storage-links.json"
DELOCALIZE_FILE = ".delocalize.json"
MOST_LINKS = 200
_AT_ONCE = 8
_RELEASE_SECONDS = 10.0


class StorageLinks:
    """Takes, keeps and releases storage links.

    Args:
        workspaces: what a link changes.
        storage: disk and buckets.
        listings: listings, by which a link's notebooks are found.
        localizer: brings them to the disk.
        delocalizer: uploads what a link's folder owes before the link goes.
        root: the server's root folder.
        state: folder of the file with the links.
        user_project: the operator's project for requester-pays buckets.
        log: the server's log.
    """

    def __init__(  # noqa: PLR0913 - five parts, two folders, a setting and a log, each by name
        self,
        workspaces: Workspaces,
        storage: NotebookStorage,
        listings: BucketListings,
        localizer: Localizer,
        delocalizer: Delocalizer,
        *,
        root: Path,
        state: Path,
        user_project: str | None,
        log: logging.Logger | logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._workspaces = workspaces
        self._storage = storage
        self._listings = listings
        self._localizer = localizer
        self._delocalizer = delocalizer
        self._root = root
        self._state = state
        self._file = state / LINKS_FILE
        self._user_project = user_project
        self._log = log
        self._table = LinkTable({})
        self._made: dict[StorageLink, Workspace] = {}
        self._copying: dict[StorageLink, asyncio.Task[None]] = {}
        self._turn = asyncio.Lock()

    def load(self) -> None:
        """Take up the links of the last server. Blocks; what cannot be read is logged and left out."""
        try:
            text = self._file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            self._log.warning("jupyter_terra_env: %s cannot be read, storage links start empty: %s", self._file, error)
            return
        try:
            table = LinkTable({str(key): parse_link(link) for key, link in json.loads(text).items()})
        except (ValueError, AttributeError, RecursionError, BadRequest) as error:
            self._log.warning("jupyter_terra_env: %s is not a file of storage links: %s", self._file, error)
            return
        self._adopt(table)

    def start(self) -> None:
        """Go on bringing the links' notebooks to the disk."""
        for link in self._table.listed():
            self._begin_copy(link)

    @property
    def is_new(self) -> bool:
        """Whether no server on this disk has ever had a link."""
        return not self._file.exists()

    @property
    def listed(self) -> tuple[StorageLink, ...]:
        """The links there are."""
        return self._table.listed()

    def match(self, path: str) -> tuple[Match, Location | None] | None:
        """The link of a path, and the path's place; no place for the root's own files that a link calls safe."""
        match = self._table.match(path)
        if match is None:
            return None
        is_placeless = match.is_safe and match.directory == ""
        return match, None if is_placeless else match.location(self._made[match.link])

    def is_within_state(self, real: Path) -> bool:
        """Whether a real path is in the folder of the journal, where nothing is put for a client. Blocks."""
        state = Path(os.path.realpath(self._state))
        return state != Path(os.path.realpath(self._root)) and real.is_relative_to(state)

    async def add(self, link: StorageLink) -> None:
        """Make a link; once this returns it is durable, and its folders are there.

        Raises:
            BadRequest: one of its folders is reached through a symbolic link or is the server's own, or there are too
                many links.
            OSError: the disk does not take it; nothing has changed.
        """
        async with self._turn:
            if len(self._table.listed()) >= MOST_LINKS and link not in self._table.listed():
                raise BadRequest(f"there are {MOST_LINKS} storage links already")
            table = self._table.with_link(link)
            await self._storage.copies.run(self._prepare, link, table)
            self._adopt(table)
        self._begin_copy(link)

    async def take_up(self, links: Sequence[StorageLink], know: Callable[[], Awaitable[None]]) -> None:
        """Make the links that a Welder has left; those that cannot be made are left out.

        Args:
            links: the links, the earliest first.
            know: takes up what is known of their files; the links are durable only after it, so that a server which
                dies meanwhile takes up everything again.

        Raises:
            OSError: the disk does not take it.
        """
        async with self._turn:
            table = self._table
            for link in links[:MOST_LINKS]:
                try:
                    await self._storage.copies.run(self._make_folders, link)
                    table = table.with_link(link)
                except (BadRequest, OSError) as error:
                    self._log.warning("jupyter_terra_env: a storage link on %r is left out: %s", link.base, error)
            self._adopt(table)
            await know()
            await self._storage.copies.run(self._write, table)
        self.start()

    async def remove(self, link: StorageLink) -> None:
        """Release a link's folders; their files stay, and what they owe is paid first if the bucket answers.

        Raises:
            OSError: the disk does not take it; nothing has changed.
        """
        async with self._turn:
            table = self._table.without_link(link)
            if table == self._table:
                return
            await self._pay_before(table)
            await self._storage.copies.run(self._write, table)
            self._adopt(table)

    async def close(self) -> None:
        """Stop what goes on in the background."""
        tasks = list(self._copying.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _pay_before(self, table: LinkTable) -> None:
        leaving = {link.base for link in self._table.listed()} - set(table.by_directory)
        located = [self._workspaces.locate(debt.path) for debt in await self._storage.debts()]
        owed = [place for place in located if place is not None and place.directory in leaving]
        if owed:
            await self._delocalizer.pay(owed, _RELEASE_SECONDS)

    def _adopt(self, table: LinkTable) -> None:
        self._table = table
        links = table.listed()
        for link in [link for link in self._copying if link not in links]:
            self._copying.pop(link).cancel()
        # One workspace object for a link's life: what is known of its notebooks goes by it.
        self._made = {link: self._made.get(link) or link.workspace(self._user_project) for link in links}
        hidden = frozenset(one.edit_directory for one in self._workspaces.configured if self._stands_for(one, links))
        self._workspaces.link(tuple(self._made.values()), hidden=hidden)

    def _stands_for(self, configured: Workspace, links: tuple[StorageLink, ...]) -> bool:
        """Whether a link shows the same objects in another folder, and the configured folder is empty."""
        same = any(
            link.bucket == configured.bucket
            and link.prefix == configured.prefix
            and link.base != configured.edit_directory
            for link in links
        )
        return same and not _has_files(self._root / configured.edit_directory)

    def _prepare(self, link: StorageLink, table: LinkTable) -> None:
        self._make_folders(link)
        self._write(table)

    def _make_folders(self, link: StorageLink) -> None:
        folders = [
            self._folder(directory) for directory in dict.fromkeys((link.base, link.safe)) if directory is not None
        ]
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        for folder in folders:
            # Kernels of Terra's images read it to find their bucket; it is always /notebooks there.
            content = _compact({"destination": f"gs://{link.bucket}/notebooks"})
            write_durably(folder / DELOCALIZE_FILE, content, prefix=temporary_prefix())

    def _folder(self, directory: str) -> Path:
        root = Path(os.path.realpath(self._root))
        folder = root / directory
        if Path(os.path.realpath(folder)) != folder or (os.path.lexists(folder) and not folder.is_dir()):
            raise BadRequest(f"{directory}: it is a file, or a symbolic link leads to it")
        if self.is_within_state(folder):
            raise BadRequest(f"{directory}: this folder is the server's own")
        return folder

    def _write(self, table: LinkTable) -> None:
        links = {directory: link.to_json() for directory, link in table.by_directory.items()}
        write_durably(self._file, _compact(links))

    def _begin_copy(self, link: StorageLink) -> None:
        running = self._copying.get(link)
        if running is None or running.done():
            name = f"localize the storage link {link.base}"
            self._copying[link] = asyncio.create_task(self._copy_missing(link), name=name)

    async def _copy_missing(self, link: StorageLink) -> None:
        """Bring the link's notebooks that are not on the disk there; files that are there stay as they are."""
        workspace = self._made.get(link)
        if workspace is None or self._table.by_directory.get(link.base) != link:
            return
        slots = asyncio.Semaphore(_AT_ONCE)
        try:
            async with asyncio.TaskGroup() as group:
                top = Location(
                    workspace=workspace, mode=Mode.EDIT, directory=workspace.edit_directory, relative_path=""
                )
                await self._copy_below(top, slots, group)
        except* TerraEnvError as errors:
            self._log.warning(
                "jupyter_terra_env: not all notebooks of gs://%s were brought to %r: %s",
                link.cloud_directory,
                link.base,
                errors.exceptions[0],
            )
        except* OSError as errors:
            self._log.warning("jupyter_terra_env: %r cannot be filled: %s", link.base, errors.exceptions[0])

    async def _copy_below(self, folder: Location, slots: asyncio.Semaphore, group: asyncio.TaskGroup) -> None:
        listing = await self._listings.fresh_bucket_folder(folder)
        if listing.trouble is not None:
            raise listing.trouble
        for name in sorted(listing.notebooks):
            place = folder.child(name)
            if not await self._storage.copies.run(os.path.lexists, self._storage.os_path(place)):
                group.create_task(self._localize(place, slots))
        if not folder.workspace.is_shallow:
            for name in sorted(listing.folders):
                await self._copy_below(folder.child(name), slots, group)

    async def _localize(self, place: Location, slots: asyncio.Semaphore) -> None:
        async with slots:
            try:
                await self._localizer.open(place, to_edit=False)
            except (TerraEnvError, OSError) as error:
                self._log.warning("jupyter_terra_env: %r was not brought to the disk: %s", place.api_path, error)


def _has_files(folder: Path) -> bool:
    try:
        return any(not entry.name.startswith(".") for entry in folder.iterdir())
    except OSError:
        return False


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
