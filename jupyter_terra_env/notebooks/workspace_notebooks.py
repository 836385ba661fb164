"""What the server's surface does with the notebooks of its workspaces."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.locks.lock_keeper import LockKeeper
from jupyter_terra_env.notebooks.moves.moves import Moves, Renaming
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.sync.localizer import Localizer, Opened
from jupyter_terra_env.notebooks.sync.saving import Saving
from jupyter_terra_env.notebooks.sync.upload_gate import UploadGate
from jupyter_terra_env.notebooks.sync.views import Views
from jupyter_terra_env.rules.status import WorkStatus
from jupyter_terra_env.rules.workspace import Location


class WorkspaceNotebooks:
    """Opens, moves and deletes notebooks, and leaves nothing out that one of the parts below has to know.

    Args:
        storage: disk, buckets and journal.
        localizer: brings objects to the disk.
        keeper: keeps the locks of what is in use.
        gate: knows whether a working copy is a whole notebook.
        moves: renames and deletes.
        saving: sends what comes into a workspace by a rename.
        views: remember what was shown.
    """

    def __init__(  # noqa: PLR0913 - the parts that it puts together, each by name
        self,
        *,
        storage: NotebookStorage,
        localizer: Localizer,
        keeper: LockKeeper,
        gate: UploadGate,
        moves: Moves,
        saving: Saving,
        views: Views,
    ) -> None:
        self._storage = storage
        self._localizer = localizer
        self._keeper = keeper
        self._gate = gate
        self._moves = moves
        self._saving = saving
        self._views = views

    async def open(self, location: Location, *, to_edit: bool, largest_bytes: int | None = None) -> Opened:
        """Refresh the working copy for a person who is about to read it; see ``Localizer.open``.

        Args:
            location: the notebook.
            to_edit: take the edit lock, and keep it while the notebook is in use; otherwise the person gets what
                opening to edit would show, and the lock stays as it is.
            largest_bytes: what is larger is not downloaded; None for any size.
        """
        opened = await self._localizer.open(location, take_lock=to_edit, largest_bytes=largest_bytes)
        if to_edit:
            self._keeper.touch(location)
        return opened

    async def localize(self, location: Location) -> None:
        """Bring a notebook to the disk, for what works on files; its lock stays as it is. See ``Localizer.open``."""
        await self._localizer.open(location, to_edit=False)

    async def open_workspace_version(self, location: Location) -> Path | None:
        """Make the bucket's version the working copy; see ``Localizer.open_workspace_version``."""
        return await self._localizer.open_workspace_version(location)

    def content_of(self, location: Location, version: ObjectVersion) -> AbstractAsyncContextManager[Path]:
        """A version's content, in a temporary file; see ``Localizer.content_of``."""
        return self._localizer.content_of(location, version)

    async def refuse_unreadable(self, location: Location, *, downloaded: bool) -> None:
        """Do what is to be done about a working copy that Jupyter cannot read.

        Args:
            location: the notebook.
            downloaded: it was downloaded just now: it is not kept, for the bucket has it.

        Raises:
            NotWhole: it is not what its name claims it to be, and what became of the workspace's version.
        """
        if downloaded:
            await self._localizer.discard(location)
        elif location.is_delocalized:
            await self._gate.require_file_whole(self._storage.os_path(location), await self._storage.baseline(location))

    async def delete(self, location: Location, *, is_folder: bool, to_trash: bool) -> None:
        """Delete a file or folder, with its objects; see ``Moves.delete``."""
        await self._moves.delete(location, is_folder=is_folder, to_trash=to_trash)
        self._views.forget_below(location.api_path)

    async def rename(self, renaming: Renaming) -> WorkStatus | None:
        """Rename a file or folder, with its objects; see ``Moves.rename``.

        Returns:
            Where the work is that came into a workspace by it; None when nothing did.
        """
        await self._moves.rename(renaming)
        for path in (renaming.old_path, renaming.new_path):
            self._views.forget_below(path)
        if renaming.new is None or not renaming.new.is_delocalized or renaming.is_within:
            return None
        return await self._saving.deliver(renaming.new)
