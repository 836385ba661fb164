"""What is refused before anything changes: moves and deletions that could only be half done."""

import asyncio
from pathlib import Path

from jupyter_terra_env.notebooks.folders import Folders
from jupyter_terra_env.notebooks.places import Places
from jupyter_terra_env.rules.errors import OperationRefused, RefusalReason
from jupyter_terra_env.rules.workspace import Location


class Refusals:
    """Checks before a rename or a deletion; each raises ``OperationRefused`` with the way to do it instead.

    Args:
        places: disk and buckets.
        folders: listings.
    """

    def __init__(self, places: Places, folders: Folders) -> None:
        self._places = places
        self._folders = folders

    async def folder_in_use(self, folder: Location) -> None:
        """Refuse to move or delete a folder that holds notebooks of the workspace.

        Raises:
            OperationRefused: it does; or it is the bucket's folder, seen from the playground.
            BucketUnavailable, BucketRefused: the bucket cannot be asked, so it might.
        """
        if not folder.is_edit:
            if not await asyncio.to_thread(self._places.os_path(folder).exists):
                only_in_workspace(folder)
            return
        in_bucket = await self._folders.fresh_bucket_folder(folder)
        if in_bucket.trouble is not None:
            raise in_bucket.trouble
        if in_bucket.exists:
            raise OperationRefused(
                RefusalReason.FOLDER_NOT_EMPTY,
                f"{folder.api_path} holds notebooks of the workspace. Move or delete them one by one first.",
            )

    async def taken(self, new: Location) -> None:
        """Refuse a new name that the bucket already has.

        Raises:
            OperationRefused: it has.
            BucketUnavailable, BucketRefused: the bucket cannot be asked, so it might.
        """
        if new.is_delocalized and await self._places.stat(new) is not None:
            raise name_exists(new)

    async def folder_of_notebooks(self, source: Path, new: Location) -> None:
        """Refuse to move a local folder with notebooks into a workspace, where each would have to be uploaded.

        Raises:
            OperationRefused: it has notebooks.
        """
        if new.is_edit and await asyncio.to_thread(_has_notebooks, source, new):
            raise OperationRefused(
                RefusalReason.CROSSES_FOLDERS,
                "A folder with notebooks cannot be moved into a workspace whole. Move its notebooks one by one.",
            )


def crossing(old: Location | None, new: Location | None) -> None:
    """Refuse a rename that would take a notebook out of its workspace.

    Raises:
        OperationRefused: the object would be left behind or deleted.
    """
    if old is None or not old.is_delocalized:
        return
    stays = new is not None and new.is_delocalized and new.workspace is old.workspace
    if not stays:
        raise OperationRefused(
            RefusalReason.CROSSES_FOLDERS,
            "A workspace notebook cannot be moved out of its workspace folder or renamed to a name the workspace "
            "does not keep. Copy it there, then delete it here.",
        )


def only_in_workspace(location: Location) -> None:
    """Refuse to delete or move, in a playground, what only the bucket has.

    Raises:
        OperationRefused: always.
    """
    raise OperationRefused(
        RefusalReason.WORKSPACE_COPY,
        f"{location.api_path} is the workspace's; there is no playground copy of it. Change it in the edit folder.",
    )


def name_exists(location: Location) -> OperationRefused:
    """The refusal when a name is taken on the disk or in the bucket."""
    return OperationRefused(RefusalReason.NAME_EXISTS, f"File already exists: {location.api_path}")


def _has_notebooks(source: Path, new: Location) -> bool:
    return source.is_dir() and any(new.child(file.name).belongs_in_bucket for file in source.rglob("*"))
