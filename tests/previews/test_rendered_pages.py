"""Pages that are kept: within bounds, shared only when they succeed, and ended when no one waits."""

import asyncio
import logging
import os
import time
from unittest import mock

import pytest
from preview_kit import bucket_behind_a_token
from workspace_kit import BUCKET, notebook, text_of

from jupyter_terra_env.bucket.connection import Connection
from jupyter_terra_env.bucket.embedded.faults import Fault, Hang
from jupyter_terra_env.bucket.threaded import BucketThreads
from jupyter_terra_env.notebooks.untrusted.cage import QUEUES, Cage, Lane, Queue
from jupyter_terra_env.rules.errors import BucketError
from jupyter_terra_env.rules.object_addresses import ObjectAddress
from jupyter_terra_env.server.preview_service.rendered_pages import RenderedPages


@pytest.fixture(scope="module")
def shared():
    with bucket_behind_a_token() as bucket:
        yield bucket


@pytest.fixture
def bucket(shared):
    shared.faults.clear()
    shared.mark()
    return shared


class Reader:
    """Looks a version up and asks for its page, as a handler does."""

    def __init__(self, bucket, pages, threads):
        self._bucket, self._pages, self._threads = bucket, pages, threads

    def store(self, token=None):
        return self._threads.bucket(BUCKET, None, token=token or self._bucket.front.token)

    async def page(self, name, token=None):
        version = await self.store().stat(name)
        address = ObjectAddress(bucket=BUCKET, object_name=name)
        return await self._pages.page(address, version, self.store(token))


@pytest.fixture
def reading(bucket):
    """Run a coroutine with a reader, and pages that may take so many bytes."""

    def run(work, most_bytes=64 << 20):
        async def inner():
            threads = BucketThreads(Connection(), monotonic=time.monotonic)
            cage = Cage(logging.getLogger("test"))
            pages = RenderedPages(cage, most_bytes=most_bytes)
            try:
                return await work(Reader(bucket, pages, threads), pages)
            finally:
                await pages.close()
                await cage.close()
                threads.close()

        with mock.patch.dict(os.environ, {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{bucket.front.port}"}):
            return asyncio.run(inner())

    return run


def downloads(bucket):
    return [operation for operation, _ in bucket.requests].count("objects.download")


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - threads set no asyncio events
            await asyncio.sleep(0.01)


def test_no_more_is_kept_than_there_is_room_for(bucket, reading):
    for number in range(4):
        bucket.put(f"{number}.ipynb", text_of(notebook("1")))
    bucket.put("long.ipynb", text_of(notebook("x" * 1_000_000)))
    bucket.put("none.ipynb", "none")

    async def work(reader, pages):
        size = len((await reader.page("0.ipynb")).html)
        for number in (1, 0, 2, 3):
            await reader.page(f"{number}.ipynb")
            assert pages.kept_bytes <= 3 * size
        assert await reader.page("none.ipynb") is None
        kept = pages.kept_bytes
        await reader.page("long.ipynb")
        assert pages.kept_bytes == kept, "what has no room at all pushes nothing out"
        before = downloads(bucket)
        for name in ("2.ipynb", "3.ipynb", "none.ipynb"):
            await reader.page(name)
        assert downloads(bucket) == before
        await reader.page("1.ipynb")
        assert downloads(bucket) == before + 1

    # Two pages of 266 KB and small entries.
    reading(work, most_bytes=700_000)


def test_those_who_wait_do_not_fail_with_the_first(bucket, reading):
    bucket.put("a.ipynb", text_of(notebook("1")))

    async def work(reader, pages):
        version = await reader.store().stat("a.ipynb")
        address = ObjectAddress(bucket=BUCKET, object_name="a.ipynb")
        stores = [reader.store("wrong-token"), *(reader.store() for _ in range(3))]
        asked = [asyncio.create_task(pages.page(address, version, store)) for store in stores]
        with pytest.raises(BucketError):
            await asked[0]
        found = await asyncio.gather(*asked[1:])
        assert len({page.html for page in found}) == 1

    reading(work)
    assert downloads(bucket) == 1, "that of the first was refused before it was one"


def test_those_who_wait_go_on_when_the_first_leaves(bucket, reading):
    bucket.put("b.ipynb", text_of(notebook("1")))
    bucket.mark()
    bucket.faults.add(Fault(operation="objects.download", action=Hang()))

    async def work(reader, pages):
        first = asyncio.create_task(reader.page("b.ipynb"))
        await until(lambda: pages._renderings)
        second = asyncio.create_task(reader.page("b.ipynb"))
        await until(lambda: [rendering.waiting for rendering in pages._renderings.values()] == [2])
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        bucket.faults.release()
        assert (await second).html

    reading(work)
    assert downloads(bucket) == 1


def test_what_no_one_waits_for_ends_and_is_begun_anew(bucket, reading):
    bucket.put("c.ipynb", text_of(notebook("1")))
    bucket.mark()
    bucket.faults.add(Fault(operation="objects.download", action=Hang()))

    async def work(reader, pages):
        first = asyncio.create_task(reader.page("c.ipynb"))
        await until(lambda: pages._renderings)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert pages._renderings == {}
        assert (await reader.page("c.ipynb")).html
        bucket.faults.release()

    reading(work)
    assert downloads(bucket) == 2


def test_what_may_be_otherwise_next_time_is_not_kept(bucket, reading, monkeypatch):
    bucket.put("d.ipynb", text_of(notebook("1")))
    monkeypatch.setitem(QUEUES, Lane.PREVIEWS, Queue(at_once=1, waiting=-1))

    async def work(reader, pages):
        page = await reader.page("d.ipynb")
        assert (page.is_lasting, pages.kept_bytes) == (False, 0)
        assert "too many others" in page.why_not_shown
        monkeypatch.undo()
        return await reader.page("d.ipynb")

    assert reading(work).why_not_shown is None
