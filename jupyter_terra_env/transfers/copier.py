"""Does what a plan says: several files at once, each tried again as long as that helps."""

import asyncio
import errno
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from jupyter_terra_env.bucket.store import BucketStore
from jupyter_terra_env.notebooks.concurrency import for_each
from jupyter_terra_env.rules.copy_decisions import OF_ONE_OBJECT, CopyReason
from jupyter_terra_env.rules.edit_lock import ENVIRONMENT_KEY, EXPIRY_KEY, OWNER_KEY
from jupyter_terra_env.rules.errors import BucketError, BucketUnavailable, OperationRefused
from jupyter_terra_env.rules.readback import WRITE_ID_KEY
from jupyter_terra_env.transfers.downloads import Downloads
from jupyter_terra_env.transfers.items import (
    BucketSource,
    BucketTarget,
    CopyRefused,
    DiskSource,
    DiskTarget,
    Item,
    Outcome,
    Result,
    copied_item,
)
from jupyter_terra_env.transfers.progress import Progress
from jupyter_terra_env.transfers.uploads import Uploads, settled

TRIES = 5
FIRST_WAIT_SECONDS = 1.0
_FULL = {errno.ENOSPC, errno.EDQUOT}
_OURS = {OWNER_KEY, EXPIRY_KEY, ENVIRONMENT_KEY, WRITE_ID_KEY}
"""Metadata that belong to one object, and not to its copies."""


@dataclass(slots=True, kw_only=True)
class Copied:
    """What became of a plan's items.

    Attributes:
        outcomes: one for each item that was tried.
        not_tried: how many were not.
        ended_by: why the copy ended early; None if it did not.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    not_tried: int = 0
    ended_by: str | None = None


class Copier:
    """Copies.

    Args:
        uploads: the way up.
        downloads: the way down.
        bucket_of: gives a bucket by its name.
        workers: how many files at once.
        wait: waits for some seconds.
    """

    def __init__(
        self,
        *,
        uploads: Uploads,
        downloads: Downloads,
        bucket_of: Callable[[str], BucketStore],
        workers: int,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._uploads = uploads
        self._downloads = downloads
        self._bucket_of = bucket_of
        self._workers = workers
        self._wait = wait

    async def copy(self, items: Sequence[Item], progress: Progress, copied: Copied) -> None:
        """Copy all items.

        Args:
            items: what is copied.
            progress: counts.
            copied: takes what became of each, as it happens.
        """
        # The largest first: at the end, all workers have something to do.
        order = sorted(enumerate(items), key=lambda numbered: -numbered[1].size_bytes)

        async def act(numbered: tuple[int, Item]) -> None:
            number, item = numbered
            if copied.ended_by is not None:
                copied.not_tried += 1
                return
            outcome = await self._outcome(item, progress.of(number), copied)
            copied.outcomes.append(outcome)
            progress.file_ended()

        await for_each(order, act, at_once=self._workers)

    async def _outcome(self, item: Item, progress: Callable[[int], None], copied: Copied) -> Outcome:
        try:
            await self._patiently(item, progress)
        except CopyRefused as refused:
            return _failed(item, refused.reason.value, str(refused))
        except BucketError as error:
            if error.trouble not in OF_ONE_OBJECT:
                copied.ended_by = copied.ended_by or error.sentence
            return _failed(item, error.trouble.value, error.sentence)
        except OSError as error:
            full = error.errno in _FULL
            why = _no_room(item) if full else f"The disk refuses it ({error.strerror})."
            if full:
                copied.ended_by = copied.ended_by or why
            return _failed(item, (CopyReason.NO_SPACE if full else CopyReason.DISK).value, why)
        except OperationRefused as refused:
            return _failed(item, CopyReason.FOLDER_IN_THE_WAY.value, str(refused))
        return copied_item(item)

    async def _patiently(self, item: Item, progress: Callable[[int], None]) -> None:
        seconds = FIRST_WAIT_SECONDS
        for _ in range(TRIES - 1):
            try:
                await self._once(item, progress)
            except BucketUnavailable:
                await self._wait(seconds)
                seconds *= 2
            else:
                return
        await self._once(item, progress)

    async def _once(self, item: Item, progress: Callable[[int], None]) -> None:
        match item.source, item.target:
            case DiskSource() as source, BucketTarget() as target:
                await self._uploads.upload(source, target, self._bucket_of(target.bucket), progress)
            case BucketSource() as source, DiskTarget() as target:
                await self._downloads.download(source, target, self._bucket_of(source.bucket), progress)
            case BucketSource() as source, BucketTarget() as target:
                await self._rewrite(source, target)
                progress(item.size_bytes)
            case _:
                raise ValueError("both ends of a copy are on this disk")

    async def _rewrite(self, source: BucketSource, target: BucketTarget) -> None:
        """Copy within Cloud Storage: nothing passes through this machine."""
        version, bucket = source.version, self._bucket_of(source.bucket)
        metadata = {key: value for key, value in version.metadata.items() if key not in _OURS}
        await settled(
            self._bucket_of(target.bucket),
            target,
            version.crc32c,
            version.size_bytes,
            lambda: bucket.copy(
                version.name,
                target.name,
                version.precondition,
                metadata=metadata,
                to_bucket=target.bucket,
                onto=target.replaces,
            ),
        )


def _failed(item: Item, reason: str, message: str) -> Outcome:
    return Outcome(
        result=Result.FAILED,
        source=item.shown_source,
        target=item.shown_target,
        reason=reason,
        message=f"{item.shown_source}: {message[0].lower()}{message[1:].removesuffix('.')}.",
    )


def _no_room(item: Item) -> str:
    where = item.target.folder if isinstance(item.target, DiskTarget) else "this machine"
    return f"There is no room left on the disk of {where}: make room and run the same command again."
