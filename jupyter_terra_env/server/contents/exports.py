"""Exports (``/nbconvert/…``): the notebook is read, so its edit lock stays free for those who edit."""

import copy
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.nbconvert import handlers as jupyter_handlers
from tornado import web
from traitlets.config import Config

from jupyter_terra_env.server.contents.reading import only_reading


class WorkspaceExportHandler(jupyter_handlers.NbconvertFileHandler):
    """``/nbconvert/FORMAT/PATH``, without taking the lock."""

    @property
    def config(self) -> Any:
        """See ``JupyterHandler.config``: templates in the folder that the server was started in are not used.

        A repository that somebody cloned may have brought them, and they are programs.
        """
        config: Any = copy.deepcopy(super().config or Config())
        if "extra_template_basedirs" not in config.TemplateExporter:
            config.TemplateExporter.extra_template_basedirs = []
        return config

    @web.authenticated
    @authorized
    async def get(self, format: str, path: str) -> None:  # noqa: A002 - Jupyter's name
        """Answer the exported notebook."""
        with only_reading():
            answer: Any = super().get(format, path)
            if answer is not None:
                await answer


EXPORT_HANDLERS = tuple(
    (pattern, WorkspaceExportHandler)
    for pattern, handler in jupyter_handlers.default_handlers
    if handler is jupyter_handlers.NbconvertFileHandler
)
