"""Jupyter's file manager, writing durably where a workspace folder begins.

What Jupyter's own verbs call to read and write single files; the verbs themselves are in ``contents``.
"""

import base64
import contextlib
import errno
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import nbformat
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from jupyter_server.utils import to_api_path
from tornado.web import HTTPError
from traitlets import Any as AnyTrait
from traitlets import TraitError, default

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.storage.file_digests import FileDigest
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.storage.temporary_files import make_parent
from jupyter_terra_env.notebooks.sync.saving import Saving
from jupyter_terra_env.rules.errors import OperationRefused, SettingsError
from jupyter_terra_env.rules.workspace import Location, is_name_of_nothing, is_roundabout
from jupyter_terra_env.server.contents.models import notebook_in_bucket
from jupyter_terra_env.server.contents.parts import ContentsParts

EXTENSION = "jupyter_terra_env"
_HASH = "sha256"
_MIMETYPES = {"text": "text/plain", "base64": "application/octet-stream"}


class DurableFileManager(AsyncLargeFileManager):
    """Files of workspace folders: written whole and durably, hashed once, never through a link that leads out."""

    parts = AnyTrait(help="The ContentsParts of the configured workspaces, or None.", allow_none=True)

    @default("parts")
    def _parts_default(self) -> ContentsParts | None:
        try:
            return _wired_parts(self.parent, Path(self.root_dir))
        except SettingsError as error:
            # A TraitError at start-up ends the server with this one sentence.
            raise TraitError(str(error)) from error

    @property
    def _storage(self) -> NotebookStorage:
        """Disk and buckets of the workspaces: for a path that is in one."""
        storage: NotebookStorage = self.parts.storage
        return storage

    @property
    def _saving(self) -> Saving:
        """Saves into workspaces: for a path that is in one."""
        saving: Saving = self.parts.saving
        return saving

    def is_in_workspace(self, path: str) -> bool:
        """Whether a path is in a workspace folder."""
        return self._locate(path) is not None

    def _locate(self, path: str) -> Location | None:
        """The workspace folder a path is in.

        Raises:
            HTTPError: 404 for a path that names a folder in a roundabout way, and so could get round its rules, or that
            nothing in a workspace folder can have.
        """
        if self.parts is None:
            return None
        if is_roundabout(path.strip("/")):
            raise HTTPError(404, "There is no such path.", reason="not-found")
        location: Location | None = self.parts.workspaces.locate(path)
        if location is not None and is_name_of_nothing(path):
            raise HTTPError(404, "There is no such path.", reason="not-found")
        return location

    def _located_if_plain(self, path: str) -> Location | None:
        """The workspace folder a path is in; None for one in a roundabout way, which Jupyter is asked about."""
        return None if is_roundabout(path.strip("/")) or is_name_of_nothing(path) else self._locate(path)

    def _os_path_inside(self, location: Location) -> Path | None:
        """The path on the disk; None for one that leads out of its workspace folder by a link, or nowhere."""
        try:
            return self._storage.os_path(location)
        except (OperationRefused, OSError, ValueError):
            return None

    async def is_hidden(self, path: str) -> bool:
        """See ``ContentsManager.is_hidden``; what cannot be on the disk, or be looked at, is not hidden."""
        try:
            return bool(await super().is_hidden(path))
        except OSError as error:
            if error.errno in {errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EACCES}:
                return False
            raise

    def _base_model(self, path: str) -> dict[str, Any]:
        model: dict[str, Any] = super()._base_model(path)
        if self._locate(path) is None:
            return model
        # Linux has no birth time: the time of the last rename stands for it, which would be after the last change.
        return {**model, "created": min(model["created"], model["last_modified"])}

    def _place_of(self, os_path: str) -> Location | None:
        """The place inside a workspace folder that a path on the disk is."""
        return self._locate(to_api_path(os_path, self.root_dir))

    async def _save_notebook(
        self, os_path: str, nb: Any, capture_validation_error: dict[str, Any] | None = None
    ) -> None:
        location = self._place_of(os_path)
        if location is None:
            await super()._save_notebook(os_path, nb, capture_validation_error)
            return
        content = await self._storage.run(serialised, nb, capture_validation_error)
        await self._write(location, content, is_notebook=True)

    async def _save_file(self, os_path: str, content: str, format: str | None) -> None:
        location = self._place_of(os_path)
        if location is None:
            await super()._save_file(os_path, content, format)
            return
        await self._write(location, _decoded(content, format))

    async def _save_directory(self, os_path: str, model: dict[str, Any], path: str = "") -> None:
        if self._locate(path) is not None:
            await self._storage.run(make_parent, Path(os_path))
        await super()._save_directory(os_path, model, path)

    async def _write(self, location: Location, content: bytes | memoryview, *, is_notebook: bool = False) -> None:
        with self.perm_to_403(str(self._storage.os_path(location))):
            await self._saving.save(location, content, replaces=_replaces.get(), is_notebook=is_notebook)

    async def model_of_file(
        self, location: Location, content: Any, type: str | None, format: str | None, *, hashed: bool
    ) -> dict[str, Any]:
        """Read from the disk; the hash is that of the very bytes that were read, and not computed twice."""
        path = location.api_path
        if hashed and self.hash_algorithm == _HASH:
            storage = self._storage
            for _ in range(3):
                before = await storage.digest(location)
                model: dict[str, Any] = await super().get(path, content, type, format)
                if before is not None and before == await storage.digest(location):
                    return {**model, "hash": before.sha256, "hash_algorithm": _HASH}
        read: dict[str, Any] = await super().get(path, content, type, format, hashed)
        return read

    async def model_of_folder(self, location: Location) -> dict[str, Any]:
        """The model of a folder on the disk, without its entries."""
        model: dict[str, Any] = await super()._dir_model(location.api_path, content=False)
        return model

    async def model_of_version(
        self, location: Location, version: ObjectVersion, file: Path, type: str | None, format: str | None
    ) -> dict[str, Any]:
        """The model of a version in the bucket, read from a temporary file that holds it: to look at, not to edit."""
        path = location.api_path
        if type == "directory":
            raise HTTPError(400, f"{path} is not a directory", reason="bad type")
        model = {**notebook_in_bucket(location, version), "writable": False}
        if type == "notebook" or (type is None and path.endswith(".ipynb")):
            errors: dict[str, Any] = {}
            nb = await self._read_notebook(str(file), as_version=4, capture_validation_error=errors)
            self.mark_trusted_cells(nb, path)
            model.update(type="notebook", content=nb, format="json", mimetype=None)
            self.validate_notebook_model(model, errors)
        else:
            content, read_format = (await self._read_file(str(file), format))[:2]
            mimetype = model["mimetype"] or _MIMETYPES[read_format]
            model.update(type="file", content=content, format=read_format, mimetype=mimetype)
        return model


