"""Two tabs of one notebook: the presence sockets say which of them edits. Protocol: docs/protocol/tabs.md."""

import asyncio
import json

import pytest
from workspace_kit import WORKSPACE

from jupyter_terra_env.server.api import tab_seats

NAME = "a.ipynb"


class Tab:
    def __init__(self, socket):
        self.socket = socket
        self.tabs = None

    async def until(self, **wanted):
        """Read frames until one tells this of the tabs."""
        while self.tabs is None or any(self.tabs[key] != value for key, value in wanted.items()):
            self.tabs = json.loads(await asyncio.wait_for(self.socket.read_message(), 10))["tabs"]
        return self.tabs

    async def say(self, action):
        await self.socket.write_message(json.dumps({"action": action}))


@pytest.fixture
def tab(bucket, contents, jp_ws_fetch, jp_serverapp):
    sockets = []

    async def open_tab(name=NAME, **params):
        bucket.put_notebook(name, "1") if not sockets else None
        await contents.open(name)
        params = {"path": f"{WORKSPACE}/edit/{name}", **params}
        sockets.append(await jp_ws_fetch("terra-env", "presence", params=params))
        return Tab(sockets[-1])

    yield open_tab
    for socket in sockets:
        socket.close()


async def test_the_second_tab_reads_and_both_know_of_each_other(tab):
    first = await tab()
    assert await first.until(edits=True) == {
        "edits": True,
        "free": False,
        "asked": False,
        "others": 0,
        "refused": False,
        "show": False,
    }
    second = await tab()
    await second.until(edits=False, free=False, others=1)
    await first.until(edits=True, others=1)


async def test_the_seat_changes_hands_once_the_other_has_saved(tab):
    first, second = await tab(), await tab()
    await second.until(edits=False)
    await second.say("edit-here")
    await first.until(asked=True)
    await first.say("give-up")
    await second.until(edits=True)
    await first.until(edits=False, asked=False)


async def test_a_tab_that_cannot_save_keeps_the_seat(tab):
    first, second = await tab(), await tab()
    await second.say("edit-here")
    await first.until(asked=True)
    await first.say("keep")
    await second.until(refused=True, edits=False)


async def test_a_tab_that_does_not_answer_loses_the_seat(tab, monkeypatch):
    monkeypatch.setattr(tab_seats, "LONGEST_WAIT_SECONDS", 0.1)
    first, second = await tab(), await tab()
    await second.say("edit-here")
    await second.until(edits=True)
    await first.until(edits=False)


async def test_an_empty_seat_is_offered_and_taken_by_no_one_itself(tab):
    first, second = await tab(), await tab()
    await second.until(edits=False)
    first.socket.close()
    await second.until(free=True, edits=False)
    again = await tab(edits="0")
    await again.until(free=True, edits=False)
    await second.say("edit-here")
    await second.until(edits=True)


async def test_the_tab_that_edits_is_made_to_show_itself(tab):
    first, second = await tab(), await tab()
    await second.say("show-editor")
    await first.until(show=True)


@pytest.mark.parametrize("message", ["", "[]", "{", '{"action": 5}', '{"action": "fly"}', "[" * 900, "x" * 4000])
async def test_nonsense_is_ignored(tab, message):
    first = await tab()
    await first.socket.write_message(message)
    second = await tab()
    await second.until(edits=False)
    await first.until(edits=True, others=1)


async def test_other_notebooks_have_seats_of_their_own(tab, bucket):
    first = await tab()
    bucket.put_notebook("b.ipynb", "1")
    other = await tab("b.ipynb")
    await first.until(edits=True)
    await other.until(edits=True, others=0)
