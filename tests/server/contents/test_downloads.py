"""Downloads and hashes: what opening would show, and what is on the screen."""

import hashlib
import json
import os

import pytest
from environments import taken_by
from tornado.httpclient import HTTPClientError
from workspace_kit import BUCKET, WORKSPACE, notebook, parts_of, sources, text_of

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault
from jupyter_terra_env.rules.edit_lock import EXPIRY_KEY, OWNER_KEY, owner_hash


def held_by_bob():
    return {**taken_by("bob@example.org"), OWNER_KEY: owner_hash(BUCKET, "bob@example.org")}


@pytest.fixture
def download(api):
    async def downloading(name="a.ipynb", folder="edit"):
        return await api("GET", f"{WORKSPACE}/{folder}/{name}", base="files", download=1)

    return downloading


async def opened_sources(contents, folder="edit"):
    return sources((await contents.open("a.ipynb", folder)).model["content"])


async def saved_by_a_colleague(bucket, contents, edit):
    bucket.put_notebook("a.ipynb", "theirs")
    return ["theirs"]


async def edited_by_a_colleague_now(bucket, contents, edit):
    bucket.put_notebook("a.ipynb", "theirs", metadata=held_by_bob())
    return ["theirs"]


async def edited_by_a_colleague_over_edits_of_mine(bucket, contents, edit):
    bucket.put_notebook("a.ipynb", "theirs", metadata=held_by_bob())
    (edit / "a.ipynb").write_text(text_of(notebook("mine")))
    return ["theirs"]


async def with_edits_of_mine(bucket, contents, edit):
    (edit / "a.ipynb").write_text(text_of(notebook("mine")))
    return ["mine"]


async def in_conflict(bucket, contents, edit):
    bucket.put_notebook("a.ipynb", "theirs")
    await contents.save("a.ipynb", "mine")
    return ["mine"]


async def deleted_by_a_colleague(bucket, contents, edit):
    bucket.client.bucket(bucket.name).blob("notebooks/a.ipynb").delete()
    return ["one"]


async def offline(bucket, contents, edit):
    bucket.put_notebook("a.ipynb", "theirs")
    bucket.faults.add(Fault(operation="*", action=AnswerWith(status=503), times=1000))
    return ["one"]


SITUATIONS = [
    saved_by_a_colleague,
    edited_by_a_colleague_now,
    edited_by_a_colleague_over_edits_of_mine,
    with_edits_of_mine,
    in_conflict,
    deleted_by_a_colleague,
    offline,
]


@pytest.mark.parametrize("situation", SITUATIONS)
async def test_a_download_is_what_opening_shows(bucket, contents, download, edit, jp_serverapp, situation):
    bucket.put_notebook("a.ipynb", "one")
    await contents.open("a.ipynb")
    expected = await situation(bucket, contents, edit)
    before = (edit / "a.ipynb").read_bytes()
    answer = await download()
    assert answer.code == 200
    assert sources(json.loads(answer.body)) == expected
    assert (edit / "a.ipynb").read_bytes() == before, "it opens nothing"
    assert await opened_sources(contents) == expected


async def test_of_a_playground_copy(bucket, contents, download, playground, jp_serverapp):
    bucket.put_notebook("a.ipynb", "one")
    await contents.open("a.ipynb", "playground")
    bucket.put_notebook("a.ipynb", "two")
    assert sources(json.loads((await download(folder="playground")).body)) == ["two"]
    await contents.save("a.ipynb", "played", folder="playground")
    assert sources(json.loads((await download(folder="playground")).body)) == ["played"]


async def test_of_what_was_never_opened_leaves_nothing_here(bucket, contents, download, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "one")
    assert sources(json.loads((await download()).body)) == ["one"]
    assert list(edit.iterdir()) == []


async def test_of_nothing_is_not_found(bucket, download, jp_serverapp):
    assert (await download()).code == 404
    assert (await download("a.csv")).code == 404


async def test_of_a_link_that_leads_out(bucket, download, edit, tmp_path, jp_serverapp):
    (tmp_path / "secret.ipynb").write_text("secret")
    (edit / "a.ipynb").symlink_to(tmp_path / "secret.ipynb")
    assert (await download()).code == 404


async def test_headers_are_those_of_a_notebook(bucket, contents, jp_fetch, edit, jp_serverapp):
    blob = bucket.put_notebook("a.ipynb", "one")
    await contents.open("a.ipynb")
    for version in ("working copy", "the bucket's"):
        if version == "the bucket's":
            blob = bucket.put_notebook("a.ipynb", "two, and longer")
        answer = await jp_fetch("files", WORKSPACE, "edit", "a.ipynb")
        assert answer.headers["Content-Type"] == "application/x-ipynb+json"
        assert "a.ipynb" in answer.headers["Content-Disposition"]
        assert answer.body == blob.download_as_bytes()
        tag = answer.headers["Etag"]
        assert tag == f'"{hashlib.sha256(answer.body).hexdigest()}"'
        head = await jp_fetch("files", WORKSPACE, "edit", "a.ipynb", method="HEAD")
        assert (head.headers["Etag"], head.headers["Content-Length"]) == (tag, str(len(answer.body)))
        with pytest.raises(HTTPClientError, match="304"):
            await jp_fetch("files", WORKSPACE, "edit", "a.ipynb", headers={"If-None-Match": tag})
        part = await jp_fetch("files", WORKSPACE, "edit", "a.ipynb", headers={"Range": "bytes=0-9"})
        assert part.body == answer.body[:10]


