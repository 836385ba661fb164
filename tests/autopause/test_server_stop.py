"""Row 17: a server that is told to stop brings everything to safety first, once, and within its budget."""

import json
import threading
import time

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from nbformat import v4, writes
from real_server import RealServer

from jupyter_terra_env.bucket.embedded.api import EmbeddedBucket
from jupyter_terra_env.bucket.embedded.http_front import LoopbackFront


@pytest.fixture
def server(tmp_path):
    data = tmp_path / "bucket"
    with EmbeddedBucket(data / "bucket.sqlite3") as engine, LoopbackFront(engine) as front:
        client = storage.Client(
            project="test", credentials=AnonymousCredentials(), client_options={"api_endpoint": front.url}
        )
        client.create_bucket("bucket-of-tests")
        client.close()
    server = RealServer(
        tmp_path / "home",
        "--AutopauseSettings.shutdown_budget_seconds=10",
        "--AutopauseSettings.client_save_seconds=3",
        WORKSPACE_NAME="w",
        WORKSPACE_BUCKET="gs://bucket-of-tests",
        OWNER_EMAIL="owner@example.org",
        TERRA_ENV_EMBEDDED_BUCKET=str(data),
    )
    server.data = data
    try:
        yield server.wait_until_it_serves()
    finally:
        server.kill()


def save(server, name, source):
    nb = json.loads(writes(v4.new_notebook(cells=[v4.new_code_cell(source)])))
    body = {"type": "notebook", "format": "json", "content": nb}
    answer = server.ask("PUT", f"api/contents/w/edit/{name}", body)
    assert answer.ok, answer.text


def manifest(server):
    return json.loads((server.home / "root" / ".jupyter-terra-env" / "flush.json").read_text())


def test_sigterm_flushes_before_the_server_ends(server):
    save(server, "a.ipynb", "1")
    server.terminate()
    assert server.end() < 15
    assert manifest(server)["cause"] == "server-stop"
    assert manifest(server)["unsafe"] == []
    assert [file["path"] for file in manifest(server)["safe"]] in ([], ["w/edit/a.ipynb"])


def test_what_cannot_be_brought_to_safety_is_named_within_the_budget(server):
    (server.data / "bucket.sqlite3").rename(server.data / "gone")
    (server.data / "bucket.sqlite3").mkdir()
    save(server, "a.ipynb", "1")
    server.terminate()
    assert server.end() < 30
    assert [file["path"] for file in manifest(server)["unsafe"]] == ["w/edit/a.ipynb"]


def test_tabs_get_their_time_and_no_more(server):
    server.wish("heartbeat", tab="t", visible=True, last_input_age_seconds=None)
    server.terminate()
    assert 2.5 < server.end() < 15
    assert manifest(server)["tabs_saved"] is False


def test_sigterm_and_a_flush_at_once_are_one_flush(server):
    save(server, "a.ipynb", "1")
    server.wish("heartbeat", tab="t", visible=True, last_input_age_seconds=None)
    answers = []

    def ask():
        answers.append(server.wish("flush", deadline_seconds=9).json()["flushed"])

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.5)
    server.terminate()
    server.end()
    asking.join(10)
    # The one that was asked for first is the only one: a second would have written its own cause.
    assert manifest(server)["cause"] == "requested"
    assert answers == [] or answers[0]["cause"] == "requested"
