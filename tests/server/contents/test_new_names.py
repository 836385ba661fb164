"""New files under names that the server chooses: never over a file or an object that took the name meanwhile."""

import asyncio
import json
import os

import pytest
from workspace_kit import WORKSPACE, notebook, sources, text_of


@pytest.fixture
def terra_settings():
    return {"bucket_retry_deadline_seconds": 1.0, "listing_max_age_seconds": 60.0}


@pytest.fixture(params=["untitled", "copy", "copy here", "large copy"])
def make(request, bucket, contents, jp_serverapp):
    """Make a file; gives its first name, and how."""
    bucket.put_notebook("source.ipynb", "copied")
    first = {"untitled": "Untitled.ipynb"}.get(request.param, "source-Copy1.ipynb")

    async def making():
        if request.param == "untitled":
            return await contents.new(type="notebook")
        if request.param == "large copy":
            jp_serverapp.contents_manager.large_bytes = 0
        return await contents.new(copy_from=f"{WORKSPACE}/edit/source.ipynb")

    return first, making


async def test_two_at_once_get_two_names(make, contents, edit):
    _, making = make
    answers = await asyncio.gather(*(making() for _ in range(4)))
    assert {answer.code for answer in answers} == {201}
    assert len({answer.model["name"] for answer in answers}) == 4


async def test_a_file_that_took_the_name_at_the_last_moment_stays(make, contents, edit, monkeypatch):
    first, making = make
    link = os.link

    def taken_before(source, target, **more):
        if str(target).endswith(f"/{first}") and not os.path.lexists(target):
            (edit / first).write_text("precious")
        return link(source, target, **more)

    monkeypatch.setattr(os, "link", taken_before)
    made = await making()
    assert made.code == 201
    assert made.model["name"] != first
    assert (edit / first).read_text() == "precious"
    assert (edit / made.model["name"]).exists()


async def test_an_object_that_took_the_name_since_the_listing_stays(make, bucket, contents, edit):
    first, making = make
    await contents.list()
    bucket.put_notebook(first, "somebody's")
    made = await making()
    assert made.code == 201
    assert made.model["name"] != first
    await contents.settled(made.model["name"])
    assert bucket.sources(first) == ["somebody's"]
    assert not (edit / first).exists()
    assert sources((await contents.open(first)).model["content"]) == ["somebody's"]
    assert not list((edit / ".ipynb_checkpoints").glob(f"{first.removesuffix('.ipynb')}-checkpoint*"))


async def test_new_folders_too(contents, edit, jp_serverapp):
    answers = await asyncio.gather(*(contents.new(type="directory") for _ in range(3)))
    assert sorted(answer.model["name"] for answer in answers) == [
        "Untitled Folder",
        "Untitled Folder 1",
        "Untitled Folder 2",
    ]


async def test_copying_to_a_name_that_the_client_chose_is_as_ever(bucket, contents, api, edit, jp_serverapp):
    await contents.save("a.ipynb", "a")
    manager = jp_serverapp.contents_manager
    await manager.copy(f"{WORKSPACE}/edit/a.ipynb", f"{WORKSPACE}/edit/b.ipynb")
    assert sources(json.loads((edit / "b.ipynb").read_text())) == ["a"]
    await contents.save("a.ipynb", "a again")
    await manager.copy(f"{WORKSPACE}/edit/a.ipynb", f"{WORKSPACE}/edit/b.ipynb")
    assert sources(json.loads((edit / "b.ipynb").read_text())) == ["a again"]


async def test_in_a_playground_too(bucket, contents, playground, jp_serverapp):
    bucket.put_notebook("a.ipynb", "a")
    copies = [contents.new(folder="playground", copy_from=f"{WORKSPACE}/edit/a.ipynb") for _ in range(3)]
    answers = await asyncio.gather(*copies)
    assert len({answer.model["name"] for answer in answers}) == 3
    assert bucket.names() == ["notebooks/a.ipynb"]


async def test_a_name_without_room_for_a_number_is_given_up_in_the_end(contents, edit, monkeypatch, jp_serverapp):
    """Whoever takes each name at the last moment cannot make this one wait for ever."""
    link = os.link

    def always_taken(source, target, **more):
        if "Untitled" in str(target) and not os.path.lexists(target):
            with open(target, "w") as file:  # noqa: PTH123
                file.write(text_of(notebook("theirs")))
        return link(source, target, **more)

    monkeypatch.setattr(os, "link", always_taken)
    refused = await contents.new(type="notebook")
    assert (refused.code, refused.reason) == (409, "name-exists")
