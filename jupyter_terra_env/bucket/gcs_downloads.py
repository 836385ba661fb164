"""Downloads that are whole or fail: no truncated or damaged content ever becomes a working copy.

The client verifies a checksum only of answers that came in one piece: a download that broke off and was resumed it does
not verify, and one of a compressed object it cannot resume. So the stored bytes are fetched as they are, compared with
the object's CRC32C here, and unpacked only then.
"""

import base64
import tempfile
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, Final

import google_crc32c
from google.cloud.storage.exceptions import DataCorruption
from google.cloud.storage.retry import DEFAULT_RETRY

from jupyter_terra_env.bucket.bounded_file import BoundedFile

_GZIP: Final = "gzip"
_GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP_WINDOW_BITS: Final = 31
_PIECE_BYTES: Final = 1 << 20
_IN_MEMORY_BYTES: Final = 8 << 20
_LEAST_LIMIT_BYTES: Final = 64 << 20
_MOST_RATIO: Final = 40
"""Notebooks shrink to a tenth, seldom to a thirtieth of their size; deflate reaches 1,032."""


class CannotUnpackError(Exception):
    """An object's bytes are whole, but are not what its ``contentEncoding`` says, or grow beyond all measure."""


def download(
    new_handle: Callable[[], Any], generation: int, file: BoundedFile, *, timeout: Any, seconds: float
) -> None:
    """Fetch the content of one generation.

    Args:
        new_handle: gives a fresh handle of the object.
        generation: which content.
        file: where it goes: empty, readable.
        timeout: as ``requests`` has it.
        seconds: how long a download that breaks off or arrives damaged is tried again.

    Raises:
        CannotUnpackError: the object itself is broken.
        FileFullError: the content is longer than the file may become, as stored or unpacked.
        DataCorruption: each attempt arrived damaged.
        Exception: as the client raises.
    """
    policy = DEFAULT_RETRY.with_delay(0.1, 2.0, 2.0).with_timeout(seconds)
    again = policy.with_predicate(lambda error: isinstance(error, DataCorruption))

    def once() -> None:
        file.seek(0)
        file.truncate()
        handle = new_handle()
        handle.download_to_file(
            file, raw_download=True, checksum=None, if_generation_match=generation, timeout=timeout, retry=policy
        )
        expected = handle.crc32c or _checksum_of(new_handle(), generation, timeout=timeout, retry=policy)
        _accept(file, expected, is_packed=handle.content_encoding == _GZIP)

    again(once)()


def crc32c_of(file: BinaryIO | BoundedFile) -> str:
    """The checksum of a whole file, as Cloud Storage writes it; the file is left at its end."""
    file.seek(0)
    checksum = google_crc32c.Checksum()
    while piece := file.read(_PIECE_BYTES):
        checksum.update(piece)
    return base64.b64encode(checksum.digest()).decode("ascii")


def _checksum_of(handle: Any, generation: int, **how: Any) -> str | None:
    """Ask for the checksum that the answer to a download did not have."""
    handle.reload(if_generation_match=generation, **how)
    checksum: str | None = handle.crc32c
    return checksum


def _accept(file: BoundedFile, expected: str | None, *, is_packed: bool) -> None:
    """Leave in the file what the object holds.

    Raises:
        CannotUnpackError: see ``download``.
        DataCorruption: something else arrived than the object holds.
    """
    if crc32c_of(file) == expected:
        if is_packed:
            _unpack(file)
        return
    if is_packed:
        # Something on the way compresses what is stored plain.
        try:
            _unpack(file)
        except CannotUnpackError:
            pass
        else:
            if crc32c_of(file) == expected:
                return
    raise DataCorruption(None, f"{file.tell()} bytes arrived that are not the object's ({expected}).")


def _unpack(file: BoundedFile) -> None:
    """Inflate a file in its place; content that is not compressed after all stays, as Cloud Storage serves it, too."""
    size_bytes = file.tell()
    file.seek(0)
    if file.read(len(_GZIP_MAGIC)) != _GZIP_MAGIC:
        return
    file.seek(0)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as spool:
        packed = BoundedFile(spool, None)
        while piece := file.read(_PIECE_BYTES):
            packed.write(piece)
        packed.seek(0)
        file.seek(0)
        file.truncate()
        _inflate(packed, file, limit_bytes=max(_LEAST_LIMIT_BYTES, _MOST_RATIO * size_bytes))
    file.flush()


def _inflate(packed: Any, file: BoundedFile, *, limit_bytes: int) -> None:
    member = zlib.decompressobj(_GZIP_WINDOW_BITS)
    rest = b""
    while rest := rest or packed.read(_PIECE_BYTES):
        if member.eof:
            rest = rest.lstrip(b"\0")  # Padding may follow, and further members.
            member = zlib.decompressobj(_GZIP_WINDOW_BITS) if rest else member
            continue
        try:
            file.write(member.decompress(rest, _PIECE_BYTES))
        except zlib.error as error:
            raise CannotUnpackError(str(error)) from error
        rest = member.unconsumed_tail or member.unused_data
        if file.tell() > limit_bytes:
            raise CannotUnpackError(f"it unpacks to more than {limit_bytes} bytes")
    if not member.eof:
        raise CannotUnpackError("it ends too early")
