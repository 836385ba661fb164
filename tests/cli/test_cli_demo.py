"""The demo as a person uses it: started, worked in with a second person, and ended with one Ctrl-C."""

import contextlib
import json
import os
import pty
import socket
import time

import psutil
import pytest
import requests
from command_kit import is_open
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from jupyter_client.blocking import BlockingKernelClient

from jupyter_terra_env.bucket.embedded.api import EmbeddedBucket
from jupyter_terra_env.bucket.embedded.transport import ENDPOINT, EmbeddedAdapter

EDIT = "api/contents/Demo%20workspace/edit"
COMPUTE = "print('computing', flush=True)\nwhile True: pass"


@contextlib.contextmanager
def bucket_of(data):
    """The demo's bucket through another client."""
    with EmbeddedBucket(data / "bucket" / "bucket.sqlite3") as engine:
        client = storage.Client(
            project="p", credentials=AnonymousCredentials(), client_options={"api_endpoint": ENDPOINT}
        )
        client._http.mount(ENDPOINT, EmbeddedAdapter(engine))
        yield client.bucket("demo-workspace-bucket")
        client.close()
        client._http.close()


@contextlib.contextmanager
def terminal():
    """A terminal as standard input."""
    ours, theirs = pty.openpty()
    try:
        yield theirs
    finally:
        os.close(ours)
        os.close(theirs)


def until_ready(client):
    """Wait for a kernel; a busy machine misses heartbeats, which the client takes for its death."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return client.wait_for_ready(timeout=30)
        except RuntimeError:
            if time.monotonic() > deadline:
                raise


def kernel_running(code, machine, demo):
    """Open a notebook with a kernel, let it begin to run some code, and return the kernel's process."""
    path = "Demo workspace/edit/gc-content.ipynb"
    session = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
    kernel_id = demo.ask("POST", "api/sessions", session).json()["kernel"]["id"]
    client = BlockingKernelClient(connection_file=str(machine.runtime / f"kernel-{kernel_id}.json"))
    client.load_connection_file()
    client.start_channels()
    try:
        until_ready(client)
        client.execute(code)
        while client.get_iopub_msg(timeout=30)["msg_type"] != "stream":
            pass
    finally:
        client.stop_channels()
    children = psutil.Process(demo.process.pid).children(recursive=True)
    (kernel,) = [child for child in children if kernel_id in " ".join(child.cmdline())]
    return kernel


def wait_until_gone(processes):
    _, alive = psutil.wait_procs(processes, timeout=60)
    assert alive == []


def test_two_persons_work_on_one_bucket_and_one_ctrl_c_ends_everything(machine, tmp_path):
    data = tmp_path / "demo data"
    # A person's real workspaces, which are not part of a demo.
    machine.configure(
        TerraEnvApp={"workspaces": [{"name": "Real", "bucket": "real-bucket"}], "edit_folder": "work"},
        ServerApp={"open_browser": True},
    )
    with (
        terminal() as keyboard,
        machine.demo("--data", data, stdin=keyboard) as first,
        machine.demo("--data", data, "--as", "maria") as second,
    ):
        for demo in (first, second):
            demo.wait_until_it_serves()
        assert first.info["port"] != second.info["port"]
        assert f"jupyter terra-env demo --as reviewer --data '{data}'" in first.output
        assert "/lab/tree/Demo%20workspace/edit/Start%20here.ipynb?token=" in first.output

        assert [entry["name"] for entry in first.ask("GET", "api/contents").json()["content"]] == ["Demo workspace"]
        listed = {entry["name"] for entry in second.ask("GET", EDIT).json()["content"]}
        assert listed == {"Start here.ipynb", "cohort-summary.ipynb", "gc-content.ipynb", "quality-control"}

        notebook = first.ask("GET", f"{EDIT}/gc-content.ipynb").json()["content"]
        notebook["cells"][0]["source"] = "# Changed by the first person"
        first.ask("PUT", f"{EDIT}/gc-content.ipynb", {"type": "notebook", "format": "json", "content": notebook})
        first.ask("POST", "terra-env/flush", {"deadline_seconds": 20})
        with bucket_of(data) as bucket:
            kept = json.loads(bucket.blob("notebooks/gc-content.ipynb").download_as_bytes())
        assert kept["cells"][0]["source"] == ["# Changed by the first person"]
        seen = second.ask("GET", f"{EDIT}/gc-content.ipynb").json()
        assert seen["content"]["cells"][0]["source"] == "# Changed by the first person"
        assert (seen["writable"], seen["terra"]["lock"]["state"]) == (False, "held-by-other")

        page = first.ask("GET", "lab/tree/Demo%20workspace/edit").text
        assert '"news": {"disabled": true}' in page

        for demo, code in ((first, "print('idle')"), (second, COMPUTE)):
            kernel = kernel_running(code, machine, demo)
            demo.interrupt()
            assert demo.end() == 0, demo.output
            # What a kernel says that is ended while it computes is its own affair.
            assert "Traceback" not in demo.output.partition("[IPKernelApp] ERROR")[0], demo.output
            assert demo.output.endswith(f"The demo has ended. Everything saved is in {data}.\n")
            assert not is_open(demo.info["port"])
            wait_until_gone([kernel])
    with bucket_of(data) as bucket:
        assert bucket.get_blob("notebooks/gc-content.ipynb").metadata["lockExpiresAt"] == "0"


