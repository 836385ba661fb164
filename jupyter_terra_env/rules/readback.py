"""Settling an ambiguous write: was that object version written by us?

A conditional write whose answer was lost can fail against itself when repeated. So every upload carries a write id in
custom metadata, ``<token>:<crc32c>``: the token belongs to the baseline the upload stood on and is replaced with it,
the checksum ties the mark to the content, so a mark that somebody's copy of the metadata carried along proves nothing.
"""

from collections.abc import Mapping
from typing import Protocol

WRITE_ID_KEY = "jupyterTerraEnvWriteId"


class Marked(Protocol):
    """An object version as far as its mark is concerned."""

    @property
    def crc32c(self) -> str:
        """Base64 CRC32C of the content."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """Custom metadata."""


def write_id(token: str, crc32c: str) -> str:
    """The mark an upload of this content carries."""
    return f"{token}:{crc32c}"


def with_write_id(metadata: Mapping[str, str], token: str, crc32c: str) -> dict[str, str]:
    """Custom metadata for an upload: everything others wrote is kept, our mark is renewed."""
    return {**metadata, WRITE_ID_KEY: write_id(token, crc32c)}


def is_own_write(remote: Marked, token: str) -> bool:
    """Whether this object version is an upload of ours made on the baseline that ``token`` belongs to."""
    return remote.metadata.get(WRITE_ID_KEY) == write_id(token, remote.crc32c)
