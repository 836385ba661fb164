"""The bytes of objects, kept in pieces beside the objects.

A content never changes once it is sealed, so that copies, moves and old generations share it; it goes when the last
object that holds it goes. Pieces keep memory flat and let a resumable upload be stored as it arrives.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import google_crc32c

from jupyter_terra_env.bucket.embedded.database import Transaction

PIECE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """Size and checksums of a content; `crc32c` is big-endian, `md5` is None for composed objects."""

    size: int
    md5: bytes | None
    crc32c: bytes


def digest(pieces: Iterable[bytes | memoryview]) -> Digest:
    """Return size and checksums of what the pieces make together."""
    size, crc32c, md5 = 0, 0, hashlib.md5(usedforsecurity=False)
    for piece in pieces:
        size += len(piece)
        md5.update(piece)
        crc32c = google_crc32c.extend(crc32c, bytes(piece))
    return Digest(size=size, md5=md5.digest(), crc32c=crc32c.to_bytes(4, "big"))


def views(body: bytes, start: int = 0, end: int | None = None) -> list[memoryview]:
    """Return part of `body` as pieces, none of them a copy."""
    view = memoryview(body)[start:end]
    return [view[position : position + PIECE_BYTES] for position in range(0, len(view), PIECE_BYTES)]


def begin(transaction: Transaction) -> int:
    """Make an empty content and return its id."""
    row = transaction.one("INSERT INTO contents DEFAULT VALUES RETURNING content_id")
    if row is None:
        raise AssertionError("an INSERT that succeeds returns its row")
    return int(row["content_id"])


def append(transaction: Transaction, content_id: int, position: int, pieces: Iterable[bytes | memoryview]) -> int:
    """Add pieces from byte `position` on and return the position after them."""
    for piece in pieces:
        transaction.run("INSERT INTO pieces VALUES (?, ?, ?)", content_id, position, piece)
        position += len(piece)
    return position


def seal(transaction: Transaction, content_id: int, digest_: Digest, *, component_count: int | None = None) -> None:
    """Record what the content amounts to; from here on it does not change."""
    transaction.run(
        "UPDATE contents SET size = ?, md5 = ?, crc32c = ?, component_count = ? WHERE content_id = ?",
        *(digest_.size, digest_.md5, digest_.crc32c, component_count, content_id),
    )


def pieces_of(transaction: Transaction, content_id: int) -> Iterator[bytes]:
    """Yield the pieces of a content in order."""
    rows = transaction.all("SELECT bytes FROM pieces WHERE content_id = ? ORDER BY position", content_id)
    return (row["bytes"] for row in rows)


def read(transaction: Transaction, content_id: int, start: int, end: int) -> bytes:
    """Return bytes `start` to `end` (exclusive) of a content."""
    if start >= end:
        return b""
    rows = transaction.all(
        """
        SELECT position, bytes FROM pieces WHERE content_id = ? AND position < ? AND position >= (
          SELECT max(position) FROM pieces WHERE content_id = ? AND position <= ?
        ) ORDER BY position
        """,
        *(content_id, end, content_id, start),
    )
    return b"".join(_within(row["bytes"], row["position"], start, end) for row in rows)


def concatenate(transaction: Transaction, content_ids: Iterable[int]) -> int:
    """Make a content of copies of others, one after the other, and return its id. It has no MD5, as in GCS."""
    target, position = begin(transaction), 0
    sources = list(content_ids)
    for source in sources:
        position = append(transaction, target, position, pieces_of(transaction, source))
    whole = digest(pieces_of(transaction, target))
    seal(
        transaction,
        target,
        Digest(size=whole.size, md5=None, crc32c=whole.crc32c),
        component_count=len(sources),
    )
    return target


def discard(transaction: Transaction, content_id: int) -> None:
    """Delete a content unless an object still holds it."""
    if transaction.one("SELECT 1 FROM objects WHERE content_id = ? LIMIT 1", content_id) is None:
        transaction.run("DELETE FROM pieces WHERE content_id = ?", content_id)
        transaction.run("DELETE FROM contents WHERE content_id = ?", content_id)


def _within(piece: bytes, position: int, start: int, end: int) -> bytes:
    if start <= position and position + len(piece) <= end:
        return piece
    return piece[max(start - position, 0) : end - position]
