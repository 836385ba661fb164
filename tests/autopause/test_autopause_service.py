"""The whole of autopause in a real server: report, wishes, events, people, terminals, and a pause from end to end."""

import asyncio
import json
import os
import sys
import time
from urllib.parse import urlencode

import pytest
from tornado.httpclient import HTTPClientError

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SETTINGS = {
    "tick_seconds": 0.2,
    "idle_timeout_seconds": 600.0,
    "warning_lead_seconds": 1.0,
    "audit_interval_seconds": 1.0,
    "process_scope": "server",
    "client_save_seconds": 2.0,
    "watch_metadata": "off",
}


@pytest.fixture
def autopause_settings():
    """Traitlets of AutopauseSettings; tests override it."""
    return {}


@pytest.fixture
def shell_command():
    """The shell of terminals; None for the person's own."""


@pytest.fixture
def jp_server_config(autopause_settings, shell_command, monkeypatch):
    monkeypatch.delenv("WORKSPACE_NAME", raising=False)
    return {
        "ServerApp": {
            "jpserver_extensions": {"jupyter_terra_env": True, "jupyter_server_terminals": True},
            "terminado_settings": {} if shell_command is None else {"shell_command": [shell_command]},
        },
        "AutopauseSettings": {**SETTINGS, **autopause_settings},
    }


@pytest.fixture
def autopause(jp_fetch):
    """Ask ``/terra-env/autopause``."""

    async def ask(body=None):
        if body is None:
            return json.loads((await jp_fetch("terra-env", "autopause")).body)
        response = await jp_fetch("terra-env", "autopause", method="POST", body=json.dumps(body))
        return json.loads(response.body)

    return ask


@pytest.fixture
def reported(jp_ws_fetch, on_loop):
    """Listen to the events of autopause."""
    sockets = []

    async def listen():
        socket = await jp_ws_fetch("api", "events", "subscribe")
        sockets.append(socket)
        heard = []

        async def hear():
            while (message := await socket.read_message()) is not None:
                event = json.loads(message)
                if "autopause" in event["schema_id"]:
                    heard.append(event)

        sockets.append(asyncio.ensure_future(hear()))
        return heard

    yield listen
    for each in sockets:
        on_loop(each.cancel if isinstance(each, asyncio.Future) else each.close)


def blockers(report, kind):
    return [blocker for blocker in report["blockers"] if blocker["kind"] == kind]


async def refused(asking):
    with pytest.raises(HTTPClientError) as error:
        await asking
    return error.value.code, json.loads(error.value.response.body)


async def test_the_report_of_a_server_that_was_just_started(autopause):
    report = await autopause()
    assert report["state"] == "active"
    assert report["reason"] == "idle"
    assert report["deadline"].endswith("Z")
    assert report["blockers"] == report["kernels"] == []
    assert report["cost"]["running_shown"] == "unknown"
    assert report["cost_per_hour"] is None
    assert report["message"] == "Someone is working here."
    assert report["pauses_by"] == []


