"""What a reader's tab receives of what others do: saves, renames, deletions, a lock that was taken over."""

import asyncio
import json

import pytest
from workspace_kit import WORKSPACE, notebook, record_of, text_of

from jupyter_terra_env.rules.readback import WRITE_ID_KEY
from jupyter_terra_env.server.announcements import SCHEMA_ID

pytestmark = pytest.mark.usefixtures("quick_keeping")
EDIT = f"{WORKSPACE}/edit"
ME, OTHER = "owner@example.org", "colleague@example.org"


@pytest.fixture
def terra_settings():
    return {
        "bucket_retry_deadline_seconds": 1.0,
        "listing_max_age_seconds": 0.0,
        "collaborators": [OTHER],
    }


def saved_by(bucket, email, mark):
    """The metadata of a version that someone's server uploaded."""
    return {**record_of(bucket, email), WRITE_ID_KEY: mark}


@pytest.fixture
def tab(jp_ws_fetch, jp_serverapp):
    """Opens the presence socket of a tab that a person looks at."""
    sockets = []

    async def connect(name, *, looked_at=True):
        socket = await jp_ws_fetch("terra-env", "presence", params={"path": f"{EDIT}/{name}"})
        sockets.append(socket)
        if looked_at:
            await socket.write_message(json.dumps({"looked_at": True}))
        return socket

    yield connect
    for socket in sockets:
        socket.close()


async def answer(socket, condition):
    """The first status that is so."""
    async with asyncio.timeout(15):
        while not condition(status := json.loads(await socket.read_message())):
            pass
    return status


async def test_a_reader_is_notified_of_a_newer_version_and_when_it_was_saved(bucket, contents, tab):
    bucket.put_notebook("a.ipynb", "1", metadata=saved_by(bucket, OTHER, "one"))
    shown = (await contents.open("a.ipynb")).model["terra"]
    assert shown["shown_version"] == shown["workspace_version"] == str(bucket.get("a.ipynb").generation)
    socket = await tab("a.ipynb")
    bucket.put_notebook("a.ipynb", "2", metadata=saved_by(bucket, OTHER, "two"))
    newer = await answer(socket, lambda status: status["workspace_version"] != shown["shown_version"])
    blob = bucket.get("a.ipynb")
    assert newer["workspace_version"] == str(blob.generation)
    assert newer["workspace_saved_at"] == blob.time_created.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert newer["lock"]["email"] == OTHER


async def test_a_reader_follows_also_when_no_one_holds_the_lock(bucket, contents, tab):
    bucket.put_notebook("a.ipynb", "1", metadata=record_of(bucket, OTHER))
    await contents.open("a.ipynb")
    socket = await tab("a.ipynb")
    bucket.put_notebook("a.ipynb", "2")
    free = await answer(socket, lambda status: status["lock"]["state"] == "free")
    bucket.put_notebook("a.ipynb", "3")
    await answer(socket, lambda status: status["workspace_version"] not in {None, free["workspace_version"]})


async def test_a_reader_is_notified_that_it_was_deleted(bucket, contents, tab):
    bucket.put_notebook("a.ipynb", "1", metadata=record_of(bucket, OTHER))
    await contents.open("a.ipynb")
    socket = await tab("a.ipynb")
    bucket.client.bucket(bucket.name).blob("notebooks/a.ipynb").delete()
    status = await answer(socket, lambda status: status["gone"] is not None)
    assert status["gone"] == {"how": "deleted", "path": None}
    assert (status["place"], status["reason"]) == ("gone", "deleted")
    assert status["workspace_version"] is None


@pytest.mark.parametrize("new_name", ["b.ipynb", "folder/b.ipynb"])
@pytest.mark.parametrize("metadata", [{}, {WRITE_ID_KEY: "one"}])
async def test_a_reader_gets_the_new_name(bucket, contents, tab, new_name, metadata):
    bucket.put_notebook("a.ipynb", "1", metadata={**record_of(bucket, OTHER), **metadata})
    bucket.put_notebook("other.ipynb", "other")
    await contents.open("a.ipynb")
    socket = await tab("a.ipynb")
    there = bucket.client.bucket(bucket.name)
    there.rename_blob(there.blob("notebooks/a.ipynb"), f"notebooks/{new_name}")
    status = await answer(socket, lambda status: status["gone"] is not None)
    assert status["gone"] == {"how": "renamed", "path": f"{EDIT}/{new_name}"}
    assert status["place"] == "gone"


