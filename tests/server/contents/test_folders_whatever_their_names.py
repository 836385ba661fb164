"""A folder is one because there are objects below it, whatever its name; other files where the pattern says so."""

import base64
import json

import pytest
from workspace_kit import WORKSPACE, another_persons_lock, notebook, sources, text_of

from jupyter_terra_env.bucket.embedded.faults import Fault, ResetConnection

FOLDERS = ["study", "x.ipynb", "x.R", "deep/y.ipynb", "a.b", "café.csv"]


@pytest.fixture(params=[r".*\.ipynb", ".*", ".+", r".+(\.ipynb|\.Rmd|\.R)$"])
def pattern(request):
    return request.param


@pytest.fixture
def terra_settings(terra_settings, pattern):
    return {**terra_settings, "pattern": pattern}


def entries(listed):
    return {entry["name"]: entry["type"] for entry in listed.model["content"]}


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("mode", ["edit", "playground"])
async def test_is_shown_listed_and_its_notebooks_are_opened(bucket, contents, api, folder, mode, jp_serverapp):
    bucket.put_notebook(f"{folder}/n.ipynb", "1")
    above, _, name = folder.rpartition("/")
    assert entries(await contents.list(above, folder=mode)) == {name: "directory"}
    assert entries(await contents.list(folder, folder=mode)) == {"n.ipynb": "notebook"}
    for params in ({}, {"type": "directory"}):
        stat = await contents.stat(folder, folder=mode, **params)
        assert (stat.code, stat.model["type"]) == (200, "directory")
    assert (await contents.open(folder, folder=mode, type="notebook")).code == 400
    opened = await contents.open(f"{folder}/n.ipynb", folder=mode)
    assert sources(opened.model["content"]) == ["1"]
    assert entries(await contents.list(above, folder=mode)) == {name: "directory"}
    manager, path = jp_serverapp.contents_manager, f"{WORKSPACE}/{mode}/{folder}"
    assert (await manager.dir_exists(path), await manager.file_exists(path)) == (True, False)


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("opened", [True, False])
async def test_is_renamed_and_deleted_with_all_there_is_in_it(bucket, contents, edit, folder, opened, jp_serverapp):
    bucket.put_notebook(f"{folder}/n.ipynb", "1")
    bucket.put_notebook(f"{folder}/sub/m.ipynb", "2")
    if opened:
        await contents.open(f"{folder}/n.ipynb")
    assert (await contents.rename(folder, "renamed")).code == 200
    assert bucket.names() == ["notebooks/renamed/n.ipynb", "notebooks/renamed/sub/m.ipynb"]
    assert entries(await contents.list("renamed")) == {"n.ipynb": "notebook", "sub": "directory"}
    assert (await contents.rename("renamed", "again.R")).code == 200
    assert (await contents.delete("again.R")).code == 204
    assert bucket.names() == []
    assert not (edit / "again.R").exists()


@pytest.mark.parametrize("folder", FOLDERS)
async def test_is_made(bucket, contents, folder, jp_serverapp):
    if "/" in folder:
        assert (await contents.put("deep", {"type": "directory"})).code == 201
    assert (await contents.put(folder, {"type": "directory"})).code == 201
    assert (await contents.save(f"{folder}/n.ipynb", "1")).code == 201
    await contents.settled(f"{folder}/n.ipynb")
    assert bucket.names() == [f"notebooks/{folder}/n.ipynb"]
    new = await contents.new(folder, type="directory")
    assert (new.code, new.model["type"]) == (201, "directory")
    copied = await contents.new(folder, copy_from=f"{WORKSPACE}/edit/{folder}/n.ipynb")
    assert copied.code == 201


async def test_nothing_is_nothing_regardless_of_its_name(bucket, contents, jp_serverapp):
    for name in FOLDERS:
        assert (await contents.open(name)).code == 404
        assert (await contents.stat(name)).code == 404
        assert (await contents.delete(name)).code == 404
        assert (await contents.rename(name, "other")).code in {404, 409}


