"""One object to one file: verified, on the disk, and only then under its name."""

from collections.abc import Callable

from jupyter_terra_env.bucket.store import BucketStore
from jupyter_terra_env.rules.copy_decisions import CopyReason
from jupyter_terra_env.rules.errors import (
    BucketTrouble,
    BucketUnavailable,
    ObjectNotFound,
    PreconditionFailed,
)
from jupyter_terra_env.transfers.items import BucketSource, CopyRefused, DiskTarget, OnDisk
from jupyter_terra_env.transfers.part_files import PartFile


class Downloads:
    """Downloads objects.

    Args:
        on_disk: runs a function that blocks for the disk.
        mode: permissions of new files.
    """

    def __init__(self, *, on_disk: OnDisk, mode: int) -> None:
        self._on_disk = on_disk
        self._mode = mode

    async def download(
        self, source: BucketSource, target: DiskTarget, bucket: BucketStore, progress: Callable[[int], None]
    ) -> None:
        """Download an object, on the condition that its target is as it was looked at.

        Args:
            source: the object.
            target: the file.
            bucket: the object's bucket.
            progress: called, on any thread, with the number of bytes that have arrived.

        Raises:
            CopyRefused: the object or the file has changed, or another copy writes it.
            OSError, OperationRefused: as the disk raises.
            BucketUnavailable, BucketRefused: as the port says.
        """
        version = source.version
        part: PartFile = await self._on_disk(lambda: PartFile(target, source.bucket, version, progress))
        try:
            if version.content_encoding is not None:
                await bucket.read_into(version.name, version.generation, part.plain_file)  # type: ignore[arg-type]
            else:
                await self._fetch(source, part, bucket)
            await self._on_disk(lambda: part.publish(self._mode))
        except (ObjectNotFound, PreconditionFailed) as error:
            part.discard()
            raise CopyRefused(CopyReason.CHANGED, "the object was replaced or deleted since the copy began") from error
        except BaseException as error:
            # On a full disk a part would keep notebooks from being saved.
            if not part.is_resumable or isinstance(error, OSError):
                part.discard()
            raise
        finally:
            part.close()

    async def _fetch(self, source: BucketSource, part: PartFile, bucket: BucketStore) -> None:
        version = source.version
        if not version.crc32c:
            raise CopyRefused(CopyReason.NO_CHECKSUM, "the bucket has no checksum for it, so it cannot be verified")
        for start in (await self._on_disk(part.resume), 0):
            if start < version.size_bytes:
                await bucket.read_from(version.name, version.generation, start, part)
            if await self._on_disk(part.is_whole):
                return
            # A power cut can leave a part with holes; begin again once.
            await self._on_disk(part.restart)
            if start == 0:
                break
        raise BucketUnavailable(source.bucket, BucketTrouble.CORRUPT_TRANSFER, f"{version.name} arrived damaged")
