"""Builds the parts of a copy from the settings, and does it: find, plan, copy. Protocol: docs/protocol/copies.md."""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self

from jupyter_terra_env.bucket.clock import BucketClock
from jupyter_terra_env.bucket.connection import Connection
from jupyter_terra_env.bucket.store import BucketStore, ObjectVersion
from jupyter_terra_env.bucket.threaded import BucketThreads
from jupyter_terra_env.daemon_threads import DaemonThreads
from jupyter_terra_env.notebooks.storage_links import LINKS_FILE
from jupyter_terra_env.rules.copy_addresses import BucketAddress, is_pattern, parse
from jupyter_terra_env.rules.copy_decisions import LOCKED, IfExists
from jupyter_terra_env.rules.edit_lock import Claim, Holder, claim_of, owner_hash, read_lock
from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.rules.storage_links import BadRequest, LinkTable, parse_link
from jupyter_terra_env.rules.workspace import Workspace, Workspaces
from jupyter_terra_env.transfers.bucket_sources import BucketSources
from jupyter_terra_env.transfers.copier import Copied, Copier
from jupyter_terra_env.transfers.disk_sources import DiskSources, Found
from jupyter_terra_env.transfers.downloads import Downloads
from jupyter_terra_env.transfers.items import BucketSource, Item, Outcome
from jupyter_terra_env.transfers.plan import Destination, Guards, Plan, Planner
from jupyter_terra_env.transfers.progress import Progress
from jupyter_terra_env.transfers.session_records import SessionRecords
from jupyter_terra_env.transfers.uploads import Uploads

_HASH_DIGITS = 12
_BOTH_ON_DISK = "Both ends are on this disk: use cp, or name a bucket as workspace:PATH or gs://BUCKET/PATH."
_NO_TARGET = "The target has no name."


@dataclass(frozen=True, slots=True, kw_only=True)
class CopySettings:
    """What a copy needs to know.

    Attributes:
        root: the server's root folder.
        state: folder of the journal, which is never copied.
        records: folder of upload sessions.
        workspaces: the configured ones.
        connection: how buckets are reached.
        email: this person's address, by which their own locks are recognized; empty if it is unknown. Never printed.
        environment: id of this environment; None if there is none yet.
        user_project: project to bill for all buckets; None for each workspace's own.
        workers: how many files at once.
        recursive: whether folders are copied.
        hidden: whether hidden files are.
        if_exists: what is done with targets that exist and differ.
    """

    root: Path
    state: Path
    records: Path
    workspaces: tuple[Workspace, ...]
    connection: Connection
    email: str = field(default="", repr=False)
    environment: str | None = None
    user_project: str | None = None
    workers: int = 16
    recursive: bool = False
    hidden: bool = False
    if_exists: IfExists = IfExists.REFUSE