class TestBothAtOnce:
    """An object, and objects below its name: on a disk only one of them can be."""

    async def test_a_notebook_is_shown_before_a_folder(self, bucket, contents, caplog, jp_serverapp):
        bucket.put_notebook("a.ipynb", "1")
        bucket.put_notebook("a.ipynb/b.ipynb", "2")
        assert entries(await contents.list()) == {"a.ipynb": "notebook"}
        assert "rename the notebook to see it" in caplog.text
        assert sources((await contents.open("a.ipynb")).model["content"]) == ["1"]
        assert (await contents.rename("a.ipynb", "moved.ipynb")).code == 200
        assert entries(await contents.list()) == {"a.ipynb": "directory", "moved.ipynb": "notebook"}
        assert sources((await contents.open("a.ipynb/b.ipynb")).model["content"]) == ["2"]

    @pytest.mark.parametrize("pattern", [".*"])
    async def test_a_folder_is_shown_before_any_other_file_which_can_be_read(
        self, bucket, contents, api, edit, caplog, jp_serverapp
    ):
        bucket.put("notebooks/data", b"a,b\n1,2\n")
        bucket.put_notebook("data/b.ipynb", "2")
        assert entries(await contents.list()) == {"data": "directory"}
        assert "notebooks/data" in caplog.text
        assert "rename the folder to see it" in caplog.text
        assert entries(await contents.open("data", hash=0)) == {"b.ipynb": "notebook"}
        read = await contents.open("data", type="file")
        assert read.code == 200, read.body
        assert (read.model["content"], read.model["writable"]) == ("a,b\n1,2\n", False)
        await api("GET", f"{WORKSPACE}/edit/data", base="files")
        assert sources((await contents.open("data/b.ipynb")).model["content"]) == ["2"]
        assert (edit / "data").is_dir()
        assert "hides a file" in (await contents.list()).model["content"][0]["terra"]["message"]
        assert (await contents.rename("data", "moved")).code == 200
        assert entries(await contents.list()) == {"data": "file", "moved": "directory"}
        assert bucket.names() == ["notebooks/data", "notebooks/moved/b.ipynb"]


class TestAFileOnTheDisk:
    """It may have the name of a folder of the workspace: a program made it, or the bucket was away."""

    async def test_is_not_made_by_a_save(self, bucket, contents, edit, jp_serverapp):
        bucket.put_notebook("data/x.ipynb", "1")
        refused = await contents.put("data", {"type": "file", "format": "text", "content": "hello"})
        assert (refused.code, refused.reason, (edit / "data").exists()) == (409, "name-exists", False)
        for chunk in (1, -1):
            model = {"type": "file", "format": "text", "content": "hello", "chunk": chunk}
            assert (await contents.put("data", model)).code in {400, 409}
        await contents.put("other.txt", {"type": "file", "format": "text", "content": "hello"})
        assert (await contents.rename("other.txt", "data")).code == 409
        assert entries(await contents.list())["data"] == "directory"

    async def test_is_asked_to_hide_it(self, bucket, contents, edit, jp_serverapp):
        bucket.put_notebook("data/x.ipynb", "1")
        (edit / "data").write_text("a program's")
        [entry] = (await contents.list()).model["content"]
        assert (entry["name"], entry["type"]) == ("data", "file")
        assert "hides a folder of the same name in the workspace" in entry["terra"]["message"]
        assert (await contents.open("data/x.ipynb")).reason == "parent-is-file"
        assert (await contents.rename("data", "data.txt")).code == 200
        assert entries(await contents.list())["data"] == "directory"
        assert sources((await contents.open("data/x.ipynb")).model["content"]) == ["1"]

    async def test_can_be_saved_while_the_bucket_is_away(self, bucket, contents, jp_serverapp):
        bucket.faults.add(Fault(operation="*", action=ResetConnection(), times=1000))
        model = {"type": "file", "format": "text", "content": "hello"}
        assert (await contents.put("data.txt", model)).code == 201
        bucket.faults.clear()

    @pytest.mark.parametrize("pattern", [".*"])
    async def test_a_folder_is_not_made_over_a_file(self, bucket, contents, edit, jp_serverapp):
        bucket.put("notebooks/data", b"1")
        refused = await contents.put("data", {"type": "directory"})
        assert (refused.code, (edit / "data").exists()) == (409, False)
        bucket.put_notebook("deep/n.ipynb", "1")
        assert (await contents.rename("deep", "data")).code == 409
        assert bucket.names() == ["notebooks/data", "notebooks/deep/n.ipynb"]


FILES = {
    "table.csv": (b"a,b\n1,2\n", "text"),
    "notes": (b"plain", "text"),
    "empty.txt": (b"", "text"),
    "plot.png": (b"\x89PNG\r\n\x1a\n\x00\xff", "base64"),
    "deep/Makefile": (b"all:\n", "text"),
    "script.R": (b"x <- 1\n", "text"),
}


