"""The notebooks of a server's workspaces, as the server's surface uses them."""

from dataclasses import dataclass

from jupyter_terra_env.bucket.threaded import BucketThreads
from jupyter_terra_env.notebooks.delocalizer import Delocalizer
from jupyter_terra_env.notebooks.folders import Folders
from jupyter_terra_env.notebooks.journal import Journal
from jupyter_terra_env.notebooks.localizer import Localizer
from jupyter_terra_env.notebooks.moves import Moves
from jupyter_terra_env.notebooks.places import Places
from jupyter_terra_env.notebooks.refusals import Refusals
from jupyter_terra_env.rules.workspace import Workspaces

_CLOSING_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceNotebooks:
    """The wired parts.

    Attributes:
        workspaces: which folders they look after.
        places: disk, buckets and journal by location.
        folders: listings.
        localizer: opening.
        delocalizer: saving.
        moves: renaming and deleting.
        refusals: what is not done at all.
        journal: the database behind ``places``.
        bucket_threads: the threads behind ``places``.
    """

    workspaces: Workspaces
    places: Places
    folders: Folders
    localizer: Localizer
    delocalizer: Delocalizer
    moves: Moves
    refusals: Refusals
    journal: Journal
    bucket_threads: BucketThreads

    async def close(self) -> None:
        """Let uploads in flight end, then stop everything that runs in the background."""
        await self.delocalizer.close(_CLOSING_SECONDS)
        await self.folders.close()
        self.bucket_threads.close()
        self.places.copies.close()
        self.journal.close()