class TestKernels:
    async def test_a_cell_is_the_blocker_and_its_end_begins_the_idle_time(
        self, autopause, new_session, front_end, eventually
    ):
        kernel = await new_session()
        front = await front_end(kernel)
        cell = await front.run("import time; time.sleep(2)")

        async def named():
            return [blocker for blocker in blockers(await autopause(), "kernel") if "runs" in blocker["detail"]]

        (blocker,) = await eventually(named)
        assert blocker["id"] == kernel
        assert blocker["detail"] == "A cell of a.ipynb runs."
        (known,) = (await autopause())["kernels"]
        assert (known["state"], known["waits_for_input_since"]) == ("busy", None)
        await front.finish(cell)
        await asyncio.sleep(0.5)
        report = await autopause()
        assert report["blockers"] == []
        assert report["idle_seconds"] < 5

    async def test_a_question_is_no_work_and_its_answer_is_a_person(
        self, autopause, new_session, front_end, eventually, jp_serverapp
    ):
        """A cell that waits for input is not work; the answer is human activity."""
        kernel = await new_session()
        front = await front_end(kernel)
        cell = await front.run("name = input('who? ')\nimport time; time.sleep(1.5)")
        await front.next("input_request")

        async def waits():
            report = await autopause()
            return report["waits"] and not report["blockers"]

        await eventually(waits)
        report = await autopause()
        assert "waits for input" in report["waits"][0]["detail"]
        assert report["kernels"][0]["waits_for_input_since"]
        await front.send("input_reply", {"value": "me", "status": "ok"}, channel="stdin")

        async def works():
            report = await autopause()
            return blockers(report, "kernel") and not report["waits"]

        await eventually(works)
        await front.finish(cell)

    @pytest.mark.parametrize("autopause_settings", [{"input_wait_is_idle": False}])
    async def test_unless_it_is_set_to_be_work(self, autopause, new_session, front_end, eventually):
        front = await front_end(await new_session())
        await front.run("input('who? ')")
        await front.next("input_request")
        await asyncio.sleep(0.5)
        report = await autopause()
        assert blockers(report, "kernel")
        assert report["waits"] == []

    @pytest.mark.parametrize("autopause_settings", [{"cpu_active_cores": 0.3, "tick_seconds": 0.5}])
    @pytest.mark.parametrize(
        "code",
        [
            "import threading\ndef spin():\n    while True: pass\nthreading.Thread(target=spin, daemon=True).start()",
            "import subprocess, sys\njob = subprocess.Popen([sys.executable, '-c', 'while True: pass'])",
        ],
        ids=["thread", "subprocess"],
    )
    async def test_work_in_the_background_of_an_idle_kernel_is_named(
        self, autopause, new_session, front_end, eventually, code
    ):
        """The report names background work of a kernel that is idle."""
        kernel = await new_session()
        front = await front_end(kernel)
        await front.finish(await front.run(code))

        async def named():
            return blockers(await autopause(), "kernel-background")

        (blocker,) = await eventually(named)
        assert blocker["id"] == kernel
        assert "of a processor" in blocker["detail"]
        assert (await autopause())["kernels"][0]["state"] == "idle"
        await front.run("job.kill()" if "Popen" in code else "import os; os._exit(0)")


class TestTerminals:
    """Jobs of terminals, with a real shell and programs that a person would start there."""

    @pytest.fixture
    def shell(self, jp_fetch, jp_ws_fetch, on_loop):
        sockets = []

        async def start():
            name = json.loads((await jp_fetch("api", "terminals", method="POST", body="{}")).body)["name"]
            socket = await jp_ws_fetch("terminals", "websocket", name)
            sockets.append(socket)

            async def type_(line):
                await socket.write_message(json.dumps(["stdin", line + "\r"]))

            return name, type_

        yield start
        for socket in sockets:
            on_loop(socket.close)

    @pytest.mark.parametrize("shell_command", [None, "sh"], ids=["own shell", "sh"])
    @pytest.mark.parametrize(
        ("line", "program"),
        [("sleep 300", "sleep"), ("sleep 300 &", "sleep"), ("cat", "cat")],
        ids=["foreground", "background", "waits for input"],
    )
    async def test_a_job_is_named_until_it_ends(self, autopause, shell, eventually, line, program):
        """Some shells notice the end of a background job only when the next line is typed; ``sh`` is often one."""
        name, type_ = await shell()

        async def over():
            # Also what a shell runs while it starts.
            return not blockers(await autopause(), "terminal")

        await eventually(over)
        await type_(line)

        async def named():
            # For a moment the job is a copy of its shell.
            found = blockers(await autopause(), "terminal")
            return [(blocker["id"], blocker["detail"]) for blocker in found if program in blocker["detail"]]

        assert await eventually(named) == [(name, f"{program} runs in terminal {name}.")]
        await type_("kill %1" if "&" in line else "\x03")
        await eventually(over)

    @pytest.mark.parametrize("autopause_settings", [{"cpu_active_cores": 0.3, "tick_seconds": 0.5}])
    @pytest.mark.parametrize("start", ["setsid", "nohup setsid"])
    async def test_a_job_that_belongs_to_no_one_is_found_by_what_it_uses(
        self, autopause, shell, eventually, tmp_path, start
    ):
        _, type_ = await shell()
        pid_file = tmp_path / "pid"
        code = f"import os, pathlib; pathlib.Path('{pid_file}').write_text(str(os.getpid()))\nwhile True: pass"
        script = tmp_path / "hog.py"
        script.write_text(code)
        await type_(f"({start} {sys.executable} {script} >/dev/null 2>&1 &)")
        await type_("exit")

        async def named():
            return blockers(await autopause(), "process")

        try:
            (blocker,) = await eventually(named)
            assert blocker["id"] == pid_file.read_text()
            assert "in the background" in blocker["detail"]
        finally:
            os.kill(int(pid_file.read_text()), 9)

    async def test_keys_are_a_person_and_output_is_none(self, autopause, shell, eventually):
        _, type_ = await shell()
        await asyncio.sleep(1.2)

        async def human_ago():
            report = await autopause()
            return time.time() - _epoch(report["last_human"])

        before = await human_ago()
        await type_("")
        await asyncio.sleep(0.5)
        assert await human_ago() < before