@pytest.mark.parametrize("pattern", [".*", ".+"])
class TestOtherFiles:
    @pytest.mark.parametrize("name", FILES)
    async def test_are_used_like_notebooks(self, bucket, contents, api, name, jp_serverapp):
        content, content_format = FILES[name]
        bucket.put("notebooks/" + name, content)
        folder, _, file = name.rpartition("/")
        assert entries(await contents.list(folder)) == {file: "file"}
        downloaded = await api("GET", f"{WORKSPACE}/edit/{name}", base="files")
        assert downloaded.body == content
        opened = (await contents.open(name)).model
        read = opened["content"] if content_format == "text" else base64.b64decode(opened["content"])
        assert (opened["format"], read) == (content_format, content.decode() if content_format == "text" else content)
        model = {"type": "file", "format": "text", "content": "new"}
        assert (await contents.put(name, model)).code == 200
        await contents.settled(name)
        assert bucket.get(name).content == b"new"
        assert (await contents.rename(name, "elsewhere.dat")).code == 200
        assert bucket.names() == ["notebooks/elsewhere.dat"]
        assert (await contents.delete("elsewhere.dat")).code == 204
        assert bucket.names() == []

    @pytest.mark.parametrize("name", FILES)
    async def test_are_renamed_and_deleted_unopened(self, bucket, contents, name, jp_serverapp):
        bucket.put("notebooks/" + name, FILES[name][0])
        assert (await contents.rename(name, "elsewhere.dat")).code == 200
        assert bucket.get("elsewhere.dat").content == FILES[name][0]
        assert (await contents.delete("elsewhere.dat")).code == 204
        assert bucket.names() == []

    async def test_new_ones_reach_the_bucket(self, bucket, contents, jp_serverapp):
        model = {"type": "file", "format": "base64", "content": base64.b64encode(b"\x00\xff").decode()}
        assert (await contents.put("new.bin", model)).code == 201
        for chunk, text in ((1, "one"), (-1, "two")):
            model = {"type": "file", "format": "text", "content": text, "chunk": chunk}
            assert (await contents.put("big.csv", model)).code in {200, 201}
        for name in ("new.bin", "big.csv"):
            await contents.settled(name)
        assert bucket.get("new.bin").content == b"\x00\xff"
        assert bucket.get("big.csv").content == b"onetwo"

    async def test_one_that_another_person_edits_is_read_only(self, bucket, contents, jp_serverapp):
        bucket.put("notebooks/table.csv", b"a\n", metadata=another_persons_lock())
        opened = (await contents.open("table.csv")).model
        assert (opened["content"], opened["writable"]) == ("a\n", False)

    async def test_one_too_large_to_be_shown_says_so_before_anything_is_downloaded(
        self, bucket, contents, api, edit, monkeypatch, jp_serverapp
    ):
        monkeypatch.setattr("jupyter_terra_env.server.contents.reading.LARGEST_SHOWN_BYTES", 1000)
        bucket.put("notebooks/big.csv", b"x" * 1001)
        bucket.put_notebook("big.ipynb", "x" * 2000)
        bucket.mark()
        refused = await contents.open("big.csv")
        assert (refused.code, refused.reason) == (413, "too-large")
        assert "Download it" in refused.message
        assert ("objects.download", 200) not in bucket.requests
        assert not (edit / "big.csv").exists()
        assert (await api("GET", f"{WORKSPACE}/edit/big.csv", base="files")).body == b"x" * 1001
        assert (await contents.open("big.csv")).code == 413
        assert (await contents.stat("big.csv")).code == 200
        assert (await contents.open("big.ipynb")).code == 200


@pytest.mark.parametrize("pattern", [".*"])
async def test_opening_a_notebook_costs_no_more_than_with_any_pattern(bucket, contents, jp_serverapp):
    bucket.put("notebooks/a.ipynb", text_of(notebook("1")))
    bucket.mark()
    assert (await contents.open("a.ipynb")).code == 200
    assert len(bucket.requests) <= 3
    bucket.mark()
    assert json.loads((await contents.save("a.ipynb", "2")).body)["type"] == "notebook"
    await contents.settled("a.ipynb")
    assert len(bucket.requests) == 1
