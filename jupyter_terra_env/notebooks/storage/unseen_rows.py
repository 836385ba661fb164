"""The journal's rows of working copies that were not shown: edits in them must not be replaced unseen (promise P6)."""

from collections.abc import Callable
from pathlib import Path

from jupyter_terra_env.notebooks.storage.durable_names import keep_as
from jupyter_terra_env.notebooks.storage.journal import Journal
from jupyter_terra_env.notebooks.storage.keeping import KeptNameTaken
from jupyter_terra_env.notebooks.storage.working_copies import WorkingCopies
from jupyter_terra_env.rules.workspace import Location


class UnseenRows:
    """Records which working copies were not shown, and keeps one of them under a second name.

    Args:
        journal: the rows.
        copies: runs work on the disk off the event loop.
        os_path: the OS path of a working copy.
    """

    def __init__(self, journal: Journal, copies: WorkingCopies, os_path: Callable[[Location], Path]) -> None:
        self._journal = journal
        self._copies = copies
        self._os_path = os_path

    async def add(self, location: Location) -> None:
        """Record that the object is about to be shown in the place of the working copy."""
        await self._copies.run(self._journal.note_not_shown, location.api_path)

    async def remove(self, location: Location) -> None:
        """Record that the working copy is shown."""
        await self._copies.run(self._journal.note_shown, location.api_path)

    async def has(self, location: Location) -> bool:
        """Whether the person who has the notebook open was shown something else than the working copy."""
        return await self._copies.run(self._journal.is_not_shown, location.api_path)

    def keep_now(self, location: Location, kept: Path | None) -> None:
        """Give a working copy that was not shown a second name, durably.

        For use off the event loop, under the working copy's lock.

        Args:
            location: the working copy.
            kept: a free name in its folder; None when no name was needed a moment ago.

        Raises:
            KeptNameTaken: the name is taken, or none was given.
            OSError: the disk does not take it; nothing may be replaced then.
        """
        if not self._journal.is_not_shown(location.api_path):
            return  # All is seen, or another save has kept it.
        os_path = self._os_path(location)
        if not os_path.is_file():
            self._journal.note_shown(location.api_path)
            return
        if kept is None:
            raise KeptNameTaken
        try:
            keep_as(os_path, kept)
        except FileExistsError:
            raise KeptNameTaken from None
        try:
            self._journal.note_shown(location.api_path)
        except OSError:
            kept.unlink()  # Each save that is refused for want of room would keep one more.
            raise