def _epoch(moment):
    import calendar

    return calendar.timegm(time.strptime(moment, "%Y-%m-%dT%H:%M:%SZ"))


class TestWishes:
    async def test_time_that_is_asked_for(self, autopause):
        report = await autopause({"action": "keep-awake", "seconds": 7200})
        assert 7100 < _epoch(report["deadline"]) - time.time() <= 7201
        assert report["keep_awake"]["until"] == report["deadline"]
        report = await autopause({"action": "end-keep-awake"})
        assert report["keep_awake"]["until"] is None

    async def test_a_lease_is_work_until_it_is_given_back(self, autopause):
        report = await autopause({"action": "take-lease", "label": "make all", "seconds": 60})
        assert [blocker["detail"] for blocker in blockers(report, "command")] == ["make all runs."]
        lease = report["lease"]
        assert blockers(await autopause({"action": "renew-lease", "lease": lease, "seconds": 60}), "command")
        report = await autopause({"action": "end-lease", "lease": lease})
        assert blockers(report, "command") == []
        code, body = await refused(autopause({"action": "end-lease", "lease": lease}))
        assert (code, body["reason"]) == (409, "no-lease")

    async def test_a_lease_ends_by_itself(self, autopause, eventually):
        await autopause({"action": "take-lease", "label": "x", "seconds": 1})

        async def over():
            return not blockers(await autopause(), "command")

        await eventually(over)

    async def test_what_cannot_be_granted_says_why(self, autopause):
        code, body = await refused(autopause({"action": "keep-awake-until-jobs-end"}))
        assert (code, body["reason"]) == (409, "no-jobs")
        assert body["message"] == "Nothing is running that could be waited for."

    @pytest.mark.parametrize(
        "body",
        [
            [],
            {},
            {"action": "explode"},
            {"action": "keep-awake"},
            {"action": "keep-awake", "seconds": "1"},
            {"action": "keep-awake", "seconds": True},
            {"action": "keep-awake", "seconds": -1},
            {"action": "keep-awake", "seconds": 1e300},
            {"action": "keep-awake", "seconds": 1, "more": 1},
            {"action": "pause-now", "force": "yes"},
            {"action": "heartbeat", "tab": "a/b", "visible": True},
            {"action": "heartbeat", "tab": "a"},
            {"action": "saved", "tab": ""},
            {"action": "leave"},
            {"action": "unsaved", "tab": "a"},
            {"action": "unsaved", "tab": "a", "paths": []},
            {"action": "unsaved", "tab": "a", "paths": [7]},
            {"action": "unsaved", "tab": "a", "paths": ["a.ipynb"] * 201},
            {"action": "unsaved", "tab": "a", "paths": ["a.ipynb"], "still_saving": 1},
            {"action": "take-lease", "seconds": 1, "label": "a\x1bb"},
            {"action": "take-lease", "seconds": 1, "label": ""},
            {"action": "flush", "deadline_seconds": None},
        ],
    )
    async def test_nonsense_is_refused_and_changes_nothing(self, autopause, body):
        """Malformed actions are refused and change nothing."""
        before = await autopause()
        code, answer = await refused(autopause(body))
        assert (code, answer["reason"]) == (400, "malformed")
        after = await autopause()
        assert after["deadline"] == before["deadline"]
        assert after["keep_awake"] == before["keep_awake"]
        assert after["state"] == before["state"]

    @pytest.mark.parametrize("body", ["", "{", "null", '{"action": NaN}', "\xff"])
    async def test_what_is_no_json_is_refused(self, jp_fetch, body):
        code, _ = await refused(jp_fetch("terra-env", "autopause", method="POST", body=body.encode("latin-1")))
        assert code == 400

    async def test_a_login_is_needed(self, jp_fetch, jp_base_url, http_server_client):
        url = f"{jp_base_url}terra-env/autopause"
        for method in ("GET", "POST"):
            with pytest.raises(HTTPClientError) as error:
                await http_server_client.fetch(url, method=method, body="{}" if method == "POST" else None)
            assert error.value.code == 403

    async def test_a_cookie_without_the_proof_of_our_own_pages_is_refused(
        self, jp_serverapp, jp_base_url, http_server_client
    ):
        """Another site's page can make a browser send its cookie, but does not know the token beside it."""

        async def ask(path, cookies, **request):
            headers = {"Cookie": "; ".join(f"{key}={value}" for key, value in cookies.items())}
            headers.update(request.pop("headers", {}))
            return await http_server_client.fetch(
                jp_base_url + path, headers=headers, raise_error=False, follow_redirects=False, **request
            )

        def kept(answer):
            pairs = (cookie.split(";")[0].split("=", 1) for cookie in answer.headers.get_list("Set-Cookie"))
            return dict(pairs)

        jar = kept(await ask("login", {}))
        form = urlencode({"password": jp_serverapp.identity_provider.token, "_xsrf": jar["_xsrf"]})
        jar.update(kept(await ask("login", jar, method="POST", body=form)))
        request = {"method": "POST", "body": '{"action": "end-keep-awake"}'}
        assert (await ask("terra-env/autopause", jar)).code == 200
        assert (await ask("terra-env/autopause", jar, **request)).code == 403
        proven = await ask("terra-env/autopause", jar, headers={"X-XSRFToken": jar["_xsrf"]}, **request)
        assert proven.code == 200


