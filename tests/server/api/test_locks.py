"""Edit locks through the REST API, the presence socket and events; the other person is a plain client of the bucket."""

import asyncio
import json
import time
from urllib.parse import urlencode

import pytest
from tornado.httpclient import HTTPClientError
from tornado.websocket import websocket_connect
from workspace_kit import WORKSPACE, WRITES, another_persons_lock, notebook, parts_of, record_of, sources

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault
from jupyter_terra_env.notebooks.locks.lock_keeper import KeepingTimes
from jupyter_terra_env.rules.edit_lock import EXPIRY_KEY, owner_hash
from jupyter_terra_env.server.announcements import SCHEMA_ID

pytestmark = pytest.mark.usefixtures("quick_keeping")
EDIT = f"{WORKSPACE}/edit"
OTHER = "colleague@example.org"
STRANGER = "stranger@example.org"
ME = "owner@example.org"


@pytest.fixture
def terra_settings():
    return {
        "bucket_retry_deadline_seconds": 1.0,
        "listing_max_age_seconds": 0.0,
        "collaborators": [OTHER],
    }


def lock(bucket, name, metadata):
    blob = bucket.client.bucket(bucket.name).blob("notebooks/" + name)
    blob.metadata = metadata
    blob.patch()


def is_given_back(bucket, name):
    return bucket.get(name).metadata[EXPIRY_KEY] == "0"


async def until(condition):
    for _ in range(200):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come about")


@pytest.fixture
def act(api):
    async def ask(name, action, folder="edit"):
        body = {"path": f"{WORKSPACE}/{folder}/{name}", "action": action}
        return await api("POST", "lock", base="terra-env", body=body)

    return ask


@pytest.fixture
def presence(jp_ws_fetch, jp_serverapp):
    """Opens presence sockets, and closes them in the end."""
    sockets = []

    async def connect(name, folder="edit"):
        socket = await jp_ws_fetch("terra-env", "presence", params={"path": f"{WORKSPACE}/{folder}/{name}"})
        sockets.append(socket)
        return socket

    yield connect
    for socket in sockets:
        socket.close()


async def reported(socket):
    return json.loads(await asyncio.wait_for(socket.read_message(), 10))


# Another person is editing


async def test_opens_read_only_with_their_content_and_says_whose_it_is(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "theirs", metadata=record_of(bucket, OTHER))
    model = (await contents.open("a.ipynb")).model
    assert sources(model["content"]) == ["theirs"]
    assert (model["writable"], model["type"], model["format"]) == (False, "notebook", "json")
    assert model["hash_algorithm"] == "sha256"
    reported = model["terra"]["lock"]
    assert (reported["state"], reported["holder"], reported["email"]) == (
        "held-by-other",
        owner_hash(bucket.name, OTHER),
        OTHER,
    )
    assert reported["actions"] == ["playground", "copy", "wait"]
    assert reported["until"] is not None
    assert not (edit / "a.ipynb").exists()


