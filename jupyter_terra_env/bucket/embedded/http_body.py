"""Reading the body of an HTTP/1.1 request, whole or not at all."""

import re
from collections.abc import Iterator
from email.message import Message
from io import BufferedIOBase

_LARGEST_BODY_BYTES = 2 * 1024**3
_DIGITS = {10: re.compile(r"[0-9]{1,19}"), 16: re.compile(r"[0-9A-Fa-f]{1,16}")}


class BodyRefusedError(Exception):
    """The body is framed in a way that cannot be read, or is too large."""


def read_body(stream: BufferedIOBase, headers: Message) -> bytes | None:
    """Return the body, or None when the client went away before its end.

    Raises:
        BodyRefusedError: Malformed length or chunks, or more than 2 GiB.
    """
    if headers.get("Transfer-Encoding", "identity").lower() != "identity":
        return _chunked(stream, headers)
    length = _length(headers.get("Content-Length", "0"), 10)
    body = stream.read(length)
    return body if len(body) == length else None


def _chunked(stream: BufferedIOBase, headers: Message) -> bytes | None:
    if headers["Transfer-Encoding"].lower() != "chunked":
        raise BodyRefusedError(f"Transfer-Encoding {headers['Transfer-Encoding']} cannot be read.")
    chunks = list(_chunks(stream))
    return b"".join(chunks[:-1]) if chunks and chunks[-1] == b"" else None


def _chunks(stream: BufferedIOBase) -> Iterator[bytes]:
    """Yield the chunks, and an empty one for the proper end."""
    total = 0
    while line := stream.readline(1024):
        length = _length(line.partition(b";")[0].strip().decode("latin-1"), 16)
        total += length
        if total > _LARGEST_BODY_BYTES:
            raise BodyRefusedError("The request body is too large.")
        chunk = stream.read(length)
        if len(chunk) < length:
            return
        if length == 0:
            while stream.readline(65536).strip():
                continue
            yield b""
            return
        yield chunk
        stream.readline(8)


def _length(text: str, base: int) -> int:
    if not _DIGITS[base].fullmatch(text):
        raise BodyRefusedError(f"The length {text!r} of the request body cannot be read.")
    length = int(text, base)
    if length > _LARGEST_BODY_BYTES:
        raise BodyRefusedError(f"A request body of {length} bytes is not accepted.")
    return length
