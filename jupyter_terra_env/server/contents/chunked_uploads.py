"""Large uploads: chunks are gathered in a hidden file and become the working copy with the last one.

JupyterLab numbers the chunks 1, 2, … and the last one -1; nothing in them names the upload they belong to. So each name
takes one upload at a time, from one client: a second one is refused until the first has ended or has been silent for
a minute. A chunk out of order is refused: a file with a gap must never look like a file.
"""

import asyncio
import base64
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.web import HTTPError

from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.storage.temporary_files import make_parent, temporary_prefix
from jupyter_terra_env.notebooks.sync.saving import Saving
from jupyter_terra_env.rules.errors import OperationRefused, RefusalReason
from jupyter_terra_env.rules.workspace import Location
from jupyter_terra_env.server.contents.models import folder_in_bucket

LAST_CHUNK = -1
SILENT_SECONDS = 60.0
"""From then on another upload may take the place of one of which nothing was heard: JupyterLab sends chunks of 1 MiB
without a pause, and begins an upload anew that broke off."""
_ABANDONED_SECONDS = 3600.0
_CLIENT_HEADERS = ("Authorization", "User-Agent")

sender: ContextVar[tuple[str, ...] | None] = ContextVar("sender", default=None)
"""The client whose request is handled, as far as requests can be distinguished."""


def client_of(request: HTTPServerRequest) -> tuple[str, ...]:
    """What the requests of one browser, or of one program, have in common.

    The network address and the page's address are left out: both may change in the middle of an upload.
    """
    xsrf = request.cookies.get("_xsrf")
    return (*(request.headers.get(name, "") for name in _CLIENT_HEADERS), "" if xsrf is None else xsrf.value)


@dataclass(slots=True)
class _Gathering:
    client: tuple[str, ...] | None
    heard: float
    part: Path | None = None
    next_chunk: int = 1
    size_bytes: int = 0
    is_over: bool = False
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class ChunkedUploads:
    """Uploads in progress, by target.

    Args:
        storage: the disk, for the parts of files.
        saving: saves complete files.
        monotonic: seconds from some fixed point.
    """

    def __init__(self, storage: NotebookStorage, saving: Saving, *, monotonic: Callable[[], float]) -> None:
        self._storage = storage
        self._saving = saving
        self._monotonic = monotonic
        self._gathering: dict[Path, _Gathering] = {}

    async def take(self, location: Location, chunk: int, content: str, content_format: str) -> Path:
        """Take one chunk.

        Args:
            location: the file being uploaded.
            chunk: 1 to begin, then the next number, -1 for the last.
            content: text or base64.
            content_format: ``text`` or ``base64``.

        Returns:
            The file that holds what has arrived: a hidden part, or the file itself after the last chunk.

        Raises:
            HTTPError: 400, when the chunk is not the one that must come next.
            OperationRefused: another upload of this name is in progress, or the folder's name is that of a file.
        """
        os_path = self._storage.os_path(location)
        if chunk == 1:
            gathering, left = self._begin(location, os_path)
            await self._storage.run(_remove_all, left)
        else:
            gathering = self._continued(location, os_path, chunk)
        async with self._turn(gathering, os_path, chunk):
            part = gathering.part
            if part is None:
                part = gathering.part = await self._storage.run(_new_part, os_path)
            gathering.next_chunk += 1
            received = await self._storage.run(_decoded, content, content_format)
            gathering.size_bytes = await self._storage.run(_append, part, gathering.size_bytes, received)
            if chunk != LAST_CHUNK:
                return part
            await self._saving.adopt(location, part)
            self._end(os_path, gathering)
        return os_path

    @asynccontextmanager
    async def _turn(self, gathering: _Gathering, os_path: Path, chunk: int) -> AsyncIterator[None]:
        """One chunk at a time; one that cannot be taken ends the upload, whose part goes."""
        async with gathering.turn:
            try:
                if gathering.is_over or chunk not in {gathering.next_chunk, LAST_CHUNK}:
                    raise _out_of_order(chunk)
                gathering.heard = self._monotonic()
                yield
                gathering.heard = self._monotonic()
            except BaseException:
                self._end(os_path, gathering)
                await self._storage.run(_remove_all, [gathering])
                raise

    def _begin(self, location: Location, os_path: Path) -> tuple[_Gathering, list[_Gathering]]:
        """Begin an upload.

        Returns:
            It, and those that were given up.
        """
        if self._gathering.get(os_path) is not None and not self._is_silent(self._gathering[os_path], SILENT_SECONDS):
            raise _in_progress(location)
        left = [
            (path, gathering)
            for path, gathering in self._gathering.items()
            if path == os_path or self._is_silent(gathering, _ABANDONED_SECONDS)
        ]
        for path, gathering in left:
            self._end(path, gathering)
        begun = self._gathering[os_path] = _Gathering(client=sender.get(), heard=self._monotonic())
        return begun, [gathering for _, gathering in left]

    def _is_silent(self, gathering: _Gathering, seconds: float) -> bool:
        return not gathering.turn.locked() and self._monotonic() - gathering.heard >= seconds

    def _continued(self, location: Location, os_path: Path, chunk: int) -> _Gathering:
        gathering = self._gathering.get(os_path)
        if gathering is None:
            raise _out_of_order(chunk)
        if gathering.client != sender.get():
            raise _in_progress(location)
        return gathering

    def _end(self, os_path: Path, gathering: _Gathering) -> None:
        gathering.is_over = True
        if self._gathering.get(os_path) is gathering:
            del self._gathering[os_path]


def model_of_part(location: Location, part: Path) -> dict[str, Any]:
    """The model of an upload whose last chunk has not come yet."""
    info = part.stat()
    time = datetime.fromtimestamp(info.st_mtime, UTC)
    return {**folder_in_bucket(location, time), "type": "file", "size": info.st_size}


def _new_part(os_path: Path) -> Path:
    if os_path.is_dir():
        raise HTTPError(400, f"{os_path.name} is a folder: give the file another name.", reason="bad type")
    make_parent(os_path)
    descriptor, name = tempfile.mkstemp(prefix=temporary_prefix(), dir=os_path.parent)
    os.close(descriptor)
    return Path(name)


def _decoded(content: str, content_format: str) -> bytes:
    return content.encode("utf-8") if content_format == "text" else base64.b64decode(content)


def _append(part: Path, size_bytes: int, content: bytes) -> int:
    try:
        with part.open("r+b") as file:
            if file.seek(0, os.SEEK_END) != size_bytes:
                raise _part_has_changed()
            file.write(content)
            return file.tell()
    except FileNotFoundError:
        raise _part_has_changed() from None


def _remove_all(gatherings: list[_Gathering]) -> None:
    for gathering in gatherings:
        if gathering.part is not None:
            gathering.part.unlink(missing_ok=True)


def _out_of_order(chunk: int) -> HTTPError:
    return HTTPError(400, f"Chunk {chunk} of the upload is out of order. Upload the file again.")


def _part_has_changed() -> HTTPError:
    return HTTPError(400, "The part of the file that was uploaded before has changed. Upload the file again.")


def _in_progress(location: Location) -> OperationRefused:
    return OperationRefused(
        RefusalReason.UPLOAD_IN_PROGRESS,
        f"Another upload of {location.name} is in progress, and this one was refused. Wait until it has ended, "
        f"or {SILENT_SECONDS:.0f} seconds after it broke off, then upload the file again.",
    )
