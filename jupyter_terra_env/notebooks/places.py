"""Where a workspace path lives: its file on the disk, its object's bucket, its row in the journal."""

from collections.abc import Callable
from pathlib import Path

from jupyter_terra_env.bucket.store import BucketStore, ObjectVersion
from jupyter_terra_env.notebooks.journal import Journal
from jupyter_terra_env.notebooks.working_copies import WorkingCopies, resolve_inside
from jupyter_terra_env.rules.errors import BucketTrouble, BucketUnavailable, OperationRefused, RefusalReason
from jupyter_terra_env.rules.sync import Baseline, Remote
from jupyter_terra_env.rules.workspace import Location, Workspace


class Places:
    """Ties locations to the disk, the buckets and the journal.

    Args:
        root: the server's root folder.
        bucket_of: gives a workspace's bucket.
        journal: baselines.
        copies: the files.
    """

    def __init__(
        self,
        *,
        root: Path,
        bucket_of: Callable[[Workspace], BucketStore],
        journal: Journal,
        copies: WorkingCopies,
    ) -> None:
        self.copies = copies
        self._root = root
        self._bucket_of = bucket_of
        self._journal = journal

    def os_path(self, location: Location) -> Path:
        """The real path of the working copy.

        Raises:
            OperationRefused: a link on the way leads out of the workspace folder.
        """
        path = resolve_inside(self._root / location.directory, location.relative_path)
        if path is None:
            raise OperationRefused(
                RefusalReason.OUTSIDE_WORKSPACE,
                f"{location.api_path} leads out of its workspace folder through a link.",
            )
        return path

    def bucket(self, location: Location) -> BucketStore:
        """The bucket of a place."""
        return self._bucket_of(location.workspace)

    async def stat(self, location: Location) -> ObjectVersion | None:
        """The object of a place as it is now. One request."""
        return await self.bucket(location).stat(location.object_name)

    async def baseline(self, location: Location) -> Baseline | None:
        """What the working copy last equalled."""
        return await self.copies.run(
            self._journal.baseline, location.api_path, location.workspace.bucket, location.object_name
        )

    async def expect_absent(self, location: Location) -> Baseline:
        """Record that the object was never seen; see ``Journal.expect_absent``."""
        return await self.copies.run(
            self._journal.expect_absent, location.api_path, location.workspace.bucket, location.object_name
        )

    async def advance(self, location: Location, expected: Baseline | None, version: ObjectVersion, crc32c: str) -> bool:
        """Make a version the baseline; see ``Journal.advance``.

        Args:
            location: the working copy.
            expected: the baseline this was decided on.
            version: the object version.
            crc32c: checksum of the working copy that equals it.
        """
        return await self.copies.run(
            self._journal.advance,
            location.api_path,
            location.workspace.bucket,
            location.object_name,
            expected=expected,
            generation=version.generation,
            metageneration=version.metageneration,
            crc32c=crc32c,
            metadata=dict(version.metadata),
        )

    async def forget(self, location: Location) -> None:
        """Drop what is known of a working copy."""
        await self.copies.run(self._journal.forget, location.api_path)


def kept_changing(location: Location) -> BucketUnavailable:
    """The error when an object changed again each time it was looked at."""
    return BucketUnavailable(
        location.workspace.bucket, BucketTrouble.OVERLOADED, f"gs://…/{location.object_name} kept changing"
    )


def as_remote(version: ObjectVersion | None) -> Remote | None:
    """The part of an object version that decisions need."""
    if version is None:
        return None
    return Remote(
        generation=version.generation,
        metageneration=version.metageneration,
        crc32c=version.crc32c,
        metadata=version.metadata,
    )
