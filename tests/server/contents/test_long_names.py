"""Names near the longest a disk takes: saved whole, or refused before anything is written."""

import os

import pytest
from workspace_kit import WORKSPACE, notebook, sources, text_of

TEXT = {"type": "file", "format": "text", "content": "x"}


def name_of(length, ending, letter="n"):
    """A name of so many bytes."""
    room = length - len(ending)
    letters, rest = divmod(room, len(letter.encode()))
    return letter * letters + "n" * rest + ending


def found(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and ".ipynb_checkpoints" not in path.parts)


@pytest.mark.parametrize("letter", ["n", "é", "🧬"])
@pytest.mark.parametrize("length", [200, 230, 243, 244])
@pytest.mark.parametrize("folder", ["edit", "playground"])
async def test_up_to_the_checkpoints_limit_everything_works(bucket, contents, length, letter, folder, jp_serverapp):
    name = name_of(length, ".ipynb", letter)
    assert (await contents.save(name, "1", folder=folder)).code == 201
    assert (await contents.save(name, "2", folder=folder)).code == 200
    assert sources((await contents.open(name, folder=folder)).model["content"]) == ["2"]
    if folder == "edit":
        await contents.settled(name)
        assert bucket.sources(name) == ["2"]
    assert (await contents.rename(name, "ok.ipynb", folder=folder)).code == 200
    assert (await contents.rename("ok.ipynb", name, folder=folder)).code == 200
    assert (await contents.delete(name, folder=folder)).code == 204
    assert bucket.names() == []


@pytest.mark.parametrize("length", [245, 249, 250, 255, 256, 300])
@pytest.mark.parametrize("folder", ["edit", "playground"])
async def test_beyond_it_a_new_notebook_is_refused_and_nothing_is_written(
    bucket, contents, api, jp_root_dir, length, folder, jp_serverapp
):
    name, disk = name_of(length, ".ipynb"), jp_root_dir / WORKSPACE / folder
    for refused in (
        await contents.save(name, "1", folder=folder),
        await contents.put(name, TEXT, folder=folder),
        await contents.put(name, {**TEXT, "chunk": 1}, folder=folder),
        await contents.save(f"new/folder/{name}", "1", folder=folder),
    ):
        assert (refused.code, refused.reason) == (400, "name-too-long")
        assert str(244) in refused.message
    assert (list(disk.iterdir()), bucket.names()) == ([], [])
    assert (await contents.save("a.ipynb", "1", folder=folder)).code == 201
    if folder == "edit":
        await contents.settled("a.ipynb")
    assert (await contents.rename("a.ipynb", name, folder=folder)).code == 400
    assert found(disk) == ["a.ipynb"]
    assert bucket.names() == (["notebooks/a.ipynb"] if folder == "edit" else [])
    assert sources((await contents.open("a.ipynb", folder=folder)).model["content"]) == ["1"]


async def test_a_copy_whose_name_would_be_too_long_writes_nothing(bucket, contents, edit, jp_serverapp):
    name = name_of(240, ".ipynb")
    await contents.save(name, "1")
    copied = await contents.new(copy_from=f"{WORKSPACE}/edit/{name}")
    assert (copied.code, found(edit)) == (400, [name])


@pytest.mark.parametrize("length", [245, 250, 255])
async def test_other_files_have_the_disks_limit(bucket, contents, edit, length, jp_serverapp):
    name = name_of(length, ".csv")
    assert (await contents.put(name, TEXT)).code == 201
    assert (await contents.open(name)).model["content"] == "x"
    assert found(edit) == [name]
    too_long = name_of(256, ".csv")
    assert (await contents.put(too_long, TEXT)).code == 400
    assert (await contents.put(f"new/{too_long}", TEXT)).code == 400
    assert found(edit) == [name]
    assert not (edit / "new").exists()


@pytest.mark.parametrize("length", [245, 255])
async def test_a_notebook_that_a_program_made_can_be_saved_and_says_where_it_is(
    bucket, contents, edit, length, jp_serverapp
):
    name = name_of(length, ".ipynb")
    (edit / name).write_text(text_of(notebook("a program's")))
    assert sources((await contents.open(name)).model["content"]) == ["a program's"]
    assert (await contents.save(name, "mine")).code == 200
    assert sources((await contents.open(name)).model["content"]) == ["mine"]
    status = await contents.status(name)
    assert (status["place"], "longer than 244 bytes" in status["message"]) == ("local-only", True)
    assert (await contents.rename(name, "short.ipynb")).code == 200
    await contents.settled("short.ipynb")
    assert bucket.sources("short.ipynb") == ["mine"]


async def test_a_folder_has_the_limit_of_what_is_to_be_in_it(bucket, contents, edit, jp_serverapp):
    assert (await contents.put(name_of(244, ""), {"type": "directory"})).code == 201
    assert (await contents.put(name_of(245, ""), {"type": "directory"})).code == 400
    bucket.put_notebook("deep/a.ipynb", "1")
    assert (await contents.rename("deep", name_of(245, ""))).code == 400
    assert bucket.names() == ["notebooks/deep/a.ipynb"]


async def test_an_object_name_has_a_limit_of_its_own(bucket, contents, jp_serverapp):
    folder = "/".join(["d" * 200] * 5)
    for spare, place in ((0, "in-workspace"), (1, "local-only")):
        path = f"{folder}/{'n' * (1024 - len(f'notebooks/{folder}/.ipynb') + spare)}.ipynb"
        assert (await contents.save(path, "1")).code == 201
        status = await contents.settled(path, place)
        assert ("1024 bytes" in status["message"]) is (spare == 1)
    assert [len(name.encode()) for name in bucket.names()] == [1024]


@pytest.mark.parametrize("name", ["x..ipynb", "x. .ipynb", " x.ipynb", "x .ipynb", "x.ipynb.ipynb", "~x.ipynb"])
async def test_odd_ends_are_kept_as_they_are(bucket, contents, edit, name, jp_serverapp):
    assert (await contents.save(name, "1")).code == 201
    await contents.settled(name)
    assert (bucket.names(), found(edit)) == ([f"notebooks/{name}"], [name])


@pytest.mark.parametrize("name", ["tab\there.ipynb", "line\nbreak.ipynb", "a\x7fb.ipynb", "\x01.ipynb"])
async def test_control_characters_stay_on_the_disk_and_the_status_says_why(
    bucket, contents, api, edit, name, jp_serverapp
):
    assert (await contents.save(name, "1")).code == 201
    status = await contents.status(name)
    assert (status["place"], "control character" in status["message"]) == ("local-only", True)
    assert (bucket.names(), os.listdir(edit) != []) == ([], True)  # noqa: PTH208 - odd names
    assert (await contents.rename(name, "ok.ipynb")).code == 200
    await contents.settled("ok.ipynb")
    assert bucket.names() == ["notebooks/ok.ipynb"]