class TestPeople:
    """What counts as human activity."""

    async def test_a_visible_tab_that_was_touched_is_a_person(self, autopause):
        await asyncio.sleep(2.2)
        before = (await autopause())["last_human"]
        await autopause({"action": "heartbeat", "tab": "t", "visible": True, "last_input_age_seconds": 0})
        await asyncio.sleep(0.4)
        assert (await autopause())["last_human"] > before

    @pytest.mark.parametrize(
        "tab", [{"visible": False, "last_input_age_seconds": 0}, {"visible": True, "last_input_age_seconds": None}]
    )
    async def test_a_tab_that_no_one_looks_at_is_none(self, autopause, tab):
        await asyncio.sleep(2.2)
        before = (await autopause())["last_human"]
        await autopause({"action": "heartbeat", "tab": "t", **tab})
        await asyncio.sleep(0.4)
        assert (await autopause())["last_human"] == before

    async def test_pollers_are_none_and_what_people_do_is(self, autopause, jp_fetch):
        await asyncio.sleep(2.2)
        before = (await autopause())["last_human"]
        for path in ("kernels", "sessions", "terminals", "contents", "status", "me"):
            await jp_fetch("api", path)
        await asyncio.sleep(0.4)
        assert (await autopause())["last_human"] == before
        await asyncio.sleep(1.2)
        await jp_fetch("api", "contents", method="POST", body='{"type": "file"}')
        await asyncio.sleep(0.4)
        assert (await autopause())["last_human"] > before

    @pytest.mark.parametrize("autopause_settings", [{"http_activity": "any"}])
    async def test_where_every_request_counts_pollers_do_and_our_own_do_not(self, autopause, jp_fetch):
        """With ``http_activity`` 'any', requests of other programs count, our own do not."""
        await asyncio.sleep(2.2)
        before = (await autopause())["last_human"]
        await asyncio.sleep(1.2)
        assert (await autopause())["last_human"] == before
        await jp_fetch("api", "kernels")
        await asyncio.sleep(0.4)
        assert (await autopause())["last_human"] > before