_replaces: ContextVar[FileDigest | None] = ContextVar("replaces", default=None)


@contextlib.contextmanager
def replacing(digest: FileDigest | None) -> Iterator[None]:
    """Within it, what this task saves replaces this content of a working copy only; else ``ChangedMeanwhile``."""
    token = _replaces.set(digest)
    try:
        yield
    finally:
        _replaces.reset(token)


def _wired_parts(serverapp: Any, root: Path) -> ContentsParts | None:
    """What the extension application wired, or None when it is off.

    Raises:
        SettingsError: a setting is wrong.
    """
    extensions = getattr(serverapp, "extension_manager", None)
    for app in () if extensions is None else extensions.extension_apps.get(EXTENSION, ()):
        wired: ContentsParts | None = app.wire(root)
        return wired
    return None


def serialised(nb: Any, capture_validation_error: dict[str, Any] | None = None) -> bytes:
    """A notebook as Jupyter writes it to a file.

    Args:
        nb: the notebook, as nbformat has it.
        capture_validation_error: takes what is wrong with it, as nbformat's ``writes`` does.
    """
    text: str = nbformat.writes(
        nbformat.from_dict(nb), version=nbformat.NO_CONVERT, capture_validation_error=capture_validation_error
    )
    return (text if text.endswith("\n") else text + "\n").encode("utf-8")


def _decoded(content: str, content_format: str | None) -> bytes:
    return content.encode("utf-8") if content_format == "text" else base64.decodebytes(content.encode("ascii"))
