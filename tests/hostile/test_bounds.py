"""Bounds on what is sent: beyond them there is a refusal, and nothing has changed."""

import json
import re
from pathlib import Path

import pytest
from tornado.httpclient import HTTPClientError
from workspace_kit import WORKSPACE

from jupyter_terra_env.server.api import presence
from jupyter_terra_env.server.request_bodies import MOST_BODY_BYTES

PATH = f"{WORKSPACE}/edit/a.ipynb"
REFERENCE = (Path(__file__).parent.parent.parent / "docs" / "reference.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("endpoint", ["lock", "flush", "open-workspace-version", "autopause"])
async def test_a_body_that_is_too_long(bucket, api, jp_serverapp, endpoint):
    bucket.mark()
    body = {"path": PATH, "action": "acquire", "more": "x" * MOST_BODY_BYTES}
    answer = await api("POST", endpoint, base="terra-env", body=body)
    assert (answer.code, answer.reason) == (413, "malformed")
    assert bucket.requests == []


async def test_presence_sockets_are_bounded(bucket, contents, jp_ws_fetch, monkeypatch, jp_serverapp):
    monkeypatch.setattr(presence, "MOST_SOCKETS", 1)
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    first = await jp_ws_fetch("terra-env", "presence", params={"path": PATH})
    assert json.loads(await first.read_message())["path"] == PATH
    with pytest.raises(HTTPClientError) as refused:
        await jp_ws_fetch("terra-env", "presence", params={"path": PATH})
    assert refused.value.code == 503
    first.close()
    while await first.read_message() is not None:
        pass


async def test_a_client_s_long_message_ends_its_socket_and_nothing_else(bucket, contents, jp_ws_fetch, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    socket = await jp_ws_fetch("terra-env", "presence", params={"path": PATH})
    await socket.read_message()
    await socket.write_message("x" * 100_000)
    while await socket.read_message() is not None:
        pass
    socket.close()
    assert (await contents.open("a.ipynb")).code == 200


@pytest.mark.parametrize("number", [MOST_BODY_BYTES, presence.MOST_SOCKETS])
def test_bounds_are_documented(number):
    assert re.search(rf"\b{number:,}\b", REFERENCE.split("## Limits")[1])
