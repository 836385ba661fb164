"""Looks at locks that are waited for: one listing for each folder, however many notebooks of it are waited for."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable

from jupyter_terra_env.notebooks.held_locks import HeldLocks
from jupyter_terra_env.notebooks.places import Places
from jupyter_terra_env.rules.errors import BucketError
from jupyter_terra_env.rules.workspace import Location


class LockWatch:
    """Learns that a lock is free again.

    Args:
        places: the buckets.
        locks: told what was seen.
    """

    def __init__(self, places: Places, locks: HeldLocks) -> None:
        self._places = places
        self._locks = locks

    async def look(self, waited_for: Iterable[Location]) -> None:
        """Look once; while the bucket cannot be asked, nothing is learnt."""
        folders: dict[str, list[Location]] = defaultdict(list)
        for location in waited_for:
            folders[location.parent.api_path].append(location)
        await asyncio.gather(*map(self._look_into, folders.values()))

    async def _look_into(self, waited_for: list[Location]) -> None:
        by_name = {location.object_name: location for location in waited_for}
        try:
            # The names' common start keeps the answer small; of one notebook it is the whole name.
            listing = await self._places.bucket(waited_for[0]).list(_common_start(by_name))
        except BucketError:
            return
        found = {version.name: version for version in listing.objects}
        for name, location in by_name.items():
            if name in found:
                self._locks.saw(location, found[name])
            else:
                self._locks.saw_none(location)


def _common_start(names: Collection[str]) -> str:
    # The smallest and the largest of them share what all share.
    first, last = min(names), max(names)
    length = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return first[:length]
