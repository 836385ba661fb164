"""File names that are no UTF-8: the server starts, folders move and go with them, none of them is in the bucket."""

import os

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from workspace_kit import WORKSPACE, notebook, text_of

NAMES = [b"caf\xe9.ipynb", b"caf\xe9.csv", b"\xff\xfe", b"\xed\xa0\x80.ipynb"]


def put_odd_files(folder, names=NAMES):
    """An unpacked archive, or an old persistent disk."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / os.fsdecode(name)).write_text(text_of(notebook("old")))
    odd = folder / os.fsdecode(b"d\xe9p\xf4t")
    odd.mkdir(exist_ok=True)
    (odd / "inside.ipynb").write_text(text_of(notebook("inside")))


def names_in(folder):
    return sorted(os.listdir(os.fsencode(folder)))  # noqa: PTH208 - bytes


class TestStart:
    @pytest.fixture
    def jp_root_dir(self, jp_root_dir):
        for folder in ("edit", "playground"):
            put_odd_files(jp_root_dir / WORKSPACE / folder)
            put_odd_files(jp_root_dir / WORKSPACE / folder / "deep")
        return jp_root_dir

    async def test_a_server_starts_over_such_a_disk(self, bucket, contents, jp_serverapp):
        bucket.put_notebook("good.ipynb", "1")
        for folder in ("edit", "playground"):
            assert "good.ipynb" in (await contents.list(folder=folder)).names
            assert (await contents.list("deep", folder=folder)).code == 200
        assert (await contents.open("good.ipynb")).code == 200


async def test_a_listing_shows_them_with_a_sentence_and_keeps_the_rest(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("good.ipynb", "1")
    put_odd_files(edit)
    listed = await contents.list()
    entries = {os.fsencode(entry["name"]): entry for entry in listed.model["content"]}
    assert set(entries) == {b"good.ipynb", b"d\xe9p\xf4t", *NAMES}
    for name in NAMES:
        assert (entries[name]["type"], entries[name]["writable"]) == ("file", False)
        assert "not valid UTF-8" in entries[name]["terra"]["message"]
    assert entries[b"d\xe9p\xf4t"]["type"] == "directory"
    assert listed.body.isascii()
    assert bucket.names() == ["notebooks/good.ipynb"]


@pytest.mark.parametrize("act", ["rename", "delete"])
@pytest.mark.parametrize("folder", ["edit", "playground"])
async def test_a_folder_moves_and_goes_with_them(bucket, contents, jp_root_dir, act, folder, jp_serverapp):
    root = jp_root_dir / WORKSPACE / folder
    if folder == "edit":
        bucket.put_notebook("study/good.ipynb", "1")
        assert (await contents.open("study/good.ipynb")).code == 200
    put_odd_files(root / "study")
    put_odd_files(root / "study" / "deep")
    before = names_in(root / "study")
    if act == "delete":
        assert (await contents.delete("study", folder=folder)).code == 204
        assert (bucket.names(), (root / "study").exists()) == ([], False)
    else:
        assert (await contents.rename("study", "new", folder=folder)).code == 200
        assert bucket.names() == (["notebooks/new/good.ipynb"] if folder == "edit" else [])
        assert (names_in(root / "new"), (root / "study").exists()) == (before, False)
    # The name is as free as any other now.
    assert (await contents.save("study/again.ipynb", "x", folder=folder)).code == 201
    assert (await contents.delete("study", folder=folder)).code == 204


async def test_a_folder_leaves_the_workspace_and_comes_back_with_them(
    bucket, contents, api, edit, playground, jp_serverapp
):
    bucket.put_notebook("study/good.ipynb", "1")
    await contents.open("study/good.ipynb")
    put_odd_files(edit / "study")
    before = names_in(edit / "study")
    out, back = f"{WORKSPACE}/playground/study", f"{WORKSPACE}/edit/study"
    assert (await api("PATCH", "contents", back, body={"path": out})).code == 200
    assert (bucket.names(), names_in(playground / "study")) == ([], before)
    assert (await api("PATCH", "contents", out, body={"path": back})).code == 200
    assert names_in(edit / "study") == before
    await contents.settled("study/good.ipynb")
    assert bucket.names() == ["notebooks/study/good.ipynb"]


@pytest.mark.parametrize("name", ["caf\udce9.ipynb", "d\udce9p/x.ipynb"])
async def test_no_request_makes_one(bucket, contents, api, edit, name, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    path = f"{WORKSPACE}/edit/{name}"
    renamed = await api("PATCH", "contents", f"{WORKSPACE}/edit/a.ipynb", body={"path": path})
    copied = await api("POST", "contents", f"{WORKSPACE}/edit", body={"copy_from": path})
    assert (renamed.code, copied.code) == (404, 404)
    assert (bucket.names(), names_in(edit)) == (["notebooks/a.ipynb"], [b"a.ipynb"])
    for endpoint in ("status", "conflict", "preview"):
        answer = await api("GET", endpoint, base="terra-env", path=f"{WORKSPACE}/edit/caf%E9.ipynb")
        assert answer.code in {200, 404, 409}
    for endpoint in ("lock", "resolve", "open-workspace-version"):
        answer = await api("POST", endpoint, base="terra-env", body={"path": path, "action": "acquire"})
        assert 400 <= answer.code < 500
    flushed = await api("POST", "flush", base="terra-env", body={"deadline_seconds": 1})
    assert flushed.code == 200


async def test_a_link_with_a_good_name_leads_to_one(bucket, contents, api, edit, jp_serverapp):
    put_odd_files(edit)
    (edit / "good.ipynb").symlink_to(os.fsdecode(NAMES[0]))
    assert (await contents.open("good.ipynb")).code == 200
    assert (await contents.save("good.ipynb", "new")).code == 200
    await contents.settled("good.ipynb")
    assert bucket.sources("good.ipynb") == ["new"]
    assert (await api("POST", "contents", f"{WORKSPACE}/edit/good.ipynb", "checkpoints")).code == 201


async def test_a_question_with_bytes_that_are_no_utf8_is_malformed(api, jp_serverapp):
    for endpoint in ("status", "preview", "conflict"):
        url = f"{jp_serverapp.connection_url.rstrip('/')}/terra-env/{endpoint}?path=caf%E9.ipynb"
        headers = {"Authorization": f"token {jp_serverapp.identity_provider.token}"}
        answer = await AsyncHTTPClient().fetch(HTTPRequest(url, headers=headers), raise_error=False)
        assert (answer.code, b"message" in answer.body) == (400, True)
