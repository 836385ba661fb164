"""Saves of large notebooks: the body goes to a file in memory as it arrives, and is never one object of Python's."""

import asyncio
from collections.abc import Callable
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import path_regex
from jupyter_server.utils import ensure_async, url_path_join
from tornado import web
from tornado.httputil import HTTPServerRequest
from tornado.routing import PathMatches

from jupyter_terra_env.notebooks.untrusted.memory_file import MemoryFile
from jupyter_terra_env.server.contents.large_notebooks.answers import LargeResponseMixin
from jupyter_terra_env.server.contents.large_notebooks.manager import takes_stand_ins
from jupyter_terra_env.server.contents.large_notebooks.prepared_notebook import not_saved, saving_only
from jupyter_terra_env.server.http_errors import as_http_errors


class LargeSaves(PathMatches):
    """Matches ``PUT /api/contents/PATH`` when the body is large.

    Args:
        base_url: the server's.
        manager: the contents manager of the moment.
    """

    def __init__(self, base_url: str, manager: Callable[[], object]) -> None:
        super().__init__(url_path_join(base_url, "/api/contents") + path_regex)
        self._manager = manager

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """See ``Matcher.match``; a body of unknown length is not large."""
        length = request.headers.get("Content-Length", "")
        found = super().match(request) if request.method == "PUT" and length.isdecimal() else None
        if found is None:
            return None
        path = found["path_kwargs"]["path"].decode("utf-8", errors="replace")
        manager = self._manager()
        return found if takes_stand_ins(manager) and manager.is_large_save(path, int(length)) else None


class StreamingSaveMixin(LargeResponseMixin):
    """Contents handler for ``PUT`` with a large body; to be decorated with ``stream_request_body``."""

    _body: MemoryFile
    _outline: dict[str, Any] | None = None
    _refusal: web.HTTPError | None = None

    async def prepare(self) -> None:  # type: ignore[override]  # Jupyter's is declared to return an awaitable of one
        """Prepare for the body. A refusal is sent once all of it has come: many clients read nothing before."""
        self._body = MemoryFile("body")
        try:
            await super().prepare()
        except web.HTTPError as refusal:
            self._refusal = refusal
            self.put = self._refuse  # type: ignore[method-assign]  # before the decorators of the other say less

    def data_received(self, chunk: bytes) -> None:
        """Keep a part of the body."""
        if self._refusal is None:
            self._body.write(chunk)

    @web.authenticated
    @authorized
    async def put(self, path: str = "") -> None:
        """See ``ContentsHandler.put``; the notebook is read beside the event loop."""
        self._outline = await self._prepared(path)
        if self._outline is None:
            self.request.body = await asyncio.to_thread(self._body.read)
            await ensure_async(super().put(path))
        else:
            with saving_only(self._outline["content"]):
                await ensure_async(super().put(path))
        await self.send_unsent()

    async def _prepared(self, path: str) -> dict[str, Any] | None:
        manager = self.contents_manager
        # Asked again: an extension may have put its own in the place of the manager, or of a method, since.
        if not takes_stand_ins(manager) or not manager.is_large_save(path, self._body.size_bytes):
            return None
        with as_http_errors(path):
            found: dict[str, Any] | None = await manager.prepare(path, self._body)
        return found

    def _finish_model(self, model: dict[str, Any], location: bool = True) -> None:  # noqa: FBT001, FBT002
        if self._outline is not None and not self._outline["content"].is_written:
            raise not_saved()
        super()._finish_model(model, location)

    async def _refuse(self, path: str = "") -> None:  # noqa: ARG002 - in the place of put
        if self._refusal is not None:
            raise self._refusal

    def get_json_body(self) -> dict[str, Any] | None:
        """What was made of the body, or the body."""
        return super().get_json_body() if self._outline is None else self._outline
