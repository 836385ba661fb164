"""`jupyter terra-env autopause` as a person types it, against a real server."""

import calendar
import json
import subprocess
import time

import pytest
from machines import COMMAND, run_command
from real_server import RealServer

from jupyter_terra_env.cli.awake import awake_if_possible


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = RealServer(tmp_path_factory.mktemp("home"), "--AutopauseSettings.tick_seconds=1")
    try:
        yield server.wait_until_it_serves()
    finally:
        server.kill()


def type_(server, *words):
    return run_command("autopause", *words, home=server.home, variables=server.variables)


def test_the_status_is_said_in_words(server):
    done = type_(server)
    assert done.returncode == 0
    first, *rest = done.stdout.splitlines()
    assert first == "active: Someone is working here."
    assert any(
        line.startswith("should be paused (nothing here can") and "if there is no activity" in line for line in rest
    )
    assert rest[-1] == "costs unknown per hour running, unknown paused, data disks apart"


@pytest.mark.parametrize("words", [["status", "--json"], ["--json", "status"], ["--json"]])
def test_and_as_json(server, words):
    report = json.loads(type_(server, *words).stdout)
    assert report["state"] == "active"
    assert report["kernels"] == []


@pytest.mark.parametrize(("time_", "seconds"), [("1h30m", 5400), ("600", 600)])
def test_it_can_be_kept_awake_for_a_time(server, time_, seconds):
    type_(server, "end-keep-awake")
    report = json.loads(type_(server, "keep-awake", time_, "--json").stdout)
    until = time.strptime(report["keep_awake"]["until"], "%Y-%m-%dT%H:%M:%SZ")
    assert calendar.timegm(until) - time.time() == pytest.approx(seconds, abs=30)


@pytest.mark.parametrize("time_", ["2hours", ""])
def test_what_is_no_time_is_refused(server, time_):
    done = type_(server, "keep-awake", "--", time_)
    assert done.returncode == 2
    assert "is not a duration" in done.stderr


def test_a_refusal_is_said(server):
    done = type_(server, "keep-awake", "--until-jobs-end")
    assert done.returncode == 1
    assert done.stdout == "refused: Nothing is running that could be waited for.\n"


def test_a_command_keeps_it_awake_as_long_as_it_runs(server):
    with subprocess.Popen(
        [COMMAND, "autopause", "keep-awake", "--while", "sh", "-c", "sleep 4; exit 7"],
        env=server.variables,
        cwd=server.home,
    ) as running:
        deadline = time.monotonic() + 20
        while not (blockers := server.report()["blockers"]):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert [(work["kind"], work["detail"]) for work in blockers] == [("command", "sh -c sleep 4; exit 7 runs.")]
        assert running.wait(30) == 7
    assert server.report()["blockers"] == []


def test_a_copy_is_work_as_long_as_it_lasts(server, monkeypatch):
    for name in ("HOME", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, server.variables[name])
    with awake_if_possible("A copy to workspace:data/"):
        deadline = time.monotonic() + 20
        while not (blockers := server.report()["blockers"]):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert [work["detail"] for work in blockers] == ["A copy to workspace:data/ runs."]
    assert server.report()["blockers"] == []


def test_a_command_that_is_not_there(server):
    done = type_(server, "keep-awake", "--while", "/nowhere/command")
    assert done.returncode == 2
    assert "/nowhere/command: it cannot be run" in done.stderr
    assert server.report()["blockers"] == []


def test_without_a_server(tmp_path, server):
    done = subprocess.run(
        [COMMAND, "autopause"],
        env={**server.variables, "JUPYTER_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "jupyter terra-env autopause: No Jupyter server of yours runs on this machine.\n"


def test_it_can_be_paused_now(server):
    """The last one: nothing here can pause the machine, and that is said."""
    type_(server, "end-keep-awake")
    assert type_(server, "pause-now").stdout.startswith("flushing: Saving everything before the pause.")
    deadline = time.monotonic() + 20
    while server.report()["state"] != "pause-due":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "nothing that can pause it is configured" in type_(server).stdout
