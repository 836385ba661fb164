"""Answers with large notebooks in them: put together from JSON that is written already, and sent piece by piece."""

import asyncio
import hashlib
import json
from collections.abc import Iterator
from typing import Any

from jupyter_client.jsonutil import json_default
from jupyter_server.services.contents.handlers import ContentsHandler
from jupyter_server.utils import ensure_async
from tornado.iostream import StreamClosedError

from jupyter_terra_env.server.large_notebooks.converter import JsonText, NotConvertedError
from jupyter_terra_env.server.large_notebooks.manager import LargeNotebookManager, StandIn

_PIECE_BYTES = 256 * 1024


class AnswersLargeNotebooks(ContentsHandler):
    """Contents handler whose answers may hold large notebooks; the verbs are Jupyter's own."""

    _unsent: dict[str, Any] | None = None

    async def get(self, path: str = "") -> None:
        """See ``ContentsHandler.get``, which checks who asks; a large notebook is sent piece by piece."""
        manager = self.contents_manager
        if not isinstance(manager, LargeNotebookManager):
            await ensure_async(super().get(path))
            return
        async with manager.stand_ins():
            await ensure_async(super().get(path))
            try:
                self._unsent = None if self._unsent is None else await manager.written(self._unsent)
                is_written = True
            except NotConvertedError:
                is_written = False
        if is_written:
            await self.send_unsent()
        else:
            await ensure_async(super().get(path))

    async def send_unsent(self) -> None:
        """Send the model that has been put off, if one has."""
        if self._unsent is not None:
            await self._send(self._unsent)

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

    async def _send(self, model: dict[str, Any]) -> None:
        texts = list(_json_of(model))
        if self.request.method == "GET":
            self.set_header("Etag", await asyncio.to_thread(_etag, texts))
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


def _json_of(model: dict[str, Any]) -> Iterator[memoryview]:
    """The JSON of a model, as ``json.dumps`` writes it, in which some values are JSON already."""
    between = b"{"
    for key, value in model.items():
        yield memoryview(between + json.dumps(key).encode("ascii") + b": ")
        if isinstance(value, JsonText):
            yield value.text
        else:
            yield memoryview(json.dumps(value, default=json_default).encode("ascii"))
        between = b", "
    yield memoryview(b"}")


def _etag(texts: list[memoryview]) -> str:
    """The tag that tornado gives a body."""
    # An identifier of a content, as tornado's; nothing secret hangs on it.
    digest = hashlib.sha1(usedforsecurity=False)
    for text in texts:
        digest.update(text)
    return f'"{digest.hexdigest()}"'
