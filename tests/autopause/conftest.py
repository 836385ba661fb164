"""A real Jupyter Server without a workspace, real kernels, and someone at their websockets."""

import asyncio
import contextlib
import json
import logging
import time
from dataclasses import replace

import pytest

from jupyter_terra_env.server.activity.kernel_observer import Observing
from jupyter_terra_env.server.activity.kernel_watch import KernelWatch


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
