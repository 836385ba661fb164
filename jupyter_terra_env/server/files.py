"""Downloads (``/files/…``) of workspace notebooks that have not been opened here yet."""

from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import AuthenticatedFileHandler
from tornado import web


class WorkspaceFileHandler(AuthenticatedFileHandler):
    """Localizes what is asked for, then serves it from the disk as Jupyter does."""

    @web.authenticated
    @authorized
    async def head(self, path: str) -> None:
        """Answer the headers of a file."""
        await self.settings["contents_manager"].localize(path)
        await super().head(path)

    @web.authenticated
    @authorized
    async def get(self, path: str, **kwargs: Any) -> None:
        """Answer a file."""
        await self.settings["contents_manager"].localize(path)
        await super().get(path, **kwargs)