class TestPause:
    @pytest.fixture
    def autopause_settings(self, tmp_path):
        marks = tmp_path / "paused"
        code = f"import os, pathlib; pathlib.Path('{marks}').open('a').write(os.environ['TERRA_ENV_REASON'] + '\\n')"
        return {
            "idle_timeout_seconds": 4.0,
            "warning_lead_seconds": 2.0,
            "pause_chain": ["command"],
            "pause_command": [sys.executable, "-c", code],
        }

    async def test_from_the_last_sign_of_life_to_the_pause(self, autopause, reported, tmp_path, eventually):
        heard = await reported()
        began = time.monotonic()
        await eventually((tmp_path / "paused").exists)
        assert 3.5 <= time.monotonic() - began <= 8
        assert (tmp_path / "paused").read_text() == "idle\n"

        async def paused():
            return (await autopause())["state"] == "paused"

        await eventually(paused)
        states = list(dict.fromkeys(event["state"] for event in heard))
        assert states[-4:] == ["warning", "flushing", "pausing", "paused"]
        (asked,) = [event for event in heard if event["save"]]
        assert (asked["state"], asked["save"]) == ("flushing", "idle")
        assert next(event for event in heard if event["state"] == "warning")["deadline"]
        report = await autopause()
        assert report["attempts"][0]["actuator"] == "command"
        assert report["flush"]["clean"]

    async def test_tabs_are_waited_for_until_they_have_saved(self, autopause, reported, tmp_path, eventually):
        heard = await reported()
        await autopause({"action": "heartbeat", "tab": "t1", "visible": False, "last_input_age_seconds": None})
        await eventually(lambda: any(event["save"] for event in heard))
        assert not (tmp_path / "paused").exists()
        await autopause({"action": "saved", "tab": "t1"})
        await eventually((tmp_path / "paused").exists)
        assert (await autopause())["flush"]["tabs_saved"]

    async def test_a_person_in_the_countdown_stays(self, autopause, eventually, tmp_path):
        async def warned():
            return (await autopause())["state"] == "warning"

        await eventually(warned)
        report = await autopause({"action": "heartbeat", "tab": "t", "visible": True, "last_input_age_seconds": 0.0})
        assert report["state"] == "active"
        assert not (tmp_path / "paused").exists()

    async def test_pause_now(self, autopause, eventually, tmp_path):
        report = await autopause({"action": "pause-now"})
        assert report["state"] == "flushing"
        await eventually((tmp_path / "paused").exists)
        assert (tmp_path / "paused").read_text() == "requested\n"

    async def test_pause_now_names_what_a_tab_cannot_save_and_forced_it_pauses(
        self, autopause, reported, eventually, tmp_path
    ):
        heard = await reported()
        await autopause({"action": "heartbeat", "tab": "t", "visible": True, "last_input_age_seconds": None})
        await autopause({"action": "pause-now"})
        await eventually(lambda: any(event["save"] for event in heard))
        await autopause({"action": "unsaved", "tab": "t", "paths": ["big.ipynb"]})

        async def refused_it():
            return (await autopause())["state"] == "pause-failed"

        await eventually(refused_it)
        report = await autopause()
        assert report["failure"] == "unflushed"
        assert report["flush"]["unsafe"] == [{"path": "big.ipynb", "reason": "tab-cannot-save"}]
        assert not (tmp_path / "paused").exists()
        await autopause({"action": "pause-now", "force": True})
        await eventually((tmp_path / "paused").exists)

    async def test_a_tab_that_was_closed_refuses_nothing(self, autopause, eventually, tmp_path):
        await autopause({"action": "heartbeat", "tab": "t", "visible": True, "last_input_age_seconds": None})
        await autopause({"action": "unsaved", "tab": "t", "paths": ["big.ipynb"]})
        await autopause({"action": "leave", "tab": "t"})
        await autopause({"action": "pause-now"})
        await eventually((tmp_path / "paused").exists)


async def test_metrics_report_the_state(autopause, jp_fetch):
    await asyncio.sleep(0.5)
    text = (await jp_fetch("metrics")).body.decode()
    assert 'terra_env_state{state="active"} 1.0' in text
    assert "terra_env_pause_deadline_timestamp_seconds" in text
    assert "terra_env_state_corrections_total" in text


async def test_other_cullers_read_the_truth(autopause, jp_serverapp, jp_fetch):
    await asyncio.sleep(1.5)
    await jp_fetch("api", "kernels")
    at = jp_serverapp.web_app.settings["last_activity_times"]["jupyter_terra_env"]
    assert 1.0 < time.time() - at.timestamp() < 60
