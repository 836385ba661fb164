"""The contents manager: Jupyter's verbs, translated to the life of workspace notebooks.

Outside the workspace folders, and in a server without workspaces, everything is Jupyter's own.
"""

import time
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.services.contents.filecheckpoints import AsyncFileCheckpoints
from tornado.web import HTTPError
from traitlets import default

from jupyter_terra_env.notebooks.moves.moves import Renaming
from jupyter_terra_env.notebooks.moves.name_checks import only_in_workspace
from jupyter_terra_env.notebooks.storage.bucket_listings import Kind
from jupyter_terra_env.notebooks.storage.regular_files import read_regular, refuse_special
from jupyter_terra_env.rules.errors import BucketError, ObjectNotFound, RefusalReason
from jupyter_terra_env.rules.workspace import Location
from jupyter_terra_env.server.callers import as_readers_see, caller_may_write
from jupyter_terra_env.server.contents.checkpoints import WorkspaceCheckpoints
from jupyter_terra_env.server.contents.chunked_uploads import LAST_CHUNK, ChunkedUploads, model_of_part
from jupyter_terra_env.server.contents.downloads import ShownFile, WorkspaceFileHandler
from jupyter_terra_env.server.contents.folders import FolderReader
from jupyter_terra_env.server.contents.large_notebooks.conversions import NotConvertedError
from jupyter_terra_env.server.contents.large_notebooks.prepared_notebook import saving_what_it_stands_for
from jupyter_terra_env.server.contents.models import check_model
from jupyter_terra_env.server.contents.new_files import NewFilesManager
from jupyter_terra_env.server.contents.new_names import (
    goes_by_checkpoints,
    is_there,
    is_too_long_for_checkpoint,
    is_without_checkpoint,
    require_free_name,
    require_possible_name,
    without_checkpoint,
)
from jupyter_terra_env.server.contents.reading import ContentsReader, only_reading
from jupyter_terra_env.server.http_errors import as_http_errors, raise_when_refused

if TYPE_CHECKING:
    from jupyter_terra_env.server.contents.parts import ContentsParts