def test_notebook_7_opens_where_it_is_asked_for(machine, tmp_path):
    with machine.demo("--data", tmp_path / "data", "--interface", "notebook") as demo:
        demo.wait_until_it_serves()
        went = demo.request("GET", "", allow_redirects=False)
        assert went.headers["Location"].partition("?")[0] == "/notebooks/Demo%20workspace/edit/Start%20here.ipynb"
        demo.interrupt()
        assert demo.end() == 0, demo.output
        assert "In Notebook 7  the notebook 'Start here.ipynb' leads you" in demo.output


def test_a_deaf_kernel_and_an_impatient_person_change_nothing_about_the_end(machine, tmp_path):
    with machine.demo("--data", tmp_path / "data") as demo:
        demo.wait_until_it_serves()
        kernel = kernel_running(COMPUTE, machine, demo)
        # Suspended, it hears no request to shut down.
        kernel.suspend()
        for _ in range(3):
            demo.interrupt()
            time.sleep(0.2)
        assert demo.end() == 0, demo.output
        assert "Traceback" not in demo.output, demo.output
        wait_until_gone([kernel])


def wait_for_place(demo, name, place):
    """Wait until the work is there; a save may be answered before its upload."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status = demo.ask("GET", f"terra-env/status?path=Demo%20workspace/edit/{name}").json()
        if status["place"] == place:
            return status
        time.sleep(0.1)
    raise AssertionError(f"{name} is {status}, not {place}")


def opened(demo, name):
    return demo.ask("GET", f"{EDIT}/{name}").json()["content"]


def save(demo, name, notebook, source):
    """Save a notebook with another first cell."""
    notebook["cells"][0]["source"] = source
    return demo.request("PUT", f"{EDIT}/{name}", {"type": "notebook", "format": "json", "content": notebook})


def servers_of(machine):
    return [json.loads(file.read_text()) for file in machine.runtime.glob("jpserver-*.json")]


def test_the_colleague_is_started_once_named_and_ended_with_the_demo(machine, tmp_path):
    with machine.demo("--data", tmp_path / "data") as demo:
        demo.wait_until_it_serves()
        assert demo.ask("POST", "terra-env-demo/colleague", {}).json() == {"opened": False}
        (theirs,) = [server for server in servers_of(machine) if server["pid"] != demo.process.pid]
        demo.ask("POST", "terra-env-demo/colleague", {})
        assert len(servers_of(machine)) == 2
        went = demo.request("GET", "terra-env-demo/colleague/open", allow_redirects=False)
        assert went.headers["Location"].startswith(f"{theirs['url']}lab/tree/Demo%20workspace/edit/gc-content.ipynb?")

        as_colleague = {"headers": {"Authorization": f"token {theirs['token']}"}, "timeout": 20}
        assert requests.get(f"{theirs['url']}{EDIT}/gc-content.ipynb", **as_colleague).ok
        seen = demo.ask("GET", f"{EDIT}/gc-content.ipynb").json()
        assert (seen["writable"], seen["terra"]["lock"]["email"]) == (False, "colleague@demo.invalid")
        refused = requests.post(f"{theirs['url']}terra-env-demo/colleague", json={}, **as_colleague)
        assert (refused.status_code, "second person" in refused.json()["message"]) == (409, True)

        process = psutil.Process(theirs["pid"])
        demo.interrupt()
        assert demo.end() == 0, demo.output
        assert "Traceback" not in demo.output
        wait_until_gone([process])
    assert servers_of(machine) == []


def test_the_colleague_ends_even_if_the_demo_is_killed(machine, tmp_path):
    with machine.demo("--data", tmp_path / "data") as demo:
        demo.wait_until_it_serves()
        demo.ask("POST", "terra-env-demo/colleague", {})
        (theirs,) = [server for server in servers_of(machine) if server["pid"] != demo.process.pid]
        process = psutil.Process(theirs["pid"])
        demo.kill()
        _, alive = psutil.wait_procs([process], timeout=90)
        assert alive == []


def test_the_switch_the_other_version_and_the_pause(machine, tmp_path):
    data = tmp_path / "data"
    with machine.demo("--data", data) as demo:
        demo.wait_until_it_serves()
        notebook = opened(demo, "gc-content.ipynb")
        assert demo.ask("POST", "terra-env-demo/switch", {"on": False}).json() == {"on": False}
        assert save(demo, "gc-content.ipynb", notebook, "# Typed offline").status_code == 200
        assert wait_for_place(demo, "gc-content.ipynb", "on-disk")["reason"] == "unreachable"
        found = demo.ask("GET", "terra-env-demo/bucket").json()
        assert found["on"] is False
        assert "Start here.ipynb" in [notebook["name"] for notebook in found["notebooks"]]
        assert demo.ask("POST", "terra-env-demo/switch", {"on": True}).json() == {"on": True}
        assert demo.ask("POST", "terra-env/flush", {"deadline_seconds": 20}).json()["unpaid"] == []
        with bucket_of(data) as bucket:
            assert b"# Typed offline" in bucket.blob("notebooks/gc-content.ipynb").download_as_bytes()

        notebook = opened(demo, "cohort-summary.ipynb")
        demo.ask("POST", "terra-env-demo/line", {"notebook": "cohort-summary.ipynb", "line": "*added*"})
        save(demo, "cohort-summary.ipynb", notebook, "# Mine")
        wait_for_place(demo, "cohort-summary.ipynb", "conflict")
        with bucket_of(data) as bucket:
            assert b"*added*" in bucket.blob("notebooks/cohort-summary.ipynb").download_as_bytes()
        nothing = demo.request("POST", "terra-env-demo/line", {"notebook": "none.ipynb", "line": "x"})
        assert (nothing.status_code, "no longer in the workspace" in nothing.json()["message"]) == (409, True)

        assert demo.ask("GET", "terra-env/autopause").json()["pauses_by"] == ["command"]
        demo.ask("POST", "terra-env/autopause", {"action": "pause-now", "force": True})
        assert demo.end() == 0, demo.output
        assert "The demo is paused, as the machine would be." in demo.output


def test_a_start_page_that_was_deleted_is_not_opened(machine, tmp_path):
    with machine.demo("--data", tmp_path / "data") as demo:
        demo.wait_until_it_serves()
        demo.ask("DELETE", f"{EDIT}/Start%20here.ipynb")
        demo.interrupt()
        demo.end()
    with machine.demo("--data", tmp_path / "data") as demo:
        demo.wait_until_it_serves()
        demo.interrupt()
        demo.end()
        assert "/lab/tree/Demo%20workspace/edit?token=" in demo.output


def refused(machine, *arguments):
    done = machine.run("demo", "--no-browser", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_a_port_in_use_is_named(machine, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        message = refused(machine, "--port", port, "--data", tmp_path / "data")
    assert f"Port {port} on 127.0.0.1 cannot be used (Address already in use)" in message
    assert not (tmp_path / "data").exists()


def test_a_file_is_no_data_folder(machine, tmp_path):
    (tmp_path / "file").touch()
    message = refused(machine, "--data", tmp_path / "file")
    assert f"The data folder {tmp_path / 'file'} cannot be used" in message
    assert "--data" in message


def test_a_folder_with_something_else_is_no_data_folder(machine, tmp_path):
    (tmp_path / "bucket").mkdir()
    (tmp_path / "bucket" / "bucket.sqlite3").write_text("dear diary")
    message = refused(machine, "--data", tmp_path)
    assert "bucket.sqlite3 cannot be used" in message
    assert (tmp_path / "bucket" / "bucket.sqlite3").read_text() == "dear diary"


@pytest.mark.parametrize("name", ["", "..", "../maria", "a/b", "/etc", ".hidden", "a" * 41, "maria\n", "josé"])
def test_a_name_that_is_no_folder_name_is_refused(machine, tmp_path, name):
    from jupyter_terra_env.cli.demo import run
    from jupyter_terra_env.cli.main import _parser
    from jupyter_terra_env.rules.errors import SettingsError

    with pytest.raises(SettingsError, match="cannot be a folder name"):
        run(_parser().parse_args(["demo", f"--as={name}", "--data", str(tmp_path / "data")]))
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"jpserver_extensions": {"jupyter_terra_env": False}}, "is disabled in this Jupyter's configuration"),
        (
            {"contents_manager_class": "jupyter_server.services.contents.largefilemanager.AsyncLargeFileManager"},
            "sets another contents manager (AsyncLargeFileManager)",
        ),
    ],
)
def test_a_configuration_that_keeps_the_extension_out_is_respected_and_named(machine, tmp_path, settings, sentence):
    machine.configure(ServerApp=settings)
    done = machine.run("demo", "--no-browser", "--data", tmp_path / "data")
    assert done.returncode == 2
    assert sentence in done.stderr.splitlines()[-1]
