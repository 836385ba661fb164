"""Exports (``/nbconvert/…``): the notebook is read, so its edit lock stays free for those who edit.

What needs no other program is done in child processes with limits (docs/protocol/untrusted-work.md).
"""

import asyncio
import copy
import os
from itertools import accumulate
from pathlib import Path
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.nbconvert import handlers as jupyter_handlers
from jupyter_server.utils import ensure_async
from tornado import web
from traitlets.config import Config

from jupyter_terra_env.notebooks.storage.regular_files import open_regular
from jupyter_terra_env.notebooks.untrusted.cage import Cage, DeclinedError, Lane, NotDoneError
from jupyter_terra_env.notebooks.untrusted.limits import Death, Limits
from jupyter_terra_env.notebooks.untrusted.memory_file import MemoryFile
from jupyter_terra_env.rules.errors import OperationRefused
from jupyter_terra_env.server.abandoned_work import AbandonsWork
from jupyter_terra_env.server.contents.large_notebooks.manager import is_unchanged
from jupyter_terra_env.server.contents.reading import only_reading
from jupyter_terra_env.server.handler_parts import HANDLER_PARTS_SETTING
from jupyter_terra_env.server.http_errors import as_http_errors

_JOB = "jupyter_terra_env.server.contents.export_rendering:export"
_IN_CHILDREN = frozenset({"html", "slides", "script", "python", "markdown", "notebook"})
"""Formats that need nothing but nbconvert. The others have pandoc, LaTeX or a browser do the work."""
_OF_OPERATORS = ("Exporter", "Preprocessor", "NbConvertBase")
_MIB = 1 << 20


class WorkspaceExportHandler(AbandonsWork, jupyter_handlers.NbconvertFileHandler):
    """``/nbconvert/FORMAT/PATH``, without taking the lock."""

    @property
    def config(self) -> Any:
        """See ``JupyterHandler.config``: templates in the folder that the server was started in are not used.

        A cloned repository may have brought them, and they are programs.
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
            if format in _IN_CHILDREN and not self._is_set_up_by_operator():
                self.check_xsrf_cookie()
                if await self._answered_by_child(format, path.strip("/")):
                    return
            answer: Any = super().get(format, path)
            if answer is not None:
                await answer

    def _is_set_up_by_operator(self) -> bool:
        """Whether the operator has configured exports: settings are Python objects, which no child gets."""
        return any(section.endswith(_OF_OPERATORS) and values for section, values in (super().config or {}).items())

    async def _answered_by_child(self, kind: str, path: str) -> bool:
        """Have a child export; False where none can be had, or this is no notebook: Jupyter's own code answers then."""
        manager: Any = self.contents_manager
        if not is_unchanged(manager):
            return False  # What an extension shows instead is not what is stored.
        model = await ensure_async(manager.get(path=path, content=False))
        if model["type"] != "notebook":
            return False
        with as_http_errors(path):
            try:
                async with manager.shown_file(path) as shown:
                    stands_for = None if shown is None else shown.file
                    file = stands_for or Path(manager._get_os_path(path))  # noqa: SLF001 - as Jupyter's handler does
                    done = await self.while_connected(self._exported(kind, model, file))
            except NotDoneError as error:
                if error.death is Death.UNAVAILABLE:
                    return False
                raise _not_exported(model["name"], error) from error
            except DeclinedError as error:
                raise web.HTTPError(400, f"{model['name']} cannot be exported as {kind} ({error}).") from error
        self._send(model, *done)
        return True

    async def _exported(self, kind: str, model: dict[str, Any], file: Path) -> tuple[dict[str, Any], bytes]:
        target = MemoryFile("export")
        sanitize = self.get_argument("sanitize_html", None) if kind == "html" else None
        metadata = {
            "name": _stem(model["name"]),
            "modified_date": model["last_modified"].strftime(jupyter_handlers.date_format),
        }
        request = {
            "format": kind,
            "sanitize": None if sanitize is None else sanitize.lower() == "true",
            "resources": {"metadata": metadata, "config_dir": self.application.settings["config_dir"]},
        }
        cage: Cage = self.settings[HANDLER_PARTS_SETTING].cage
        with await asyncio.to_thread(open_regular, file, follow=True) as source:
            files, limits = [source.fileno(), target.fileno()], limits_for(os.fstat(source.fileno()).st_size)
            async with cage.talk(_JOB, request, files, limits, lane=Lane.EXPORTS) as conversation:
                answer = await conversation.receive()
        return answer, await asyncio.to_thread(target.read)

    def _send(self, model: dict[str, Any], answer: dict[str, Any], written: bytes) -> None:
        """Answer as ``NbconvertFileHandler.get`` does."""
        self.set_header("Last-Modified", model["last_modified"])
        ends = list(accumulate(answer["lengths"].values()))
        parts = [written[start:end] for start, end in zip([0, *ends], ends, strict=False)]
        output, *others = parts
        resources = {
            "output_extension": answer["extension"],
            "outputs": dict(zip(list(answer["lengths"])[1:], others, strict=True)),
        }
        text = output.decode("utf-8", "replace")
        if jupyter_handlers.respond_zip(self, model["name"], text, resources):
            return
        if self.get_argument("download", "false").lower() == "true":
            self.set_attachment_header(_stem(model["name"]) + answer["extension"])
        if answer["mimetype"]:
            self.set_header("Content-Type", f"{answer['mimetype']}; charset=utf-8")
        self.set_header("Cache-Control", "no-store, no-cache, must-revalidate, max-age=0")
        self.finish(output)


def limits_for(size_bytes: int) -> Limits:
    """What exporting a notebook of that size may use: several times what most need, so that only a trap meets it."""
    mebibytes = size_bytes // _MIB
    return Limits(
        cpu_seconds=20 + 2 * mebibytes,
        wall_seconds=90.0 + 6 * mebibytes,
        memory_bytes=1024 * _MIB + 24 * size_bytes,
        output_bytes=64 * _MIB + 8 * size_bytes,
        niceness=5,
    )


def _not_exported(name: str, error: NotDoneError) -> OperationRefused:
    return OperationRefused(error.reason, f"{name} was not exported: {error}. Download it as a notebook instead.")


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name


EXPORT_HANDLERS = tuple(
    (pattern, WorkspaceExportHandler)
    for pattern, handler in jupyter_handlers.default_handlers
    if handler is jupyter_handlers.NbconvertFileHandler
)
