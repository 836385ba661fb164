"""Deleting as Jupyter does by default, to the trash; and where that, or the disk, does not do it."""

import os

import pytest
from small_disks import small_disk

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault
from jupyter_terra_env.notebooks.moves import trash


@pytest.fixture
def jp_server_config(jp_server_config):
    return {**jp_server_config, "FileContentsManager": {"delete_to_trash": True}}


@pytest.fixture
def the_trash(tmp_path, monkeypatch):
    monkeypatch.setattr(trash.plat_other, "HOMETRASH_B", os.fsencode(tmp_path / "a-home" / "Trash"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / "a-home" / "Trash"


@pytest.fixture
def no_trash(the_trash):
    the_trash.parent.mkdir(exist_ok=True)
    the_trash.write_text("a file where the trash would be")
    return the_trash


async def open_two(bucket, contents):
    for name in ("a.ipynb", "f/b.ipynb"):
        bucket.put_notebook(name, "shared")
        assert (await contents.open(name)).code == 200


async def test_to_the_trash(bucket, contents, edit, the_trash, jp_serverapp):
    await open_two(bucket, contents)
    (edit / "data.csv").write_text("1")
    for name in ("a.ipynb", "f", "data.csv"):
        assert (await contents.delete(name)).code == 204
    assert sorted(entry.name for entry in (the_trash / "files").iterdir()) == ["a.ipynb", "data.csv", "f"]
    assert bucket.names() == []
    assert [entry.name for entry in edit.iterdir() if not entry.name.startswith(".")] == []


@pytest.mark.parametrize("name", ["a.ipynb", "f", "f/b.ipynb"])
async def test_where_no_trash_can_be_used(bucket, contents, edit, no_trash, jp_serverapp, name):
    await open_two(bucket, contents)
    for _ in range(2):
        refused = await contents.delete(name)
        assert (refused.code, refused.reason) == (400, "no-trash")
        assert "the trash cannot be used" in refused.message
    assert bucket.names() == ["notebooks/a.ipynb", "notebooks/f/b.ipynb"]
    assert (edit / "a.ipynb").exists()
    assert (edit / "f" / "b.ipynb").exists()
    assert (await contents.rename("f/b.ipynb", "f/c.ipynb")).code == 200
    assert (await contents.save("a.ipynb", "next")).code == 200
    await contents.settled("a.ipynb")
    no_trash.unlink()
    assert (await contents.delete("f")).code == 204


async def test_what_only_the_bucket_has_needs_no_trash(bucket, contents, no_trash, jp_serverapp):
    bucket.put_notebook("a.ipynb", "shared")
    assert (await contents.delete("a.ipynb")).code == 204
    assert bucket.names() == []


async def test_objects_that_no_listing_shows(bucket, contents, edit, the_trash, jp_serverapp):
    await open_two(bucket, contents)
    bucket.put("notebooks/f/cohort.csv", "a,b")
    refused = await contents.delete("f")
    assert (refused.code, refused.reason) == (409, "folder-not-empty")
    assert "1 other object (cohort.csv)" in refused.message
    assert "notebooks/f/b.ipynb" in bucket.names()
    assert (edit / "f" / "b.ipynb").exists()


@pytest.mark.parametrize("content", ["", "placeholder"])
async def test_the_marker_that_a_tool_made_for_a_folder_goes_with_it(
    bucket, contents, edit, the_trash, jp_serverapp, content
):
    await open_two(bucket, contents)
    bucket.put("notebooks/f/", content)
    bucket.put("notebooks/f/empty/", content)
    assert (await contents.delete("f")).code == 204
    assert bucket.names() == ["notebooks/a.ipynb"]
    assert not (edit / "f").exists()


async def test_an_object_of_the_folder_s_own_name_is_named_in_the_refusal(
    bucket, contents, edit, the_trash, jp_serverapp
):
    await open_two(bucket, contents)
    bucket.put("notebooks/f/", "a,b")
    refused = await contents.delete("f")
    assert (refused.code, refused.reason) == (409, "folder-not-empty")
    assert "1 other object (f/)" in refused.message
    assert "notebooks/f/" in bucket.names()
    assert (edit / "f" / "b.ipynb").exists()


async def test_a_bucket_that_refuses(bucket, contents, edit, the_trash, jp_serverapp):
    await open_two(bucket, contents)
    bucket.faults.add(Fault(operation="objects.delete", action=AnswerWith(status=403, reason="forbidden"), times=9))
    assert (await contents.delete("f")).code == 403
    assert (edit / "f" / "b.ipynb").exists()
    assert list((the_trash / "files").iterdir()) == []
    bucket.faults.clear()
    assert (await contents.delete("f")).code == 204


class TestOnADiskOfItsOwn:
    @pytest.fixture
    def jp_root_dir(self, tmp_path):
        root = tmp_path / "root_dir"
        root.mkdir()
        with small_disk(root, size="2m"):
            yield root

    async def test_its_own_trash_is_used(self, bucket, contents, edit, jp_root_dir, the_trash, jp_serverapp):
        await open_two(bucket, contents)
        assert (await contents.delete("f")).code == 204
        assert (jp_root_dir / f".Trash-{os.getuid()}" / "files" / "f" / "b.ipynb").exists()

    async def test_that_has_no_place_for_a_trash(self, bucket, contents, edit, jp_root_dir, the_trash, jp_serverapp):
        await open_two(bucket, contents)
        (jp_root_dir / f".Trash-{os.getuid()}").write_text("a file where the trash would be")
        for name in ("a.ipynb", "f"):
            refused = await contents.delete(name)
            assert (refused.code, refused.reason) == (400, "no-trash")
        assert len(bucket.names()) == 2

    async def test_a_folder_of_which_a_part_is_another_disk(self, bucket, contents, edit, the_trash, jp_serverapp):
        """Nothing can move out of it at once: it is refused before the bucket is asked."""
        await open_two(bucket, contents)
        (edit / "f" / "mounted").mkdir()
        with small_disk(edit / "f" / "mounted", size="1m"):
            (edit / "f" / "mounted" / "x.txt").write_text("x")
            refused = await contents.delete("f")
            assert (refused.code, refused.reason) == (409, "disk-refuses")
            assert (edit / "f" / "mounted" / "x.txt").read_text() == "x"
        assert (edit / "f" / "b.ipynb").exists()
        assert len(bucket.names()) == 2
        assert (await contents.rename("f/b.ipynb", "f/c.ipynb")).code == 200
