"""What somebody else did to the bucket meanwhile: refused, both versions intact, with a way out."""

import json

import pytest
from workspace_kit import WORKSPACE, notebook, sources, text_of

from jupyter_terra_env.bucket.embedded.faults import Fault, ResetConnection


async def test_a_save_over_a_changed_notebook_is_409_and_both_versions_stay(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.put_notebook("a.ipynb", "theirs")
    refused = await contents.save("a.ipynb", "mine")
    assert (refused.code, refused.reason) == (409, "remote-changed")
    assert "nothing was overwritten" in refused.message
    assert bucket.sources("a.ipynb") == ["theirs"]
    assert sources(json.loads((edit / "a.ipynb").read_text())) == ["mine"]
    assert (await contents.status("a.ipynb"))["place"] == "conflict"


async def test_the_sentence_of_a_conflict_is_the_same_each_time(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.put_notebook("a.ipynb", "theirs")
    first = await contents.save("a.ipynb", "mine")
    second = await contents.save("a.ipynb", "mine, longer")
    assert (first.code, first.message) == (second.code, second.message)


async def test_reading_a_conflicted_notebook_does_not_open_the_door_to_overwriting(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.put_notebook("a.ipynb", "theirs")
    await contents.save("a.ipynb", "mine")
    opened = await contents.open("a.ipynb")
    assert sources(opened.model["content"]) == ["mine"]
    assert opened.model["terra"]["place"] == "conflict"
    assert (await contents.save("a.ipynb", "mine again")).code == 409
    assert bucket.sources("a.ipynb") == ["theirs"]


async def test_the_way_out_opens_theirs_and_keeps_mine(bucket, contents, api, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.put_notebook("a.ipynb", "theirs")
    await contents.save("a.ipynb", "mine")
    path = f"{WORKSPACE}/edit/a.ipynb"
    answer = await api("POST", "open-workspace-version", base="terra-env", body={"path": path})
    assert answer.model["kept_edits"] == f"{WORKSPACE}/edit/a (my edits).ipynb"
    assert sources((await contents.open("a.ipynb")).model["content"]) == ["theirs"]
    assert sources(json.loads((edit / "a (my edits).ipynb").read_text())) == ["mine"]
    assert (await contents.save("a.ipynb", "theirs and mine")).code == 200
    assert bucket.sources("a.ipynb") == ["theirs and mine"]


async def test_a_save_over_a_deleted_notebook_is_409_and_it_does_not_come_back(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.client.bucket(bucket.name).blob("notebooks/a.ipynb").delete()
    refused = await contents.save("a.ipynb", "mine")
    assert (refused.code, refused.reason) == (409, "remote-deleted")
    assert bucket.names() == []
    assert sources(json.loads((edit / "a.ipynb").read_text())) == ["mine"]


async def test_a_new_file_over_an_unseen_notebook_is_409(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "theirs")
    refused = await contents.save("a.ipynb", "mine")
    assert (refused.code, refused.reason) == (409, "name-taken")
    assert bucket.sources("a.ipynb") == ["theirs"]


async def test_the_same_bytes_under_a_new_generation_are_no_conflict(bucket, contents, jp_serverapp):
    blob = bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.put("notebooks/a.ipynb", blob.download_as_bytes())
    await contents.open("a.ipynb")
    assert (await contents.save("a.ipynb", "2")).code == 200


async def test_somebody_storing_my_very_bytes_first_is_no_conflict(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.put("notebooks/a.ipynb", text_of(notebook("2")))
    assert (await contents.save("a.ipynb", "2")).code == 200
    assert (await contents.save("a.ipynb", "3")).code == 200
    assert bucket.sources("a.ipynb") == ["3"]


async def test_an_edit_made_while_the_server_was_down_is_never_overwritten(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    (edit / "a.ipynb").write_text(text_of(notebook("typed elsewhere")))
    bucket.put_notebook("a.ipynb", "theirs")
    opened = await contents.open("a.ipynb")
    assert sources(opened.model["content"]) == ["typed elsewhere"]
    assert opened.model["terra"]["place"] == "conflict"


async def test_an_edit_the_bucket_never_got_goes_there_on_the_next_open(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    (edit / "a.ipynb").write_text(text_of(notebook("typed elsewhere")))
    await contents.open("a.ipynb")
    await contents.settled("a.ipynb")
    assert bucket.sources("a.ipynb") == ["typed elsewhere"]


async def test_a_file_without_history_is_never_overwritten_by_opening(bucket, contents, edit, jp_serverapp):
    (edit / "a.ipynb").write_text(text_of(notebook("mine")))
    bucket.put_notebook("a.ipynb", "theirs")
    opened = await contents.open("a.ipynb")
    assert sources(opened.model["content"]) == ["mine"]
    assert (opened.model["terra"]["place"], opened.model["terra"]["reason"]) == ("conflict", "name-taken")


@pytest.mark.parametrize("after_effect", [False, True], ids=["before-the-effect", "answer-lost"])
async def test_a_broken_connection_during_a_save_is_settled(bucket, contents, after_effect, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.faults.add(Fault(operation="objects.insert", action=ResetConnection(), after_effect=after_effect))
    saved = await contents.save("a.ipynb", "2")
    assert saved.code == 200
    await contents.settled("a.ipynb")
    assert bucket.sources("a.ipynb") == ["2"]
    assert (await contents.save("a.ipynb", "3")).code == 200
    assert bucket.sources("a.ipynb") == ["3"]


@pytest.mark.parametrize("after_effect", [False, True], ids=["before-the-effect", "answer-lost"])
async def test_a_broken_connection_during_a_creation_is_settled(bucket, contents, after_effect, jp_serverapp):
    bucket.faults.add(Fault(operation="objects.insert", action=ResetConnection(), after_effect=after_effect))
    assert (await contents.save("new.ipynb", "1")).code == 201
    await contents.settled("new.ipynb")
    assert bucket.sources("new.ipynb") == ["1"]
