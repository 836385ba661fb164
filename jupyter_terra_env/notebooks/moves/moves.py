"""Renames and deletes notebooks and whole folders: a move is planned, recorded, run, and undone if it cannot be done.

Protocol: docs/protocol/journal.md, Intents, and docs/protocol/open-and-save.md, races 11 and 12.
"""

import os
from dataclasses import dataclass, replace

from jupyter_terra_env.notebooks.moves import trash
from jupyter_terra_env.notebooks.moves.executor import MoveExecutor
from jupyter_terra_env.notebooks.moves.intents import Intent
from jupyter_terra_env.notebooks.moves.name_checks import NameChecks, folder_name, path_exists, refused_by_disk
from jupyter_terra_env.notebooks.moves.planner import MovePlanner, Plan
from jupyter_terra_env.notebooks.moves.recovery import MoveRecovery
from jupyter_terra_env.notebooks.storage.durable_moves import require_movable
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.storage.object_versions import Rounds
from jupyter_terra_env.rules.errors import (
    ObjectNotFound,
)
from jupyter_terra_env.rules.recovery import Act
from jupyter_terra_env.rules.workspace import Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Renaming:
    """A rename as it was requested.

    Attributes:
        old_path: API path of the file or folder.
        new_path: its new API path.
        old: where the old path is in a workspace folder; None if it is outside.
        new: where the new path is in a workspace folder; None if it is outside.
        is_folder: whether it is a folder.
    """

    old_path: str
    new_path: str
    old: Location | None
    new: Location | None
    is_folder: bool

    @property
    def had_objects(self) -> bool:
        """Whether objects belong to it before the rename."""
        return self.old is not None and self.old.is_edit and (self.is_folder or self.old.is_delocalized)

    @property
    def gets_objects(self) -> bool:
        """Whether objects belong to it after the rename."""
        return self.new is not None and self.new.is_edit and (self.is_folder or self.new.is_delocalized)

    @property
    def is_within(self) -> bool:
        """Whether its objects only get new names, in this workspace or another."""
        return self.had_objects and self.gets_objects

    @property
    def crosses(self) -> bool:
        """Whether it goes from one workspace to another."""
        return self.old is not None and self.new is not None and self.old.workspace is not self.new.workspace


