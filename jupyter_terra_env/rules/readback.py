"""Settling an ambiguous write: was that object version written by one of our attempts?

A conditional write whose answer was lost can fail against itself when repeated. So each attempt to upload has an id
that is used once, is in the journal before its request leaves, and goes along in custom metadata as ``<id>:<crc32c>``.
An id that lived longer than its attempt would make a restored or cloned journal take the uploads of another machine for
its own. Protocol: docs/protocol/write-attempts.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

WRITE_ID_KEY = "jupyterTerraEnvWriteId"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteAttempt:
    """One request to upload one content over the version that the baseline names.

    Attributes:
        id: random, used once.
        crc32c: base64 CRC32C of the uploaded content.
    """

    id: str
    crc32c: str


class Marked(Protocol):
    """An object version as far as its mark is concerned."""

    @property
    def crc32c(self) -> str:
        """Base64 CRC32C of the content."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """Custom metadata."""


def write_id(attempt: WriteAttempt) -> str:
    """The mark that the upload of an attempt carries."""
    return f"{attempt.id}:{attempt.crc32c}"


def with_write_id(metadata: Mapping[str, str], attempt: WriteAttempt) -> dict[str, str]:
    """Custom metadata for an upload: everything others wrote is kept, our mark is renewed."""
    return {**metadata, WRITE_ID_KEY: write_id(attempt)}


def is_own_write(remote: Marked, attempts: Iterable[WriteAttempt]) -> bool:
    """Whether one of these attempts made this object version.

    The checksum is compared with the stored content's: a mark that was copied along to other content proves nothing.
    """
    mark = remote.metadata.get(WRITE_ID_KEY)
    return any(mark == write_id(attempt) and attempt.crc32c == remote.crc32c for attempt in attempts)
