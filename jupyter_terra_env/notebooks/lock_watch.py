"""Looks at locks that are waited for: one listing for each folder, however many notebooks of it are waited for."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Iterable
from functools import partial

from jupyter_terra_env.notebooks.held_locks import HeldLocks
from jupyter_terra_env.notebooks.places import Places
from jupyter_terra_env.rules.errors import BucketError
from jupyter_terra_env.rules.workspace import Location

_LOG = logging.getLogger(__name__)


class LockWatch:
    """Learns that a lock is free again.

    Args:
        places: the buckets.
        locks: told what was seen.
        log: where unexpected failures go.
    """

    def __init__(
        self,
        places: Places,
        locks: HeldLocks,
        log: logging.Logger | logging.LoggerAdapter[logging.Logger] = _LOG,
    ) -> None:
        self._places = places
        self._locks = locks
        self._log = log
        self._looks: dict[str, asyncio.Task[None]] = {}

    def begin(self, waited_for: Iterable[Location]) -> None:
        """Begin a look into each folder that is not being looked into already.

        While a bucket cannot be asked, nothing is learnt. One folder never waits for another.
        """
        folders: dict[str, list[Location]] = defaultdict(list)
        for location in waited_for:
            folders[location.parent.api_path].append(location)
        for path in folders.keys() - self._looks.keys():
            look = self._looks[path] = asyncio.create_task(self._look_into(folders[path]), name=f"locks in {path}")
            look.add_done_callback(partial(self._end, path))

    async def close(self) -> None:
        """Give up what is being looked at."""
        looks = [*self._looks.values()]
        for look in looks:
            look.cancel()
        await asyncio.gather(*looks, return_exceptions=True)

    def _end(self, path: str, look: asyncio.Task[None]) -> None:
        del self._looks[path]
        if not look.cancelled() and (error := look.exception()) is not None:
            self._log.error("Looking at locks that are waited for failed.", exc_info=error)

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