class Moves:
    """Renames and deletes files and folders of workspaces.

    Args:
        storage: disk, buckets and journal.
        planner: finds the objects that a move is about.
        executor: renames files that no object belongs to.
        recovery: runs moves, and completes those that were interrupted.
        name_checks: checks of new names.
    """

    def __init__(
        self,
        storage: NotebookStorage,
        planner: MovePlanner,
        executor: MoveExecutor,
        recovery: MoveRecovery,
        name_checks: NameChecks,
    ) -> None:
        self._storage = storage
        self._planner = planner
        self._executor = executor
        self._recovery = recovery
        self._name_checks = name_checks

    async def rename(self, renaming: Renaming) -> None:
        """Rename a file or folder, with its objects and its rows in the journal.

        Raises:
            ObjectNotFound: there is no such file or folder.
            OperationRefused: the new name exists, or the edits could not be brought to the bucket first.
            WorkspaceConflict: another person changed an object since it was opened.
            LockHeldElsewhere: another person is editing one of the notebooks.
            LeftUnfinished: the bucket stopped answering halfway; the move goes on in the background.
            BucketUnavailable, BucketRefused: see the port; nothing was renamed.
            OSError: the disk refused; nothing was renamed, or the rename goes on in the background.
        """
        await self._recovery.settle(renaming.old_path, renaming.new_path)
        if renaming.is_folder:
            workspace = renaming.new.workspace if renaming.new is not None and renaming.gets_objects else None
            folder_name(renaming.old_path, renaming.new_path, workspace)
        if renaming.old is None or not renaming.had_objects:
            await self._rename_files(renaming)
        elif renaming.is_within and renaming.new is not None:
            await self._rename_objects(renaming, renaming.old, renaming.new)
        else:
            await self._take_out(renaming, renaming.old)

    async def delete(self, location: Location, *, is_folder: bool, to_trash: bool) -> None:
        """Delete a file or folder: its objects, if they are the versions seen here, then the files.

        Raises:
            WorkspaceConflict: another person changed an object since it was opened.
            LockHeldElsewhere: another person is editing one of the notebooks.
            LeftUnfinished: the bucket stopped answering halfway; the move goes on in the background.
            BucketUnavailable, BucketRefused: see the port; nothing was deleted.
            OperationRefused: a folder holds objects that are not shown, or the disk or the trash refused.
            FilesStay: the objects were deleted, but the disk could not remove the files.
            OSError: the disk refused; nothing was deleted, or the deletion goes on in the background.
        """
        await self._recovery.settle(location.api_path)
        if to_trash:
            await self._storage.copies.run(trash.require, self._storage.entry(location.api_path), location.api_path)
        has_objects = location.is_edit and (is_folder or location.is_delocalized)
        copies = await self._planner.working_copies(location, is_folder=is_folder) if has_objects else []
        async with self._recovery.turns(copies):
            objects = await self._planner.to_delete(location, is_folder=is_folder) if has_objects else ()
            intent = Intent(
                act=Act.DELETE,
                path=location.api_path,
                is_folder=is_folder,
                bucket=location.workspace.bucket,
                objects=objects,
                files=await self._executor.files(location.api_path),
                to_trash=to_trash,
            )
            await self._recovery.run(intent)

    async def _rename_files(self, renaming: Renaming) -> None:
        """Rename files that have no objects, and upload those that become notebooks of a workspace."""
        if renaming.new is not None:
            await self._name_checks.taken(renaming.new, is_folder=renaming.is_folder)
        await self._require_something(renaming, ())
        await self._require_free_on_disk(renaming)
        arriving = await self._arriving(renaming)
        await self._storage.owe_all(arriving)
        try:
            await self._executor.rename_on_disk(renaming.old_path, renaming.new_path, arriving)
        except OSError as error:
            raise refused_by_disk(renaming.old_path, error, renaming.new_path) from error

    async def _rename_objects(self, renaming: Renaming, old: Location, new: Location) -> None:
        """Rename within a workspace, or from one workspace to another: first the objects, then the files."""
        rounds = Rounds(old)
        while True:
            rounds.begin()
            copies = await self._planner.working_copies(old, is_folder=renaming.is_folder)
            await self._planner.pay(copies)
            places = [*copies, *(_moved(place, old, new) for place in copies)]
            async with self._recovery.turns(places):
                if await self._planner.have_edits(copies):
                    continue  # The notebook was saved meanwhile: that save has to reach the bucket first.
                await self._require_free_on_disk(renaming)
                if renaming.is_folder or renaming.crosses or not new.is_notebook:
                    # The object's precondition does not notice a folder of the same name.
                    await self._name_checks.taken(new, is_folder=renaming.is_folder)
                objects = await self._planner.to_move(old, new, is_folder=renaming.is_folder)
                await self._require_something(renaming, objects)
                await self._recovery.run(self._intent(Act.MOVE, renaming, old, objects))
            return

    async def _take_out(self, renaming: Renaming, old: Location) -> None:
        """Move files out of the workspace: first the files, then the objects are deleted."""
        rounds = Rounds(old)
        while True:
            rounds.begin()
            copies = await self._planner.working_copies(old, is_folder=renaming.is_folder)
            await self._planner.pay(copies)
            await self._planner.bring_here(old, is_folder=renaming.is_folder)
            copies = await self._planner.working_copies(old, is_folder=renaming.is_folder)
            async with self._recovery.turns(copies):
                objects = await self._planner.to_take_out(old, is_folder=renaming.is_folder)
                if objects is None or await self._planner.have_edits(copies):
                    continue
                await self._require_free_on_disk(renaming)
                if renaming.new is not None:
                    await self._name_checks.taken(renaming.new, is_folder=renaming.is_folder, besides=old)
                await self._require_something(renaming, objects)
                await self._storage.owe_all(await self._arriving(renaming))
                await self._recovery.run(self._intent(Act.OUT, renaming, old, objects))
            return

    async def _arriving(self, renaming: Renaming) -> list[Location]:
        """Return the files that become notebooks of a workspace's edit folder by this rename."""
        if renaming.new is None or not renaming.gets_objects:
            return []
        if not renaming.is_folder:
            return [renaming.new]
        paths = await self._storage.copies.run(self._executor.paths_at, renaming.old_path)
        places = (renaming.new.child(path.removeprefix(f"{renaming.old_path}/")) for path in paths)
        return [place for place in places if place.is_delocalized]

    async def _require_free_on_disk(self, renaming: Renaming) -> None:
        """Refuse a name that exists on the disk, or whose folder is a file, before anything changes."""
        new = self._storage.entry(renaming.new_path)
        if await self._storage.copies.run(os.path.lexists, new):
            raise path_exists(renaming.new_path)
        await self._storage.copies.run(require_movable, self._storage.entry(renaming.old_path), new)

    async def _require_something(self, renaming: Renaming, objects: Plan) -> None:
        if not objects and not await self._storage.copies.run(self._storage.entry(renaming.old_path).exists):
            raise ObjectNotFound(f"{renaming.old_path} is neither on this disk nor in the workspace.")

    def _intent(self, act: Act, renaming: Renaming, old: Location, objects: Plan) -> Intent:
        return Intent(
            act=act,
            path=renaming.old_path,
            new_path=renaming.new_path,
            is_folder=renaming.is_folder,
            bucket=old.workspace.bucket,
            new_bucket=_other_bucket(renaming) if act is Act.MOVE else None,
            objects=objects,
        )


def _other_bucket(renaming: Renaming) -> str | None:
    """Return the bucket that objects move to; None if they stay in their own."""
    if renaming.new is None or renaming.old is None:
        return None
    bucket = renaming.new.workspace.bucket
    return None if bucket == renaming.old.workspace.bucket else bucket


def _moved(place: Location, old: Location, new: Location) -> Location:
    """Return where a file at or below ``old`` is after the rename."""
    return replace(new, relative_path=new.relative_path + place.relative_path.removeprefix(old.relative_path))
