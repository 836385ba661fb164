"""What is refused before anything changes."""

from jupyter_terra_env.notebooks.folders import Folders
from jupyter_terra_env.notebooks.places import Places
from jupyter_terra_env.rules.errors import BucketError, OperationRefused, RefusalReason
from jupyter_terra_env.rules.workspace import Location, Workspace, why_not_shown


class Refusals:
    """Checks of a new name; each raises ``OperationRefused`` with the reason.

    Args:
        places: disk and buckets.
        folders: listings.
    """

    def __init__(self, places: Places, folders: Folders) -> None:
        self._places = places
        self._folders = folders

    async def taken(self, new: Location, *, is_folder: bool, besides: Location | None = None) -> None:
        """Refuse a new name that the bucket already has. What is on the disk is refused when it is renamed.

        Args:
            new: the new place.
            is_folder: whether a folder gets the name.
            besides: the place that is renamed: its own object does not count.

        Raises:
            OperationRefused: it has.
            BucketUnavailable, BucketRefused: the bucket cannot be asked, so it might.
        """
        if besides is not None and besides.object_name == new.object_name and besides.workspace is new.workspace:
            return
        if new.belongs_in_bucket and not is_folder:
            if await self._has_object(new):
                raise name_exists(new)
            if not new.is_notebook and await self._folders.has_folder(new):
                raise name_exists(new)
        elif new.is_edit and why_not_shown(new.relative_path) is None:
            folder = await self._folders.fresh_bucket_folder(new)
            if folder.trouble is not None and is_folder:
                raise folder.trouble
            if folder.exists or (is_folder and new.belongs_in_bucket and await self._has_object(new)):
                raise name_exists(new)

    async def _has_object(self, new: Location) -> bool:
        try:
            return await self._places.stat(new) is not None
        except BucketError:
            if new.is_edit:
                raise
            return False  # The playground goes on without the bucket.


def folder_name(old_path: str, new_path: str, workspace: Workspace | None) -> None:
    """Refuse a name that a folder cannot have.

    Args:
        old_path: the folder's API path.
        new_path: its new API path.
        workspace: of the edit folder it will be in, if it will be in one.

    Raises:
        OperationRefused: it is below the folder itself; or it is a notebook's name.
    """
    if new_path.startswith(old_path + "/"):
        raise OperationRefused(RefusalReason.FOLDER_NAME, f"{old_path} cannot be moved into itself.")
    if workspace is not None and new_path.endswith(".ipynb"):
        raise OperationRefused(RefusalReason.FOLDER_NAME, f"A folder cannot have a notebook's name: {new_path}")


def only_in_workspace(location: Location) -> OperationRefused:
    """The refusal to delete or move, in a playground, what only the bucket has."""
    return OperationRefused(
        RefusalReason.WORKSPACE_COPY,
        f"{location.api_path} is the workspace's; there is no playground copy of it. Change it in the edit folder.",
    )


def not_to_take_out(location: Location) -> OperationRefused:
    """The refusal to move a folder out of its workspace with an object that no file can stand for."""
    return OperationRefused(
        RefusalReason.CROSSES_FOLDERS,
        f"The folder cannot leave the workspace whole: the workspace does not keep {location.api_path} on this disk. "
        "Move its notebooks one by one.",
    )


def not_in_workspace_yet(location: Location, why: str) -> OperationRefused:
    """The refusal to move edits that could not be brought to the bucket first."""
    return OperationRefused(
        RefusalReason.NOT_IN_WORKSPACE_YET,
        f"{location.api_path} was not renamed: its last changes are not in the workspace yet. {why}",
    )


def name_exists(location: Location) -> OperationRefused:
    """The refusal when a name is taken on the disk or in the bucket."""
    return path_exists(location.api_path)


def path_exists(api_path: str) -> OperationRefused:
    """The refusal when a name is taken on the disk."""
    return OperationRefused(RefusalReason.NAME_EXISTS, f"File already exists: {api_path}")
