"""Large uploads: chunks are gathered in a hidden file and become the working copy with the last one.

JupyterLab numbers the chunks 1, 2, … and the last one -1. A chunk out of order is refused: a file with a gap must
never look like a file.
"""

import base64
import contextlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tornado.web import HTTPError

from jupyter_terra_env.notebooks.working_copies import TEMPORARY_PREFIX, WorkingCopies
from jupyter_terra_env.rules.workspace import Location
from jupyter_terra_env.server.models import folder_in_bucket

LAST_CHUNK = -1


@dataclass(slots=True)
class _Gathering:
    part: Path
    next_chunk: int


class ChunkedUploads:
    """Uploads in progress, by target.

    Args:
        copies: where complete files go.
    """

    def __init__(self, copies: WorkingCopies) -> None:
        self._copies = copies
        self._gathering: dict[Path, _Gathering] = {}

    async def take(self, os_path: Path, chunk: int, content: str, content_format: str) -> Path:
        """Take one chunk.

        Args:
            os_path: the file being uploaded.
            chunk: 1 to begin, then the next number, -1 for the last.
            content: text or base64.
            content_format: ``text`` or ``base64``.

        Returns:
            The file that holds what has arrived: a hidden part, or ``os_path`` after the last chunk.

        Raises:
            HTTPError: 400, when the chunk is not the one that must come next.
        """
        gathering = self._expect(os_path, chunk)
        part = content.encode("utf-8") if content_format == "text" else base64.b64decode(content)
        await self._copies.run(_append, gathering.part, part)
        gathering.next_chunk += 1
        if chunk != LAST_CHUNK:
            return gathering.part
        del self._gathering[os_path]
        try:
            complete = await self._copies.run(gathering.part.read_bytes)
            await self._copies.write(os_path, complete)
        finally:
            await self._copies.run(gathering.part.unlink)
        return os_path

    def _expect(self, os_path: Path, chunk: int) -> _Gathering:
        if chunk == 1:
            self._drop(os_path)
            os_path.parent.mkdir(parents=True, exist_ok=True)
            part = os_path.with_name(f"{TEMPORARY_PREFIX}upload-{os_path.name}"[:255])
            part.write_bytes(b"")
            self._gathering[os_path] = _Gathering(part=part, next_chunk=1)
        gathering = self._gathering.get(os_path)
        if gathering is None or chunk not in {gathering.next_chunk, LAST_CHUNK} or gathering.next_chunk == 0:
            self._drop(os_path)
            raise HTTPError(400, f"Chunk {chunk} of the upload is out of order. Upload the file again.")
        return gathering

    def _drop(self, os_path: Path) -> None:
        gathering = self._gathering.pop(os_path, None)
        if gathering is not None:
            with contextlib.suppress(FileNotFoundError):
                gathering.part.unlink()


def model_of_part(location: Location, part: Path) -> dict[str, Any]:
    """The model of an upload whose last chunk has not come yet."""
    info = part.stat()
    time = datetime.fromtimestamp(info.st_mtime, UTC)
    return {**folder_in_bucket(location, time), "type": "file", "size": info.st_size}


def _append(part: Path, content: bytes) -> None:
    with part.open("ab") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
