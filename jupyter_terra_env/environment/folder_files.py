"""``.delocalize.json`` files, which make a folder a workspace if the operator permits it.

The file may have come with a cloned repository, so it is not trusted: it counts only if the operator has named the
bucket, it is never read through a link or beyond a few kilobytes, and nothing in it can end the start.
"""

import json
import os
import stat
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from jupyter_terra_env.rules.shown_names import shown

DELOCALIZE_FILE = ".delocalize.json"
"""Welder writes it into the workspace folders: ``{"destination": "gs://bucket/notebooks"}``."""

_MOST_BYTES = 4096
_MOST_FILES = 200
_NAMED = 3


class FileSkipped(Exception):
    """A file is ignored; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """The bucket and prefix for a folder's notebooks.

    Attributes:
        name: the folder's name, which becomes the workspace's.
        bucket: bucket name.
        prefix: start of the notebooks' object names.
    """

    name: str
    bucket: str
    prefix: str


def folders_with_files(root: Path, edit_folder: str) -> Iterator[str]:
    """Yield the names of the folders below the root that have such a file, in order; hidden ones are left out."""
    try:
        names = sorted(entry.name for entry in os.scandir(root) if not entry.name.startswith("."))
    except OSError:
        return
    found = 0
    for name in names:
        if found < _MOST_FILES and os.path.lexists(root / name / edit_folder / DELOCALIZE_FILE):
            found += 1
            yield name


def read_destination(root: Path, name: str, edit_folder: str, *, buckets: Collection[str]) -> Destination:
    """Read a folder's file.

    Args:
        root: the server's root folder.
        name: the folder's name.
        edit_folder: name of the edit folder in it.
        buckets: names of the buckets that the operator has allowed.

    Raises:
        FileSkipped: the file is ignored.
    """
    folder = root / name / edit_folder
    if os.path.realpath(folder) != os.path.join(os.path.realpath(root), name, edit_folder):  # noqa: PTH118
        raise FileSkipped("a link leads to it")
    bucket, _, prefix = _destination(_text(folder / DELOCALIZE_FILE)).partition("/")
    if bucket not in buckets:
        raise FileSkipped("TerraEnvApp.folder_buckets does not name its bucket")
    return Destination(name=name, bucket=bucket, prefix=prefix)


def warn_of_skipped(skipped: list[tuple[str, str]], warn: Callable[[str], None]) -> None:
    """Give one warning for all ignored files.

    Args:
        skipped: names of folders, and why the file of each is ignored.
        warn: takes the sentence.
    """
    if not skipped:
        return
    named = "; ".join(f"{shown(name)!r}: {why}" for name, why in skipped[:_NAMED])
    more = f"; and {len(skipped) - _NAMED} more" if len(skipped) > _NAMED else ""
    warn(
        f"jupyter_terra_env: {DELOCALIZE_FILE} is ignored in these folders ({named}{more}). Such a file makes a "
        "workspace only if TerraEnvApp.folder_buckets names its bucket; any other workspace is set by WORKSPACE_NAME "
        "and WORKSPACE_BUCKET, or by TerraEnvApp.workspaces."
    )


def _text(file: Path) -> str:
    """Return the text of a regular file; a pipe would block the start for ever."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise FileSkipped("it cannot be read") from error
    try:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            raise FileSkipped("it is not a regular file")
        if info.st_size > _MOST_BYTES:
            raise FileSkipped(f"it has more than {_MOST_BYTES} bytes")
        return os.read(descriptor, _MOST_BYTES).decode("utf-8")
    except (OSError, ValueError) as error:
        raise FileSkipped("it cannot be read") from error
    finally:
        os.close(descriptor)


def _destination(text: str) -> str:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileSkipped("it is not JSON") from error
    destination = record.get("destination") if isinstance(record, dict) else None
    if not isinstance(destination, str):
        raise FileSkipped('it is not {"destination": "gs://BUCKET/notebooks"}')
    return destination.removeprefix("gs://")
