"""Sources in a bucket: objects, folders of objects, and patterns."""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass

from jupyter_terra_env.bucket.store import BucketStore, ObjectVersion
from jupyter_terra_env.rules.copy_addresses import BucketAddress, fixed_part, is_one_level, is_pattern, matcher
from jupyter_terra_env.rules.copy_decisions import CopyReason
from jupyter_terra_env.rules.copy_names import is_hidden
from jupyter_terra_env.transfers.disk_sources import RECURSIVE_HINT, Found
from jupyter_terra_env.transfers.items import BucketSource, Outcome, passed_over


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketSources:
    """Finds objects.

    Attributes:
        recursive: whether folders are copied.
        hidden: whether hidden names within folders are.
        bucket_of: gives the bucket of an address.
    """

    recursive: bool
    hidden: bool
    bucket_of: Callable[[BucketAddress], BucketStore]

    async def find(self, address: BucketAddress) -> AsyncIterator[Found | Outcome]:
        """Find what a person named.

        Args:
            address: an object, a folder or a pattern.

        Yields:
            Sources, and what is left out.

        Raises:
            BucketUnavailable, BucketRefused: as the port says.
        """
        bucket, path = self.bucket_of(address), address.path
        if path == "" or path.endswith("/"):
            found = self._below(address, await bucket.list_all(path), path, "")
        elif is_pattern(path):
            found = await self._matching(address, bucket)
        else:
            found = await self._named(address, bucket)
        for one in found or [passed_over(CopyReason.NOT_FOUND, address.shown, "there is nothing of this name")]:
            yield one

    async def _named(self, address: BucketAddress, bucket: BucketStore) -> list[Found | Outcome]:
        path = address.path
        name = path.rpartition("/")[2]
        version = await bucket.stat(path)
        itself: list[Found | Outcome] = [] if version is None else [self._one(address, version, name)]
        if not self.recursive:
            below = None if itself else await bucket.list(path + "/")
            if below is not None and (below.objects or below.prefixes):
                return [passed_over(CopyReason.NEEDS_RECURSIVE, address.shown, RECURSIVE_HINT)]
            return itself
        return itself + self._below(address, await bucket.list_all(path + "/"), path + "/", name + "/")

    async def _matching(self, address: BucketAddress, bucket: BucketStore) -> list[Found | Outcome]:
        start, matches = fixed_part(address.path), matcher(address.path)

        def is_meant(name: str) -> bool:
            return name == address.path or matches.fullmatch(name) is not None

        if not is_one_level(address.path):
            versions = [one for one in await bucket.list_all(start) if is_meant(one.name)]
            return self._below(address, versions, start, "")
        listing = await bucket.list(start)
        found = self._below(address, [one for one in listing.objects if is_meant(one.name)], start, "")
        for prefix in listing.prefixes:
            if self.recursive and is_meant(prefix.removesuffix("/")):
                found += self._below(address, await bucket.list_all(prefix), start, "")
        return found

    def _below(
        self, address: BucketAddress, versions: Iterable[ObjectVersion], prefix: str, start: str
    ) -> list[Found | Outcome]:
        """Objects of a folder.

        Args:
            address: what was named.
            versions: the objects.
            prefix: what of their names is not kept.
            start: what paths below the target begin with.
        """
        found: list[Found | Outcome] = []
        for version in versions:
            shown, below = f"gs://{address.bucket}/{version.name}", version.name.removeprefix(prefix)
            if version.name.endswith("/"):
                found.append(passed_over(CopyReason.FOLDER_MARKER, shown, "it only marks a folder"))
            elif is_hidden(below) and not self.hidden and not {".", ".."} & set(below.split("/")):
                found.append(passed_over(CopyReason.HIDDEN, shown, "hidden files are left out without --hidden"))
            else:
                found.append(self._one(address, version, start + below))
        return found

    @staticmethod
    def _one(address: BucketAddress, version: ObjectVersion, relative: str) -> Found:
        shown = f"gs://{address.bucket}/{version.name}"
        return Found(source=BucketSource(bucket=address.bucket, version=version), relative=relative, shown=shown)
