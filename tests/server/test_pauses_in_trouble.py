"""Unsafe work, named in the report, prevents the pause of an idle machine, but not that after the longest work.

Real notebooks, a real client of the bucket, real disks that are full, and a real kernel.
"""

import json

import pytest
from small_disks import fill, free, small_disk
from workspace_kit import IMPATIENT, WORKSPACE

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault, Hang

PATH = f"{WORKSPACE}/edit/a.ipynb"
TROUBLES = {
    "hangs": ("timeout", "uploading"),
    "503": ("server-error",),
    "412": ("remote-changed",),
}
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def jp_root_dir(tmp_path):
    """A root folder on a file system of its own."""
    root = tmp_path / "root_dir"
    root.mkdir()
    with small_disk(root, size="4m"):
        yield root


@pytest.fixture
def autopause_settings():
    """Changes to them; tests override it."""
    return {}


@pytest.fixture
def jp_server_config(jp_server_config, pausing, autopause_settings):
    return {**jp_server_config, "AutopauseSettings": {**pausing, **autopause_settings}}


@pytest.fixture
def owed(bucket, contents):
    """Save a notebook that does not reach the bucket, and name what mends it."""

    async def save(trouble):
        bucket.put_notebook("a.ipynb", "1")
        await contents.open("a.ipynb")
        match trouble:
            case "hangs":
                bucket.faults.add(Fault(operation="objects.insert", action=Hang(), times=100_000))
            case "503":
                bucket.faults.add(Fault(operation="*", action=AnswerWith(status=503), times=100_000))
            case _:
                bucket.put_notebook("a.ipynb", "theirs")
        await contents.save("a.ipynb", "mine")

    return save


@pytest.fixture
def failed(autopause, eventually):
    async def wait():
        async def is_refused():
            report = await autopause()
            return report if report["state"] == "pause-failed" else None

        return await eventually(is_refused)

    return wait


def manifest(root):
    return json.loads((root / ".jupyter-terra-env" / "flush.json").read_text())


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("terra_settings", [IMPATIENT])
async def test_an_idle_machine_is_not_paused_and_what_is_pending_is_named(owed, failed, marks, jp_root_dir, trouble):
    await owed(trouble)
    report = await failed()
    assert report["failure"] == "unflushed"
    (unsafe,) = report["flush"]["unsafe"]
    assert unsafe["path"] == PATH
    assert unsafe["reason"] in TROUBLES[trouble]
    assert not marks.exists()
    assert manifest(jp_root_dir)["unsafe"] == [unsafe]


async def test_a_full_disk_refuses_it_and_names_what_could_not_be_kept(
    bucket, contents, api, front_end, eventually, failed, marks, jp_root_dir, jp_serverapp, tmp_path
):
    """Outputs of a cell that ends with no one connected, and no room for them."""
    code = "print('x' * 100_000)\nimport time; time.sleep(0.5)"
    bucket.put_notebook("a.ipynb", code)
    await contents.open("a.ipynb")
    body = {"path": PATH, "type": "notebook", "name": "", "kernel": {"name": "python3"}}
    kernel = (await api("POST", "sessions", body=body)).model["kernel"]["id"]
    front = await front_end(kernel)
    cell = await front.run(code, "cell-0")
    await front.next("execute_input", parent=cell)
    front.close()
    fill(jp_root_dir)
    report = await failed()
    assert report["failure"] == "unflushed"
    assert report["flush"]["unsafe"] == [{"path": PATH, "reason": "outputs-not-kept"}]
    assert not report["flush"]["manifest_written"]
    assert not marks.exists()
    free(jp_root_dir)
    flushed = (await api("POST", "autopause", base="terra-env", body={"action": "flush", "before_end": True})).model
    assert flushed["flushed"]["clean"]
    assert "x" * 100_000 in bucket.get("a.ipynb").content.decode()
    await jp_serverapp.kernel_manager.shutdown_all()


@pytest.mark.parametrize("autopause_settings", [{"max_busy_seconds": 4.0, "idle_timeout_seconds": 600.0}])
@pytest.mark.parametrize("trouble", [*TROUBLES, "full disk"])
async def test_the_longest_work_ends_all_the_same(
    owed, api, front_end, eventually, autopause, marks, jp_root_dir, jp_serverapp, trouble
):
    await owed("503" if trouble == "full disk" else trouble)
    kernel = (await api("POST", "kernels", body={"name": "python3"})).model["id"]
    front = await front_end(kernel)
    await front.run("import time; time.sleep(120)")
    front.close()
    if trouble == "full disk":
        fill(jp_root_dir)
    await eventually(marks.exists, at_most=40)
    report = await autopause()
    assert report["flush"]["cause"] == "max-busy"
    assert PATH in [file["path"] for file in report["flush"]["unsafe"]]
    await jp_serverapp.kernel_manager.shutdown_all(now=True)
