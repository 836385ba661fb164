"""Answers with large notebooks in them: put together from JSON that is written already, and sent piece by piece."""

import asyncio
import hashlib
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.services.contents.handlers import ContentsHandler
from jupyter_server.utils import ensure_async
from tornado import web
from tornado.iostream import StreamClosedError

from jupyter_terra_env.server.contents.large_notebooks.conversions import NotConvertedError
from jupyter_terra_env.server.contents.large_notebooks.converter import JsonText
from jupyter_terra_env.server.contents.large_notebooks.manager import StandIn, takes_stand_ins
from jupyter_terra_env.server.contents.large_notebooks.model_json import json_pieces
from jupyter_terra_env.server.http_errors import as_http_errors

_PIECE_BYTES = 256 * 1024


class LargeResponseMixin(ContentsHandler):
    """Contents handler whose answers may hold large notebooks; the verbs are Jupyter's own."""

    _unsent: dict[str, Any] | None = None

    @web.authenticated
    @authorized
    async def get(self, path: str = "") -> None:
        """See ``ContentsHandler.get``; a large notebook is sent piece by piece."""
        manager = self.contents_manager
        if not takes_stand_ins(manager):
            await ensure_async(super().get(path))
            return
        async with manager.stand_ins():
            await ensure_async(super().get(path))
            if self._unsent is None:
                return
            try:
                with as_http_errors(path):
                    self._unsent, tag = await manager.written(self._unsent)
                is_written = True
            except NotConvertedError:
                is_written, tag = False, None
        if is_written:
            await self._send(self._unsent, tag)
        else:
            await ensure_async(super().get(path))

    @web.authenticated
    @authorized
    async def post(self, path: str = "") -> None:
        """See ``ContentsHandler.post``; what is said of a large notebook that was copied may be long."""
        await ensure_async(super().post(path))
        await self.send_unsent()

    async def send_unsent(self) -> None:
        """Send the model that has been put off, if one has."""
        if self._unsent is not None:
            await self._send(self._unsent, None)

    def _finish_model(self, model: dict[str, Any], location: bool = True) -> None:  # noqa: FBT001, FBT002
        if any(isinstance(value, (StandIn, JsonText)) for value in model.values()):
            self._set_headers(model, location=location)
            self._unsent = model
        else:
            super()._finish_model(model, location)

    def _set_headers(self, model: dict[str, Any], *, location: bool) -> None:
        """Those that Jupyter sets."""
        if location:
            self.set_header("Location", self.location_url(model["path"]))
        self.set_header("Last-Modified", model["last_modified"])
        self.set_header("Content-Type", "application/json")

    async def _send(self, model: dict[str, Any], tag: str | None) -> None:
        texts = list(json_pieces(model))
        if self.request.method == "GET":
            self.set_header("Etag", await asyncio.to_thread(_etag, texts) if tag is None else tag)
            if self.check_etag_header():
                self.set_status(304)
                self.finish()
                return
        self.set_header("Content-Length", sum(len(text) for text in texts))
        try:
            for text in texts:
                for start in range(0, len(text), _PIECE_BYTES):
                    self.write(bytes(text[start : start + _PIECE_BYTES]))
                    await self.flush()
                    await asyncio.sleep(0)  # A client that reads fast would hold the loop.
            self.finish()
        except StreamClosedError:
            self.log.debug("The client went away while %s was sent.", model["path"])


def _etag(texts: list[memoryview]) -> str:
    """The tag that tornado gives a body."""
    # An identifier of a content, as tornado's; nothing secret hangs on it.
    digest = hashlib.sha1(usedforsecurity=False)
    for text in texts:
        digest.update(text)
    return f'"{digest.hexdigest()}"'
