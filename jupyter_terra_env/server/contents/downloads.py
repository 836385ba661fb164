"""Downloads (``/files/…``): what opening would show, which for workspace notebooks may be the bucket's version."""

import contextlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import AuthenticatedFileHandler
from tornado import web

from jupyter_terra_env.server.http_errors import as_http_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownFile:
    """What a download of a workspace notebook gives.

    Attributes:
        file: a temporary file with the bucket's version; None for the working copy.
        sha256: of the content, lower-case hex.
    """

    file: Path | None
    sha256: str


class WorkspaceFileHandler(AuthenticatedFileHandler):
    """Serves files from the disk as Jupyter does, and notebooks of a workspace as opening would show them."""

    _shown: ShownFile | None = None

    @web.authenticated
    @authorized
    async def head(self, path: str) -> None:  # type: ignore[override]  # the decorators say Optional
        """Answer the headers of a file."""
        self.check_xsrf_cookie()  # Jupyter does it as well, but after the download.
        manager: Any = self.contents_manager
        with self._translated(path):
            async with manager.shown_file(path) as self._shown:
                await self._answered(super().head(path))

    @web.authenticated
    @authorized
    async def get(self, path: str, **kwargs: Any) -> None:  # type: ignore[override]  # the decorators say Optional
        """Answer a file."""
        self.check_xsrf_cookie()
        manager: Any = self.contents_manager
        with self._translated(path):
            async with manager.shown_file(path) as self._shown:
                await self._answered(super().get(path, **kwargs))

    def _translated(self, path: str) -> contextlib.AbstractContextManager[None]:
        """The errors of a workspace's files, as in the contents API."""
        manager: Any = self.contents_manager
        return as_http_errors(path) if manager.is_in_workspace(path) else contextlib.nullcontext()

    def validate_absolute_path(self, root: str, absolute_path: str) -> str:
        """See ``StaticFileHandler``; where the bucket's version is shown, the path was checked already."""
        if self._shown is not None and self._shown.file is not None:
            return str(self._shown.file)
        return str(super().validate_absolute_path(root, absolute_path))

    def get_content_type(self) -> str:
        """See ``AuthenticatedFileHandler``; a temporary file is of the type of what it stands for."""
        if self._shown is None or self._shown.file is None:
            return str(super().get_content_type())
        if self.path.endswith(".ipynb"):
            return "application/x-ipynb+json"
        kind = mimetypes.guess_type(self.path)[0] or "application/octet-stream"
        return f"{kind}; charset=UTF-8" if kind == "text/plain" else kind

    def compute_etag(self) -> str | None:
        """Name the content: of two contents within one second, times do not show which is newer."""
        return super().compute_etag() if self._shown is None else f'"{self._shown.sha256}"'

    def should_return_304(self) -> bool:
        """See ``StaticFileHandler``; workspace notebooks are compared by content only."""
        return self.check_etag_header() if self._shown is not None else super().should_return_304()

    @staticmethod
    async def _answered(answer: Any) -> None:
        if answer is not None:
            await answer
