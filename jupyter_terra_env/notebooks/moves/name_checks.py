"""Checks that refuse a move before anything changes, and the sentences of refusals."""

import errno
from collections.abc import Collection, Iterable

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.storage.bucket_listings import BucketListings
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.rules.errors import BucketError, OperationRefused, RefusalReason
from jupyter_terra_env.rules.whole_content import Unfit
from jupyter_terra_env.rules.workspace import Location, Workspace, why_not_shown

_REPORTED_AS_THEY_ARE = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EIO,
    errno.ENAMETOOLONG,
}
"""Errors of the disk that the server reports with sentences of its own."""
_MOST_NAMES = 3
_PLACEHOLDER = (11, "XkI+Dw==")
"""Size and crc32c of the word "placeholder", which Google's console used to put into the marker of a new folder."""


class NameChecks:
    """Checks new names; each check raises ``OperationRefused`` with the reason.

    Args:
        storage: disk and buckets.
        listings: listings of disk and bucket.
    """

    def __init__(self, storage: NotebookStorage, listings: BucketListings) -> None:
        self._storage = storage
        self._listings = listings

    async def taken(self, new: Location, *, is_folder: bool, besides: Location | None = None) -> None:
        """Refuse a new name that exists in the bucket. A name that exists on the disk is refused when the disk renames.

        Args:
            new: the new place.
            is_folder: whether a folder gets the name.
            besides: the place that is renamed, whose own object does not count.

        Raises:
            OperationRefused: the name exists.
            BucketUnavailable, BucketRefused: the bucket cannot be asked.
        """
        if besides is not None and besides.object_name == new.object_name and besides.workspace is new.workspace:
            return
        if new.belongs_in_bucket and not is_folder:
            if await self._has_object(new):
                raise name_exists(new)
            if not new.is_notebook and await self._listings.has_folder(new):
                raise name_exists(new)
        elif new.is_edit and why_not_shown(new.relative_path) is None:
            folder = await self._listings.fresh_bucket_folder(new)
            if folder.trouble is not None and is_folder:
                raise folder.trouble
            if folder.exists or (is_folder and new.belongs_in_bucket and await self._has_object(new)):
                raise name_exists(new)

    async def _has_object(self, new: Location) -> bool:
        try:
            return await self._storage.stat(new) is not None
        except BucketError:
            if new.is_edit:
                raise
            return False  # The playground works without the bucket.


def folder_name(old_path: str, new_path: str, workspace: Workspace | None) -> None:
    """Refuse a name that a folder cannot have.

    Args:
        old_path: the folder's API path.
        new_path: its new API path.
        workspace: the workspace whose edit folder it moves to; None if it moves elsewhere.

    Raises:
        OperationRefused: the name is below the folder itself, or is a notebook's name.
    """
    if new_path.startswith(old_path + "/"):
        raise OperationRefused(RefusalReason.FOLDER_NAME, f"{old_path} cannot be moved into itself.")
    if workspace is not None and new_path.endswith(".ipynb"):
        raise OperationRefused(RefusalReason.FOLDER_NAME, f"A folder cannot have a notebook's name: {new_path}")


def only_in_workspace(location: Location) -> OperationRefused:
    """Return the refusal to delete or move, in a playground, a notebook that only the bucket has."""
    return OperationRefused(
        RefusalReason.WORKSPACE_COPY,
        f"{location.api_path} is only in the workspace; there is no playground copy of it. "
        "Change it in the edit folder.",
    )


def is_folder_marker(version: ObjectVersion) -> bool:
    """Whether this is the object that some tools make for an empty folder, and no one's work."""
    content = (version.size_bytes, version.crc32c)
    return version.name.endswith("/") and (version.size_bytes == 0 or content == _PLACEHOLDER)


def name_below(folder: Location, version: ObjectVersion) -> str:
    """An object's name below a folder; for the object of the folder itself, the folder's name with its slash."""
    return version.name[len(folder.object_prefix) :] or f"{folder.name}/"


def not_shown(folder: Location, versions: Iterable[ObjectVersion]) -> tuple[str, ...]:
    """The objects below a folder that no listing shows, by their names below it; markers of folders are left out."""
    return tuple(
        name_below(folder, version)
        for version in versions
        if not folder.at(version.name).belongs_in_bucket and not is_folder_marker(version)
    )


