"""Large uploads: chunks are gathered in a hidden file and become the working copy with the last one.

JupyterLab numbers the chunks 1, 2, … and the last one -1. A chunk out of order is refused: a file with a gap must
never look like a file.
"""

import asyncio
import base64
import os
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tornado.web import HTTPError

from jupyter_terra_env.notebooks.places import Places
from jupyter_terra_env.notebooks.temporary_files import make_parent, temporary_prefix
from jupyter_terra_env.rules.workspace import Location
from jupyter_terra_env.server.models import folder_in_bucket

LAST_CHUNK = -1


@dataclass(slots=True)
class _Gathering:
    part: Path
    next_chunk: int = 1
    size_bytes: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class ChunkedUploads:
    """Uploads in progress, by target.

    Args:
        places: where complete files go.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
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
            OperationRefused: the folder's name is that of a file.
        """
        os_path = self._places.os_path(location)
        if chunk == 1:
            await self._begin(os_path)
        gathering = self._gathering.get(os_path)
        if gathering is None:
            raise _out_of_order(chunk)
        async with gathering.turn:
            if chunk not in {gathering.next_chunk, LAST_CHUNK}:
                await self._drop(os_path)
                raise _out_of_order(chunk)
            gathering.next_chunk += 1
            received = content.encode("utf-8") if content_format == "text" else base64.b64decode(content)
            gathering.size_bytes = await self._places.copies.run(_append, gathering, received)
            if chunk != LAST_CHUNK:
                return gathering.part
            self._gathering.pop(os_path, None)
            await self._places.adopt(location, gathering.part)
        return os_path

    async def _begin(self, os_path: Path) -> None:
        await self._drop(os_path)
        self._gathering[os_path] = _Gathering(part=await self._places.copies.run(_new_part, os_path))

    async def _drop(self, os_path: Path) -> None:
        gathering = self._gathering.pop(os_path, None)
        if gathering is not None:
            await self._places.copies.run(gathering.part.unlink, missing_ok=True)


def model_of_part(location: Location, part: Path) -> dict[str, Any]:
    """The model of an upload whose last chunk has not come yet."""
    info = part.stat()
    time = datetime.fromtimestamp(info.st_mtime, UTC)
    return {**folder_in_bucket(location, time), "type": "file", "size": info.st_size}


def _new_part(os_path: Path) -> Path:
    make_parent(os_path)
    descriptor, name = tempfile.mkstemp(prefix=temporary_prefix(), dir=os_path.parent)
    os.close(descriptor)
    return Path(name)


def _append(gathering: _Gathering, content: bytes) -> int:
    with gathering.part.open("r+b") as file:
        if file.seek(0, os.SEEK_END) != gathering.size_bytes:
            raise HTTPError(400, "The part of the file that was uploaded before has changed. Upload the file again.")
        file.write(content)
        return file.tell()


def _out_of_order(chunk: int) -> HTTPError:
    return HTTPError(400, f"Chunk {chunk} of the upload is out of order. Upload the file again.")
