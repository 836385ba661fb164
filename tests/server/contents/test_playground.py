"""The playground: the same notebooks, and nothing ever reaches the bucket."""

import json

from workspace_kit import WORKSPACE, notebook, sources, text_of


async def test_the_playground_shows_the_same_notebooks(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    bucket.put_notebook("deep/b.ipynb", "1")
    assert (await contents.list(folder="playground")).names == ["a.ipynb", "deep"]
    opened = await contents.open("a.ipynb", folder="playground")
    assert opened.model["terra"]["place"] == "playground"
    assert opened.model["writable"] is True


async def test_nothing_done_in_the_playground_reaches_the_bucket(bucket, contents, api, jp_serverapp):
    bucket.put_notebook("a.ipynb", "theirs")
    bucket.mark()
    await contents.open("a.ipynb", folder="playground")
    await contents.save("a.ipynb", "mine", folder="playground")
    await contents.save("new.ipynb", "mine", folder="playground")
    await contents.new(folder="playground", type="notebook")
    await contents.new(folder="playground", copy_from=f"{WORKSPACE}/playground/a.ipynb")
    await contents.rename("a.ipynb", "b.ipynb", folder="playground")
    await contents.delete("b.ipynb", folder="playground")
    await api("POST", "contents", f"{WORKSPACE}/playground/new.ipynb", "checkpoints")
    await api("POST", "contents", f"{WORKSPACE}/playground/new.ipynb", "checkpoints", "checkpoint")
    model = {"type": "file", "format": "text", "content": "{}", "chunk": 1}
    await contents.put("up.ipynb", model, folder="playground")
    await contents.put("up.ipynb", {**model, "chunk": -1}, folder="playground")
    assert bucket.writes == []
    assert bucket.names() == ["notebooks/a.ipynb"]
    assert bucket.sources("a.ipynb") == ["theirs"]


async def test_a_changed_playground_copy_is_kept_and_opened_as_it_is(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb", folder="playground")
    await contents.save("a.ipynb", "mine", folder="playground")
    bucket.put_notebook("a.ipynb", "2")
    assert sources((await contents.open("a.ipynb", folder="playground")).model["content"]) == ["mine"]


async def test_an_unchanged_playground_copy_is_refreshed(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb", folder="playground")
    bucket.put_notebook("a.ipynb", "2")
    assert sources((await contents.open("a.ipynb", folder="playground")).model["content"]) == ["2"]


async def test_deleting_the_playground_copy_leaves_the_workspace_notebook(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb", folder="playground")
    await contents.save("a.ipynb", "mine", folder="playground")
    assert (await contents.delete("a.ipynb", folder="playground")).code == 204
    assert sources((await contents.open("a.ipynb", folder="playground")).model["content"]) == ["1"]


async def test_the_workspace_notebook_cannot_be_deleted_from_the_playground(bucket, contents, jp_serverapp):
    bucket.put_notebook("deep/a.ipynb", "1")
    for path in ("deep/a.ipynb", "deep"):
        refused = await contents.delete(path, folder="playground")
        assert (refused.code, refused.reason) == (409, "workspace-copy")
    assert bucket.names() == ["notebooks/deep/a.ipynb"]


async def test_a_fresh_copy_keeps_the_changed_one_beside_it(bucket, contents, api, playground, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb", folder="playground")
    await contents.save("a.ipynb", "mine", folder="playground")
    body = {"path": f"{WORKSPACE}/playground/a.ipynb"}
    answer = await api("POST", "open-workspace-version", base="terra-env", body=body)
    assert answer.model == {**body, "kept_edits": f"{WORKSPACE}/playground/a (my edits).ipynb"}
    assert sources((await contents.open("a.ipynb", folder="playground")).model["content"]) == ["1"]
    assert sources(json.loads((playground / "a (my edits).ipynb").read_text())) == ["mine"]
    again = await api("POST", "open-workspace-version", base="terra-env", body=body)
    assert again.model["kept_edits"] is None


async def test_renaming_a_playground_copy_leaves_the_workspace_notebook(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    assert (await contents.rename("a.ipynb", "mine.ipynb", folder="playground")).code == 200
    assert (await contents.list(folder="playground")).names == ["a.ipynb", "mine.ipynb"]
    assert bucket.names() == ["notebooks/a.ipynb"]


async def test_a_playground_notebook_moved_to_edit_is_created_in_the_bucket(bucket, contents, api, jp_serverapp):
    await contents.save("try.ipynb", "1", folder="playground")
    moved = await api(
        "PATCH",
        "contents",
        f"{WORKSPACE}/playground/try.ipynb",
        body={"path": f"{WORKSPACE}/edit/try.ipynb"},
    )
    assert moved.code == 200
    await contents.settled("try.ipynb")
    assert bucket.sources("try.ipynb") == ["1"]


async def test_a_notebook_made_in_the_playground_by_hand_is_shown(contents, playground, jp_serverapp):
    (playground / "x.ipynb").write_text(text_of(notebook("local")))
    assert sources((await contents.open("x.ipynb", folder="playground")).model["content"]) == ["local"]
