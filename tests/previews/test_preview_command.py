"""`preview --serve` as an operator starts it: its start line, its warnings, its end."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from command_kit import Machine
from machines import COMMAND
from preview_kit import Readers
from workspace_kit import BUCKET, notebook, text_of

from jupyter_terra_env.bucket.embedded.faults import Fault, Hang


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@contextlib.contextmanager
def started(machine, *arguments, **variables):
    """The command; killed at the end if a test has not ended it."""
    command = [COMMAND, "preview", "--serve", "--json", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = machine.variables(**variables)
    # The tests' own setting, under which it would not be seen what the client asks on its own.
    environment.pop("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", None)
    with subprocess.Popen(command, env=environment, cwd=machine.home, text=True, **pipes) as process:
        try:
            yield process, json.loads(process.stdout.readline() or "null")
        finally:
            process.kill()


def test_an_answer_under_way_is_finished_before_the_end(machine, bucket, name):
    bucket.put(f"{name}-first", text_of(notebook("1")))
    bucket.put(name, text_of(notebook("hello")))
    address = f"http://127.0.0.1:{bucket.front.port}"
    with (
        started(machine, "--bucket", f"gs://{BUCKET}", STORAGE_EMULATOR_HOST=address) as (process, start),
        ThreadPoolExecutor(1) as pool,
    ):
        assert start == {
            "url": f"http://127.0.0.1:{start['port']}",
            "port": start["port"],
            "pid": process.pid,
            "buckets": [BUCKET],
            "trusts_proxy": False,
        }
        readers = Readers(start["port"], bucket.front.token)
        # What renders takes a while to start, which is longer on a busy machine than an end waits.
        assert readers.preview(f"{name}-first").code == 200
        bucket.mark()
        bucket.faults.add(Fault(operation="objects.download", action=Hang()))
        asked = pool.submit(readers.preview, name)
        while [operation for operation, _ in bucket.requests] != ["objects.get"]:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        wait_until_closed(start["port"])
        assert process.poll() is None
        bucket.faults.release()
        assert "hello" in asked.result().page
        assert [operation for operation, _ in bucket.requests] == ["objects.get", "objects.download"]
        out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert "GET preview: 200 in " in said
    assert "Traceback" not in said
    for secret in (bucket.front.token, name):
        assert secret not in said


def wait_until_closed(port):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return
        time.sleep(0.01)
    raise AssertionError("it still listens")


def test_behind_a_proxy_it_reads_an_embedded_bucket_and_warns(machine, tmp_path):
    data = tmp_path / "bucket"
    made = machine.run("bucket", "--data", data, "--create", f"gs://{BUCKET}")
    assert made.returncode == 0
    with started(
        machine, "--bucket", BUCKET, "--trust-proxy", "--ip", "0.0.0.0", TERRA_ENV_EMBEDDED_BUCKET=str(data)
    ) as (process, start):
        readers = Readers(start["port"], "")
        assert readers.preview("none.ipynb").code == 404
        assert readers.ask("/health").code == 200
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "everyone who reaches http://0.0.0.0:" in said
    assert "plain HTTP" in said


def test_a_port_in_use_is_named(machine):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = machine.run("preview", "--serve", "--bucket", BUCKET, "--port", port)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"cannot listen on 127.0.0.1, port {port}: " in done.stderr


def test_no_jupyter_server_is_needed(machine):
    program = "import sys, jupyter_terra_env.cli.preview_service; sys.exit('jupyter_server' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], env=machine.variables(), timeout=60, check=False)
    assert done.returncode == 0
