"""Working copies that programs wrote, broke or made, as the server's clients meet them."""

import asyncio
import json
import os

import pytest
from workspace_kit import WORKSPACE, notebook, sources, text_of

from jupyter_terra_env.app import TerraEnvApp

NAME = "a.ipynb"
PATH = f"{WORKSPACE}/edit/{NAME}"


@pytest.fixture
def opened(bucket, contents, jp_serverapp):
    """Have a notebook opened; gives the bucket as another person sees it."""

    async def opened():
        bucket.put_notebook(NAME, "the work of a week")
        await contents.open(NAME)
        return bucket

    return opened


@pytest.fixture
def debts(api):
    async def ask():
        answer = await api("GET", "debts", base="terra-env")
        return [(debt["path"], debt["place"], debt["reason"]) for debt in answer.model["debts"]]

    return ask


class TestBroken:
    @pytest.mark.parametrize("content", [b"", b"\0" * 300, b"<<<<<<< HEAD\n{", b'{"cells": ['])
    async def test_no_road_leads_to_the_bucket(self, opened, contents, edit, api, content):
        bucket = await opened()
        (edit / NAME).write_bytes(content)
        refused = await contents.open(NAME, type="notebook")
        assert (refused.code, refused.reason) == (400, "unreadable")
        await contents.open(NAME, type="file", format="base64")
        await contents.new(copy_from=PATH)
        assert (await contents.rename(NAME, "b.ipynb")).code == 409
        await api("GET", PATH, base="files")
        await api("POST", "contents", f"{PATH}/checkpoints", body={})
        await api("POST", "flush", base="terra-env", body={"deadline_seconds": 2})
        assert (await contents.status(NAME))["reason"] == "unreadable"
        assert bucket.names() == [f"notebooks/{NAME}"]
        assert bucket.sources(NAME) == ["the work of a week"]
        assert (edit / NAME).read_bytes() == content

    async def test_flush_debts_and_listing_name_it(self, opened, contents, edit, api, debts):
        await opened()
        (edit / NAME).write_bytes(b"{")
        answer = await api("POST", "flush", base="terra-env", body={"deadline_seconds": 2})
        assert [(status["path"], status["reason"]) for status in answer.model["unpaid"]] == [(PATH, "unreadable")]
        assert await debts() == [(PATH, "on-disk", "unreadable")]
        [entry] = (await contents.list()).model["content"]
        assert entry["terra"]["place"] == "on-disk"
        report = await api("GET", "autopause", base="terra-env")
        assert report.model["flush"]["unsafe"] == [{"path": PATH, "reason": "unreadable"}]

    @pytest.mark.parametrize("endpoint", ["open-workspace-version", "resolve"])
    async def test_the_workspace_version_is_offered(self, opened, contents, edit, api, endpoint):
        await opened()
        (edit / NAME).write_bytes(b"{")
        await contents.open(NAME)
        body = {"path": PATH, "action": "take-theirs"}
        answer = await api("POST", endpoint, base="terra-env", body=body)
        assert answer.model["kept_edits"] == f"{WORKSPACE}/edit/a (my edits).ipynb"
        assert (edit / "a (my edits).ipynb").read_bytes() == b"{"
        assert sources((await contents.open(NAME)).model["content"]) == ["the work of a week"]
        assert (await contents.status(NAME))["place"] == "in-workspace"

    async def test_saved_with_a_text_editor(self, opened, contents, edit):
        bucket = await opened()
        saved = await contents.put(NAME, {"type": "file", "format": "text", "content": "{"})
        assert saved.code == 200
        assert (saved.model["terra"]["place"], saved.model["terra"]["reason"]) == ("on-disk", "unreadable")
        assert bucket.sources(NAME) == ["the work of a week"]

    async def test_uploaded_in_chunks(self, opened, contents):
        bucket = await opened()
        for chunk, text in ((1, "{"), (-1, "[")):
            saved = await contents.put(NAME, {"type": "file", "format": "text", "content": text, "chunk": chunk})
        assert saved.model["terra"]["reason"] == "unreadable"
        assert bucket.sources(NAME) == ["the work of a week"]

    async def test_a_good_save_over_it_goes(self, opened, contents, edit):
        bucket = await opened()
        (edit / NAME).write_bytes(b"{")
        await contents.open(NAME)
        assert (await contents.save(NAME, "typed")).code == 200
        await contents.settled(NAME)
        assert bucket.sources(NAME) == ["typed"]