class Copies:
    """Finds, plans and copies; a context manager that owns the threads.

    Args:
        settings: see there.
        clock: takes the buckets' time from their answers, to judge locks by.
        wait: waits for some seconds before something is tried again.
    """

    def __init__(
        self, settings: CopySettings, clock: BucketClock, *, wait: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._settings = settings
        self._wait = wait
        self._clock = clock
        connection = replace(settings.connection, concurrency=2 * settings.workers)
        self._threads = BucketThreads(connection, monotonic=time.monotonic, clock=clock)
        self._disk = DaemonThreads(settings.workers, name="terra-env-copy")
        self._projects = {one.bucket: one.user_project for one in settings.workspaces}
        self._workspaces = Workspaces(settings.workspaces)
        self._workspaces.link(_linked(settings.state))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._disk.shutdown(wait=False, cancel_futures=True)
        self._threads.close()

    async def plan(self, sources: Sequence[str], target: str) -> Plan:
        """Find the sources, and give each its target.

        Args:
            sources: as they were typed.
            target: as it was typed.

        Raises:
            SettingsError: an address cannot be, or both ends are on this disk.
            BucketUnavailable, BucketRefused: as the port says.
        """
        into = parse(target, self._settings.workspaces)
        addresses = [parse(text, self._settings.workspaces) for text in sources]
        if into is None and None in addresses:
            raise SettingsError(_BOTH_ON_DISK)
        found, passed = await self._found(sources, addresses)
        several = len(sources) > 1 or any("/" in one.relative for one in found) or _may_be_several(sources[0], found)
        if into is None:
            destination = _on_disk(target, several=several)
        else:
            destination = await self._in_bucket(into, several=several)
        planner = Planner(
            bucket_of=self._bucket,
            on_disk=self._on_disk,
            if_exists=self._settings.if_exists,
            guards=Guards(why_locked=self._why_locked, is_working_copy=self._is_working_copy),
        )
        plan = await planner.plan(found, destination)
        plan.outcomes[:0] = passed
        return plan

    async def copy(self, items: Sequence[Item], progress: Progress, copied: Copied) -> None:
        """Copy.

        Args:
            items: what is copied.
            progress: counts.
            copied: takes what became of each.
        """
        copier = Copier(
            uploads=Uploads(SessionRecords(self._settings.records, time.time), on_disk=self._on_disk, now=time.time),
            downloads=Downloads(on_disk=self._on_disk, mode=0o666 & ~_umask()),
            bucket_of=self._bucket,
            workers=self._settings.workers,
            wait=self._wait,
        )
        await copier.copy(items, progress, copied)

    def _bucket(self, name: str) -> BucketStore:
        return self._threads.bucket(name, self._settings.user_project or self._projects.get(name))

    async def _on_disk(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._disk, work)

    async def _found(
        self, sources: Sequence[str], addresses: Sequence[BucketAddress | None]
    ) -> tuple[list[Found], list[Outcome]]:
        settings = self._settings
        on_disk = DiskSources(
            recursive=settings.recursive,
            hidden=settings.hidden,
            playgrounds=_real(
                settings.root / one.playground_directory
                for one in self._workspaces.all
                if one.playground_directory is not None
            ),
            private=_real([settings.state, *filter(None, [settings.connection.embedded_directory])]),
        )
        in_bucket = BucketSources(
            recursive=settings.recursive, hidden=settings.hidden, bucket_of=lambda address: self._bucket(address.bucket)
        )
        every: list[Found | Outcome] = []
        for text, address in zip(sources, addresses, strict=True):
            if address is None:
                every += await self._on_disk(partial(_listed, on_disk, text))
            else:
                every += [one async for one in in_bucket.find(address)]
        return [one for one in every if isinstance(one, Found)], [one for one in every if isinstance(one, Outcome)]

    async def _in_bucket(self, into: BucketAddress, *, several: bool) -> Destination:
        path = into.path
        if path and not path.endswith("/") and not several:
            below = await self._bucket(into.bucket).list(path + "/")
            if not below.objects and not below.prefixes:
                folder, _, name = path.rpartition("/")
                return Destination(bucket=into.bucket, prefix=folder + "/" if folder else "", name=name)
        prefix = path if not path or path.endswith("/") else path + "/"
        return Destination(bucket=into.bucket, prefix=prefix)

    def _why_locked(self, bucket: str, version: ObjectVersion) -> str | None:
        settings = self._settings
        environment = settings.environment or ""
        me = Holder(owner=owner_hash(bucket, settings.email or environment), environment=environment)
        claim, lock = claim_of(version.metadata, me, self._clock.now_ms()), read_lock(version.metadata)
        if claim is Claim.FREE or lock is None:
            return None
        until = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=lock.expires_at_ms)).strftime("%H:%M:%S")
        return (
            f"{LOCKED[claim]} (edit lock of {lock.holder.owner[:_HASH_DIGITS]} until {until} UTC): "
            "copy under another name, or when it is free"
        )

    def _is_working_copy(self, path: Path) -> bool:
        root = Path(os.path.realpath(self._settings.root))
        if not path.is_relative_to(root):
            return False
        location = self._workspaces.locate(path.relative_to(root).as_posix())
        return location is not None and location.is_delocalized


def _linked(state: Path) -> tuple[Workspace, ...]:
    """The workspaces of storage links, whose files are protected, too; a file that is broken has none."""
    try:
        table = json.loads((state / LINKS_FILE).read_text(encoding="utf-8"))
        links = LinkTable({str(key): parse_link(link) for key, link in table.items()}).listed()
    except (OSError, ValueError, AttributeError, RecursionError, BadRequest):
        return ()
    return tuple(link.workspace(None) for link in links)


def _listed(sources: DiskSources, text: str) -> list[Found | Outcome]:
    return list(sources.find(text))


def _on_disk(target: str, *, several: bool) -> Destination:
    if several or target.endswith("/") or Path(target).is_dir():
        return Destination(bucket=None, folder=Path(os.path.realpath(target)))
    folder, name = os.path.split(target)
    if not name:
        raise SettingsError(_NO_TARGET)
    return Destination(bucket=None, folder=Path(os.path.realpath(folder or ".")), name=name)


def _may_be_several(text: str, found: Sequence[Found]) -> bool:
    if text.endswith("/"):
        return True
    if len(found) != 1 or not is_pattern(text):
        return len(found) > 1
    source = found[0].source
    name = source.version.name if isinstance(source, BucketSource) else found[0].shown
    return not text.endswith(name)


def _real(folders: Iterable[Path]) -> frozenset[str]:
    return frozenset(os.path.realpath(folder) for folder in folders)


def _umask() -> int:
    """The process's mask for new files; to read it is to set it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
