"""A server that is asked to stop flushes first, once, and within its budget."""

import json
import subprocess
import threading
import time
from contextlib import closing

import pytest
import websocket
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from machines import COMMAND
from nbformat import v4, writes
from real_server import RealServer

from jupyter_terra_env.bucket.embedded.api import EmbeddedBucket
from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault, FaultPlan
from jupyter_terra_env.bucket.embedded.http_front import EmbeddedServer

CLIENT_SAVE_SECONDS = 3


def make_bucket(front):
    client = storage.Client(
        project="test", credentials=AnonymousCredentials(), client_options={"api_endpoint": front.url}
    )
    client.create_bucket("bucket-of-tests")
    client.close()


def started(home, **variables):
    return RealServer(
        home,
        "--AutopauseSettings.shutdown_budget_seconds=10",
        f"--AutopauseSettings.client_save_seconds={CLIENT_SAVE_SECONDS}",
        WORKSPACE_NAME="w",
        WORKSPACE_BUCKET="gs://bucket-of-tests",
        OWNER_EMAIL="owner@example.org",
        **variables,
    )


@pytest.fixture
def server(tmp_path):
    data = tmp_path / "bucket"
    with EmbeddedBucket(data / "bucket.sqlite3") as engine, EmbeddedServer(engine) as front:
        make_bucket(front)
    server = started(tmp_path / "home", TERRA_ENV_EMBEDDED_BUCKET=str(data))
    server.data = data
    try:
        yield server.wait_until_it_serves()
    finally:
        server.kill()


@pytest.fixture
def server_with_faults(tmp_path):
    """A server whose bucket can be made to fail."""
    faults = FaultPlan()
    with (
        EmbeddedBucket(tmp_path / "bucket" / "bucket.sqlite3") as engine,
        EmbeddedServer(engine, faults=faults) as front,
    ):
        make_bucket(front)
        server = started(tmp_path / "home", STORAGE_EMULATOR_HOST=front.url)
        try:
            yield server.wait_until_it_serves(), faults
        finally:
            server.kill()


def save(server, name, source):
    nb = json.loads(writes(v4.new_notebook(cells=[v4.new_code_cell(source)])))
    body = {"type": "notebook", "format": "json", "content": nb}
    answer = server.ask("PUT", f"api/contents/w/edit/{name}", body)
    assert answer.ok, answer.text


def outputs_on_disk(server, name):
    return json.loads((server.home / "root" / "w" / "edit" / name).read_text())["cells"][0]["outputs"]


def outputs_in_bucket(server, name):
    with EmbeddedBucket(server.data / "bucket.sqlite3") as engine, EmbeddedServer(engine) as front:
        client = storage.Client(
            project="test", credentials=AnonymousCredentials(), client_options={"api_endpoint": front.url}
        )
        try:
            content = client.bucket("bucket-of-tests").blob(f"notebooks/{name}").download_as_bytes()
        finally:
            client.close()
    return json.loads(content)["cells"][0]["outputs"]


def run_and_leave(server, name, code):
    """Run the only cell of a notebook from a browser's websocket, and close that as soon as it prints."""
    cell = v4.new_code_cell(code, id="the-cell")
    body = {"type": "notebook", "format": "json", "content": json.loads(writes(v4.new_notebook(cells=[cell])))}
    assert server.ask("PUT", f"api/contents/w/edit/{name}", body).ok
    body = {"path": f"w/edit/{name}", "type": "notebook", "name": name, "kernel": {"name": "python3"}}
    kernel = server.ask("POST", "api/sessions", body).json()["kernel"]["id"]
    address = server.info["url"].replace("http", "ws", 1)
    channels = f"{address}api/kernels/{kernel}/channels?token={server.info['token']}"
    with closing(websocket.create_connection(channels, timeout=30)) as browser:
        header = {"msg_id": "1", "msg_type": "execute_request", "session": "s", "username": "u", "version": "5.3"}
        request = {
            "channel": "shell",
            "header": header,
            "parent_header": {},
            "metadata": {"cellId": "the-cell"},
            "content": {"code": code, "silent": False, "store_history": True, "allow_stdin": True},
        }
        browser.send(json.dumps(request))
        while json.loads(browser.recv())["header"]["msg_type"] != "stream":
            pass
    return kernel


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
    server.request("heartbeat", tab="t", visible=True, last_input_age_seconds=None)
    server.terminate()
    assert 2.5 < server.end() < 15
    assert manifest(server)["tabs_saved"] is False


def test_sigterm_and_the_command_at_once_are_one_flush(server_with_faults):
    """The shutdown script of a machine runs the command while the server is asked to stop."""
    server, faults = server_with_faults
    faults.add(Fault(operation="*", action=AnswerWith(status=503), times=100_000))
    save(server, "a.ipynb", "1")
    server.request("heartbeat", tab="t", visible=True, last_input_age_seconds=None)
    address = f"{server.info['url'].replace('http', 'ws', 1)}api/events/subscribe?token={server.info['token']}"
    words = [COMMAND, "flush", "--json", "--deadline", "20", "--root", server.home / "root"]
    with closing(websocket.create_connection(address, timeout=30)) as events:
        command = subprocess.Popen(
            words, env=server.variables, cwd=server.home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        # The tab does not answer, so this flush lasts for some seconds.
        while json.loads(events.recv()).get("save") != "requested":
            pass
        server.terminate()
        # The tab has had its time, and what is owed is being paid.
        time.sleep(CLIENT_SAVE_SECONDS + 1)
        faults.clear()
        try:
            assert server.end() < 15
            reported, trouble = command.communicate(timeout=30)
        finally:
            command.kill()
            command.communicate()
    # The one that was asked for first is the only one: a second would have written its own cause.
    assert manifest(server)["cause"] == "requested"
    assert [file["path"] for file in manifest(server)["safe"]] == ["w/edit/a.ipynb"]
    assert (command.returncode, trouble) == (0, "")
    assert json.loads(reported) == {"by": "server", "paid": ["w/edit/a.ipynb"], "unpaid": []}


def test_outputs_of_a_cell_whose_browser_has_gone_are_kept_when_the_server_is_stopped(server, tmp_path):
    """The server's extensions are stopped while its kernels are still there."""
    go = tmp_path / "go"
    code = (
        "import time, pathlib\nprint('before')\n"
        f"while not pathlib.Path('{go}').exists(): time.sleep(0.02)\n"
        "print('after')\npathlib.Path('told').touch()\ntime.sleep(300)"
    )
    run_and_leave(server, "a.ipynb", code)
    go.touch()
    deadline = time.monotonic() + 30
    while not (server.home / "root" / "w" / "edit" / "told").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.5)
    server.terminate()
    assert server.end() < 25
    for outputs in (outputs_on_disk(server, "a.ipynb"), outputs_in_bucket(server, "a.ipynb")):
        assert ["".join(output["text"]) for output in outputs] == ["before\nafter\n"]
    assert manifest(server)["unsafe"] == []


def test_a_stop_in_the_middle_of_a_longer_flush_says_what_is_left(server_with_faults):
    server, faults = server_with_faults
    faults.add(Fault(operation="*", action=AnswerWith(status=503), times=100_000))
    save(server, "a.ipynb", "1")
    asking = threading.Thread(target=server.request, args=("flush",), kwargs={"deadline_seconds": 300})
    asking.start()
    time.sleep(1)
    server.terminate()
    assert server.end() < 25
    asking.join()
    assert [file["path"] for file in manifest(server)["unsafe"]] == ["w/edit/a.ipynb"]
    assert manifest(server)["cause"] == "server-stop"
