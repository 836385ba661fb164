"""Exactly one stop takes effect, even if answers are lost or refused; failures are retried and reported."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import sys
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import psutil
import pytest
from fake_cloud import NAME, PROJECT, RUNTIME, ZONE, FakeCloud
from google.auth.credentials import AnonymousCredentials
from google.cloud import compute_v1
from google.cloud.compute_v1.services.instances.transports import InstancesRestTransport

from jupyter_terra_env.autopause.actuators.chain import PauseChain
from jupyter_terra_env.autopause.actuators.command import CommandActuator
from jupyter_terra_env.autopause.actuators.compute_engine import ComputeEngineActuator
from jupyter_terra_env.autopause.actuators.leonardo import LeonardoActuator
from jupyter_terra_env.autopause.actuators.port import Outcome, Result
from jupyter_terra_env.autopause.actuators.report_only import ReportOnly
from jupyter_terra_env.autopause.actuators.webhook import SIGNATURE_HEADER, WebhookActuator
from jupyter_terra_env.environment.access_token import AccessTokens
from jupyter_terra_env.environment.compute_engine import ComputeInstance
from jupyter_terra_env.environment.leonardo import LeonardoRuntime, RuntimeName
from jupyter_terra_env.environment.machine_facts import InstanceName
from jupyter_terra_env.rules.autopause.state import PauseReason, StopMode


@pytest.fixture
def cloud():
    with FakeCloud() as cloud:
        yield cloud


@pytest.fixture
def machine_account(cloud, monkeypatch, tmp_path):
    """Google's own client finds the machine's account at the fake metadata server."""
    for variable in ("GOOGLE_APPLICATION_CREDENTIALS", "NO_GCE_CHECK", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("GCE_METADATA_HOST", cloud.host)
    monkeypatch.setenv("GCE_METADATA_IP", cloud.host)
    # Read when the package was imported.
    monkeypatch.setattr("google.auth.compute_engine._metadata._GCE_METADATA_HOST", cloud.host)


class Tries:
    """Runs a chain of actuators; waits between tries take no time."""

    def __init__(self, *actuators, patience=5.0):
        self.tried, self.waited = [], []
        self.chain = PauseChain(
            actuators,
            new_id=lambda: str(uuid.uuid4()),
            patience_seconds=patience,
            sleep=self.sleep,
            on_tried=lambda tried, reason: self.tried.append((tried.actuator, tried.outcome.result)),
        )

    async def sleep(self, seconds):
        self.waited.append(seconds)

    def pause(self, reason=PauseReason.IDLE):
        return asyncio.run(self.chain.pause(reason))


async def no_wait(_seconds):
    await asyncio.sleep(0)


def leonardo(cloud, patience=5.0):
    """The chain of Leonardo alone, in one loop with its client."""
    tries = Tries(patience=patience)

    async def pause(reason=PauseReason.IDLE):
        async with httpx.AsyncClient(timeout=2.0) as client:
            runtime = LeonardoRuntime(
                RuntimeName(url=cloud.url, project=PROJECT, name=RUNTIME), tokens=AccessTokens(), client=client
            )
            tries.chain._actuators = (LeonardoActuator(runtime, sleep=no_wait),)
            return await tries.chain.pause(reason)

    tries.pause = lambda: asyncio.run(pause())
    return tries


@pytest.mark.usefixtures("machine_account")
class TestLeonardo:
    def test_it_stops_and_the_status_read_back_says_so(self, cloud):
        tries = leonardo(cloud)
        assert tries.pause() is Result.ACCEPTED
        assert cloud.stops == [("leonardo", None)]
        assert tries.chain.last[0].outcome.detail == "Leonardo says Stopping."

    @pytest.mark.parametrize("fault", [500, 502, 503, 429, "drop", "lose"])
    def test_what_may_work_in_a_moment_is_tried_again(self, cloud, fault):
        cloud.faults["leonardo"].extend([fault, fault])
        tries = leonardo(cloud)
        assert tries.pause() is Result.ACCEPTED
        assert cloud.stops == [("leonardo", None)]
        assert [result for _, result in tries.tried].count(Result.AGAIN) == 2
        assert tries.waited == [1.0, 2.0]

    def test_three_failures_are_the_end(self, cloud):
        cloud.faults["leonardo"].extend([500] * 3)
        tries = leonardo(cloud)
        assert tries.pause() is Result.UNAVAILABLE
        assert cloud.stops == []
        assert [each.outcome.detail for each in tries.chain.last] == ["Leonardo answered 500."] * 3

    @pytest.mark.parametrize("refused", [400, 403, 404])
    def test_what_is_refused_is_not_asked_again(self, cloud, refused):
        cloud.faults["leonardo"].append(refused)
        tries = leonardo(cloud)
        assert tries.pause() is Result.UNAVAILABLE
        assert tries.tried == [("leonardo", Result.UNAVAILABLE)]

    def test_a_stop_under_way_is_as_good(self, cloud):
        cloud.runtime = "Stopping"
        cloud.faults["leonardo"].append(409)
        assert leonardo(cloud).pause() is Result.ACCEPTED

    def test_a_conflict_with_a_running_machine_is_tried_again(self, cloud):
        cloud.faults["leonardo"].append(409)
        tries = leonardo(cloud)
        assert tries.pause() is Result.ACCEPTED
        assert tries.tried[0] == ("leonardo", Result.AGAIN)

    def test_a_token_of_yesterday_is_refreshed(self, cloud):
        cloud.tokens = ["old", "new"]
        cloud.accepted_tokens = {"new"}
        assert leonardo(cloud).pause() is Result.ACCEPTED
        assert cloud.stops == [("leonardo", None)]

    def test_a_token_that_is_never_accepted_is_no_permission(self, cloud):
        cloud.accepted_tokens = set()
        assert leonardo(cloud).pause() is Result.UNAVAILABLE

    def test_silence_is_cut_short(self, cloud):
        cloud.faults["leonardo"].append(1.5)
        tries = leonardo(cloud, patience=0.5)
        assert tries.pause() is Result.ACCEPTED
        assert tries.tried[0] == ("leonardo", Result.AGAIN)
        assert cloud.stops == [("leonardo", None)]

    def test_an_accepted_stop_that_does_not_happen_is_no_pause(self, cloud):
        cloud.faults["leonardo-status"].extend([200] * 100)
        assert leonardo(cloud).pause() is Result.UNAVAILABLE

    def test_the_token_is_in_no_report(self, cloud):
        cloud.faults["leonardo"].extend([500, 403])
        tries = leonardo(cloud)
        tries.pause()
        assert "token-1" not in repr(tries.chain.last)


def compute(cloud, mode=StopMode.STOP):
    transport = InstancesRestTransport(host=cloud.host, url_scheme="http", credentials=AnonymousCredentials())
    instances = compute_v1.InstancesClient(transport=transport)
    machine = ComputeInstance(InstanceName(project=PROJECT, zone=ZONE, name=NAME), instances)
    return ComputeEngineActuator(machine, mode=mode, sleep=no_wait)


class TestComputeEngine:
    @pytest.mark.parametrize("mode", list(StopMode))
    def test_it_pauses_and_the_status_read_back_says_so(self, cloud, mode):
        tries = Tries(compute(cloud, mode))
        assert tries.pause() is Result.ACCEPTED
        ((kind, request_id),) = cloud.stops
        assert kind == mode.value
        assert uuid.UUID(request_id)

    @pytest.mark.parametrize("fault", [500, 503, 429, "drop", "lose"])
    def test_all_tries_carry_one_request_id(self, cloud, fault):
        cloud.faults["compute"].append(fault)
        assert Tries(compute(cloud)).pause() is Result.ACCEPTED
        assert len(cloud.stops) == 1
        ids = {query["requestId"] for method, _, query in cloud.requests if method == "POST"}
        assert len(ids) == 1

    @pytest.mark.parametrize("refused", [403, 404])
    def test_what_is_refused_goes_to_the_next(self, cloud, refused):
        cloud.faults["compute"].append(refused)
        tries = Tries(compute(cloud), ReportOnly())
        assert tries.pause() is Result.REPORTED
        assert tries.tried == [("compute_engine", Result.UNAVAILABLE), ("report_only", Result.REPORTED)]


class TestCommand:
    def actuator(self, code, patience=5.0, **environ):
        return CommandActuator([sys.executable, "-c", code], environ=environ, patience_seconds=patience)

    def test_it_gets_the_reason_and_no_shell(self, tmp_path):
        code = f"import os, json; json.dump(dict(os.environ), open({str(tmp_path / 'env')!r}, 'w'))"
        assert Tries(self.actuator(code, KEPT="$HOME; rm")).pause(PauseReason.MAX_BUSY) is Result.ACCEPTED
        environ = json.loads((tmp_path / "env").read_text())
        assert environ["TERRA_ENV_REASON"] == "max-busy"
        assert uuid.UUID(environ["TERRA_ENV_REQUEST_ID"])
        assert environ["KEPT"] == "$HOME; rm"

    def test_an_exit_code_is_a_failure_that_is_reported(self):
        tries = Tries(self.actuator("raise SystemExit(3)"))
        assert tries.pause() is Result.UNAVAILABLE
        assert tries.chain.last[0].outcome.detail == "The command ended with exit code 3."

    def test_a_command_that_hangs_is_ended_with_its_children(self, tmp_path):
        pid_file = tmp_path / "pid"
        code = (
            "import subprocess, sys, pathlib, time\n"
            "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
            f"pathlib.Path({str(pid_file)!r}).write_text(str(child.pid))\ntime.sleep(60)"
        )
        assert Tries(self.actuator(code, patience=1.0)).pause() is Result.UNAVAILABLE
        with contextlib.suppress(psutil.NoSuchProcess):
            child = psutil.Process(int(pid_file.read_text()))
            # The system ends what was killed when it next gets a turn.
            deadline = time.monotonic() + 30
            while child.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
                time.sleep(0.01)
            assert child.status() == psutil.STATUS_ZOMBIE

    def test_a_command_that_is_not_there_is_reported(self):
        tries = Tries(CommandActuator(["/nowhere/pause"], environ={}, patience_seconds=1))
        assert tries.pause() is Result.UNAVAILABLE
        assert "cannot be run" in tries.chain.last[0].outcome.detail


class TestWebhook:
    @pytest.fixture
    def receiver(self):
        received, answers = [], []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append((dict(self.headers), body))
                self.send_response(answers.pop(0) if answers else 204)
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()

            def log_message(self, *args):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/pause", received, answers
        server.shutdown()
        server.server_close()

    def pause(self, url, secret=b"secret"):
        tries = Tries()

        async def run():
            async with httpx.AsyncClient(timeout=2.0) as client:
                hook = WebhookActuator(
                    url, secret=secret, environment={"runtime": "r"}, wall=lambda: 1000.7, client=client
                )
                tries.chain._actuators = (hook,)
                return await tries.chain.pause(PauseReason.IDLE)

        return asyncio.run(run()), tries

    def test_the_body_is_signed(self, receiver):
        url, received, _ = receiver
        assert self.pause(url)[0] is Result.ACCEPTED
        ((headers, body),) = received
        assert headers[SIGNATURE_HEADER] == "sha256=" + hmac.new(b"secret", body, hashlib.sha256).hexdigest()
        answer = json.loads(body)
        assert (answer["reason"], answer["time"], answer["environment"]) == ("idle", 1000, {"runtime": "r"})
        assert headers["Idempotency-Key"] == answer["request_id"]

    def test_tries_are_one_request(self, receiver):
        url, received, answers = receiver
        answers.extend([503, 429])
        assert self.pause(url)[0] is Result.ACCEPTED
        assert len({headers["Idempotency-Key"] for headers, _ in received}) == 1
        assert len(received) == 3

    @pytest.mark.parametrize("status", [302, 400, 401, 404])
    def test_anything_else_is_no_pause_and_no_redirect_is_followed(self, receiver, status):
        url, received, answers = receiver
        answers.append(status)
        assert self.pause(url)[0] is Result.UNAVAILABLE
        assert len(received) == 1

    def test_no_one_there(self):
        result, tries = self.pause("http://127.0.0.1:9/pause")
        assert result is Result.UNAVAILABLE
        assert tries.tried == [("webhook", Result.AGAIN)] * 3


def test_a_broken_actuator_does_not_keep_the_next_from_being_tried():
    class Broken:
        name = "broken"

        async def pause(self, reason, request_id):
            raise RuntimeError("secret detail")

    class Works:
        name = "works"

        async def pause(self, reason, request_id):
            return Outcome(result=Result.ACCEPTED, detail="Done.")

    tries = Tries(Broken(), Works())
    assert tries.pause() is Result.ACCEPTED
    assert tries.chain.last[0].outcome.detail == "Unexpected failure (RuntimeError)."
