"""Puts one version of an object in the place of a working copy. Protocol: docs/protocol/open-and-save.md, Localize."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.storage.file_digests import FileDigest, digest_file
from jupyter_terra_env.notebooks.storage.keeping import Keeping
from jupyter_terra_env.notebooks.storage.merge_bases import MergeBases
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.storage.patience import within
from jupyter_terra_env.notebooks.storage.temporary_files import temporary_file
from jupyter_terra_env.notebooks.storage.working_copies import Download
from jupyter_terra_env.notebooks.sync.delocalizer import Delocalizer
from jupyter_terra_env.rules.errors import ObjectNotFound, PreconditionFailed
from jupyter_terra_env.rules.sync import Baseline, has_unsaved_edits, is_settled
from jupyter_terra_env.rules.workspace import Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the disk and the journal say of a notebook, read before a decision.

    Attributes:
        os_path: the working copy.
        digest: its checksums; None when there is no such file.
        baseline: what it last equalled.
    """

    os_path: Path
    digest: FileDigest | None
    baseline: Baseline | None

    @property
    def crc32c(self) -> str | None:
        """The working copy's checksum; None when there is no such file."""
        return None if self.digest is None else self.digest.crc32c

    @property
    def has_edits(self) -> bool:
        """Whether the working copy holds something the bucket was never seen to hold."""
        return self.digest is not None and has_unsaved_edits(self.baseline, self.digest.crc32c)

    @property
    def is_settled(self) -> bool:
        """Whether the bucket is known to hold what the working copy holds, or there is none."""
        return self.digest is None or is_settled(self.baseline, self.digest.crc32c)


class VersionInstaller:
    """Downloads object versions and makes them working copies.

    Args:
        storage: disk, buckets and journal.
        delocalizer: forgets what it reported about a working copy that is replaced.
        bases: keeps what the new working copy began with.
    """

    def __init__(self, storage: NotebookStorage, delocalizer: Delocalizer, bases: MergeBases) -> None:
        self._storage = storage
        self._delocalizer = delocalizer
        self._bases = bases

    async def look(self, location: Location) -> Look:
        """Read the working copy's checksums and its baseline."""
        os_path = self._storage.os_path(location)
        digest = await self._storage.copies.digest(os_path)
        return Look(os_path=os_path, digest=digest, baseline=await self._storage.baseline(location))

    async def install(
        self,
        location: Location,
        look: Look,
        version: ObjectVersion,
        *,
        keeping: Keeping | None = None,
        taking: asyncio.Task[ObjectVersion] | None = None,
    ) -> bool:
        """Download one generation and make it the working copy and the baseline.

        Args:
            location: the notebook.
            look: what the version is to replace.
            version: the object.
            keeping: a file of its own for what is replaced; None to replace it.
            taking: gives the version with our lock on it, which is then the baseline.

        Returns:
            False when object, working copy or baseline changed meanwhile: the look must be taken again.

        Raises:
            BucketUnavailable, BucketRefused: as the port says.
        """
        copies = self._storage.copies
        with temporary_file(look.os_path) as (file, temporary):
            reading = self._storage.bucket(location).read_into(location.object_name, version.generation, file)
            patience = None if look.digest is None else self._storage.patience_seconds
            try:
                await within(patience, reading, location.workspace.bucket, size_bytes=version.size_bytes)
            except (ObjectNotFound, PreconditionFailed):
                return False
            file.flush()
            digest = await copies.run(digest_file, file)
            locked = version if taking is None else await taking
            if locked.generation != version.generation:
                return False
            download = Download(temporary=temporary, digest=digest, modified=version.updated)
            stands_on = look.baseline

            def stands() -> bool:
                nonlocal stands_on
                is_standing, stands_on = self._storage.begin_install_now(location, look.baseline)
                return is_standing

            if not await self._storage.install(look.os_path, download, stands, expected=look.digest, keeping=keeping):
                return False
        # A save that waited for the lock is on the disk now, made on what was there before: the look is taken again.
        async with copies.lock(look.os_path):
            if await copies.digest(look.os_path) != digest:
                return False
            self._delocalizer.forget_status(location)
            await copies.run(self._bases.keep, location.api_path, look.os_path)
            return await self._storage.advance_if_held(location, stands_on, locked, digest)
