"""The whole story with a real kernel."""

import json

import pytest
from nbformat import v4
from workspace_kit import WORKSPACE, notebook


@pytest.mark.filterwarnings("ignore:unclosed")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_open_run_save_and_read_back(bucket, contents, api, jp_serverapp):
    bucket.put_notebook("a.ipynb", "import os\nprint(6 * 7, os.path.basename(os.getcwd()))")
    opened = (await contents.open("a.ipynb")).model
    session = await api(
        "POST",
        "sessions",
        body={
            "path": f"{WORKSPACE}/edit/a.ipynb",
            "type": "notebook",
            "name": "a.ipynb",
            "kernel": {"name": "python3"},
        },
    )
    assert session.code == 201
    kernel = jp_serverapp.kernel_manager.get_kernel(session.model["kernel"]["id"])
    client = kernel.client()
    client.start_channels()
    await client.wait_for_ready(timeout=60)
    printed = []

    def hear(message):
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    cell = opened["content"]["cells"][0]
    await client.execute_interactive(cell["source"], output_hook=hear, timeout=60)
    client.stop_channels()
    output = v4.new_output("stream", name="stdout", text="".join(printed))
    nb = notebook(cell["source"], outputs=[output])
    saved = await contents.put("a.ipynb", {"type": "notebook", "format": "json", "content": nb})
    assert saved.model["terra"]["place"] == "in-workspace"
    stored = json.loads(bucket.get("a.ipynb").content)
    assert "".join(stored["cells"][0]["outputs"][0]["text"]) == "42 edit\n"
    assert (await api("DELETE", "sessions", session.model["id"])).code == 204
