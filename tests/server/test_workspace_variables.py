"""Kernels and terminals see the workspace they start in, and no other."""

import asyncio
import json

import pytest
from workspace_kit import BUCKET, WORKSPACE

NAMES = ("WORKSPACE_NAME", "WORKSPACE_BUCKET", "OWNER_EMAIL")
PRINTED = f"import os, json; print(json.dumps([os.environ.get(name) for name in {NAMES}]))"

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def terra_settings():
    other = {"name": "Other", "bucket": "gs://other-bucket"}
    return {"bucket_retry_deadline_seconds": 1.0, "listing_max_age_seconds": 0.0, "workspaces": [other]}


@pytest.fixture
def variables_in(api, jp_serverapp, jp_asyncio_loop):
    """The variables that a kernel sees which was started for a notebook of a folder."""

    async def ask(folder):
        (path,) = [f"{folder}/a.ipynb".lstrip("/")]
        body = {"path": path, "type": "notebook", "name": "", "kernel": {"name": "python3"}}
        session = await api("POST", "sessions", body=body)
        client = jp_serverapp.kernel_manager.get_kernel(session.model["kernel"]["id"]).client()
        client.start_channels()
        await client.wait_for_ready(timeout=60)
        printed = []

        def hear(message):
            if message["msg_type"] == "stream":
                printed.append(message["content"]["text"])

        await client.execute_interactive(PRINTED, output_hook=hear, timeout=60)
        client.stop_channels()
        return dict(zip(NAMES, json.loads("".join(printed)), strict=True))

    yield ask
    jp_asyncio_loop.run_until_complete(jp_serverapp.kernel_manager.shutdown_all())


async def test_a_kernel_sees_its_own_workspace(variables_in):
    seen = await variables_in("Other/edit")
    assert seen == {
        "WORKSPACE_NAME": "Other",
        "WORKSPACE_BUCKET": "gs://other-bucket",
        "OWNER_EMAIL": "owner@example.org",
    }
    assert (await variables_in(f"{WORKSPACE}/playground"))["WORKSPACE_BUCKET"] == f"gs://{BUCKET}"


async def test_elsewhere_the_servers_variables_stay(variables_in):
    assert (await variables_in(""))["WORKSPACE_NAME"] == WORKSPACE


async def test_a_terminal_sees_its_own_workspace(api, jp_serverapp, jp_root_dir):
    made = await api("POST", "terminals", body={"cwd": "Other/edit"})
    terminals = jp_serverapp.web_app.settings["terminal_manager"]
    try:
        terminal = terminals.terminals[made.model["name"]]
        terminal.ptyproc.write('echo "<$WORKSPACE_NAME|$WORKSPACE_BUCKET>"\n')
        shown = ""
        async with asyncio.timeout(20):
            while "<Other|gs://other-bucket>" not in shown:
                await asyncio.sleep(0.1)
                shown = "".join(terminal.read_buffer)
    finally:
        await terminals.terminate_all()
