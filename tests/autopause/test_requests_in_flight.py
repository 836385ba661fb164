"""Uploads and downloads over slow lines, in a real server: work while they run, and a person at each part."""

import asyncio
import base64
import json

import pytest

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def jp_server_config(monkeypatch):
    monkeypatch.delenv("WORKSPACE_NAME", raising=False)
    return {
        "ServerApp": {"jpserver_extensions": {"jupyter_terra_env": True}},
        "AutopauseSettings": {
            "tick_seconds": 0.2,
            "process_scope": "server",
            "watch_metadata": "off",
            "client_save_seconds": 0.2,
        },
    }


@pytest.fixture
def autopause(jp_fetch):
    async def ask(body=None):
        more = {} if body is None else {"method": "POST", "body": json.dumps(body)}
        return json.loads((await jp_fetch("terra-env", "autopause", **more)).body)

    return ask


@pytest.fixture
def transfers(autopause):
    """The sentences of what is under way."""

    async def named():
        return [blocker["detail"] for blocker in (await autopause())["blockers"] if blocker["kind"] == "request"]

    return named


@pytest.fixture
def line(http_server_port, jp_auth_header, jp_base_url, jp_asyncio_loop):
    """Begin a request over a connection of its own; the test says how fast it goes."""
    writers = []

    async def begin(method, path, body=b""):
        reader, writer = await asyncio.open_connection("127.0.0.1", http_server_port[1], limit=2**16)
        writers.append(writer)
        head = [f"{method} {jp_base_url}{path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
        head += [f"{name}: {value}" for name, value in jp_auth_header.items()]
        writer.write("\r\n".join([*head, "", ""]).encode())
        await writer.drain()
        return reader, writer

    yield begin
    for writer in writers:
        writer.transport.abort()


def file_body(content, **more):
    return json.dumps({"type": "file", "format": "base64", **more, "content": base64.b64encode(content).decode()})


async def test_an_upload_that_comes_in_slowly_is_work_and_refuses_a_pause(
    line, transfers, autopause, eventually, jp_root_dir
):
    body = file_body(b"data" * 1000).encode()
    reader, writer = await line("PUT", "api/contents/slow.csv", body)
    writer.write(body[:100])

    async def is_named():
        return await transfers() == ["slow.csv is being uploaded."]

    async def is_refused():
        return (await autopause())["state"] == "pause-failed"

    await eventually(is_named)
    await autopause({"action": "pause-now"})
    await eventually(is_refused)
    assert (await autopause())["flush"]["unsafe"] == [{"path": "slow.csv", "reason": "upload-under-way"}]
    writer.write(body[100:])
    assert b" 201 " in await reader.readline()
    assert (jp_root_dir / "slow.csv").read_bytes() == b"data" * 1000

    async def is_over():
        return await transfers() == []

    await eventually(is_over)


async def test_a_client_that_goes_away_leaves_nothing_behind(line, transfers, eventually):
    _, writer = await line("PUT", "api/contents/slow.csv", b"x" * 1000)
    writer.write(b"x" * 10)

    async def is_named():
        return await transfers() != []

    async def is_over():
        return await transfers() == []

    await eventually(is_named)
    writer.transport.abort()
    await eventually(is_over)


async def test_a_download_that_goes_out_slowly_is_work_until_it_is_out(line, transfers, eventually, jp_root_dir):
    content = bytes(64_000_000)
    (jp_root_dir / "large.bin").write_bytes(content)
    reader, _ = await line("GET", "files/large.bin")
    heard = len(await reader.read(65536))

    async def is_named():
        nonlocal heard
        heard += len(await reader.read(65536))
        return await transfers() == ["large.bin is being downloaded."]

    async def is_over():
        return await transfers() == []

    await eventually(is_named)
    while heard < len(content):
        heard += len(await reader.read(2**20))
    await eventually(is_over)


async def test_each_part_of_an_upload_is_a_person(autopause, jp_fetch, eventually, jp_root_dir):
    """Of a file that there was: a save of it would be no one's."""
    (jp_root_dir / "there.csv").write_bytes(b"old")

    async def put(**more):
        body = file_body(b"part", **more)
        return await jp_fetch("api", "contents", "there.csv", method="PUT", body=body)

    async def last_human():
        return (await autopause())["last_human"]

    await put(format="text")
    for chunk in (1, 2, -1):
        before = await last_human()

        async def is_later(before=before, chunk=chunk):
            # Moments are sent in whole seconds.
            await put(chunk=1)
            if chunk != 1:
                await put(chunk=chunk)
            return (await last_human()) > before

        await eventually(is_later)


async def test_who_reads_the_same_again_and_again_is_no_one(autopause, jp_fetch, eventually, jp_root_dir):
    (jp_root_dir / "log.txt").write_text("a line")
    query = {"content": "1", "type": "file"}
    await jp_fetch("api", "contents", "log.txt", params=query)

    async def idle():
        return (await autopause())["idle_seconds"]

    async def has_been_idle():
        await jp_fetch("api", "contents", "log.txt", params=query)
        return await idle() > 1.5

    await eventually(has_been_idle)
