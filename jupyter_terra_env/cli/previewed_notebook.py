"""Finds the notebook of a preview, and reads it: a file, an object, or a path in a configured workspace."""

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jupyter_terra_env.bucket.clock import BucketClock, machine_clock
from jupyter_terra_env.bucket.connection import Connection
from jupyter_terra_env.bucket.threaded import BucketThreads
from jupyter_terra_env.cli.embedded_folder import require_embedded_bucket
from jupyter_terra_env.cli.server_settings import load
from jupyter_terra_env.notebooks.preview.banner import Banner
from jupyter_terra_env.notebooks.preview.content import file_content, newest
from jupyter_terra_env.rules.errors import (
    BucketError,
    BucketTrouble,
    ObjectNotFound,
    OperationRefused,
    RefusalReason,
)
from jupyter_terra_env.rules.object_addresses import SCHEME, ObjectAddress, parse_object_address
from jupyter_terra_env.rules.refused_access import NoProjectToBill
from jupyter_terra_env.rules.workspace import Workspaces, is_roundabout

_UNPAID = {BucketTrouble.REQUESTER_PAYS, BucketTrouble.USER_PROJECT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A notebook, read.

    Attributes:
        name: where it is, for people.
        title: its file name.
        content: as stored.
        banner: what is known about it.
        generation: of the object; None for a file.
    """

    name: str
    title: str
    content: bytes
    banner: Banner
    generation: str | None = None


def find(text: str, *, root: Path | None, user_project: str | None) -> Found:
    """Find and read a notebook.

    Args:
        text: as a person names it.
        root: the server's root folder; None for the configured one.
        user_project: project to bill; None for the workspace's, if any.

    Raises:
        SettingsError: it names nothing that can be there.
        ObjectNotFound, OperationRefused, BucketError: it is not there, is no file, is too large; as the port says.
    """
    if text.startswith(SCHEME):
        address = parse_object_address(text)
        return _object(address, load(root).connection, user_project)
    file = Path(text)
    if _is_there(file):
        return _file(file, text)
    settings = load(root)
    location = Workspaces(settings.workspaces).locate(text)
    if location is None or not location.relative_path or is_roundabout(location.relative_path):
        raise ObjectNotFound(f"{text} is neither a file nor in a configured workspace.")
    if not location.is_delocalized:
        return _file(settings.root / location.api_path, location.api_path)
    project = user_project or location.workspace.user_project
    address = ObjectAddress(bucket=location.bucket, object_name=location.object_name)
    return _object(address, settings.connection, project)


def _is_there(file: Path) -> bool:
    with contextlib.suppress(OSError):  # a name that is too long for a file
        return file.exists()
    return False


def _object(address: ObjectAddress, connection: Connection, user_project: str | None) -> Found:
    require_embedded_bucket(connection, address.bucket)
    clock = BucketClock(local_ms=machine_clock(), log=logging.getLogger(__name__))
    threads = BucketThreads(connection, monotonic=time.monotonic, clock=clock)
    try:
        bucket = threads.bucket(address.bucket, user_project)
        version, content = asyncio.run(newest(bucket, address, name=str(address)))
    except BucketError as error:
        if error.trouble in _UNPAID:
            raise NoProjectToBill(address.bucket, error.trouble, str(error)) from error
        raise
    finally:
        threads.close()
    return Found(
        name=str(address),
        title=address.name,
        content=content,
        banner=Banner.of(version, now_ms=clock.now_ms()),
        generation=str(version.generation),
    )


def _file(path: Path, name: str) -> Found:
    try:
        content = file_content(path, name=name, follow=True)
        saved_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError as error:
        raise ObjectNotFound(f"{name} is not on this disk.") from error
    except IsADirectoryError as error:
        raise OperationRefused(RefusalReason.NO_PREVIEW, f"{name} is a folder, not a notebook.") from error
    except OSError as error:
        raise OperationRefused(
            RefusalReason.NO_PREVIEW, f"{name} cannot be read: {error.strerror or error}."
        ) from error
    return Found(name=name, title=path.name, content=content, banner=Banner(saved_at=saved_at))
