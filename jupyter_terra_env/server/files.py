"""Downloads (``/files/…``) of workspace notebooks that have not been opened here yet."""

from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import AuthenticatedFileHandler
from tornado import web


class WorkspaceFileHandler(AuthenticatedFileHandler):
    """Localizes what is asked for, then serves it from the disk as Jupyter does."""

    @web.authenticated
    @authorized
    async def head(self, path: str) -> None:  # type: ignore[override]  # the decorators say Optional
        """Answer the headers of a file."""
        self.check_xsrf_cookie()  # Jupyter does it as well, but after the download.
        await self._localize(path)
        await self._answered(super().head(path))

    @web.authenticated
    @authorized
    async def get(self, path: str, **kwargs: Any) -> None:  # type: ignore[override]  # the decorators say Optional
        """Answer a file."""
        self.check_xsrf_cookie()
        await self._localize(path)
        await self._answered(super().get(path, **kwargs))

    async def _localize(self, path: str) -> None:
        manager: Any = self.contents_manager
        await manager.localize(path)

    @staticmethod
    async def _answered(answer: Any) -> None:
        if answer is not None:
            await answer