class TerraContentsManager(NewFilesManager):
    """Shows workspace folders as the union of bucket and disk; opening localizes, saving delocalizes."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        parts: ContentsParts | None = self.parts
        if parts is not None:
            self._folders = FolderReader(self, parts)
            self._reader = ContentsReader(self, parts, self._folders)
            self._notebooks = parts.notebooks
            self._keeper = parts.keeper
            self._uploads = ChunkedUploads(self._storage, self._saving, monotonic=time.monotonic)

    @default("files_handler_class")
    def _files_handler_class_default(self) -> type:
        inherited: type = super()._files_handler_class_default()
        return inherited if self.parts is None else WorkspaceFileHandler

    @default("checkpoints_class")
    def _checkpoints_class_default(self) -> type:
        inherited: type = super()._checkpoints_class_default()
        return inherited if self.parts is None else WorkspaceCheckpoints

    # Reading

    async def get(
        self,
        path: str,
        content: bool = True,  # noqa: FBT001, FBT002
        type: str | None = None,
        format: str | None = None,
        require_hash: bool = False,  # noqa: FBT001, FBT002
    ) -> dict[str, Any]:
        """See ``ContentsManager.get``: opening, which is asking for the content, localizes."""
        location = self._locate(path)
        if location is None:
            stock: dict[str, Any] = await super().get(path, content, type, format, require_hash)
            return stock
        if await caller_may_write():
            return await self._reader.get(location, content, type, format, require_hash=require_hash)
        with only_reading():
            return as_readers_see(await self._reader.get(location, content, type, format, require_hash=require_hash))

    def shown_file(self, path: str) -> AbstractAsyncContextManager[ShownFile | None]:
        """What a download of a path gives; see ``ContentsReader.shown_file``. None outside the workspaces."""
        location = self._locate(path)
        return nullcontext() if location is None else self._reader.shown_file(location)

    def exists(self, path: str) -> bool:  # type: ignore[override]  # Jupyter's file managers answer at once, too
        """Whether the disk has this, or the bucket by a listing that is still remembered.

        Jupyter's own code asks of what is on the disk only; extensions look for a free name this way.
        """
        if super().exists(path):
            return True
        location = self._located_if_plain(path)
        return location is not None and location.is_delocalized and self._listings.is_listed(location)

    async def localize(self, path: str) -> None:
        """Make sure that a file about to be copied on the disk is there, and is inside its workspace folder.

        A working copy stays as it is: refreshing it is for opening, which shows the person what they then save over.
        """
        location = self._locate(path)
        if location is None:
            return
        with as_http_errors(location.api_path):
            os_path = self._storage.os_path(location)
            await self._storage.run(refuse_special, os_path)
            if await self._folders.is_on_disk(os_path):
                return
            # A file that a folder of its name is shown before would hide that folder from now on.
            if location.is_notebook or not await self._folders.is_folder(location, os_path):
                await self._notebooks.localize(location)

    async def dir_exists(self, path: str) -> bool:
        """Whether disk or bucket have this folder. Any path gets an answer, as in Jupyter."""
        location = self._located_if_plain(path)
        os_path = None if location is None else self._os_path_inside(location)
        if location is None or os_path is None:
            return bool(await super().dir_exists(path))
        return bool(await self._folders.is_folder(location, os_path))

    async def file_exists(self, path: str) -> bool:
        """Whether disk or bucket have this file; the disk alone counts while the bucket cannot be asked."""
        location = self._located_if_plain(path)
        os_path = None if location is None else self._os_path_inside(location)
        if location is None or os_path is None or await self._folders.is_on_disk(os_path):
            return bool(await super().file_exists(path))
        try:
            return bool(await self._listings.has_notebook(location))
        except BucketError:
            return False

    async def increment_filename(self, filename: str, path: str = "", insert: str = "") -> str:
        """See ``ContentsManager.increment_filename``: one listing instead of a question per candidate."""
        location = self._locate(path)
        if location is None:
            return str(await super().increment_filename(filename, path, insert))
        with as_http_errors(location.api_path):
            os_path = self._storage.os_path(location)
            folder = await self._listings.bucket_folder(location)
        taken = folder.names | await self._storage.run(_names_in, os_path)
        stem, dot, extension = filename.rpartition(".")
        if extension != "ipynb":
            stem, dot, extension = filename.partition(".")
        name, number = filename, 0
        while name in taken:
            number += 1
            name = f"{stem}{insert}{number}{dot}{extension}"
        return name

    # Writing

    async def save(self, model: dict[str, Any], path: str = "") -> dict[str, Any]:
        """See ``ContentsManager.save``: durable on the disk first, then delocalized.

        Raises:
            HTTPError: 400 malformed; 409 the bucket holds another version (the edits are kept on the disk).
        """
        location = self._locate(path)
        if location is None:
            saved: dict[str, Any] = await super().save(model, path)
            return saved
        with as_http_errors(location.api_path):
            model = await self._without_stand_in(model)
            await self._storage.run(refuse_special, self._storage.os_path(location))
            await self._require_name(location, model)
            chunk = model.get("chunk")
            if chunk is not None:
                return await self._save_chunk(location, model, chunk)
            check_model(self._checkable(model))
            async with self._saving.uploading_on_failure(location):
                with without_checkpoint(location, self.checkpoints), saving_what_it_stands_for(model.get("content")):
                    saved = await super().save(model, path)
                return saved if model["type"] == "directory" else await self._delocalize(location, saved)

    async def delete_file(self, path: str) -> None:
        """See ``ContentsManager.delete_file``: objects first, if they are still the versions seen here.

        A folder of a workspace is deleted with all there is in it, in the bucket too.
        """
        self._refuse_workspace_folder(path)
        location = self._locate(path)
        if location is None:
            await super().delete_file(path)
            return
        with as_http_errors(location.api_path), self.perm_to_403(path):
            await self._refuse_hidden(path)
            is_folder = await self._to_change(location)
            await self._notebooks.delete(location, is_folder=is_folder, to_trash=self.delete_to_trash)

    async def rename_file(self, old_path: str, new_path: str) -> None:
        """See ``ContentsManager.rename_file``: objects and working copies move together or not at all."""
        old_path, new_path = old_path.strip("/"), new_path.strip("/")
        if old_path == new_path:
            return
        self._refuse_workspace_folder(old_path)
        old, new = self._locate(old_path), self._locate(new_path)
        if old is None and new is None:
            await super().rename_file(old_path, new_path)
            return
        with as_http_errors(old_path), self.perm_to_403(old_path):
            if new is not None:
                self._storage.os_path(new)
            await self._refuse_hidden(old_path, new_path)
            is_folder = await (self._to_change(old, localized=True) if old is not None else self.dir_exists(old_path))
            renaming = Renaming(old_path=old_path, new_path=new_path, old=old, new=new, is_folder=is_folder)
            if new is not None:
                model = {"type": "directory"} if is_folder else {}
                require_possible_name(new, needs_checkpoint=goes_by_checkpoints(model, new))
            status = await self._notebooks.rename(renaming)
            if status is not None:
                raise_when_refused(status)

    async def copy(self, from_path: str, to_path: str | None = None) -> dict[str, Any]:
        """See ``ContentsManager.copy``; whole folders only outside the workspaces."""
        ends = [self._locate(end) for end in (from_path, to_path or "") if end]
        if any(end is not None for end in ends) and await self.dir_exists(from_path):
            raise HTTPError(
                400, "Folders of a workspace cannot be copied whole. Copy the notebooks in them.", reason="folder"
            )
        with only_reading():
            if to_path is None:
                folder = self._locate(from_path.strip("/").rpartition("/")[0])
                return await self._under_free_name(folder, lambda: self._copy_file(from_path, to_path))
            if await self.dir_exists(to_path):
                return await self._under_free_name(self._locate(to_path), lambda: self._copy_file(from_path, to_path))
            return await self._copy_file(from_path, to_path)

    async def create_checkpoint(self, path: str) -> dict[str, Any]:
        """See ``ContentsManager.create_checkpoint``; what is only in the bucket is brought to the disk first."""
        location = self._locate(path)
        if is_without_checkpoint():
            return {}
        if location is not None and is_too_long_for_checkpoint(location):
            raise HTTPError(400, "This name is too long for a checkpoint.", reason="name-too-long")
        await self.localize(path)
        made: dict[str, Any] = await super().create_checkpoint(path)
        return made

    async def restore_checkpoint(self, checkpoint_id: str, path: str) -> None:
        """See ``ContentsManager.restore_checkpoint``: what is restored is saved like any other change."""
        location = self._locate(path)
        if location is None:
            await super().restore_checkpoint(checkpoint_id, path)
            return
        with as_http_errors(location.api_path):
            async with self._saving.uploading_on_failure(location):
                await self._restore(location, checkpoint_id)
                if location.is_delocalized:
                    raise_when_refused(await self._saving.deliver(location))

    # Parts of the verbs

    async def _copy_file(self, from_path: str, to_path: str | None) -> dict[str, Any]:
        destination = self._locate(from_path if to_path is None else to_path)
        if destination is not None and self._locate(from_path) is not None and not self._has_save_hooks():
            try:
                async with self.stand_ins():
                    beside: dict[str, Any] = await super().copy(from_path, to_path)
                    return beside
            except NotConvertedError as error:
                self.log.debug("Left to Jupyter: copying %s (%s)", from_path, error)
        copied: dict[str, Any] = await super().copy(from_path, to_path)
        return copied

    async def _save_chunk(self, location: Location, model: dict[str, Any], chunk: Any) -> dict[str, Any]:
        if "type" in model and model["type"] != "file":
            raise HTTPError(400, f'File type "{model["type"]}" is not supported for large file transfer')
        if not isinstance(chunk, int) or isinstance(chunk, bool):
            raise HTTPError(400, f"The chunk number must be a whole number, not {chunk!r}.")
        check_model(model)
        if chunk == 1:
            self.run_pre_save_hooks(model=model, path=location.api_path)
        os_path = self._storage.os_path(location)
        async with self._saving.uploading_on_failure(location):
            part = await self._uploads.take(location, chunk, model["content"], model["format"])
            if chunk != LAST_CHUNK:
                return model_of_part(location, part)
            saved: dict[str, Any] = await super().get(location.api_path, content=False)
            self.run_post_save_hooks(model=saved, os_path=str(os_path))
            self.emit(data={"action": "save", "path": location.api_path})
            return await self._delocalize(location, saved)

    async def _delocalize(self, location: Location, saved: dict[str, Any]) -> dict[str, Any]:
        """Send a saved file on its way to the bucket, and say in the model how far it got."""
        # Nothing is gained by waiting for the upload of a large file: it takes longer than any save should.
        wait_seconds = 0.0 if saved["size"] >= self.large_bytes else None
        status = await self._saving.deliver(location, wait_seconds=wait_seconds)
        raise_when_refused(status)
        self._keeper.touch(location)
        return await self._reader.with_status(location, saved, status)

    async def _require_name(self, location: Location, model: dict[str, Any]) -> None:
        """Refuse a new name before anything is written; what is there already is saved under any name."""
        if model.get("chunk", 1) != 1:
            return  # The first chunk was asked about.
        if await self._storage.run(is_there, self._storage.os_path(location)):
            return
        require_possible_name(location, needs_checkpoint=goes_by_checkpoints(model, location))
        is_folder = model.get("type") == "directory"
        await require_free_name(self._listings, location, is_folder=is_folder)

    def _refuse_workspace_folder(self, path: str) -> None:
        if self.parts is not None and self.parts.workspaces.holds_workspace_folder(path):
            raise HTTPError(
                409,
                f"{path} belongs to a workspace and cannot be renamed or deleted.",
                reason=RefusalReason.WORKSPACE_FOLDER.value,
            )

    async def _restore(self, location: Location, checkpoint_id: str) -> None:
        if not isinstance(self.checkpoints, AsyncFileCheckpoints):
            await super().restore_checkpoint(checkpoint_id, location.api_path)
            return
        checkpoint = Path(self.checkpoints.checkpoint_path(checkpoint_id, location.api_path))
        try:
            content = await self._storage.run(read_regular, checkpoint)
        except FileNotFoundError:
            self.checkpoints.no_such_checkpoint(location.api_path, checkpoint_id)
        else:
            await self._write(location, content)

    async def _to_change(self, location: Location, *, localized: bool = False) -> bool:
        """Whether what is to be renamed or deleted is a folder.

        Args:
            location: the file or folder.
            localized: a notebook that only the bucket has is brought to the playground first.

        Raises:
            ObjectNotFound: there is no such file.
            OperationRefused: a playground shows it, and only the bucket has it.
        """
        os_path = self._storage.os_path(location)
        if location.relative_path == "" or await self._folders.is_on_disk(os_path):
            return await self._folders.is_folder(location, os_path)
        shown_only = location.belongs_in_bucket and not location.is_edit
        if shown_only and not localized:
            raise only_in_workspace(location)
        match await self._listings.kind(location):
            case Kind.FOLDER if location.is_edit:
                return True
            case Kind.FOLDER:
                raise only_in_workspace(location)
            case Kind.NOTHING:
                raise ObjectNotFound(location.api_path)
            case _:
                if shown_only:
                    await self._notebooks.localize(location)
                return False

    async def _refuse_hidden(self, *paths: str) -> None:
        for path in paths:
            if not self.allow_hidden and await self.is_hidden(path):
                raise HTTPError(400, f"Cannot rename or delete the hidden file or directory {path!r}")


def _names_in(folder: Path) -> set[str]:
    try:
        return {entry.name for entry in folder.iterdir()}
    except OSError:
        return set()  # There is no such folder yet, or it may not be read: making the file will show.