@pytest.mark.parametrize("is_saved_since", [False, True])
async def test_copies_that_were_there_before_are_not_taken_for_the_renamed_one(bucket, contents, tab, is_saved_since):
    there = bucket.client.bucket(bucket.name)
    metadata = {**record_of(bucket, OTHER), WRITE_ID_KEY: "one"}
    for name in ("copy.ipynb", "a copy.ipynb", "a.ipynb"):
        bucket.put_notebook(name, "1", metadata=metadata)
    await contents.open("a.ipynb")
    socket = await tab("a.ipynb", looked_at=False)
    there.rename_blob(there.blob("notebooks/a.ipynb"), "notebooks/b.ipynb")
    if is_saved_since:
        bucket.put_notebook("b.ipynb", "2", metadata={**metadata, WRITE_ID_KEY: "two"})
    await socket.write_message(json.dumps({"looked_at": True}))
    status = await answer(socket, lambda status: status["gone"] is not None)
    if is_saved_since:
        assert status["gone"] == {"how": "missing", "path": None}
        assert "moved or deleted" in status["message"]
    else:
        assert status["gone"] == {"how": "renamed", "path": f"{EDIT}/b.ipynb"}


async def test_a_deletion_beside_older_copies_is_a_deletion(bucket, contents, tab):
    for name in ("copy.ipynb", "a.ipynb"):
        bucket.put_notebook(name, "1", metadata=record_of(bucket, OTHER))
    await contents.open("a.ipynb")
    socket = await tab("a.ipynb")
    bucket.client.bucket(bucket.name).blob("notebooks/a.ipynb").delete()
    status = await answer(socket, lambda status: status["gone"] is not None)
    assert status["gone"] == {"how": "deleted", "path": None}


async def test_a_notebook_that_comes_back_is_there_again(bucket, contents, tab):
    bucket.put_notebook("a.ipynb", "1", metadata=record_of(bucket, OTHER))
    await contents.open("a.ipynb")
    socket = await tab("a.ipynb")
    bucket.client.bucket(bucket.name).blob("notebooks/a.ipynb").delete()
    await answer(socket, lambda status: status["gone"] is not None)
    bucket.put_notebook("a.ipynb", "2", metadata=record_of(bucket, OTHER))
    status = await answer(socket, lambda status: status["gone"] is None)
    assert (status["place"], status["lock"]["state"]) == ("in-workspace", "held-by-other")


async def test_who_edits_is_notified_that_it_was_deleted_and_keeps_what_is_saved(bucket, contents, edit, tab):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    socket = await tab("a.ipynb")
    bucket.client.bucket(bucket.name).blob("notebooks/a.ipynb").delete()
    status = await answer(socket, lambda status: status["gone"] is not None)
    assert status["place"] == "gone"
    assert (await contents.save("a.ipynb", "mine")).code == 409
    status = await answer(socket, lambda status: status["place"] == "conflict")
    assert status["reason"] == "remote-deleted"
    assert "mine" in (edit / "a.ipynb").read_text(encoding="utf-8")


async def test_a_new_notebook_that_is_not_in_the_workspace_yet_is_not_gone(bucket, edit, contents, tab):
    (edit / "a.ipynb").write_text(text_of(notebook("1")), encoding="utf-8")
    socket = await tab("a.ipynb")
    status = await answer(socket, lambda status: status["lock"]["state"] == "free" or status["place"] == "in-workspace")
    assert status["gone"] is None


async def test_a_notebook_that_was_taken_over_says_so_without_a_save(bucket, contents, tab):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    socket = await tab("a.ipynb")
    blob = bucket.client.bucket(bucket.name).blob("notebooks/a.ipynb")
    blob.metadata = record_of(bucket, ME)
    blob.patch()
    status = await answer(socket, lambda status: status["lock"]["state"] == "held-elsewhere")
    assert (status["lock"]["lost"], status["writable"]) == (True, False)


async def test_a_tab_that_no_one_looks_at_costs_no_request(bucket, contents, tab):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    await tab("a.ipynb", looked_at=False)
    bucket.mark()
    await asyncio.sleep(0.5)
    assert bucket.requests == []


@pytest.mark.parametrize("message", ["", "[]", "{", '{"looked_at": 1}', "[" * 4000, b"\xff"])
async def test_what_a_tab_says_besides_is_no_trouble(bucket, contents, tab, message):
    bucket.put_notebook("a.ipynb", "1", metadata=record_of(bucket, OTHER))
    await contents.open("a.ipynb")
    socket = await tab("a.ipynb", looked_at=False)
    await socket.write_message(message, binary=isinstance(message, bytes))
    bucket.put_notebook("a.ipynb", "2")
    await answer(socket, lambda status: status["lock"]["state"] == "free")


async def test_events_report_a_newer_version_and_what_is_gone(bucket, contents, tab, jp_serverapp):
    events = []

    async def note(logger, schema_id, data):
        events.append(data)

    jp_serverapp.event_logger.add_listener(schema_id=SCHEMA_ID, listener=note)
    bucket.put_notebook("a.ipynb", "1", metadata=record_of(bucket, OTHER))
    await contents.open("a.ipynb")
    socket = await tab("a.ipynb")
    bucket.client.bucket(bucket.name).blob("notebooks/a.ipynb").delete()
    await answer(socket, lambda status: status["gone"] is not None)
    async with asyncio.timeout(5):
        while not events or events[-1]["gone"] is None:  # noqa: ASYNC110 - listeners set no asyncio events
            await asyncio.sleep(0.05)
    assert events[-1]["gone"] == {"how": "deleted", "path": None}
