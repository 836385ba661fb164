"""Large uploads: whole or not at all, one at a time for each name, each from one client."""

import asyncio
import base64
import json
import os
import resource
import sys

import pytest
from tornado.httpclient import HTTPClientError
from workspace_kit import WORKSPACE, notebook, parts_of, sources, text_of

from jupyter_terra_env.server.contents import chunked_uploads
from jupyter_terra_env.server.contents.chunked_uploads import SILENT_SECONDS

A, B = (text_of(notebook(f"upload {name}", *[f"# {name}" * 20] * 50)) for name in "AB")


def thirds(text):
    third = len(text) // 3
    return text[:third], text[third : 2 * third], text[2 * third :]


@pytest.fixture
def clock(jp_serverapp, monkeypatch):
    """The time by which uploads are silent."""
    now = [1000.0]
    monkeypatch.setattr(jp_serverapp.contents_manager._uploads, "_monotonic", lambda: now[0])

    def later(seconds):
        now[0] += seconds

    return later


@pytest.fixture
def send(jp_fetch):
    """Send one chunk, by a client of a name."""

    async def sending(name, chunk, text, *, client="one"):
        model = {
            "type": "file",
            "format": "base64",
            "chunk": chunk,
            "content": base64.b64encode(text.encode()).decode(),
        }
        try:
            answer = await jp_fetch(
                "api",
                "contents",
                WORKSPACE,
                "edit",
                name,
                method="PUT",
                body=json.dumps(model),
                headers={"User-Agent": client},
            )
        except HTTPClientError as error:
            return error.code, json.loads(error.response.body)
        return min(answer.code, 200), json.loads(answer.body)  # 201 is no news

    return sending


def parts(edit):
    return [file for file in edit.iterdir() if file.name.startswith(".terra-env-")]


async def test_a_second_upload_of_a_name_is_refused_and_the_first_goes_on(bucket, contents, send, edit):
    bucket.put_notebook("a.ipynb", "good")
    await contents.open("a.ipynb")
    one, two, three = thirds(A)
    assert (await send("a.ipynb", 1, one))[0] == 200
    code, refusal = await send("a.ipynb", 1, thirds(B)[0])
    assert (code, refusal["reason"]) == (409, "upload-in-progress")
    assert "in progress" in refusal["message"]
    assert (await send("a.ipynb", 2, two))[0] == 200
    assert sources(json.loads((edit / "a.ipynb").read_text())) == ["good"], "nothing is in place before the last chunk"
    assert (await send("a.ipynb", -1, three))[0] == 200
    await contents.settled("a.ipynb")
    assert (edit / "a.ipynb").read_text() == A
    assert bucket.get("a.ipynb").content.decode() == A
    assert (await send("a.ipynb", 1, thirds(B)[0]))[0] == 200, "the name is free again"


@pytest.mark.parametrize(
    "order",
    ["A1 B1 A2 B2 A- B-", "A1 A2 B1 A- B2 B-", "A1 B1 B2 A2 A- B-", "B1 A1 A2 B2 B- A-", "A1 B1 B- A2 A-"],
)
async def test_two_clients_that_mind_no_refusal_mix_nothing(contents, send, edit, jp_serverapp, order):
    chunks = {"A": thirds(A), "B": thirds(B)}
    for step in order.split():
        client, number = step[0], -1 if step[1] == "-" else int(step[1])
        await send("a.ipynb", number, chunks[client][2 if number == -1 else number - 1], client=client)
    found = (edit / "a.ipynb").read_text() if (edit / "a.ipynb").exists() else None
    assert found in {A, B}
    assert parts(edit) == []


async def test_both_at_the_very_same_time(contents, send, edit, jp_serverapp):
    codes = [code for code, _ in await asyncio.gather(*(send("a.ipynb", 1, thirds(A)[0]) for _ in range(5)))]
    assert sorted(codes) == [200, 409, 409, 409, 409]
    assert len(parts(edit)) == 1


async def test_one_that_broke_off_is_replaced_after_a_while(contents, send, edit, clock):
    await send("a.ipynb", 1, thirds(A)[0])
    clock(SILENT_SECONDS - 1)
    assert (await send("a.ipynb", 1, thirds(B)[0]))[0] == 409
    clock(2)
    assert (await send("a.ipynb", 1, thirds(B)[0], client="another"))[0] == 200
    assert len(parts(edit)) == 1, "the room is given back"
    assert (await send("a.ipynb", 2, thirds(A)[1]))[0] == 409, "the first has come back"
    for number, text in zip((2, -1), thirds(B)[1:], strict=True):
        assert (await send("a.ipynb", number, text, client="another"))[0] == 200
    assert (edit / "a.ipynb").read_text() == B


