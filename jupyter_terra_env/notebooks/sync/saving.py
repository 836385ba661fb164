"""Saves: the one way by which content from a person becomes a working copy, and then the object.

Protocol: docs/protocol/open-and-save.md, Delocalize; Edits that were not shown.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from jupyter_terra_env.notebooks.storage.file_digests import FileDigest, digest_of
from jupyter_terra_env.notebooks.storage.keeping import KeptNameTaken
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.storage.object_versions import Rounds
from jupyter_terra_env.notebooks.sync.delocalizer import Delocalizer
from jupyter_terra_env.notebooks.sync.unseen_edits import UnseenEdits
from jupyter_terra_env.notebooks.sync.views import Views
from jupyter_terra_env.rules.status import WorkStatus
from jupyter_terra_env.rules.workspace import Location


class Saving:
    """Saves working copies: keeps edits that were not shown, writes the debt down, and replaces the file durably.

    All three are done under the file's lock, or nothing has changed. ``deliver`` then uploads the content.

    Args:
        storage: disk, buckets and journal.
        delocalizer: uploads what was saved.
        unseen_edits: chooses names for edits that were not shown.
        views: remembers that what was saved is what is shown.
    """

    def __init__(
        self, storage: NotebookStorage, delocalizer: Delocalizer, unseen_edits: UnseenEdits, views: Views
    ) -> None:
        self._storage = storage
        self._delocalizer = delocalizer
        self._unseen_edits = unseen_edits
        self._views = views

    async def save(
        self,
        location: Location,
        content: bytes | memoryview,
        *,
        replaces: FileDigest | None = None,
        is_notebook: bool = False,
    ) -> None:
        """Replace a working copy by content from a person.

        Args:
            location: the working copy.
            content: what it is to hold.
            replaces: what it must still hold; None to replace any content.
            is_notebook: the content is a notebook that has been validated.

        Raises:
            ChangedMeanwhile: it holds something else; it was not replaced.
            OperationRefused, PermissionError: it may not be replaced; see ``WorkingCopies.write``.
            OSError: the disk is full, read-only or failing; the old file is untouched.
        """
        await self._keeping(
            location, partial(self._storage.save, location, content, replaces=replaces, is_notebook=is_notebook)
        )

    async def create(self, location: Location, content: bytes | memoryview, *, is_notebook: bool = False) -> FileDigest:
        """Make a new working copy of content from a person, never over another file.

        Returns:
            What was made, for ``take_back``.

        Raises:
            FileExistsError: the name is taken on the disk; nothing has changed.
            OSError: the disk is full, read-only or failing.
        """
        digest = await self._storage.run(digest_of, content)
        await self._storage.create(location, content, notebook=digest if is_notebook else None)
        return digest

    async def take_back(self, location: Location, created: FileDigest) -> bool:
        """Remove a working copy that was just made, if it was not sent and is still what it was made as.

        Returns:
            Whether it is gone.
        """
        async with self._storage.writes.turn(location):
            if not await self._storage.take_back(location, created):
                return False
            self._delocalizer.forget_status(location)
        return True

    async def adopt(self, location: Location, complete: Path) -> None:
        """Make a complete file of the same folder the working copy.

        Raises:
            OperationRefused, PermissionError: it may not be replaced; see ``WorkingCopies.adopt``.
            OSError: the disk is full, read-only or failing; the old file is untouched.
        """
        await self._keeping(location, partial(self._storage.adopt, location, complete))

    async def deliver(self, location: Location, *, wait_seconds: float | None = None) -> WorkStatus:
        """Upload what was saved, and wait for the upload a little; see ``Delocalizer.after_save``.

        What is not for the bucket stays on the disk.
        """
        if not location.is_delocalized:
            return await self._delocalizer.current_status(location)
        return await self._delocalizer.after_save(location, wait_seconds=wait_seconds)

    @asynccontextmanager
    async def uploading_on_failure(self, location: Location) -> AsyncIterator[None]:
        """Within it, a save may fail once the file is replaced, in a hook for example: its upload starts even so."""
        try:
            yield
        except BaseException:
            await self._delocalizer.start_if_owed(location)
            raise

    async def _keeping(self, location: Location, write: Callable[..., Awaitable[None]]) -> None:
        """Write, and choose another name for edits that were not shown as often as the name is taken meanwhile."""
        rounds = Rounds(location)
        while True:
            rounds.begin()
            kept = await self._unseen_edits.name_if_unseen(location)
            try:
                await write(first=partial(self._storage.unseen.keep_now, location, kept))
            except KeptNameTaken:
                continue
            self._views.shows_working_copy(location)
            return
