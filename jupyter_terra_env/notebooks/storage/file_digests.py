"""Checksums of files, and files held open together with theirs."""

import base64
import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

import google_crc32c

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDigest:
    """Checksums of a file's bytes.

    Attributes:
        crc32c: base64 of the big-endian CRC32C, as Cloud Storage writes it.
        sha256: lower-case hex, for Jupyter's ``hash``.
        size_bytes: length.
    """

    crc32c: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The content a working copy had at one moment; it stays readable when its path is replaced or removed.

    Attributes:
        file: open for reading, at its start; the receiver closes it.
        digest: checksums of that content.
    """

    file: BinaryIO
    digest: FileDigest


class SnapshotHandover:
    """Brings a snapshot from the thread that opens it to a task, which may have been cancelled meanwhile."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._abandoned = False
        self._snapshot: Snapshot | None = None

    def open(self, opener: Callable[[], Snapshot | None]) -> Snapshot | None:
        """Open on a thread."""
        snapshot = opener()
        with self._guard:
            self._snapshot = snapshot
            if self._abandoned:
                self._close()
        return snapshot

    def abandon(self) -> None:
        """Close the file as soon as it is opened: no one is waiting for it."""
        with self._guard:
            self._abandoned = True
            self._close()

    def _close(self) -> None:
        if self._snapshot is not None:
            self._snapshot.file.close()


def digest_file(file: BinaryIO) -> FileDigest:
    """Checksums of an open file, read from its start in bounded memory."""
    crc, sha, size = google_crc32c.Checksum(), hashlib.sha256(), 0
    file.seek(0)
    while chunk := file.read(_CHUNK_BYTES):
        crc.update(chunk)
        sha.update(chunk)
        size += len(chunk)
    file.seek(0)
    return FileDigest(crc32c=_as_base64(crc), sha256=sha.hexdigest(), size_bytes=size)


def digest_of(content: bytes | memoryview) -> FileDigest:
    """Checksums of content in memory."""
    crc, sha, view = google_crc32c.Checksum(), hashlib.sha256(), memoryview(content)
    for start in range(0, len(view), _CHUNK_BYTES):
        # In pieces: a checksum of much at once keeps all other threads waiting.
        piece = bytes(view[start : start + _CHUNK_BYTES])
        crc.update(piece)
        sha.update(piece)
    return FileDigest(crc32c=_as_base64(crc), sha256=sha.hexdigest(), size_bytes=len(view))


def _as_base64(checksum: google_crc32c.Checksum) -> str:
    return base64.b64encode(checksum.digest()).decode("ascii")
