"""A bucket that hangs: what the disk can show is not kept waiting, and the answer counts when it comes.

Protocol: docs/protocol/open-and-save.md, A bucket that does not answer.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.rules.backoff import pause_seconds
from jupyter_terra_env.rules.errors import BucketError, LockHeldElsewhere, ObjectNotFound
from jupyter_terra_env.rules.workspace import Location

_MOST_FAILURES = 60
"""About an hour: by then no one looks at what was opened."""
_LOG = logging.getLogger(__name__)


class LateAnswers:
    """Owns work that goes on in the background after its caller has stopped waiting for it.

    Args:
        storage: the buckets.
        is_wanted: whether the answer about a notebook is still news.
        on_answer: takes the object as it was read, None when there is none.
    """

    def __init__(
        self,
        storage: NotebookStorage,
        *,
        is_wanted: Callable[[Location], bool],
        on_answer: Callable[[Location, ObjectVersion | None], Awaitable[None]],
    ) -> None:
        self._storage = storage
        self._is_wanted = is_wanted
        self._on_answer = on_answer
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._kept: set[asyncio.Task[ObjectVersion]] = set()

    def go_on_asking(self, location: Location) -> None:
        """Ask for an object until the bucket answers, unless that is under way."""
        path = location.api_path
        if path not in self._asking:
            self._asking[path] = task = asyncio.create_task(self._ask(location), name=f"ask again for {path}")
            task.add_done_callback(lambda _: self._asking.pop(path, None))

    async def soon(self, act: "asyncio.Task[ObjectVersion]") -> ObjectVersion | None:
        """Wait a little for an act that must not be broken off.

        Returns:
            None when it goes on in the background.

        Raises:
            Exception: as the act raises.
        """
        self._kept.add(act)
        act.add_done_callback(self._end)
        done, _ = await asyncio.wait({act}, timeout=self._storage.patience_seconds)
        return act.result() if done else None

    async def close(self) -> None:
        """Give up everything."""
        tasks: list[asyncio.Task[None] | asyncio.Task[ObjectVersion]] = [*self._asking.values(), *self._kept]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, location: Location) -> None:
        for failures in range(1, _MOST_FAILURES):
            # In the middle of the spread: these tasks did not begin together.
            await asyncio.sleep(pause_seconds(failures, passing=True, chance=0.5))
            if not self._is_wanted(location):
                return
            try:
                version = await self._storage.stat(location)
            except BucketError:
                continue
            try:
                if self._is_wanted(location):
                    await self._on_answer(location, version)
            except Exception:  # noqa: BLE001 - the task's boundary: the next opening asks again
                _LOG.exception("A late answer of a workspace bucket could not be used.")
            return

    def _end(self, act: "asyncio.Task[ObjectVersion]") -> None:
        self._kept.discard(act)
        if not act.cancelled() and not isinstance(
            error := act.exception(), BucketError | LockHeldElsewhere | ObjectNotFound | None
        ):
            _LOG.error("An act on a workspace bucket failed.", exc_info=error)
