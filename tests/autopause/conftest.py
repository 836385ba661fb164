"""A real Jupyter Server without a workspace, real kernels, and somebody at their websockets."""

import asyncio
import contextlib
import json
import logging
import time
from dataclasses import replace

import pytest

from jupyter_terra_env.server.kernel_observer import Observing
from jupyter_terra_env.server.kernel_watch import KernelWatch


@pytest.fixture
def observing():
    """How the kernels of a test are observed; corrections are collected."""
    corrections = []
    how = Observing(
        monotonic=time.monotonic,
        audit_interval=1.0,
        correct=True,
        input_wait_is_idle=True,
        on_correction=lambda kernel, state: corrections.append((kernel, state)),
        log=logging.getLogger("test"),
    )
    return how, corrections


@pytest.fixture
def on_loop(jp_asyncio_loop):
    """Run something on the loop the server and the test run on."""

    def run(function):
        async def there():
            return function()

        return jp_asyncio_loop.run_until_complete(there())

    return run


@pytest.fixture
def watch(jp_serverapp, observing, jp_asyncio_loop, on_loop):
    """All kernels observed, audited four times a second."""
    how, _ = observing
    made = KernelWatch(jp_serverapp.kernel_manager, jp_serverapp.event_logger, replace(how))
    on_loop(made.start)

    async def audits():
        while True:
            await asyncio.sleep(0.25)
            made.reconcile()

    auditor = jp_asyncio_loop.create_task(audits())
    yield made
    auditor.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        jp_asyncio_loop.run_until_complete(auditor)
    on_loop(made.close)


@pytest.fixture
def new_session(jp_fetch, jp_serverapp, jp_asyncio_loop):
    """Start a notebook's kernel; all kernels are ended afterwards."""

    async def start(path="a.ipynb"):
        body = {"path": path, "type": "notebook", "name": path, "kernel": {"name": "python3"}}
        response = await jp_fetch("api", "sessions", method="POST", body=json.dumps(body), request_timeout=60)
        return json.loads(response.body)["kernel"]["id"]

    yield start
    jp_asyncio_loop.run_until_complete(jp_serverapp.kernel_manager.shutdown_all())


class FrontEnd:
    """A kernel's websocket, as a front end uses it."""

    def __init__(self, socket, kernel_id):
        self.socket, self.kernel_id, self._number = socket, kernel_id, 0

    async def send(self, msg_type, content, channel="shell", **header):
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
            "metadata": {},
            "content": content,
            "buffers": [],
        }
        await self.socket.write_message(json.dumps(message))
        return msg_id

    async def run(self, code, **more):
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": True, **more}
        return await self.send("execute_request", content)

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

    async def connect(kernel_id):
        socket = await jp_ws_fetch("api", "kernels", kernel_id, "channels", params={"session_id": "test"})
        opened.append(FrontEnd(socket, kernel_id))
        return opened[-1]

    yield connect
    for front in opened:
        on_loop(front.close)


@pytest.fixture
def reported(jp_fetch):
    """The state of a kernel as every reader of the REST API sees it."""

    async def state_of(kernel_id):
        return json.loads((await jp_fetch("api", "kernels", kernel_id)).body)["execution_state"]

    async def ask(kernel_id):
        kernel = await state_of(kernel_id)
        sessions = json.loads((await jp_fetch("api", "sessions")).body)
        in_session = [s["kernel"]["execution_state"] for s in sessions if s["kernel"]["id"] == kernel_id]
        # The state may have changed between the two questions.
        assert in_session in ([], [kernel]) or await state_of(kernel_id) != kernel
        return kernel

    return ask


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
