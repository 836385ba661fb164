"""Renaming, deleting and copying: with preconditions, or refused whole."""

import json

import pytest
from workspace_kit import WORKSPACE, another_persons_lock, notebook, parts_of, sources, text_of

from jupyter_terra_env.bucket.embedded.faults import Fault, ResetConnection


async def test_renaming_moves_the_object_with_one_request(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1", metadata={"team": "blue"})
    await contents.open("a.ipynb")
    await contents.save("a.ipynb", "2")
    await contents.settled("a.ipynb")
    bucket.mark()
    assert (await contents.rename("a.ipynb", "deep/b.ipynb")).code == 200
    assert bucket.requests == [("objects.move", 200)]
    assert bucket.names() == ["notebooks/deep/b.ipynb"]
    assert bucket.get("deep/b.ipynb").metadata["team"] == "blue"
    assert not (edit / "a.ipynb").exists()
    assert (edit / "deep" / "b.ipynb").exists()
    assert (await contents.save("deep/b.ipynb", "3")).code == 200
    assert bucket.sources("deep/b.ipynb") == ["3"]


async def test_renaming_a_notebook_that_was_never_opened(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    assert (await contents.rename("a.ipynb", "b.ipynb")).code == 200
    assert bucket.names() == ["notebooks/b.ipynb"]
    assert not (edit / "a.ipynb").exists()
    assert not (edit / "b.ipynb").exists()


@pytest.mark.parametrize("opened", [False, True])
async def test_renaming_onto_a_name_in_the_bucket_is_409(bucket, contents, opened, jp_serverapp):
    bucket.put_notebook("a.ipynb", "mine")
    bucket.put_notebook("b.ipynb", "theirs")
    if opened:
        await contents.open("a.ipynb")
    refused = await contents.rename("a.ipynb", "b.ipynb")
    assert (refused.code, refused.reason) == (409, "name-exists")
    assert (bucket.sources("a.ipynb"), bucket.sources("b.ipynb")) == (["mine"], ["theirs"])


async def test_renaming_onto_a_name_on_the_disk_is_409(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    (edit / "b.ipynb").write_text("not in the bucket")
    assert (await contents.rename("a.ipynb", "b.ipynb")).code == 409
    assert (edit / "b.ipynb").read_text() == "not in the bucket"


async def test_renaming_what_someone_changed_is_409(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.put_notebook("a.ipynb", "theirs")
    refused = await contents.rename("a.ipynb", "b.ipynb")
    assert (refused.code, refused.reason) == (409, "remote-changed")
    assert bucket.names() == ["notebooks/a.ipynb"]


@pytest.mark.parametrize("after_effect", [False, True], ids=["before-the-effect", "answer-lost"])
async def test_a_rename_whose_answer_is_lost_is_settled(bucket, contents, edit, after_effect, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.faults.add(Fault(operation="objects.move", action=ResetConnection(), after_effect=after_effect))
    answer = await contents.rename("a.ipynb", "b.ipynb")
    if after_effect:
        assert answer.code == 200
        assert (bucket.names(), (edit / "b.ipynb").exists()) == (["notebooks/b.ipynb"], True)
    else:
        assert (answer.code, answer.reason) == (503, "unreachable")
        assert (bucket.names(), (edit / "a.ipynb").exists()) == (["notebooks/a.ipynb"], True)


@pytest.mark.parametrize("target", ["out.ipynb", f"{WORKSPACE}/playground/b.ipynb", f"{WORKSPACE}/edit/a.txt"])
async def test_a_notebook_moves_out_of_what_the_workspace_keeps(
    bucket, contents, api, jp_root_dir, target, jp_serverapp
):
    bucket.put_notebook("a.ipynb", "1")
    moved = await api("PATCH", "contents", f"{WORKSPACE}/edit/a.ipynb", body={"path": target})
    assert (moved.code, moved.model["path"]) == (200, target)
    assert bucket.names() == []
    assert sources(json.loads((jp_root_dir / target).read_text())) == ["1"]
    assert (await contents.open("a.ipynb")).code == 404


async def test_a_notebook_crosses_the_pattern_and_comes_back(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    assert (await contents.rename("a.ipynb", "a.txt")).code == 200
    assert (await contents.list()).names == ["a.txt"]
    assert (await contents.rename("a.txt", "a.ipynb")).code == 200
    await contents.settled("a.ipynb")
    assert bucket.sources("a.ipynb") == ["1"]


async def test_checkpoints_go_along(bucket, contents, api, edit, jp_serverapp):
    bucket.put_notebook("deep/a.ipynb", "1")
    await contents.open("deep/a.ipynb")
    made = await api("POST", "contents", f"{WORKSPACE}/edit/deep/a.ipynb/checkpoints", body={})
    assert made.code == 201
    await contents.rename("deep/a.ipynb", "deep/b.ipynb")
    await contents.rename("deep", "new")
    kept = await api("GET", "contents", f"{WORKSPACE}/edit/new/b.ipynb/checkpoints")
    assert [checkpoint["id"] for checkpoint in kept.model] == [made.model["id"]]


async def test_a_local_notebook_moved_in_is_created_in_the_bucket(bucket, contents, api, jp_root_dir, jp_serverapp):
    await api("PUT", "contents", "mine.ipynb", body={"type": "notebook"})
    moved = await api("PATCH", "contents", "mine.ipynb", body={"path": f"{WORKSPACE}/edit/mine.ipynb"})
    assert moved.code == 200
    await contents.settled("mine.ipynb")
    assert bucket.names() == ["notebooks/mine.ipynb"]


async def test_a_local_notebook_is_not_moved_over_one_in_the_bucket(bucket, contents, api, jp_root_dir, jp_serverapp):
    bucket.put_notebook("mine.ipynb", "theirs")
    await api("PUT", "contents", "mine.ipynb", body={"type": "notebook"})
    refused = await api("PATCH", "contents", "mine.ipynb", body={"path": f"{WORKSPACE}/edit/mine.ipynb"})
    assert (refused.code, refused.reason) == (409, "name-exists")
    assert (jp_root_dir / "mine.ipynb").exists()


async def test_deleting_deletes_object_and_working_copy_with_one_request(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.mark()
    assert (await contents.delete("a.ipynb")).code == 204
    assert bucket.requests == [("objects.delete", 204)]
    assert (bucket.names(), (edit / "a.ipynb").exists()) == ([], False)
    assert (await contents.list()).names == []
    assert (await contents.open("a.ipynb")).code == 404


async def test_deleting_what_was_never_opened(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    assert (await contents.delete("a.ipynb")).code == 204
    assert bucket.names() == []


async def test_deleting_what_someone_changed_is_409(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.put_notebook("a.ipynb", "theirs")
    refused = await contents.delete("a.ipynb")
    assert (refused.code, refused.reason) == (409, "remote-changed")
    assert bucket.sources("a.ipynb") == ["theirs"]
    assert (edit / "a.ipynb").exists()


async def test_deleting_what_only_got_other_metadata_works(bucket, contents, jp_serverapp):
    blob = bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    blob.metadata = {"team": "blue"}
    blob.patch()
    assert (await contents.delete("a.ipynb")).code == 204
    assert bucket.names() == []


async def test_a_deletion_whose_answer_is_lost_is_settled(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.faults.add(Fault(operation="objects.delete", action=ResetConnection(), after_effect=True))
    assert (await contents.delete("a.ipynb")).code == 204
    assert bucket.names() == []


async def test_deleting_nothing_is_404(bucket, contents, jp_serverapp):
    assert (await contents.delete("nothing.ipynb")).code == 404
    assert (await contents.delete("nothing.txt")).code == 404


async def test_a_folder_is_renamed_with_its_notebooks(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("deep/a.ipynb", "1", metadata={"team": "blue"})
    bucket.put_notebook("deep/sub/b.ipynb", "2")
    await contents.open("deep/a.ipynb")
    await contents.list("deep")
    assert (await contents.rename("deep", "new")).code == 200
    assert bucket.names() == ["notebooks/new/a.ipynb", "notebooks/new/sub/b.ipynb"]
    assert bucket.get("new/a.ipynb").metadata["team"] == "blue"
    assert ((await contents.list()).names, (await contents.list("new")).names) == (["new"], ["a.ipynb", "sub"])
    assert (await contents.list("deep")).code == 404
    assert (await contents.save("new/a.ipynb", "3")).code == 200


async def test_a_folder_that_was_never_opened_is_renamed(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("deep/a.ipynb", "1")
    assert (await contents.rename("deep", "new")).code == 200
    assert bucket.names() == ["notebooks/new/a.ipynb"]
    assert (await contents.open("new/a.ipynb")).code == 200


async def test_a_folder_is_deleted_with_its_notebooks(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("deep/a.ipynb", "1")
    bucket.put_notebook("deep/sub/b.ipynb", "2")
    await contents.open("deep/a.ipynb")
    assert (await contents.delete("deep")).code == 204
    assert (bucket.names(), (edit / "deep").exists(), (await contents.list()).names) == ([], False, [])


@pytest.mark.parametrize("act", ["rename", "delete"])
async def test_a_folder_stays_whole_while_someone_edits_one_of_its_notebooks(bucket, contents, act, jp_serverapp):
    bucket.put_notebook("deep/a.ipynb", "1")
    bucket.put_notebook("deep/b.ipynb", "1", metadata=another_persons_lock())
    refused = await (contents.rename("deep", "new") if act == "rename" else contents.delete("deep"))
    assert (refused.code, refused.reason) == (409, "locked-by-other")
    assert f"{WORKSPACE}/edit/deep/b.ipynb" in refused.message
    assert bucket.names() == ["notebooks/deep/a.ipynb", "notebooks/deep/b.ipynb"]


async def test_a_folder_onto_a_name_that_is_taken_is_409(bucket, contents, jp_serverapp):
    bucket.put_notebook("deep/a.ipynb", "1")
    bucket.put_notebook("new/z.ipynb", "1")
    refused = await contents.rename("deep", "new")
    assert (refused.code, refused.reason) == (409, "name-exists")
    refused = await contents.rename("deep", "x.ipynb")
    assert (refused.code, refused.reason) == (409, "folder-name")


async def test_a_folder_moves_to_the_playground_and_back(bucket, contents, api, playground, jp_serverapp):
    bucket.put_notebook("deep/a.ipynb", "1")
    out, back = f"{WORKSPACE}/playground/deep", f"{WORKSPACE}/edit/deep"
    assert (await api("PATCH", "contents", back, body={"path": out})).code == 200
    assert (bucket.names(), (playground / "deep" / "a.ipynb").exists()) == ([], True)
    assert (await api("PATCH", "contents", out, body={"path": back})).code == 200
    await contents.settled("deep/a.ipynb")
    assert bucket.sources("deep/a.ipynb") == ["1"]


async def test_what_was_begun_is_finished_at_the_start(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("deep/a.ipynb", "1")
    await contents.open("deep/a.ipynb")
    bucket.faults.add(
        Fault(operation="objects.move", action=ResetConnection(), after_effect=True),
        Fault(operation="objects.get", action=ResetConnection(), times=1000),
    )
    refused = await contents.rename("deep", "new")
    assert (refused.code, refused.reason) == (503, "unreachable")
    assert "continues by itself" in refused.message
    bucket.faults.clear()
    await parts_of(jp_serverapp).recovery.finish()
    assert (bucket.names(), (edit / "new" / "a.ipynb").exists()) == (["notebooks/new/a.ipynb"], True)


async def test_folders_of_the_disk_can_be_made_renamed_and_deleted(bucket, contents, edit, jp_serverapp):
    made = await contents.new(type="directory")
    assert made.code == 201
    await contents.put(f"{made.model['name']}/x.txt", {"type": "file", "format": "text", "content": "x"})
    assert (await contents.rename(made.model["name"], "results")).code == 200
    assert (edit / "results" / "x.txt").read_text() == "x"
    await contents.delete("results/x.txt")
    assert (await contents.delete("results")).code == 204
    assert bucket.names() == []


async def test_workspace_folders_themselves_stay(bucket, api, edit, jp_serverapp):
    for path in (WORKSPACE, f"{WORKSPACE}/edit", f"{WORKSPACE}/playground"):
        for refused in (
            await api("DELETE", "contents", path),
            await api("PATCH", "contents", path, body={"path": "elsewhere"}),
        ):
            assert (refused.code, refused.reason) == (409, "workspace-folder")
    assert edit.is_dir()


async def test_a_folder_with_notebooks_is_moved_into_a_workspace(bucket, api, contents, jp_root_dir, jp_serverapp):
    (jp_root_dir / "mine").mkdir()
    (jp_root_dir / "mine" / "a.ipynb").write_text(text_of(notebook("1")))
    moved = await api("PATCH", "contents", "mine", body={"path": f"{WORKSPACE}/edit/mine"})
    assert moved.code == 200
    await contents.settled("mine/a.ipynb")
    assert bucket.sources("mine/a.ipynb") == ["1"]
    assert not (jp_root_dir / "mine").exists()


async def test_folders_of_a_workspace_are_not_copied_whole(bucket, api, contents, jp_serverapp):
    bucket.put_notebook("deep/a.ipynb", "1")
    refused = await api("POST", "contents", "", body={"copy_from": f"{WORKSPACE}/edit/deep"})
    assert (refused.code, refused.reason) == (400, "folder")


async def test_a_notebook_is_not_renamed_while_its_edits_cannot_reach_the_bucket(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.faults.add(Fault(operation="*", action=ResetConnection(), times=1000))
    await contents.save("a.ipynb", "2")
    refused = await contents.rename("a.ipynb", "b.ipynb")
    assert refused.code in {409, 503}
    assert (edit / "a.ipynb").exists()