class TestWhole:
    async def test_it_is_in_the_workspace_without_a_click(self, opened, contents, edit, debts):
        bucket = await opened()
        (edit / NAME).write_text(text_of(notebook("computed over night")))
        (edit / "new.ipynb").write_text(text_of(notebook("new")))
        await debts()
        await contents.settled(NAME)
        await contents.settled("new.ipynb")
        assert bucket.sources(NAME) == ["computed over night"]
        assert bucket.sources("new.ipynb") == ["new"]
        assert await debts() == []

    async def test_an_open_tab_is_notified(self, opened, contents, edit, debts, jp_ws_fetch):
        await opened()
        socket = await jp_ws_fetch("terra-env", "presence", params={"path": PATH})
        (edit / NAME).write_text(text_of(notebook("computed over night")))
        await debts()
        async with asyncio.timeout(20):
            while True:
                status = json.loads(await socket.read_message())
                if (status["place"], status["reason"]) == ("in-workspace", "written-by-program"):
                    break
        socket.close()
        assert (await contents.open(NAME)).model["terra"]["reason"] is None

    async def test_flush_brings_what_no_one_has_noticed_yet(self, opened, edit, api):
        bucket = await opened()
        (edit / NAME).write_text(text_of(notebook("computed over night")))
        answer = await api("POST", "flush", base="terra-env", body={"deadline_seconds": 20})
        assert answer.model == {"paid": [PATH], "unpaid": []}
        assert bucket.sources(NAME) == ["computed over night"]


class TestStillBeingWritten:
    @pytest.fixture(autouse=True)
    def never_still(self, no_pace, monkeypatch):
        monkeypatch.setattr(TerraEnvApp, "still_seconds", 3600.0)

    async def test_it_is_named_with_the_reason(self, opened, contents, edit, api, debts):
        bucket = await opened()
        (edit / NAME).write_text(text_of(notebook("computed over night")))
        await debts()
        await contents.settled(NAME, "on-disk")
        assert await debts() == [(PATH, "on-disk", "still-being-written")]
        answer = await api("POST", "flush", base="terra-env", body={"deadline_seconds": 1})
        assert [status["reason"] for status in answer.model["unpaid"]] == ["still-being-written"]
        assert bucket.sources(NAME) == ["the work of a week"]

    async def test_saves_do_not_wait(self, opened, contents):
        bucket = await opened()
        for source in ("one", "two"):
            assert (await contents.save(NAME, source)).code == 200
            await contents.settled(NAME)
        assert bucket.sources(NAME) == ["two"]

    async def test_nor_do_renames(self, opened, contents):
        await opened()
        await contents.save(NAME, "one")
        assert (await contents.rename(NAME, "b.ipynb")).code == 200
        assert (await contents.status("b.ipynb"))["place"] == "in-workspace"


class TestTurnedOff:
    @pytest.fixture
    def terra_settings(self, terra_settings):
        return {**terra_settings, "deliver_program_changes": False}

    async def test_it_is_named_as_not_delivered(self, opened, contents, edit, api, debts):
        bucket = await opened()
        (edit / NAME).write_text(text_of(notebook("computed over night")))
        [entry] = (await contents.list()).model["content"]
        assert entry["terra"]["place"] == "on-disk"
        assert await debts() == [(PATH, "on-disk", "written-by-program")]
        answer = await api("POST", "flush", base="terra-env", body={"deadline_seconds": 1})
        assert [status["reason"] for status in answer.model["unpaid"]] == ["written-by-program"]
        assert bucket.sources(NAME) == ["the work of a week"]

    async def test_opening_delivers(self, opened, contents, edit, debts):
        bucket = await opened()
        (edit / NAME).write_text(text_of(notebook("computed over night")))
        await contents.open(NAME)
        await contents.settled(NAME)
        assert bucket.sources(NAME) == ["computed over night"]
        assert await debts() == []


class TestSpecialFiles:
    @pytest.mark.parametrize("name", ["pipe", "pipe.ipynb"])
    @pytest.mark.parametrize("folder", ["edit", "playground"])
    async def test_a_pipe_is_never_opened(self, opened, contents, jp_root_dir, api, name, folder):
        await opened()
        pipe = jp_root_dir / WORKSPACE / folder / name
        os.mkfifo(pipe)
        path = f"{WORKSPACE}/{folder}/{name}"
        for _ in range(5):
            answer = await contents.open(name, folder)
            assert (answer.code, answer.reason) == (400, "not-a-file")
        assert (await contents.save(name, "x", folder=folder)).code == 400
        assert (await contents.new(folder=folder, copy_from=path)).code == 400
        assert (await api("POST", "contents", f"{path}/checkpoints", body={})).code == 400
        assert (await api("GET", path, base="files")).code in {400, 403}
        assert pipe.is_fifo()
        assert (await contents.list("", folder)).code == 200
        assert (await contents.save(NAME, "typed")).code == 200

    async def test_a_checkpoint_that_is_a_pipe(self, opened, contents, edit, api):
        await opened()
        (edit / ".ipynb_checkpoints").mkdir()
        os.mkfifo(edit / ".ipynb_checkpoints" / "a-checkpoint.ipynb")
        assert (await api("POST", "contents", f"{PATH}/checkpoints/checkpoint", body={})).code == 400
        refused = await contents.save(NAME, "typed")
        assert (refused.code, refused.reason) == (400, "not-a-file")
