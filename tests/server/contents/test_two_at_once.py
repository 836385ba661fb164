"""Saves, renames and deletions that meet: answers stay true, nothing comes back, nothing of others goes."""

import asyncio
import json

import pytest
from workspace_kit import IMPATIENT, WORKSPACE, notebook, sources, text_of

from jupyter_terra_env.bucket.embedded.faults import Delay, Fault, ResetConnection


async def test_deleting_my_side_of_a_name_conflict_leaves_theirs(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("Untitled.ipynb", "theirs")
    assert (await contents.save("Untitled.ipynb", "mine")).reason == "name-taken"
    assert (await contents.delete("Untitled.ipynb")).code == 204
    assert not (edit / "Untitled.ipynb").exists()
    assert bucket.sources("Untitled.ipynb") == ["theirs"]
    assert sources((await contents.open("Untitled.ipynb")).model["content"]) == ["theirs"]


async def test_deleting_a_file_put_there_by_hand_leaves_the_object(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "theirs")
    (edit / "a.ipynb").write_text(text_of(notebook("copied here")))
    assert (await contents.delete("a.ipynb")).code == 204
    assert bucket.sources("a.ipynb") == ["theirs"]


@pytest.mark.parametrize("terra_settings", [IMPATIENT])
async def test_a_notebook_deleted_during_its_first_upload_does_not_come_back(bucket, contents, jp_serverapp):
    bucket.faults.add(Fault(operation="objects.insert", action=Delay(seconds=1.0)))
    assert (await contents.save("n.ipynb", "1")).model["terra"]["place"] == "uploading"
    assert (await contents.delete("n.ipynb")).code == 204
    await asyncio.sleep(1.5)
    assert bucket.names() == []


async def test_a_notebook_deleted_between_two_attempts_does_not_come_back(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.faults.add(Fault(operation="objects.insert", action=ResetConnection()))
    await contents.save("a.ipynb", "2")
    assert (await contents.delete("a.ipynb")).code == 204
    await asyncio.sleep(2.5)
    assert bucket.names() == []


async def test_deleting_while_the_answer_of_our_own_upload_travels(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.faults.add(Fault(operation="objects.insert", action=Delay(seconds=1.0), after_effect=True))
    await contents.save("a.ipynb", "2")
    assert (await contents.delete("a.ipynb")).code == 204
    assert bucket.names() == []


async def test_a_save_before_the_rename_goes_along(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.faults.add(Fault(operation="objects.insert", action=Delay(seconds=0.8)))
    await contents.save("a.ipynb", "2")
    assert (await contents.rename("a.ipynb", "b.ipynb")).code == 200
    assert (bucket.names(), bucket.sources("b.ipynb")) == (["notebooks/b.ipynb"], ["2"])


async def test_a_save_during_the_rename_reaches_the_bucket_under_the_new_name(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.faults.add(Fault(operation="objects.move", action=Delay(seconds=1.0)))
    rename = asyncio.create_task(contents.rename("a.ipynb", "b.ipynb"))
    await asyncio.sleep(0.4)
    assert (await contents.save("a.ipynb", "2")).code == 200
    assert (await rename).code == 200
    await contents.settled("b.ipynb")
    assert (bucket.names(), bucket.sources("b.ipynb")) == (["notebooks/b.ipynb"], ["2"])
    assert not (edit / "a.ipynb").exists()


async def test_a_rename_below_a_file_is_refused_before_anything_moves(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    (edit / "file.txt").write_text("x")
    refused = await contents.rename("a.ipynb", "file.txt/b.ipynb")
    assert (refused.code, refused.reason) == (409, "parent-is-file")
    assert bucket.names() == ["notebooks/a.ipynb"]
    assert (await contents.save("a.ipynb", "2")).code == 200


@pytest.mark.parametrize("terra_settings", [IMPATIENT])
async def test_a_conflict_met_by_a_slow_upload_is_reported_and_not_sent_again(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.put_notebook("a.ipynb", "theirs")
    bucket.faults.add(Fault(operation="objects.insert", action=Delay(seconds=0.6), times=10))
    assert (await contents.save("a.ipynb", "mine")).code == 200
    await contents.settled("a.ipynb", place="conflict")
    bucket.mark()
    for number in range(3):
        refused = await contents.save("a.ipynb", f"mine {number}")
        assert (refused.code, refused.reason) == (409, "remote-changed")
    assert bucket.writes == []


async def test_a_conflict_that_is_over_lets_the_save_through(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.put_notebook("a.ipynb", "theirs")
    assert (await contents.save("a.ipynb", "mine")).code == 409
    bucket.put("notebooks/a.ipynb", text_of(notebook("mine")))
    assert (await contents.save("a.ipynb", "mine")).code == 200


async def test_a_refreshed_notebook_is_no_longer_said_to_be_in_conflict(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.put_notebook("a.ipynb", "theirs")
    await contents.save("a.ipynb", "mine")
    (edit / "a.ipynb").unlink()
    opened = await contents.open("a.ipynb")
    assert sources(opened.model["content"]) == ["theirs"]
    assert opened.model["terra"]["place"] == "in-workspace"


async def test_kept_edits_get_a_name_that_neither_disk_nor_bucket_has(bucket, contents, api, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    bucket.put_notebook("a (my edits).ipynb", "somebody's")
    await contents.open("a.ipynb")
    bucket.put_notebook("a.ipynb", "theirs")
    await contents.save("a.ipynb", "mine")
    (edit / "a (my edits 2).ipynb").write_text("precious")
    path = f"{WORKSPACE}/edit/a.ipynb"
    answer = await api("POST", "open-workspace-version", base="terra-env", body={"path": path})
    assert answer.model["kept_edits"] == f"{WORKSPACE}/edit/a (my edits 3).ipynb"
    assert (edit / "a (my edits 2).ipynb").read_text() == "precious"
    assert sources(json.loads((edit / "a (my edits 3).ipynb").read_text())) == ["mine"]


async def test_downloading_does_not_move_the_ground_under_an_open_tab(bucket, contents, api, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.put_notebook("a.ipynb", "theirs")
    assert (await api("GET", f"{WORKSPACE}/edit/a.ipynb", base="files")).code == 200
    assert (await contents.save("a.ipynb", "based on 1")).code == 409
    assert bucket.sources("a.ipynb") == ["theirs"]


async def test_a_chunk_that_comes_twice_at_once_does_not_double(bucket, contents, edit, jp_serverapp):
    model = {"type": "file", "format": "text"}
    await contents.put("big.bin", {**model, "content": "a" * 1000, "chunk": 1})
    twice = {**model, "content": "b" * 1000, "chunk": 2}
    answers = await asyncio.gather(contents.put("big.bin", twice), contents.put("big.bin", twice))
    assert max(answer.code for answer in answers) == 400
    await contents.put("big.bin", {**model, "content": "c", "chunk": -1})
    assert not (edit / "big.bin").exists()


async def test_a_part_that_vanished_does_not_become_a_file_with_a_gap(bucket, contents, edit, jp_serverapp):
    model = {"type": "file", "format": "text", "content": "x"}
    await contents.put("big.bin", {**model, "chunk": 1})
    (part,) = [entry for entry in edit.iterdir() if entry.name.startswith(".terra-env-")]
    part.unlink()
    assert (await contents.put("big.bin", {**model, "chunk": 2})).code >= 400
    assert not (edit / "big.bin").exists()
