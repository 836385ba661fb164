"""Upload sessions that outlive their process: one private file for each, on the disk before the first byte leaves.

A session's address lets anyone who has it write one object: the folder is this user's alone.
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from jupyter_terra_env.bucket.store import MatchVersion, MustNotExist, Precondition
from jupyter_terra_env.durable import write_durably
from jupyter_terra_env.notebooks.storage.temporary_files import temporary_prefix
from jupyter_terra_env.transfers.items import FileIdentity

FOLDER_NAME: Final = "terra-env-copies"
KEPT_SECONDS: Final = 6 * 24 * 3600
"""Cloud Storage keeps a session for a week."""
_MOST_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """A session, and what it is for.

    Attributes:
        address: the session's address; secret.
        identity: the content of the file that is uploaded.
        crc32c: checksum of that content.
        precondition: what the session was begun with.
        begun: epoch seconds.
    """

    address: str
    identity: FileIdentity
    crc32c: str
    precondition: Precondition
    begun: float


class SessionRecords:
    """The records of a user.

    Args:
        folder: where they are; made when it is needed. None keeps nothing: an interrupted upload begins anew.
        now: epoch seconds.
    """

    def __init__(self, folder: Path | None, now: Callable[[], float]) -> None:
        self._folder = folder
        self._now = now

    def find(self, source: Path, bucket: str, name: str, precondition: Precondition) -> SessionRecord | None:
        """The session of an earlier process for the same file, object and precondition. Blocks."""
        file = self._file(source, bucket, name)
        record = None if file is None else _read(file)
        if record is None or record.precondition != precondition:
            return None
        is_young = 0 <= self._now() - record.begun < KEPT_SECONDS
        return record if is_young else None

    def keep(self, source: Path, bucket: str, name: str, record: SessionRecord) -> None:
        """Write a record durably, and remove those that have aged out. Blocks.

        Raises:
            OSError: it cannot be written.
        """
        file = self._file(source, bucket, name)
        if file is None:
            return
        folder = file.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._remove_old(folder)
        write_durably(file, json.dumps(asdict(record)).encode(), prefix=temporary_prefix())

    def forget(self, source: Path, bucket: str, name: str) -> None:
        """Remove a record. Blocks."""
        file = self._file(source, bucket, name)
        if file is not None:
            file.unlink(missing_ok=True)

    def _file(self, source: Path, bucket: str, name: str) -> Path | None:
        if self._folder is None:
            return None
        key = "\0".join((os.path.realpath(source), bucket, name)).encode("utf-8", "surrogateescape")
        return self._folder / f"{hashlib.sha256(key).hexdigest()}.json"

    def _remove_old(self, folder: Path) -> None:
        for file in folder.glob("*.json"):
            record = _read(file)
            if record is None or self._now() - record.begun > KEPT_SECONDS:
                file.unlink(missing_ok=True)


def _read(file: Path) -> SessionRecord | None:
    """Read a record; None for anything else."""
    try:
        with file.open("rb") as opened:
            fields = json.loads(opened.read(_MOST_BYTES))
        return SessionRecord(
            **{
                **fields,
                "identity": FileIdentity(**fields["identity"]),
                "precondition": _precondition(fields["precondition"]),
                "begun": float(fields["begun"]),
            }
        )
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _precondition(fields: dict[str, Any]) -> Precondition:
    return MatchVersion(**fields) if fields else MustNotExist()
