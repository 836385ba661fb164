"""The parts of a copy: what is copied, to where, and what became of it."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from jupyter_terra_env.bucket.store import MatchVersion, ObjectVersion
from jupyter_terra_env.rules.copy_decisions import SKIPPED, CopyReason
from jupyter_terra_env.rules.errors import TerraEnvError

OnDisk = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs a function that blocks for the disk on a thread, and returns its result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileIdentity:
    """One content of one file, as far as the disk reports it.

    Attributes:
        device: number of the file system.
        inode: number of the file.
        size_bytes: length.
        changed_ns: time of the last change of content.
        status_changed_ns: time of the last change of anything; no program can set it.
    """

    device: int
    inode: int
    size_bytes: int
    changed_ns: int
    status_changed_ns: int

    @classmethod
    def of(cls, info: os.stat_result) -> "FileIdentity":
        """The identity in what ``stat`` has returned."""
        return cls(
            device=info.st_dev,
            inode=info.st_ino,
            size_bytes=info.st_size,
            changed_ns=info.st_mtime_ns,
            status_changed_ns=info.st_ctime_ns,
        )

    @property
    def changed(self) -> float:
        """Time of the last change of content, epoch seconds."""
        return self.changed_ns / 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSource:
    """A file on this disk.

    Attributes:
        path: where it is; its last component is no link.
        identity: the content that was looked at.
    """

    path: Path
    identity: FileIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketSource:
    """An object.

    Attributes:
        bucket: bucket name without ``gs://``.
        version: the version that was looked at.
    """

    bucket: str
    version: ObjectVersion


Source = DiskSource | BucketSource


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskTarget:
    """A place on this disk.

    Attributes:
        folder: the target folder's real path; it may have to be made.
        relative: ``/``-separated path below it.
        replaces: the file that is replaced; None for a new one.
    """

    folder: Path
    relative: str
    replaces: FileIdentity | None = None

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.folder / self.relative


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketTarget:
    """A name in a bucket.

    Attributes:
        bucket: bucket name without ``gs://``.
        name: object name.
        replaces: the version that is replaced; None for a new object.
    """

    bucket: str
    name: str
    replaces: MatchVersion | None = None


Target = DiskTarget | BucketTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One file to be copied.

    Attributes:
        source: what is copied.
        target: where to.
        shown_source: the source as text.
        shown_target: the target as text.
    """

    source: Source
    target: Target
    shown_source: str
    shown_target: str

    @property
    def size_bytes(self) -> int:
        """Length of the content."""
        match self.source:
            case DiskSource(identity=identity):
                return identity.size_bytes
            case BucketSource(version=version):
                return version.size_bytes


class Result(StrEnum):
    """What became of a file."""

    COPIED = "copied"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one file.

    Attributes:
        result: the kind.
        source: the source as text.
        target: the target as text; None if it has none.
        reason: machine code of a skip or a failure.
        message: a sentence; empty for what was copied.
        size_bytes: what was copied.
        replaced: whether another content was replaced.
    """

    result: Result
    source: str
    target: str | None = None
    reason: str | None = None
    message: str = ""
    size_bytes: int = 0
    replaced: bool = False


class CopyRefused(TerraEnvError):
    """One file is not copied; the others are not concerned.

    Args:
        reason: the cause, for machines.
        message: the cause as a sentence.
    """

    def __init__(self, reason: CopyReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def passed_over(
    reason: CopyReason, source: str, why: str, *, target: str | None = None, failed: bool = False
) -> Outcome:
    """The outcome of a file that is not copied.

    Args:
        reason: the cause, for machines.
        source: the source as text.
        why: the cause as a clause.
        target: the target as text.
        failed: whether that is a failure although the reason alone is none.
    """
    return Outcome(
        result=Result.FAILED if failed or reason not in SKIPPED else Result.SKIPPED,
        source=source,
        target=target,
        reason=reason.value,
        message=f"{source}: {why}.",
    )


def copied_item(item: Item) -> Outcome:
    """The outcome of an item that is copied, or would be."""
    return Outcome(
        result=Result.COPIED,
        source=item.shown_source,
        target=item.shown_target,
        size_bytes=item.size_bytes,
        replaced=item.target.replaces is not None,
    )