async def test_a_stranger_is_shown_by_hash_only(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1", metadata=record_of(bucket, STRANGER))
    reported = (await contents.open("a.ipynb")).model["terra"]["lock"]
    assert (reported["holder"], reported["email"]) == (owner_hash(bucket.name, STRANGER), None)


async def test_files_of_other_types_are_shown_read_only_too(bucket, contents, jp_serverapp, monkeypatch):
    bucket.put("notebooks/a.ipynb", "not json at all {", metadata=record_of(bucket, OTHER))
    answer = await contents.open("a.ipynb", type="file", format="text")
    assert answer.code == 200
    assert (answer.model["content"], answer.model["writable"]) == ("not json at all {", False)
    refused = await contents.open("a.ipynb")
    assert refused.code == 400, "as Jupyter answers a notebook it cannot read"


async def test_put_is_refused_with_the_lock_and_the_edits_are_on_the_disk(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    lock(bucket, "a.ipynb", record_of(bucket, OTHER))
    first, second = await contents.save("a.ipynb", "mine"), await contents.save("a.ipynb", "mine too")
    assert (first.code, first.reason) == (409, "locked-by-other")
    assert first.message == second.message, "JupyterLab shows each different text in a dialog of its own"
    assert first.model["lock"]["email"] == OTHER
    assert first.model["lock"]["lost"] is True
    assert "take-over" not in first.model["lock"]["actions"]
    assert sources(json.loads((edit / "a.ipynb").read_bytes())) == ["mine too"]
    assert bucket.sources("a.ipynb") == ["1"]
    assert (await contents.status("a.ipynb"))["place"] == "locked"


@pytest.mark.parametrize("act", ["rename", "delete"])
async def test_rename_and_delete_are_refused(bucket, contents, jp_serverapp, act):
    bucket.put_notebook("a.ipynb", "1", metadata=record_of(bucket, OTHER))
    answer = await (contents.rename("a.ipynb", "b.ipynb") if act == "rename" else contents.delete("a.ipynb"))
    assert (answer.code, answer.reason) == (409, "locked-by-other")
    assert answer.model["lock"]["holder"] == owner_hash(bucket.name, OTHER)
    assert bucket.names() == ["notebooks/a.ipynb"]


async def test_playground_and_copies_are_not_blocked(bucket, contents, api, jp_serverapp):
    bucket.put_notebook("a.ipynb", "theirs", metadata=record_of(bucket, OTHER))
    opened = await contents.open("a.ipynb", folder="playground")
    assert (opened.code, opened.model["writable"]) == (200, True)
    assert opened.model["terra"]["lock"]["state"] == "none"
    assert (await contents.save("a.ipynb", "played", folder="playground")).code == 200
    copied = await api("POST", "contents", EDIT, body={"copy_from": f"{EDIT}/a.ipynb"})
    assert copied.code == 201
    assert bucket.sources(copied.model["name"]) == ["theirs"]
    assert bucket.sources("a.ipynb") == ["theirs"]


async def test_edits_that_were_not_shown_are_kept_beside(bucket, contents, edit, jp_serverapp):
    """A client that ignores 'writable' saves over what it was shown: not over the edits on the disk."""
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.put_notebook("a.ipynb", "theirs", metadata=record_of(bucket, OTHER))
    await contents.save("a.ipynb", "my edits")
    await contents.open("a.ipynb")
    await contents.save("a.ipynb", "theirs, typed over")
    assert sources(json.loads((edit / "a (my edits).ipynb").read_bytes())) == ["my edits"]
    assert sources(json.loads((edit / "a.ipynb").read_bytes())) == ["theirs, typed over"]
    assert bucket.sources("a.ipynb") == ["theirs"]


async def test_a_listing_marks_what_others_edit_and_what_is_not_in_the_workspace(bucket, contents, jp_serverapp):
    bucket.put_notebook("free.ipynb", "1")
    bucket.put_notebook("theirs.ipynb", "1", metadata=record_of(bucket, OTHER))
    bucket.put_notebook("elsewhere.ipynb", "1", metadata=record_of(bucket, ME))
    bucket.put_notebook("parted.ipynb", "1")
    await contents.open("parted.ipynb")
    bucket.put_notebook("parted.ipynb", "2")
    await contents.save("parted.ipynb", "3")
    await contents.save("mine.ipynb", "1")
    bucket.faults.add(Fault(operation="objects.insert", action=AnswerWith(status=503), times=100))
    await contents.save("owed.ipynb", "1")
    bucket.mark()
    listed = (await contents.list()).model["content"]
    assert [operation for operation, _ in bucket.requests if operation != "objects.insert"] == ["objects.list"]
    assert {entry["name"]: entry["terra"] for entry in listed if "terra" in entry} == {
        "theirs.ipynb": {"place": None, "lock": {"state": "held-by-other"}},
        "elsewhere.ipynb": {"place": None, "lock": {"state": "held-elsewhere"}},
        "parted.ipynb": {"place": "conflict", "lock": None},
        "owed.ipynb": {"place": "on-disk", "lock": None},
    }


# Acting on a lock


async def test_acquire_release_and_the_other_way_round(bucket, contents, act, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1", metadata=record_of(bucket, OTHER))
    refused = await act("a.ipynb", "acquire")
    assert (refused.code, refused.reason, refused.model["lock"]["email"]) == (409, "locked-by-other", OTHER)
    assert (await act("a.ipynb", "take-over")).code == 409, "never from somebody else"
    lock(bucket, "a.ipynb", {EXPIRY_KEY: "0"})
    taken = await act("a.ipynb", "acquire")
    assert (taken.code, taken.model["lock"]["state"], taken.model["writable"]) == (200, "held", True)
    given = await act("a.ipynb", "release")
    assert (given.code, given.model["lock"]["state"]) == (200, "free")
    assert is_given_back(bucket, "a.ipynb")


async def test_take_over_from_ones_own_other_environment(bucket, contents, act, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1", metadata=record_of(bucket, ME))
    opened = (await contents.open("a.ipynb")).model
    assert (opened["writable"], opened["terra"]["lock"]["state"]) == (False, "held-elsewhere")
    assert "take-over" in opened["terra"]["lock"]["actions"]
    assert (await act("a.ipynb", "acquire")).reason == "locked-elsewhere"
    assert (await act("a.ipynb", "take-over")).model["lock"]["state"] == "held"
    assert (await contents.open("a.ipynb")).model["writable"] is True
    assert (await contents.save("a.ipynb", "2")).code == 200


@pytest.mark.parametrize(
    ("path", "action", "code"),
    [
        ("playground/a.ipynb", "acquire", 409),
        ("edit/data.csv", "acquire", 409),
        ("edit/nowhere.ipynb", "acquire", 404),
        ("edit/a.ipynb", "steal", 400),
        ("edit/a.ipynb", None, 400),
        ("../etc/passwd", "acquire", 404),
        ("edit/../../x.ipynb", "acquire", 404),
        ("", "acquire", 404),
    ],
)
async def test_what_cannot_be_locked(bucket, api, jp_serverapp, path, action, code):
    bucket.put_notebook("a.ipynb", "1")
    body = {"path": f"{WORKSPACE}/{path}", "action": action}
    assert (await api("POST", "lock", base="terra-env", body=body)).code == code


@pytest.mark.parametrize("body", [None, [], "text", {"path": 3, "action": "acquire"}, {}])
async def test_malformed_questions(api, jp_serverapp, body):
    assert (await api("POST", "lock", base="terra-env", body=body)).code in {400, 404}


# Who has it open


async def test_presence_reports_the_status_and_every_change(bucket, contents, presence):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    socket = await presence("a.ipynb")
    first = await reported(socket)
    assert (first["path"], first["lock"]["state"]) == (f"{EDIT}/a.ipynb", "held")
    lock(bucket, "a.ipynb", record_of(bucket, OTHER))
    await contents.save("a.ipynb", "mine")
    while (status := await reported(socket))["place"] != "locked":
        pass
    assert status["lock"]["email"] == OTHER
    lock(bucket, "a.ipynb", {EXPIRY_KEY: "0"})
    while (status := await reported(socket))["lock"]["state"] != "free":
        pass
    assert status["writable"] is True


async def test_closing_the_tab_gives_the_lock_back_and_a_reload_does_not(bucket, contents, presence):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    first = await presence("a.ipynb")
    first.close()
    await asyncio.sleep(0.2)
    second = await presence("a.ipynb")
    await asyncio.sleep(0.8)
    assert not is_given_back(bucket, "a.ipynb")
    second.close()
    await until(lambda: is_given_back(bucket, "a.ipynb"))


async def test_presence_of_what_is_only_in_the_bucket(bucket, contents, presence):
    bucket.put_notebook("a.ipynb", "theirs", metadata=record_of(bucket, OTHER))
    await contents.open("a.ipynb")
    socket = await presence("a.ipynb")
    status = await reported(socket)
    assert (status["place"], status["lock"]["state"]) == ("in-workspace", "held-by-other")


async def test_presence_needs_a_login_and_a_notebook(jp_ws_fetch, jp_serverapp, http_server_port, jp_base_url):
    with pytest.raises(HTTPClientError) as refused:
        await jp_ws_fetch("terra-env", "presence", params={"path": "elsewhere/a.ipynb"})
    assert refused.value.code == 404
    query = urlencode({"path": f"{EDIT}/a.ipynb"})
    with pytest.raises(HTTPClientError) as refused:
        await websocket_connect(f"ws://localhost:{http_server_port[-1]}{jp_base_url}terra-env/presence?{query}")
    assert refused.value.code == 403


async def test_a_kernel_keeps_the_lock_without_any_tab(bucket, contents, api, jp_serverapp, jp_ws_fetch, monkeypatch):
    monkeypatch.setattr(parts_of(jp_serverapp).keeper, "_times", KeepingTimes(look=0.05, touch=2.0, grace=0.2))
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    session = await api(
        "POST",
        "sessions",
        body={"path": f"{EDIT}/a.ipynb", "type": "notebook", "name": "", "kernel": {"name": "python3"}},
    )
    kernel = session.model["kernel"]["id"]
    channels = await jp_ws_fetch("api", "kernels", kernel, "channels")
    await asyncio.sleep(3.0)
    assert not is_given_back(bucket, "a.ipynb")
    channels.close()
    assert (await api("DELETE", "sessions", session.model["id"])).code == 204
    await until(lambda: is_given_back(bucket, "a.ipynb"))


@pytest.fixture
def observed(api, jp_serverapp, front_end, eventually):
    """A notebook that was opened, with a kernel that is known for certain, and someone at its websocket."""

    async def start(bucket, contents):
        bucket.put_notebook("a.ipynb", "1")
        await contents.open("a.ipynb")
        body = {"path": f"{EDIT}/a.ipynb", "type": "notebook", "name": "", "kernel": {"name": "python3"}}
        kernel = (await api("POST", "sessions", body=body)).model["kernel"]["id"]
        front = await front_end(kernel)

        async def is_idle():
            (known,) = (await api("GET", "autopause", base="terra-env")).model["kernels"] or [{"state": None}]
            return known["state"] == "idle"

        await eventually(is_idle)
        return kernel, front

    return start


class TestAKernelThatIsReportedIdle:
    @pytest.fixture
    def jp_server_config(self, jp_server_config):
        autopause = {**jp_server_config["AutopauseSettings"], "correct_execution_state": False}
        return {**jp_server_config, "AutopauseSettings": autopause}

    async def test_keeps_the_lock_while_a_cell_of_it_runs(
        self, bucket, contents, api, jp_serverapp, observed, monkeypatch
    ):
        monkeypatch.setattr(parts_of(jp_serverapp).keeper, "_times", KeepingTimes(look=0.05, touch=1.0, grace=0.2))
        kernel, front = await observed(bucket, contents)
        cell = await front.run("import time; time.sleep(6)")
        await front.next("status", parent=cell, execution_state="busy")
        asked = await front.send("usage_request", {}, channel="control")
        await front.finish(asked)
        front.close()
        await asyncio.sleep(3.0)
        assert (await api("GET", "kernels", kernel)).model["execution_state"] == "idle"
        assert not is_given_back(bucket, "a.ipynb")
        await until(lambda: is_given_back(bucket, "a.ipynb"))
        assert (await api("DELETE", "kernels", kernel)).code == 204


# Events


async def test_events_report_changes_without_addresses(bucket, contents, act, jp_serverapp):
    seen = []

    async def listener(logger, schema_id, data):
        seen.append(data)

    jp_serverapp.event_logger.add_listener(schema_id=SCHEMA_ID, listener=listener)
    bucket.put_notebook("a.ipynb", "1", metadata=record_of(bucket, OTHER))
    await contents.open("a.ipynb")
    await until(lambda: seen)
    assert (seen[-1]["path"], seen[-1]["lock"]["state"]) == (f"{EDIT}/a.ipynb", "held-by-other")
    assert seen[-1]["lock"]["holder"] == owner_hash(bucket.name, OTHER)
    lock(bucket, "a.ipynb", {EXPIRY_KEY: "0"})
    await act("a.ipynb", "acquire")
    await until(lambda: seen[-1]["lock"]["state"] == "held")
    await contents.open("a.ipynb")
    await contents.save("a.ipynb", "2")
    await until(lambda: seen[-1]["place"] == "in-workspace")
    assert "@" not in json.dumps(seen)
    told_already = len(seen)
    await contents.open("a.ipynb")
    await asyncio.sleep(0.2)
    assert len(seen) == told_already, "nothing has changed"


async def test_logs_name_no_address(bucket, contents, act, jp_serverapp, caplog):
    caplog.set_level("DEBUG")
    bucket.put_notebook("a.ipynb", "1", metadata=record_of(bucket, OTHER))
    await contents.open("a.ipynb")
    await act("a.ipynb", "acquire")
    await contents.save("a.ipynb", "2")
    assert OTHER not in caplog.text
    assert ME not in caplog.text


# The end of the server


async def test_a_server_that_stops_gives_everything_back(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    await contents.save("b.ipynb", "new")
    await jp_serverapp.cleanup_extensions()
    assert is_given_back(bucket, "a.ipynb")
    assert is_given_back(bucket, "b.ipynb")


async def test_jupyters_own_contents_endpoints_are_all_there(api, contents, jp_serverapp):
    """The extension's rules come before Jupyter's."""
    await contents.save("a.ipynb", "1")
    assert (await api("GET", "contents", f"{EDIT}/a.ipynb", "checkpoints")).code == 200
    made = await api("POST", "contents", f"{EDIT}/a.ipynb", "checkpoints")
    assert made.code == 201
    assert (await api("POST", "contents", f"{EDIT}/a.ipynb", "checkpoints", made.model["id"])).code == 204
    assert (await api("POST", "contents", f"{EDIT}/a.ipynb", "trust")).code == 201
    body = {"type": "notebook", "format": "json", "content": notebook("outside")}
    assert (await api("PUT", "contents", "outside.ipynb", body=body)).code == 201
    wrong = await api("GET", "contents", "outside.ipynb", content=7)
    assert (wrong.code, wrong.message, wrong.reason) == (400, "Content '7' is invalid", None)


@pytest.mark.parametrize("opened", [False, True])
async def test_copying_and_exporting_leave_the_lock_to_those_who_edit(
    bucket, contents, api, edit, opened, jp_serverapp
):
    bucket.put_notebook("a.ipynb", "1")
    if opened:
        (edit / "a.ipynb").write_bytes(bucket.get("a.ipynb").content)
    copied = await contents.new(copy_from=f"{WORKSPACE}/edit/a.ipynb")
    assert (copied.code, copied.model["name"]) == (201, "a-Copy1.ipynb")
    exported = await api("GET", "html", f"{WORKSPACE}/edit/a.ipynb", base="nbconvert")
    assert exported.code == 200
    assert not (bucket.get("a.ipynb").metadata or {}).get("lastLockedBy")
    await contents.settled("a-Copy1.ipynb")
    assert bucket.sources("a-Copy1.ipynb") == ["1"]
    assert (await contents.open("a.ipynb")).model["terra"]["lock"]["state"] == "held"


async def test_what_another_person_edits_can_be_copied(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "theirs", metadata=record_of(bucket, "bob@example.org"))
    copied = await contents.new(copy_from=f"{WORKSPACE}/edit/a.ipynb")
    assert copied.code == 201
    await contents.settled("a-Copy1.ipynb")
    assert bucket.sources("a-Copy1.ipynb") == ["theirs"]


async def test_a_save_over_what_was_never_here_is_refused_by_the_lock_not_the_name(
    bucket, contents, edit, jp_serverapp
):
    bucket.put_notebook("a.ipynb", "theirs", metadata=another_persons_lock())
    refused = await contents.save("a.ipynb", "mine")
    assert (refused.code, refused.reason) == (409, "locked-by-other")
    assert refused.model["lock"]["state"] == "held-by-other"
    status = await contents.status("a.ipynb")
    assert (status["place"], status["writable"]) == ("locked", False)
    assert bucket.sources("a.ipynb") == ["theirs"]
    # When it is free, what is left is that two notebooks have one name: a person decides.
    blob = bucket.get("a.ipynb")
    blob.metadata = another_persons_lock(left_seconds=-3600)
    blob.patch()
    refused = await contents.save("a.ipynb", "mine")
    assert (refused.code, refused.reason) == (409, "name-taken")
    assert bucket.sources("a.ipynb") == ["theirs"]


@pytest.mark.parametrize("expiry", [lambda: int(time.time() * 1_000_000), lambda: 10**17, lambda: 99999999999999])
async def test_an_impossible_expiry_locks_no_one_out(bucket, contents, expiry, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1", metadata={**another_persons_lock(), "lockExpiresAt": str(expiry())})
    opened = (await contents.open("a.ipynb")).model
    assert (opened["writable"], opened["terra"]["lock"]["state"]) == (True, "held")
    assert (await contents.save("a.ipynb", "2")).code == 200
    await contents.settled("a.ipynb")
    assert bucket.sources("a.ipynb") == ["2"]


async def test_a_reader_of_a_workspace_stays_one_regardless_of_what_is_asked(bucket, contents, presence, act):
    bucket.put_notebook("a.ipynb", "shared")
    forbidden = AnswerWith(status=403, reason="forbidden", message="no storage.objects.update")
    bucket.faults.add(*(Fault(operation=write, action=forbidden, times=1000) for write in WRITES))
    assert (await contents.open("a.ipynb")).model["writable"] is False
    bucket.mark()
    socket = await presence("a.ipynb")
    states = [(await reported(socket))["lock"]["state"]]
    await until(lambda: ("objects.get", 200) in bucket.requests)  # The tab's coming looks at the object.
    states.append((await contents.status("a.ipynb"))["lock"]["state"])
    socket.close()
    await act("a.ipynb", "release")
    states += [(await contents.status("a.ipynb"))["lock"]["state"] for _ in range(3)]
    status = await contents.status("a.ipynb")
    assert (set(states), status["writable"]) == ({"not-permitted"}, False)
    assert (await contents.open("a.ipynb")).model["writable"] is False
