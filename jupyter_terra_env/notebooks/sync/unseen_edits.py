"""Edits that the person who saves next has not seen: recorded, and kept in a file of their own before a save.

Protocol and races: docs/protocol/open-and-save.md, Edits that were not shown.
"""

import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from jupyter_terra_env.notebooks.storage.durable_moves import files_below
from jupyter_terra_env.notebooks.storage.journal import Journal
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.rules.errors import BucketError, SettingsError
from jupyter_terra_env.rules.workspace import MAX_COMPONENT_BYTES, Location, Workspaces


class UnseenEdits:
    """Keeps what a save would replace unseen (promise P6).

    Args:
        storage: disk, buckets and journal.
    """

    def __init__(self, storage: NotebookStorage) -> None:
        self._storage = storage

    async def mark_unseen(self, location: Location) -> None:
        """Remember, before the object is shown in its place, that the edits of a working copy are not.

        Raises:
            OSError: the disk does not take it.
        """
        await self._storage.unseen.add(location)

    async def shown(self, location: Location) -> None:
        """Remember that a working copy is what is shown from now on."""
        if location.is_delocalized:
            # A full disk must not keep a person from reading: the next save keeps a file too many.
            with contextlib.suppress(OSError):
                await self._storage.unseen.remove(location)

    async def name_if_unseen(self, location: Location) -> Path | None:
        """A free name for the edits of a working copy, if the person who saves now was shown the object in its place.

        Returns:
            The OS path; None when the working copy was shown.
        """
        return await self.free_name(location) if await self._storage.unseen.has(location) else None

    async def free_name(self, location: Location) -> Path:
        """A name for edits beside the working copy that neither disk nor bucket has; the disk alone counts offline."""
        os_path = self._storage.os_path(location)
        for number in itertools.count(1):
            candidate = unseen_edits_name(os_path, number)
            on_disk = await self._storage.copies.run(os.path.lexists, candidate)
            if not on_disk and not await self._has_object(location.sibling(candidate.name)):
                return candidate
        raise AssertionError("unreachable")

    async def _has_object(self, place: Location) -> bool:
        try:
            return place.belongs_in_bucket and await self._storage.stat_soon(place) is not None
        except BucketError:
            return False  # Keeping edits must not wait for the network; opening the file will show it.


def mark_existing_unseen(journal: Journal, root: Path, workspaces: Workspaces) -> None:
    """Let a journal that knows nothing count every notebook on the disk as not shown. Blocks.

    Args:
        journal: the journal.
        root: the server's root folder.
        workspaces: whose edit folders are looked through.

    Raises:
        SettingsError: the disk does not take it.
    """
    try:
        if journal.is_new():
            journal.begin_with(_notebooks_below(root, workspaces))
    except OSError as error:
        raise SettingsError(f"state_directory: the journal cannot be written: {error}") from error


def _notebooks_below(root: Path, workspaces: Workspaces) -> Iterator[str]:
    directories = (directory for workspace in workspaces.all for directory, _ in workspace.directories())
    for directory in directories:
        for file in files_below(root / directory):
            location = workspaces.locate(file.relative_to(root).as_posix())
            if location is not None and location.is_delocalized:
                yield location.api_path


def unseen_edits_name(os_path: Path, number: int) -> Path:
    """A name beside a file for edits that are kept, as long as the disk allows.

    Args:
        os_path: the file.
        number: which try this is, from 1.
    """
    ordinal = "" if number == 1 else f" {number}"
    ending = f" (my edits{ordinal}){os_path.suffix}"
    # The working copy of a link may be a file whose name is no UTF-8; the new name is to be seen and opened.
    stem = os_path.stem.encode(errors="replace")[: MAX_COMPONENT_BYTES - len(ending.encode())].decode(errors="ignore")
    return os_path.with_name(stem + ending)
