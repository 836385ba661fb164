"""Looks at notebooks that tabs show: who edits them now, whether there is a newer version, whether they are gone.

One request for each folder, however many notebooks of it are shown. Protocol: docs/protocol/keeping-locks.md.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.locks.lock_table import LockTable
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.rules.errors import BucketError
from jupyter_terra_env.rules.gone import MISSING, Gone, what_became_of
from jupyter_terra_env.rules.lock_view import WAITED_FOR
from jupyter_terra_env.rules.workspace import Location

_LOG = logging.getLogger(__name__)
_MOVE_BY_COPY = timedelta(seconds=30)
"""Clients that copy, then delete, make the new object while the old one is still there."""


class LockWatch:
    """Learns what others do with notebooks.

    Args:
        storage: the buckets.
        locks: records what was seen.
        now_ms: the bucket's time, epoch milliseconds.
        log: where unexpected failures go.
    """

    def __init__(
        self,
        storage: NotebookStorage,
        locks: LockTable,
        *,
        now_ms: Callable[[], int],
        log: logging.Logger | logging.LoggerAdapter[logging.Logger] = _LOG,
    ) -> None:
        self._storage = storage
        self._locks = locks
        self._now_ms = now_ms
        self._log = log
        self._last_there: dict[str, datetime] = {}
        self._looks: dict[str, asyncio.Task[None]] = {}

    def begin(self, shown: Iterable[Location]) -> None:
        """Start a listing of each folder that is not being listed already.

        While a bucket cannot be asked, nothing is learnt. One folder never waits for another.
        """
        folders: dict[str, list[Location]] = defaultdict(list)
        shown = list(shown)
        paths = {location.api_path for location in shown}
        self._last_there = {path: seen for path, seen in self._last_there.items() if path in paths}
        for location in shown:
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
            self._log.error("Looking at notebooks that are shown failed.", exc_info=error)

    async def _look_into(self, shown: list[Location]) -> None:
        before = {location.api_path: self._locks.knowledge(location) for location in shown}

        def is_unchanged(location: Location) -> bool:
            # What was read or written meanwhile may be newer than this answer.
            return self._locks.knowledge(location) is before[location.api_path]

        asked = datetime.fromtimestamp(self._now_ms() / 1000, UTC) - _MOVE_BY_COPY
        try:
            found = await self._ask_about(shown)
            for location in filter(is_unchanged, shown):
                if (version := found.get(location.object_name)) is not None:
                    self._locks.record_version(location, version)
                    self._last_there[location.api_path] = asked
                    continue
                gone = await self._what_became_of(location)
                if is_unchanged(location):
                    self._locks.record_absent(location, gone)
        except BucketError:
            return

    async def _ask_about(self, shown: list[Location]) -> Mapping[str, ObjectVersion]:
        if len(shown) == 1 and self._locks.view(shown[0]).state not in WAITED_FOR:
            version = await self._storage.stat(shown[0])
            return {} if version is None else {version.name: version}
        # The names' common start keeps the answer small; of one notebook it is the whole name.
        listing = await self._storage.bucket(shown[0]).list(_common_start({place.object_name for place in shown}))
        return {version.name: version for version in listing.objects}

    async def _what_became_of(self, location: Location) -> Gone | None:
        """None: there was no object before, as far as is known."""
        known = self._locks.gone(location)
        if known is not None:
            return known
        last = self._locks.last_version(location)
        if last is not None:
            there = await self._storage.bucket(location).list_all(location.workspace.prefix)
            return what_became_of(last, there, seen=self._last_there.get(location.api_path))
        baseline = await self._storage.baseline(location)
        was_there = baseline is not None and baseline.crc32c is not None
        if was_there or not await self._storage.copies.run(self._storage.os_path(location).is_file):
            return MISSING
        return None  # Made here, and not in the workspace yet.


def _common_start(names: Collection[str]) -> str:
    # The smallest and the largest of them share what all share.
    first, last = min(names), max(names)
    length = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return first[:length]
