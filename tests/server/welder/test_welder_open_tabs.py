"""What a client of Welder's API puts in the place of a notebook that a tab shows: the tab is notified."""

import asyncio
import json

import pytest
from welder_kit import CLOUD, link
from workspace_kit import notebook, sources

PATH = "Terra/edit/a.ipynb"


@pytest.fixture
def tab(jp_ws_fetch):
    """Opens a notebook's presence socket; gives what waits for a status with a place and a reason."""
    sockets = []

    async def open_tab(path=PATH):
        sockets.append(await jp_ws_fetch("terra-env", "presence", params={"path": path}))

        async def until(place, reason):
            async with asyncio.timeout(20):
                while True:
                    status = json.loads(await sockets[-1].read_message())
                    if (status["place"], status["reason"]) == (place, reason):
                        return status

        return until

    yield open_tab
    for socket in sockets:
        socket.close()


@pytest.fixture
def opened(on_port, api, bucket, tab):
    """Opens a notebook of a link in a tab; gives what waits for the tab's status."""

    async def open_notebook():
        bucket.put_notebook("a.ipynb", "shown")
        await on_port("POST", "storageLinks", link())
        await api("GET", "contents", PATH, content=1)
        until = await tab()
        await until("in-workspace", None)
        return until

    return open_notebook


async def test_a_tab_is_notified_of_a_newer_version(opened, localize, api, bucket):
    until = await opened()
    bucket.put_notebook("a.ipynb", "newer", metadata=bucket.get("a.ipynb").metadata)
    assert (await localize(f"{CLOUD}/a.ipynb", PATH)).code == 204
    status = await until("in-workspace", "written-by-program")
    assert "reload it" in status["message"]
    reloaded = (await api("GET", "contents", PATH, content=1)).model
    assert (sources(reloaded["content"]), reloaded["terra"]["reason"]) == (["newer"], None)


async def test_a_tab_is_not_notified_of_what_it_shows(opened, localize, api):
    await opened()
    assert (await localize(f"{CLOUD}/a.ipynb", PATH)).code == 204
    status = (await api("GET", "status", base="terra-env", path=PATH)).model
    assert (status["place"], status["reason"]) == ("in-workspace", None)


async def test_a_tab_is_notified_of_what_a_program_wrote_and_had_saved(opened, objects, disk):
    until = await opened()
    disk(PATH, "by a program")
    assert (await objects("safeDelocalize", localPath=PATH)).code == 204
    await until("in-workspace", "written-by-program")


async def test_a_tab_is_not_notified_of_its_own_save(opened, objects, api):
    await opened()
    body = {"type": "notebook", "format": "json", "content": notebook("typed")}
    assert (await api("PUT", "contents", PATH, body=body)).code == 200
    assert (await objects("safeDelocalize", localPath=PATH)).code == 204
    status = (await api("GET", "status", base="terra-env", path=PATH)).model
    assert (status["place"], status["reason"]) == ("in-workspace", None)