async def test_a_browser_is_never_notified_that_an_older_one_is_still_true(
    bucket, contents, jp_fetch, edit, jp_serverapp
):
    """Of two contents within one second, times do not tell which is newer."""
    await contents.save("a.ipynb", "one")
    first = await jp_fetch("files", WORKSPACE, "edit", "a.ipynb")
    await contents.save("a.ipynb", "two")
    os.utime(edit / "a.ipynb", (1_600_000_000, 1_600_000_000))
    headers = {"If-Modified-Since": first.headers["Last-Modified"], "If-None-Match": first.headers["Etag"]}
    assert sources(json.loads((await jp_fetch("files", WORKSPACE, "edit", "a.ipynb", headers=headers)).body)) == ["two"]
    del headers["If-None-Match"]
    assert sources(json.loads((await jp_fetch("files", WORKSPACE, "edit", "a.ipynb", headers=headers)).body)) == ["two"]


class TestHashes:
    async def hashes(self, contents):
        only = (await contents.open("a.ipynb", content=0)).model
        return only["hash"], only

    async def shown(self, contents):
        model = (await contents.open("a.ipynb")).model
        return model["hash"]

    async def test_is_that_of_what_is_shown_read_only(self, bucket, contents, edit, jp_serverapp):
        bucket.put_notebook("a.ipynb", "one")
        await contents.open("a.ipynb")
        bucket.put_notebook("a.ipynb", "theirs", metadata=held_by_bob())
        shown = await self.shown(contents)
        bucket.mark()
        found, model = await self.hashes(contents)
        assert found == shown
        assert (model["writable"], model["type"], model["content"]) == (False, "notebook", None)
        assert bucket.requests == [], "nobody is asked"

    async def test_so_is_all_else_that_is_said_of_it(self, bucket, contents, edit, jp_serverapp):
        bucket.put_notebook("a.ipynb", "one")
        await contents.open("a.ipynb")
        bucket.put_notebook("a.ipynb", "theirs", metadata=held_by_bob())
        shown = (await contents.open("a.ipynb")).model
        bucket.mark()
        stat = (await contents.stat("a.ipynb")).model
        for key in ("last_modified", "created", "size", "writable", "type", "name", "path"):
            assert stat[key] == shown[key], key
        assert bucket.requests == []

    async def test_of_what_was_never_here_brings_nothing_here(self, bucket, contents, edit, jp_serverapp):
        bucket.put_notebook("a.ipynb", "theirs", metadata=held_by_bob())
        shown = await self.shown(contents)
        bucket.mark()
        assert (await self.hashes(contents))[0] == shown
        assert (list(edit.iterdir()), bucket.requests) == ([], [])

    async def test_over_edits_of_mine_too(self, bucket, contents, edit, jp_serverapp):
        bucket.put_notebook("a.ipynb", "one")
        await contents.open("a.ipynb")
        bucket.put_notebook("a.ipynb", "theirs", metadata=held_by_bob())
        assert (await contents.save("a.ipynb", "mine")).code == 409
        saved, _ = await self.hashes(contents)
        assert saved == hashlib.sha256((edit / "a.ipynb").read_bytes()).hexdigest()
        shown = await self.shown(contents)
        assert shown != saved
        assert (await self.hashes(contents))[0] == shown

    async def test_once_their_lock_has_gone_it_is_still_that_of_the_screen(self, bucket, contents, jp_serverapp):
        bucket.put_notebook("a.ipynb", "one")
        await contents.open("a.ipynb")
        blob = bucket.put_notebook("a.ipynb", "theirs", metadata=held_by_bob())
        shown = await self.shown(contents)
        blob.metadata = {EXPIRY_KEY: "0"}
        blob.patch()
        assert (await self.hashes(contents))[0] == shown
        assert await self.shown(contents) == shown, "that is the working copy now"
        assert (await self.hashes(contents))[0] == shown

    async def test_after_a_save_it_is_that_of_the_save(self, bucket, contents, edit, jp_serverapp):
        bucket.put_notebook("a.ipynb", "one")
        await contents.open("a.ipynb")
        blob = bucket.put_notebook("a.ipynb", "theirs", metadata=held_by_bob())
        await contents.open("a.ipynb")
        blob.metadata = {EXPIRY_KEY: "0"}
        blob.patch()
        await contents.save("a.ipynb", "typed over")
        bucket.mark()
        assert (await self.hashes(contents))[0] == hashlib.sha256((edit / "a.ipynb").read_bytes()).hexdigest()
        assert bucket.requests == []

    async def test_another_notebook_of_that_name_is_another(self, bucket, contents, jp_serverapp):
        bucket.put_notebook("folder/a.ipynb", "one", metadata=held_by_bob())
        await contents.save("folder/b.ipynb", "b")
        parts = parts_of(jp_serverapp)
        place, views = parts.workspaces.locate(f"{WORKSPACE}/edit/folder/a.ipynb"), parts.localizer.views
        await contents.open("folder/a.ipynb")
        assert views.instead(place) is not None
        views.forget_below(place.parent.api_path)
        assert views.instead(place) is None

    async def test_a_save_and_the_hashes_around_it_are_one_request(self, bucket, contents, edit, jp_serverapp):
        bucket.put_notebook("a.ipynb", "one")
        await contents.open("a.ipynb")
        bucket.mark()
        before, _ = await self.hashes(contents)
        await contents.save("a.ipynb", "two")
        after, _ = await self.hashes(contents)
        await contents.settled("a.ipynb")
        assert before != after
        assert [operation for operation, _ in bucket.requests] == ["objects.insert"]
