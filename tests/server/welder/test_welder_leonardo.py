"""What Leonardo asks of this machine: status, sessions, terminals, and a flush before it stops it."""

import time

import pytest
import requests
from real_server import RealServer
from welder_kit import link
from workspace_kit import notebook, text_of

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault

BASE = "/notebooks/project/runtime/"


@pytest.fixture
def bucket_of_a_server(bucket):
    return bucket


@pytest.fixture
def server(bucket, tmp_path):
    """A server as a Terra image starts it: behind a proxy that has judged the caller, with Leonardo's variables."""
    started = RealServer(
        tmp_path / "home",
        "--ServerApp.contents_manager_class=jupyter_terra_env.server.contents.TerraContentsManager",
        f"--ServerApp.base_url={BASE}",
        "--IdentityProvider.token=",
        "--ServerApp.disable_check_xsrf=True",
        "--ServerApp.allow_origin=*",
        "--ServerApp.allow_remote_access=True",
        "--TerraEnvApp.storage_links=True",
        "--TerraEnvApp.bucket_retry_deadline_seconds=1",
        STORAGE_EMULATOR_HOST=bucket.front.url,
        OWNER_EMAIL="owner@example.org",
        GOOGLE_PROJECT="project",
        CLUSTER_NAME="runtime",
        RUNTIME_NAME="runtime",
    )
    yield started.wait_until_it_serves()
    started.kill()


@pytest.fixture
def leonardo(server):
    """Asks as Leonardo does: no token, no cookie."""

    def ask(method, path, body=None, **headers):
        return requests.request(method, server.info["url"] + path, json=body, headers=headers, timeout=60)

    return ask


def test_status_sessions_and_terminals(leonardo):
    proxied = {"Host": "jupyter:8000", "Origin": "https://app.terra.bio"}
    assert leonardo("GET", "api/status", **proxied).status_code == 200
    assert leonardo("GET", "api/sessions").json() == []
    body = {"path": "a.ipynb", "name": "a.ipynb", "type": "notebook", "kernel": {"name": "python3"}}
    assert leonardo("POST", "api/sessions", body).status_code == 201
    (session,) = leonardo("GET", "api/sessions").json()
    assert {"name", "path", "kernel"} <= set(session)
    assert session["kernel"]["execution_state"] in {"starting", "busy", "idle"}
    name = leonardo("POST", "api/terminals").json()["name"]
    assert leonardo("GET", f"api/terminals/{name}").status_code == 200
    assert leonardo("GET", "api/terminals/none").status_code == 404
    assert leonardo("GET", "welder/status").json().keys() == {"buildTime", "gitHeadCommit"}


def test_a_flush_is_204_also_without_the_bucket(leonardo, server, bucket):
    """The disk outlives the stop: what is on it is safe, and reaches the bucket after the next start."""
    assert leonardo("POST", "welder/storageLinks", link()).status_code == 200
    bucket.faults.add(Fault(operation="objects.insert", action=AnswerWith(status=503), times=1000))
    (server.home / "root/Terra/edit/a.ipynb").write_text(text_of(notebook("typed")))
    save = {"action": "safeDelocalize", "localPath": "Terra/edit/a.ipynb"}
    assert leonardo("POST", "welder/objects", save).status_code == 500
    assert leonardo("POST", "welder/cache/flush").status_code == 204
    bucket.faults.release()
    assert leonardo("POST", "welder/objects", save).status_code in {204, 500}


def test_a_pause_that_nothing_here_makes_is_leonardos(leonardo, server):
    assert leonardo("POST", "terra-env/autopause", {"action": "pause-now"}).status_code == 200
    deadline = time.monotonic() + 30
    while (report := leonardo("GET", "terra-env/autopause").json())["state"] != "pause-due":
        assert time.monotonic() < deadline, report
        time.sleep(0.1)
    assert report["code"] == "pause-due:leonardo"
    assert "Leonardo pauses this environment" in report["message"]
    assert report["pauses_by"] == []
