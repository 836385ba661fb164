"""Malformed messages on the presence socket: the server and the seats are unharmed, and later messages are answered."""

import asyncio
import contextlib
import json

import pytest
from tornado.websocket import WebSocketClosedError
from workspace_kit import WORKSPACE

NAME = "a.ipynb"
LONGEST_BYTES = 4096
MALFORMED = {
    "empty": "",
    "no JSON": "{",
    "text": "edit-here",
    "a JSON text": '"edit-here"',
    "a number": "5",
    "not a number": "NaN",
    "a number of many digits": "9" * LONGEST_BYTES,
    "null": "null",
    "an array": '["edit-here"]',
    "an array of objects": '[{"action": "edit-here"}]',
    "deep arrays": "[" * LONGEST_BYTES,
    "deep objects": '{"action":' * 400,
    "deep and whole": "[" * 2048 + "]" * 2048,
    "deep within the action": '{"action": ' + "[" * 2000 + "]" * 2000 + "}",
    "an action that is no text": '{"action": {"edit-here": true}}',
    "an action that does not exist": '{"action": "fly"}',
    "an action in capitals": '{"action": "GIVE-UP"}',
    "half of a character": '{"action": "\\ud800"}',
    "unknown fields": '{"seat": "mine", "edits": true, "path": "../b.ipynb", "__proto__": {"action": "edit-here"}}',
    "looked_at that is no truth": '{"looked_at": "false"}',
    "looked_at that is a number": '{"looked_at": 0}',
    "NUL": "\0" * 100,
}
BINARY = {
    "no text": b"\xff\xfe\x00\x80",
    "half of UTF-16": b'\xff\xfe{\x00"',
    "UTF-8 cut short": '{"action": "ä'.encode()[:-1],
    "empty": b"",
    "zeros": bytes(LONGEST_BYTES),
}


class Tab:
    def __init__(self, socket):
        self.socket = socket

    async def read(self):
        frame = await asyncio.wait_for(self.socket.read_message(), 10)
        return None if frame is None else json.loads(frame)

    async def until(self, **wanted):
        """Read frames until one has these fields of the tabs."""
        while True:
            tabs = (await self.read())["tabs"]
            if all(tabs[key] == value for key, value in wanted.items()):
                return

    async def send(self, message, *, binary=False):
        await self.socket.write_message(message, binary=binary)

    async def act(self, action):
        await self.send(json.dumps({"action": action}))


@pytest.fixture
def open_tab(bucket, contents, jp_ws_fetch, jp_serverapp):
    sockets = []
    bucket.put_notebook(NAME, "1")

    async def open_one():
        if not sockets:
            await contents.open(NAME)
        sockets.append(await jp_ws_fetch("terra-env", "presence", params={"path": f"{WORKSPACE}/edit/{NAME}"}))
        return Tab(sockets[-1])

    yield open_one
    for socket in sockets:
        socket.close()


async def the_seat_changes_hands(first, second):
    """Whether both sockets are still heard and answered, and the seat goes by the rules."""
    await second.act("edit-here")
    await first.until(asked=True)
    await first.act("give-up")
    await second.until(edits=True)
    await first.until(edits=False)


@pytest.mark.parametrize("message", MALFORMED.values(), ids=MALFORMED)
async def test_malformed_text_is_ignored(open_tab, contents, message):
    first, second = await open_tab(), await open_tab()
    for tab in (first, second):
        await tab.send(message)
    await the_seat_changes_hands(first, second)
    assert (await contents.save(NAME, "2")).code == 200


@pytest.mark.parametrize("message", BINARY.values(), ids=BINARY)
async def test_a_malformed_binary_message_is_ignored(open_tab, contents, message):
    first, second = await open_tab(), await open_tab()
    for tab in (first, second):
        await tab.send(message, binary=True)
    await the_seat_changes_hands(first, second)


async def test_many_malformed_messages_in_a_row(open_tab):
    first, second = await open_tab(), await open_tab()
    for message in [*MALFORMED.values()] * 20:
        await second.send(message)
    await the_seat_changes_hands(first, second)


@pytest.mark.parametrize("size", [LONGEST_BYTES + 1, 100_000, 5_000_000])
async def test_a_message_that_is_too_long_closes_its_own_socket_only(open_tab, contents, size):
    first, second, third = await open_tab(), await open_tab(), await open_tab()
    await first.until(others=2)
    with contextlib.suppress(WebSocketClosedError):  # It may be closed while the rest is on its way.
        await asyncio.wait_for(second.send('{"action": "edit-here", "x": "' + "x" * size), 10)
    while await second.read() is not None:
        pass
    await first.until(others=1, edits=True)
    await the_seat_changes_hands(first, third)
    assert (await contents.save(NAME, "2")).code == 200