async def test_one_that_was_refused_may_begin_again_at_once(contents, send, edit, jp_serverapp):
    await send("a.ipynb", 1, thirds(A)[0])
    assert (await send("a.ipynb", 3, thirds(A)[2]))[0] == 400
    assert parts(edit) == []
    for number, text in zip((1, 2, -1), thirds(A), strict=True):
        assert (await send("a.ipynb", number, text))[0] == 200
    assert (edit / "a.ipynb").read_text() == A


async def test_abandoned_ones_give_their_room_back(contents, send, edit, clock):
    await send("a.bin", 1, "x" * 1000)
    clock(4000)
    await send("b.bin", 1, "y")
    assert [file.read_bytes() for file in parts(edit)] == [b"y"]


async def test_a_folder_that_goes_takes_its_uploads_along(contents, send, edit, jp_serverapp):
    (edit / "folder").mkdir()
    await send("folder/a.bin", 1, "x")
    for part in parts(edit / "folder"):
        part.unlink()
    code, refusal = await send("folder/a.bin", 2, "y")
    assert code == 400
    assert "Upload the file again" in refusal["message"]
    assert list((edit / "folder").iterdir()) == []


async def test_a_folder_is_not_replaced(contents, send, edit, jp_serverapp):
    (edit / "folder.bin").mkdir()
    assert (await send("folder.bin", 1, "x"))[0] == 400
    assert (edit / "folder.bin").is_dir()


async def test_an_upload_that_never_ends_keeps_no_edits_aside(bucket, contents, send, edit, jp_serverapp):
    location = parts_of(jp_serverapp).workspaces.locate(f"{WORKSPACE}/edit/a.ipynb")
    await contents.save("a.ipynb", "mine")
    await parts_of(jp_serverapp).storage.unseen.add(location)
    await send("a.ipynb", 1, "{")
    assert not (edit / "a (my edits).ipynb").exists()
    await send("a.ipynb", -1, "}")
    assert sources(json.loads((edit / "a (my edits).ipynb").read_text())) == ["mine"]


async def test_a_disk_that_fails_at_the_end_leaves_the_old_file(
    bucket, contents, send, edit, monkeypatch, jp_serverapp
):
    await contents.save("a.ipynb", "good")
    before = (edit / "a.ipynb").read_bytes()
    await send("a.ipynb", 1, thirds(A)[0])
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", _fails)
        assert (await send("a.ipynb", -1, thirds(A)[1]))[0] == 507
    assert (edit / "a.ipynb").read_bytes() == before
    assert parts(edit) == []


async def test_what_a_hook_stops_after_the_end_is_paid_all_the_same(bucket, contents, send, edit, jp_serverapp):
    def stops(model, os_path, contents_manager):
        raise RuntimeError

    jp_serverapp.contents_manager.register_post_save_hook(stops)
    await send("a.ipynb", 1, A[:100])
    assert (await send("a.ipynb", -1, A[100:]))[0] == 500
    await contents.settled("a.ipynb")
    assert bucket.get("a.ipynb").content == A.encode()


async def test_a_save_that_a_hook_stops_is_paid_all_the_same(bucket, contents, jp_serverapp):
    def stops(model, os_path, contents_manager):
        raise RuntimeError

    jp_serverapp.contents_manager.register_post_save_hook(stops)
    assert (await contents.save("a.ipynb", "mine")).code == 500
    await contents.settled("a.ipynb")
    assert bucket.sources("a.ipynb") == ["mine"]


async def test_memory_does_not_grow_with_the_file(contents, send, edit, jp_serverapp):
    piece = "x" * (1 << 20)
    for number in (1, 2, 3):
        await send("big.bin", number, piece)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(4, 100):
        await send("big.bin", number, piece)
    assert (await send("big.bin", -1, piece))[0] == 200
    assert (edit / "big.bin").stat().st_size == 100 << 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60 * 1024
    assert sys.platform == "linux", "kilobytes"


def _fails(_descriptor):
    raise OSError(5, "Input/output error")


def test_the_sentence_says_how_long():
    location = type("Place", (), {"name": "a.ipynb"})
    assert "60 seconds" in str(chunked_uploads._in_progress(location))
