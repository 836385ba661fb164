"""The CRC32C of a content that arrives in pieces, as Cloud Storage writes it."""

import base64
from pathlib import Path

import google_crc32c

from jupyter_terra_env.notebooks.storage.regular_files import open_regular

PIECE_BYTES = 1 << 20


class RunningChecksum:
    """The checksum of what has come so far."""

    def __init__(self) -> None:
        self._checksum = google_crc32c.Checksum()

    def update(self, content: bytes) -> None:
        """Add a piece."""
        self._checksum.update(content)

    @property
    def value(self) -> str:
        """Base64 of the big-endian CRC32C."""
        return base64.b64encode(self._checksum.digest()).decode("ascii")


def checksum_of(path: Path) -> str:
    """The checksum of a regular file. Blocks.

    Raises:
        OSError, OperationRefused: it cannot be read.
    """
    checksum = RunningChecksum()
    with open_regular(path) as file:
        while piece := file.read(PIECE_BYTES):
            checksum.update(piece)
    return checksum.value
