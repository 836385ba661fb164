"""Opening and saving workspace notebooks through the REST API."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from workspace_kit import IMPATIENT, WORKSPACE, notebook, sources, text_of

from jupyter_terra_env.bucket.embedded.faults import Delay, Fault
from jupyter_terra_env.rules.edit_lock import owner_hash

REQUESTS_OF_A_FIRST_OPEN = (("objects.get", 200), [("objects.download", 200), ("objects.patch", 200)])


async def test_a_folder_shows_what_the_bucket_has(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    bucket.put_notebook("deep/er/b.ipynb", "1")
    bucket.put("notebooks/data.csv", "x,y")
    bucket.put("notebooks2/other.ipynb", "{}")
    bucket.put("elsewhere.ipynb", "{}")
    assert (await contents.list()).names == ["a.ipynb", "deep"]
    assert (await contents.list("deep")).names == ["er"]
    assert (await contents.list("deep/er")).names == ["b.ipynb"]


async def test_a_listing_costs_one_request_and_writes_nothing(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    bucket.put_notebook("deep/b.ipynb", "1")
    bucket.mark()
    await contents.list()
    assert bucket.requests == [("objects.list", 200)]
    assert list(edit.iterdir()) == []


async def test_a_listed_notebook_has_the_time_it_will_have_when_opened(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    listed = (await contents.list()).model["content"][0]
    opened = (await contents.open("a.ipynb")).model
    again = (await contents.list()).model["content"][0]
    assert listed["last_modified"] == opened["last_modified"] == again["last_modified"]
    assert (listed["type"], listed["size"]) == (opened["type"], opened["size"])


async def test_opening_localizes(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("deep/a.ipynb", "print('hello')")
    bucket.mark()
    opened = await contents.open("deep/a.ipynb")
    assert opened.code == 200
    assert sources(opened.model["content"]) == ["print('hello')"]
    assert opened.model["terra"]["place"] == "in-workspace"
    assert (edit / "deep" / "a.ipynb").read_bytes() == bucket.get("deep/a.ipynb").content
    stat, *beside = bucket.requests
    assert (stat, sorted(beside)) == REQUESTS_OF_A_FIRST_OPEN


async def test_opening_again_asks_once_and_downloads_nothing(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.mark()
    await contents.open("a.ipynb")
    assert bucket.requests == [("objects.get", 200)]


async def test_opening_brings_what_a_colleague_saved(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.put_notebook("a.ipynb", "2")
    assert sources((await contents.open("a.ipynb")).model["content"]) == ["2"]


async def test_saving_delocalizes_with_one_request(bucket, contents, jp_serverapp):
    before = bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.mark()
    saved = await contents.save("a.ipynb", "2")
    assert (saved.code, saved.model["terra"]["place"]) == (200, "in-workspace")
    assert bucket.requests == [("objects.insert", 200)]
    after = bucket.get("a.ipynb")
    assert after.generation > before.generation
    assert after.content_type == "application/x-ipynb+json"
    assert sources(json.loads(after.content)) == ["2"]


async def test_saving_the_same_bytes_asks_nothing(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    await contents.save("a.ipynb", "2")
    bucket.mark()
    assert (await contents.save("a.ipynb", "2")).code == 200
    assert bucket.requests == []


async def test_saves_in_a_row_need_one_request_each(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "0")
    await contents.open("a.ipynb")
    bucket.mark()
    for number in range(1, 4):
        await contents.save("a.ipynb", str(number))
    assert bucket.requests == [("objects.insert", 200)] * 3
    assert bucket.sources("a.ipynb") == ["3"]


async def test_what_lab_does_to_save_costs_one_request(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.mark()
    await contents.stat("a.ipynb", hash=1)
    await contents.save("a.ipynb", "2")
    await contents.stat("a.ipynb", hash=1)
    assert bucket.requests == [("objects.insert", 200)]


async def test_other_custom_metadata_is_kept(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1", metadata={"lastModifiedBy": "abc", "team": "ünï"})
    await contents.open("a.ipynb")
    await contents.save("a.ipynb", "2")
    metadata = bucket.get("a.ipynb").metadata
    assert (metadata["lastModifiedBy"], metadata["team"]) == ("abc", "ünï")


async def test_metadata_written_while_we_edit_is_kept(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1", metadata={"team": "blue"})
    await contents.open("a.ipynb")
    theirs = bucket.client.bucket(bucket.name).blob("notebooks/a.ipynb")
    theirs.metadata = {"lastLockedBy": "f" * 64, "lockExpiresAt": "1"}
    theirs.patch()
    saved = await contents.save("a.ipynb", "2")
    assert saved.model["terra"]["place"] == "in-workspace"
    metadata = bucket.get("a.ipynb").metadata
    assert metadata["team"] == "blue"
    assert metadata["lastLockedBy"] == owner_hash(bucket.name, "owner@example.org"), "theirs had expired"


async def test_the_hash_is_always_that_of_the_file_on_the_disk(bucket, contents, edit, jp_serverapp):
    import hashlib

    bucket.put_notebook("a.ipynb", "1")

    def on_disk():
        return hashlib.sha256((edit / "a.ipynb").read_bytes()).hexdigest()

    assert (await contents.open("a.ipynb")).model["hash"] == on_disk()
    assert (await contents.stat("a.ipynb", hash=1)).model["hash"] == on_disk()
    await contents.save("a.ipynb", "2")
    assert (await contents.stat("a.ipynb", hash=1)).model["hash"] == on_disk()
    (edit / "a.ipynb").write_text(text_of(notebook("from a terminal")))
    assert (await contents.stat("a.ipynb", hash=1)).model["hash"] == on_disk()


async def test_asking_about_an_unopened_notebook_downloads_nothing(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    assert (await contents.stat("a.ipynb")).model["size"] == len(bucket.get("a.ipynb").content)
    assert list(edit.iterdir()) == []


async def test_a_new_notebook_is_in_the_bucket_at_once(bucket, contents, jp_serverapp):
    bucket.put_notebook("Untitled.ipynb", "theirs")
    created = await contents.new(type="notebook")
    assert (created.code, created.model["name"]) == (201, "Untitled1.ipynb")
    assert created.model["terra"]["place"] == "in-workspace"
    assert bucket.sources("Untitled1.ipynb") == []
    assert bucket.sources("Untitled.ipynb") == ["theirs"]


async def test_a_new_notebook_in_a_folder_only_the_bucket_has(bucket, contents, jp_serverapp):
    bucket.put_notebook("deep/a.ipynb", "1")
    created = await contents.new("deep", type="notebook")
    assert created.code == 201
    assert "notebooks/deep/Untitled.ipynb" in bucket.names()


async def test_a_copy_goes_to_the_bucket_under_a_free_name(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    bucket.put_notebook("a-Copy1.ipynb", "theirs")
    copied = await contents.new(copy_from=f"{WORKSPACE}/edit/a.ipynb")
    assert (copied.code, copied.model["name"]) == (201, "a-Copy2.ipynb")
    assert bucket.sources("a-Copy2.ipynb") == ["1"]
    assert bucket.sources("a-Copy1.ipynb") == ["theirs"]


@pytest.mark.parametrize("terra_settings", [IMPATIENT])
async def test_a_slow_upload_does_not_hold_the_save(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.faults.add(Fault(operation="objects.insert", action=Delay(seconds=1.5)))
    saved = await contents.save("a.ipynb", "2")
    assert (saved.code, saved.model["terra"]["place"]) == (200, "uploading")
    assert (await contents.status("a.ipynb"))["place"] == "uploading"
    await contents.settled("a.ipynb")
    assert bucket.sources("a.ipynb") == ["2"]


@pytest.mark.parametrize("terra_settings", [IMPATIENT])
async def test_saves_during_an_upload_send_the_newest_content_once(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "0")
    await contents.open("a.ipynb")
    bucket.mark()
    bucket.faults.add(Fault(operation="objects.insert", action=Delay(seconds=1.5)))
    for number in range(1, 5):
        await contents.save("a.ipynb", str(number))
    await contents.settled("a.ipynb")
    assert bucket.sources("a.ipynb") == ["4"]
    assert bucket.requests == [("objects.insert", 200)] * 2


async def test_two_saves_at_once_end_with_one_of_them_everywhere(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "0")
    await contents.open("a.ipynb")
    await asyncio.gather(*(contents.save("a.ipynb", f"writer {number}") for number in range(8)))
    await contents.settled("a.ipynb")
    assert (edit / "a.ipynb").read_bytes() == bucket.get("a.ipynb").content


async def test_the_working_copy_of_a_notebook_is_what_jupyter_writes(bucket, contents, edit, jp_serverapp):
    await contents.save("a.ipynb", "1", "2")
    assert (edit / "a.ipynb").read_text() == text_of(notebook("1", "2"))
    assert bucket.get("a.ipynb").content.decode() == text_of(notebook("1", "2"))


async def test_files_that_do_not_match_the_pattern_stay_on_the_disk_and_say_so(bucket, contents, edit, jp_serverapp):
    for model in (
        {"type": "file", "format": "text", "content": "x,y\n"},
        {"type": "file", "format": "base64", "content": "AAEC\n"},
    ):
        saved = await contents.put("data.csv", model)
        assert saved.code in {200, 201}
        assert saved.model["terra"]["place"] == "local-only"
        assert "not saved to the workspace" in saved.model["terra"]["message"]
    assert (edit / "data.csv").read_bytes() == b"\x00\x01\x02"
    assert bucket.names() == []
    assert (await contents.list()).names == ["data.csv"]


async def test_checkpoints_are_local_and_never_in_the_bucket(bucket, contents, edit, api, jp_serverapp):
    await contents.save("a.ipynb", "first")
    path = f"{WORKSPACE}/edit/a.ipynb"
    checkpoint = await api("POST", "contents", path, "checkpoints")
    assert checkpoint.code == 201
    await contents.save("a.ipynb", "second")
    restored = await api("POST", "contents", path, "checkpoints", checkpoint.model["id"])
    assert restored.code == 204
    await contents.settled("a.ipynb")
    assert bucket.sources("a.ipynb") == ["first"]
    assert bucket.names() == ["notebooks/a.ipynb"]
    assert (await contents.list()).names == ["a.ipynb"]
    assert (edit / ".ipynb_checkpoints").is_dir()


async def test_restoring_a_checkpoint_that_is_not_there_is_404(bucket, contents, api, jp_serverapp):
    await contents.save("a.ipynb", "first")
    assert (await api("POST", "contents", f"{WORKSPACE}/edit/a.ipynb", "checkpoints", "other")).code == 404


async def test_large_files_arrive_in_chunks(bucket, contents, edit, jp_serverapp):
    import base64

    content = text_of(notebook("x" * 1000)).encode()
    parts = [content[:300], content[300:600], content[600:]]
    for chunk, part in zip((1, 2, -1), parts, strict=True):
        assert not (edit / "big.ipynb").exists()
        model = {"type": "file", "format": "base64", "content": base64.b64encode(part).decode(), "chunk": chunk}
        answer = await contents.put("big.ipynb", model)
        assert answer.code in {200, 201}
        assert answer.model["path"] == f"{WORKSPACE}/edit/big.ipynb"
    await contents.settled("big.ipynb")
    assert bucket.get("big.ipynb").content == content
    assert (edit / "big.ipynb").read_bytes() == content


async def test_a_chunk_out_of_order_is_refused_and_leaves_nothing(bucket, contents, edit, jp_serverapp):
    model = {"type": "file", "format": "text", "content": "x"}
    assert (await contents.put("big.bin", {**model, "chunk": 1})).code in {200, 201}
    assert (await contents.put("big.bin", {**model, "chunk": 3})).code == 400
    assert (await contents.put("big.bin", {**model, "chunk": -1})).code == 400
    assert (await contents.put("big.bin", {**model, "chunk": "one"})).code == 400
    assert list(edit.iterdir()) == []


async def test_downloading_localizes_first(bucket, api, jp_serverapp):
    blob = bucket.put_notebook("a.ipynb", "1")
    answer = await api("GET", f"{WORKSPACE}/edit/a.ipynb", base="files")
    assert (answer.code, answer.body) == (200, blob.download_as_bytes())


async def test_a_workspace_folder_that_was_removed_comes_back(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    edit.rmdir()
    assert (await contents.list()).names == ["a.ipynb"]
    assert (await contents.open("a.ipynb")).code == 200
    assert (edit / "a.ipynb").exists()


async def test_status_reports_where_the_work_is(bucket, contents, jp_serverapp):
    await contents.save("a.ipynb", "1")
    status = await contents.status("a.ipynb")
    saved_at = status.pop("saved_at")
    assert datetime.fromisoformat(saved_at) <= datetime.now(UTC)
    assert status.pop("workspace_saved_at") == saved_at
    assert status.pop("workspace_version") == str(bucket.get("a.ipynb").generation)
    lock = status.pop("lock")
    assert 170 < (datetime.fromisoformat(lock.pop("until")) - datetime.now(UTC)).total_seconds() <= 180
    assert lock == {
        "state": "held",
        "message": "You are editing this notebook.",
        "code": "held",
        "holder": owner_hash(bucket.name, "owner@example.org"),
        "email": "owner@example.org",
        "lost": False,
        "actions": [],
    }
    assert status == {
        "path": f"{WORKSPACE}/edit/a.ipynb",
        "workspace": WORKSPACE,
        "bucket": bucket.name,
        "object": "notebooks/a.ipynb",
        "mode": "edit",
        "place": "in-workspace",
        "message": "Saved on this disk and in the workspace.",
        "code": "in-workspace",
        "reason": None,
        "writable": True,
        "gone": None,
        "edit_path": f"{WORKSPACE}/edit/a.ipynb",
        "playground_path": f"{WORKSPACE}/playground/a.ipynb",
    }
