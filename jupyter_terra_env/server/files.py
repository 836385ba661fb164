"""Downloads (``/files/…``) of workspace notebooks that have not been opened here yet."""

import contextlib
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import AuthenticatedFileHandler
from tornado import web

from jupyter_terra_env.server.http_errors import translated


class WorkspaceFileHandler(AuthenticatedFileHandler):
    """Localizes what is asked for, then serves it from the disk as Jupyter does."""

    @web.authenticated
    @authorized
    async def head(self, path: str) -> None:  # type: ignore[override]  # the decorators say Optional
        """Answer the headers of a file."""
        with self._translated(path):
            await self._localize(path)
            await self._answered(super().head(path))

    @web.authenticated
    @authorized
    async def get(self, path: str, **kwargs: Any) -> None:  # type: ignore[override]  # the decorators say Optional
        """Answer a file."""
        with self._translated(path):
            await self._localize(path)
            await self._answered(super().get(path, **kwargs))

    def _translated(self, path: str) -> contextlib.AbstractContextManager[None]:
        """The errors of a workspace's files as the contents API tells them."""
        manager: Any = self.contents_manager
        return translated(path) if manager.is_in_workspace(path) else contextlib.nullcontext()

    async def _localize(self, path: str) -> None:
        manager: Any = self.contents_manager
        await manager.localize(path)

    @staticmethod
    async def _answered(answer: Any) -> None:
        if answer is not None:
            await answer
