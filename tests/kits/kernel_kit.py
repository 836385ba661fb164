"""Real kernels, and someone at their websockets."""

import asyncio
import json
import time

import pytest


@pytest.fixture
def on_loop(jp_asyncio_loop):
    """Run something on the loop the server and the test run on."""

    def run(function):
        async def there():
            return function()

        return jp_asyncio_loop.run_until_complete(there())

    return run


class FrontEnd:
    """A kernel's websocket, as a front end uses it."""

    def __init__(self, socket, kernel_id):
        self.socket, self.kernel_id, self._number = socket, kernel_id, 0

    async def send(self, msg_type, content, channel="shell", metadata=None, **header):
        self._number += 1
        msg_id = f"m{self._number}-{self.kernel_id}"
        message = {
            "channel": channel,
            "header": {
                "msg_id": msg_id,
                "msg_type": msg_type,
                "session": "test",
                "username": "t",
                "version": "5.3",
                "date": "2026-01-01T00:00:00Z",
                **header,
            },
            "parent_header": {},
            "metadata": metadata or {},
            "content": content,
            "buffers": [],
        }
        await self.socket.write_message(json.dumps(message))
        return msg_id

    async def run(self, code, cell=None, **more):
        """Run code, as a cell when its id is given."""
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": True, **more}
        metadata = {} if cell is None else {"cellId": cell, "deletedCells": [], "recordTiming": False}
        return await self.send("execute_request", content, metadata=metadata)

    async def next(self, msg_type, *, parent=None, at_most=30, **content):
        """The next message of a type, of a parent, with some content."""
        async with asyncio.timeout(at_most):
            while True:
                message = json.loads(await self.socket.read_message())
                if message["header"]["msg_type"] != msg_type:
                    continue
                if parent is not None and message["parent_header"].get("msg_id") != parent:
                    continue
                if all(message["content"].get(key) == value for key, value in content.items()):
                    return message

    async def finish(self, parent):
        await self.next("status", parent=parent, execution_state="idle")

    def close(self):
        self.socket.close()


@pytest.fixture
def front_end(jp_ws_fetch, on_loop):
    """Open a kernel's websocket."""
    opened = []

    async def connect(kernel_id, session="test"):
        socket = await jp_ws_fetch("api", "kernels", kernel_id, "channels", params={"session_id": session})
        opened.append(FrontEnd(socket, kernel_id))
        return opened[-1]

    yield connect
    for front in opened:
        on_loop(front.close)


@pytest.fixture
def eventually():
    """Wait until something holds."""

    async def wait(holds, at_most=20.0):
        deadline = time.monotonic() + at_most
        while True:
            found = holds()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return found
            assert time.monotonic() < deadline, "it never came to hold"
            await asyncio.sleep(0.05)

    return wait
