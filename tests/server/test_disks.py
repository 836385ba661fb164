"""Disks that are full, read-only, slow or failing: a clear sentence, nothing lost, and on it goes when that is over."""

import asyncio
import errno
import json
import os
import time

import pytest
from small_disks import fill, free, mount, small_disk, unmount
from workspace_kit import IMPATIENT, sources

from jupyter_terra_env.bucket.embedded.faults import Fault, Hang
from jupyter_terra_env.notebooks.storage.journal_database import JournalDatabase

LONG = "x" * 600_000


@pytest.fixture
def jp_root_dir(tmp_path):
    """A root folder on a file system of its own, of 2 MB."""
    root = tmp_path / "root_dir"
    root.mkdir()
    with small_disk(root, size="2m"):
        yield root


async def open_one(bucket, contents):
    bucket.put_notebook("a.ipynb", "1")
    assert (await contents.open("a.ipynb")).code == 200


def on_disk(edit, name="a.ipynb"):
    return sources(json.loads((edit / name).read_bytes()))


@pytest.mark.parametrize("left", [0, 4096, 65536, 262144])
async def test_a_full_disk(bucket, contents, edit, jp_root_dir, jp_serverapp, left):
    await open_one(bucket, contents)
    fill(jp_root_dir, but_bytes=left)
    refused = await contents.save("a.ipynb", LONG)
    assert refused.code == 507
    assert refused.message == "This disk is full; nothing was overwritten. Free some space, then save again."
    assert on_disk(edit) == ["1"]
    assert [path for path in edit.iterdir() if path.name.startswith(".terra-env-")] == []
    assert (await contents.open("a.ipynb")).code == 200
    free(jp_root_dir)
    assert (await contents.save("a.ipynb", "2")).code == 200
    await contents.settled("a.ipynb")
    assert bucket.sources("a.ipynb") == ["2"]


@pytest.mark.parametrize("left", [0, 65536])
async def test_a_disk_too_full_to_open(bucket, contents, edit, jp_root_dir, jp_serverapp, left):
    bucket.put_notebook("large.ipynb", LONG)
    fill(jp_root_dir, but_bytes=left)
    refused = await contents.open("large.ipynb")
    assert refused.code == 507
    assert refused.message.startswith("This disk is full; nothing was overwritten.")
    assert list(edit.iterdir()) == []
    assert (await contents.list()).names == ["large.ipynb"]
    free(jp_root_dir)
    assert (await contents.open("large.ipynb")).code == 200
    assert on_disk(edit, "large.ipynb") == [LONG]


@pytest.mark.parametrize("terra_settings", [IMPATIENT])
async def test_a_disk_that_fills_up_while_an_upload_is_on_its_way(bucket, contents, edit, jp_root_dir, jp_serverapp):
    """The object arrives, and the journal cannot take note of it: told as owed, and recognised when there is room."""
    await open_one(bucket, contents)
    bucket.faults.add(Fault(operation="objects.insert", action=Hang(), after_effect=True))
    assert (await contents.save("a.ipynb", "2")).code == 200
    fill(jp_root_dir)
    bucket.faults.release()
    await contents.settled("a.ipynb", "on-disk")
    free(jp_root_dir)
    bucket.mark()
    assert (await contents.save("a.ipynb", "2")).code == 200
    await contents.settled("a.ipynb")
    assert bucket.sources("a.ipynb") == ["2"]


async def test_a_disk_that_is_full_for_the_journal_only(bucket, contents, edit, jp_serverapp, monkeypatch):
    """The file would fit, the note of what it owes does not: then the save is not acknowledged."""
    await open_one(bucket, contents)
    execute = JournalDatabase.execute

    def full(self, statement, values=()):
        if "INTO debts" in statement:
            raise OSError(errno.ENOSPC, "No space left on device")
        return execute(self, statement, values)

    monkeypatch.setattr(JournalDatabase, "execute", full)
    assert (await contents.save("a.ipynb", "2")).code == 507
    assert on_disk(edit) == ["1"]
    monkeypatch.undo()
    assert (await contents.save("a.ipynb", "2")).code == 200
    assert bucket.sources("a.ipynb") == ["2"]


async def test_a_read_only_disk(bucket, contents, edit, jp_serverapp):
    await open_one(bucket, contents)
    mount("--bind", edit, edit)
    mount("-o", "remount,ro,bind", edit)
    refused = await contents.save("a.ipynb", "2")
    assert (refused.code, refused.reason) == (403, "read-only-disk")
    assert "nothing was saved" in refused.message
    assert (await contents.list()).code == 200
    assert (await contents.open("a.ipynb")).code == 200
    unmount(edit)
    assert on_disk(edit) == ["1"]
    assert (await contents.save("a.ipynb", "2")).code == 200
    await contents.settled("a.ipynb")
    assert bucket.sources("a.ipynb") == ["2"]


async def test_a_slow_disk_holds_no_one_up(bucket, contents, api, jp_serverapp, monkeypatch):
    await open_one(bucket, contents)
    synced = os.fsync

    def slow(descriptor):
        time.sleep(0.7)
        synced(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    saving = asyncio.create_task(contents.save("a.ipynb", "2"))
    await asyncio.sleep(0.1)
    for _ in range(5):
        assert (await api("GET", "status")).code == 200
    assert not saving.done(), "others were answered while the disk was at work"
    assert (await saving).code == 200
    monkeypatch.undo()
    await contents.settled("a.ipynb")
    assert bucket.sources("a.ipynb") == ["2"]


async def test_a_failing_disk(bucket, contents, edit, jp_serverapp, monkeypatch):
    await open_one(bucket, contents)

    def failing(_descriptor):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", failing)
    refused = await contents.save("a.ipynb", "2")
    assert (refused.code, refused.reason) == (507, "disk-fails")
    monkeypatch.undo()
    assert on_disk(edit) == ["1"]
    assert (await contents.save("a.ipynb", "2")).code == 200


async def test_a_clock_that_is_set_changes_nothing_about_locks(bucket, contents, jp_serverapp, monkeypatch):
    await open_one(bucket, contents)
    before = (await contents.status("a.ipynb"))["lock"]["until"]
    answer = time.time_ns
    for hours in (-30, 30):
        monkeypatch.setattr(time, "time_ns", lambda hours=hours: answer() + hours * 3_600_000_000_000)
        assert (await contents.save("a.ipynb", f"{hours}")).code == 200
        lock = (await contents.status("a.ipynb"))["lock"]
        assert lock["state"] == "held"
        assert lock["until"][:11] == before[:11]
        assert int(bucket.get("a.ipynb").metadata["lockExpiresAt"]) / 1000 - time.time() < 190
