"""Pages by version: each is rendered once for all who wait for it, and kept while there is room."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

from jupyter_terra_env.bucket.store import BucketStore, ObjectVersion
from jupyter_terra_env.notebooks.preview.content import content_of
from jupyter_terra_env.notebooks.preview.pages import Page, rendered
from jupyter_terra_env.notebooks.untrusted.cage import Cage
from jupyter_terra_env.rules.errors import TerraEnvError
from jupyter_terra_env.rules.object_addresses import ObjectAddress

_ADVICE = "Open the notebook itself in your cloud environment; nothing in it runs by being opened."
_ENTRY_BYTES = 2048
"""What an entry takes beside its page."""


class _Key(NamedTuple):
    bucket: str
    object_name: str
    generation: int


@dataclass(slots=True, kw_only=True)
class _Rendering:
    """Work that is going on.

    Attributes:
        task: reads and renders.
        waiting: how many readers wait for it.
    """

    task: "asyncio.Task[Page | None]"
    waiting: int = 0


class RenderedPages:
    """Renders pages and keeps them.

    Only for readers to whom the bucket has just shown the version's metadata, by their own credentials: what is kept
    was read with those of another reader.

    Args:
        cage: renders.
        most_bytes: the size of all pages that are kept.
    """

    def __init__(self, cage: Cage, *, most_bytes: int) -> None:
        self._cage = cage
        self._most_bytes = most_bytes
        self._kept: OrderedDict[_Key, Page | None] = OrderedDict()
        self._kept_bytes = 0
        self._renderings: dict[_Key, _Rendering] = {}

    @property
    def kept_bytes(self) -> int:
        """The size of all pages that are kept."""
        return self._kept_bytes

    async def page(self, address: ObjectAddress, version: ObjectVersion, bucket: BucketStore) -> Page | None:
        """The page of a version; None if it is no notebook. At most one request.

        Args:
            address: the object.
            version: its version, as the bucket has just reported it to the reader.
            bucket: the bucket, with the reader's credentials.

        Raises:
            ObjectNotFound, PreconditionFailed: the object has been deleted or replaced since.
            OperationRefused: it is too large.
            BucketUnavailable, BucketRefused: as the port says.
        """
        key = _Key(bucket=address.bucket, object_name=address.object_name, generation=version.generation)
        while True:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            rendering = self._renderings.get(key)
            if rendering is None:
                return await self._awaited(key, self._begin(key, address, version, bucket))
            try:
                return await self._awaited(key, rendering)
            except TerraEnvError:
                # Another reader's credentials failed, perhaps: it is tried with this reader's.
                continue

    async def close(self) -> None:
        """End what is going on."""
        tasks = [rendering.task for rendering in self._renderings.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, key: _Key, address: ObjectAddress, version: ObjectVersion, bucket: BucketStore) -> _Rendering:
        rendering = _Rendering(task=asyncio.create_task(self._render(key, address, version, bucket)))
        self._renderings[key] = rendering
        rendering.task.add_done_callback(lambda _: self._forget(key, rendering))
        return rendering

    async def _awaited(self, key: _Key, rendering: _Rendering) -> Page | None:
        """Wait with the others. The work ends early when no one waits any more."""
        rendering.waiting += 1
        try:
            return await asyncio.shield(rendering.task)
        finally:
            rendering.waiting -= 1
            if rendering.waiting == 0 and not rendering.task.done():
                # At once: a reader who comes now must not join what is ending.
                self._forget(key, rendering)
                rendering.task.cancel()

    async def _render(
        self, key: _Key, address: ObjectAddress, version: ObjectVersion, bucket: BucketStore
    ) -> Page | None:
        content = await content_of(bucket, version, name=str(address))
        page = await rendered(self._cage, content, address.name, advice=_ADVICE)
        if page is None or page.is_lasting:
            self._keep(key, page)
        return page

    def _forget(self, key: _Key, rendering: _Rendering) -> None:
        if self._renderings.get(key) is rendering:
            del self._renderings[key]

    def _keep(self, key: _Key, page: Page | None) -> None:
        size_bytes = _size_of(page)
        if size_bytes > self._most_bytes:
            return
        self._kept[key] = page
        self._kept_bytes += size_bytes
        while self._kept_bytes > self._most_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= _size_of(oldest)


def _size_of(page: Page | None) -> int:
    return _ENTRY_BYTES + (0 if page is None else len(page.html))
