"""With real notebooks and a real client of the bucket: what prevents a pause, and what does not."""

import asyncio
import json
import time

import pytest
from workspace_kit import WORKSPACE

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault

PATH = f"{WORKSPACE}/edit/a.ipynb"
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def jp_server_config(jp_server_config, pausing):
    return {**jp_server_config, "AutopauseSettings": pausing}


async def until(holds, at_most=15):
    deadline = time.monotonic() + at_most
    while not (found := await holds()):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    return found


def refusing(status):
    return Fault(operation="*", action=AnswerWith(status=status), times=100_000)


async def test_an_idle_machine_is_paused_with_everything_in_the_bucket(bucket, contents, autopause, marks, jp_root_dir):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    await contents.save("a.ipynb", "2")

    async def paused():
        return marks.exists()

    await until(paused)
    assert bucket.sources("a.ipynb") == ["2"]
    manifest = json.loads((jp_root_dir / ".jupyter-terra-env" / "flush.json").read_text())
    assert (manifest["cause"], manifest["unsafe"]) == ("idle", [])
    # No one has to wait for locks to expire.
    assert bucket.get("a.ipynb").metadata["lockExpiresAt"] == "0"


@pytest.mark.parametrize("status", [503, 403])
async def test_a_bucket_that_does_not_take_it_keeps_the_machine_from_being_paused(
    bucket, contents, autopause, marks, jp_root_dir, status
):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.faults.add(refusing(status))
    await contents.save("a.ipynb", "2")

    async def failed():
        report = await autopause()
        return report if report["state"] == "pause-failed" else None

    report = await until(failed)
    assert report["failure"] == "unflushed"
    assert report["message"] == (
        "Not paused: some files are not in the workspace yet, or not saved in a browser tab. It will be tried again."
    )
    assert [file["path"] for file in report["flush"]["unsafe"]] == [PATH]
    assert report["retry_at"]
    assert not marks.exists()
    manifest = json.loads((jp_root_dir / ".jupyter-terra-env" / "flush.json").read_text())
    assert manifest["unsafe"] == report["flush"]["unsafe"]
    bucket.faults.clear()
    flushed = await autopause({"action": "flush"})
    assert flushed["flushed"]["clean"]
    assert bucket.sources("a.ipynb") == ["2"]


async def test_a_conflict_is_named_and_nothing_is_overwritten(bucket, contents, autopause, marks):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.put_notebook("a.ipynb", "theirs")
    await contents.save("a.ipynb", "mine")
    flushed = (await autopause({"action": "flush"}))["flushed"]
    assert flushed["unsafe"] == [{"path": PATH, "reason": "remote-changed"}]
    assert bucket.sources("a.ipynb") == ["theirs"]

    async def failed():
        return (await autopause())["state"] == "pause-failed"

    await until(failed)
    assert not marks.exists()


async def test_a_forced_pause_goes_on_over_what_is_on_the_disk(bucket, contents, autopause, marks, edit):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.faults.add(refusing(503))
    await contents.save("a.ipynb", "2")
    await autopause({"action": "pause-now", "force": True})

    async def paused():
        return marks.exists()

    await until(paused)
    assert "2" in (edit / "a.ipynb").read_text()


async def test_a_flush_that_is_asked_for_has_the_tabs_save_first(bucket, contents, autopause, api, jp_root_dir):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    await autopause({"action": "heartbeat", "tab": "t", "visible": True, "last_input_age_seconds": None})
    asked = asyncio.ensure_future(api("POST", "flush", base="terra-env", body={"deadline_seconds": 20}))
    await asyncio.sleep(0.5)
    assert not asked.done()
    await contents.save("a.ipynb", "what the tab held")
    await autopause({"action": "saved", "tab": "t"})
    assert (await asked).model["unpaid"] == []
    assert bucket.sources("a.ipynb") == ["what the tab held"]
    manifest = json.loads((jp_root_dir / ".jupyter-terra-env" / "flush.json").read_text())
    assert (manifest["cause"], manifest["tabs_saved"]) == ("requested", True)


async def test_a_flush_does_not_wait_for_what_only_a_person_can_mend(bucket, contents, api):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.faults.add(refusing(403))
    await contents.save("a.ipynb", "2")
    async with asyncio.timeout(30):
        flushed = (await api("POST", "flush", base="terra-env", body={"deadline_seconds": 3000})).model
    assert flushed["paid"] == []
    assert [(status["path"], status["place"]) for status in flushed["unpaid"]] == [(PATH, "on-disk")]


async def test_an_idle_pause_keeps_what_a_cell_put_out_with_no_one_there(
    bucket, contents, api, marks, front_end, jp_serverapp
):
    code = "import time; time.sleep(1); print('late')"
    bucket.put_notebook("a.ipynb", code)
    await contents.open("a.ipynb")
    body = {"path": PATH, "type": "notebook", "name": "", "kernel": {"name": "python3"}}
    kernel = (await api("POST", "sessions", body=body)).model["kernel"]["id"]
    front = await front_end(kernel)
    await front.next("execute_input", parent=await front.run(code, "cell-0"))
    front.close()

    async def paused():
        return marks.exists()

    await until(paused, at_most=40)
    (output,) = json.loads(bucket.get("a.ipynb").content)["cells"][0]["outputs"]
    assert output["text"] == ["late\n"]
    await jp_serverapp.kernel_manager.shutdown_all()