def require_shown(folder: Location, versions: Iterable[ObjectVersion]) -> None:
    """Refuse to delete a folder with objects that the person who deletes it has never seen.

    Raises:
        OperationRefused: the bucket holds objects in it that are not shown.
    """
    if hidden := not_shown(folder, versions):
        raise OperationRefused(
            RefusalReason.FOLDER_NOT_EMPTY,
            f"{folder.api_path} was not deleted: the workspace holds {_named(hidden)} in it, which this folder does "
            "not show. Delete those in the workspace first, or delete the notebooks one by one.",
        )


def require_kept_there(old: Location, new: Location, versions: Iterable[ObjectVersion]) -> None:
    """Refuse to move a folder to another workspace with objects that this one does not show or that one would not keep.

    Raises:
        OperationRefused: there are such objects.
    """
    versions, start = tuple(versions), len(old.object_prefix)
    hidden = not_shown(old, versions)
    hidden += tuple(
        name
        for version in versions
        if (name := version.name[start:]) not in hidden and name and not name.endswith("/")
        if not new.child(name).belongs_in_bucket
    )
    if hidden:
        raise not_to_take_out(old, hidden)


def not_to_take_out(folder: Location, hidden: Collection[str]) -> OperationRefused:
    """Return the refusal to move a folder out of its workspace with objects that cannot be files."""
    return OperationRefused(
        RefusalReason.CROSSES_FOLDERS,
        f"{folder.api_path} cannot be moved out of the workspace as a whole: the workspace holds {_named(hidden)} "
        "in it, which cannot be moved along. Move its notebooks one by one.",
    )


def _named(names: Collection[str]) -> str:
    """Return the number of objects, and some of their names."""
    some = ", ".join(sorted(names)[:_MOST_NAMES])
    more = len(names) - _MOST_NAMES
    count = "1 other object" if len(names) == 1 else f"{len(names)} other objects"
    return f"{count} ({some}, and {more} more)" if more > 0 else f"{count} ({some})"


def not_in_workspace_yet(location: Location, why: str) -> OperationRefused:
    """Return the refusal to move edits that could not be uploaded first."""
    return OperationRefused(
        RefusalReason.NOT_IN_WORKSPACE_YET,
        f"{location.api_path} was not renamed: its last changes are not in the workspace yet. {why}",
    )


def under_way_elsewhere(api_path: str) -> OperationRefused:
    """Return the refusal of a move that overlaps with one that another server on the same disk is running."""
    return OperationRefused(
        RefusalReason.ACT_UNDER_WAY,
        f"{api_path} is being renamed or deleted by another Jupyter server on this disk: try again when that is done.",
    )


def not_a_notebook(old: Location, new: Location, why: Unfit) -> OperationRefused:
    """Return the refusal to give an object of the workspace a notebook's name."""
    cause = (
        "its content is not a notebook. Choose another name"
        if why is Unfit.UNREADABLE
        else "its content could not be checked. Try again"
    )
    return OperationRefused(
        RefusalReason.NOT_A_NOTEBOOK, f"{old.api_path} was not renamed to {new.name}: {cause}; nothing was changed."
    )


def journal_replaced(api_path: str) -> OperationRefused:
    """Return the refusal of a move whose intent a restart would not find, because the journal was replaced."""
    return OperationRefused(
        RefusalReason.JOURNAL_REPLACED,
        f"{api_path} was not renamed or deleted: the server's journal was replaced or removed while the server ran "
        "(has this disk been restored?). Restart the server.",
    )


def refused_by_disk(api_path: str, error: OSError | OperationRefused, new_path: str = "") -> Exception:
    """Return the error of a move that the disk refused and that changed nothing.

    Args:
        api_path: the file or folder.
        error: the error of the disk.
        new_path: its new API path; empty if it is deleted.
    """
    if isinstance(error, FileExistsError):
        return path_exists(new_path or api_path)
    if isinstance(error, OperationRefused) or error.errno in _REPORTED_AS_THEY_ARE:
        return error
    return OperationRefused(
        RefusalReason.DISK_REFUSES,
        f"{api_path} was not changed: the disk refused ({error.strerror or type(error).__name__}).",
    )


def name_exists(location: Location) -> OperationRefused:
    """Return the refusal of a name that exists on the disk or in the bucket."""
    return path_exists(location.api_path)


def path_exists(api_path: str) -> OperationRefused:
    """Return the refusal of a name that exists on the disk."""
    return OperationRefused(RefusalReason.NAME_EXISTS, f"File already exists: {api_path}")
