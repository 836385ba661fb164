"""The command as a user starts it: its line, its refusals, its end."""

import json
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager

import pytest
import requests

COMMAND = [sys.executable, "-m", "jupyter_terra_env.cli.bucket"]


def refused(*arguments):
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=20, check=False)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.returncode == 2
    return done.stderr


@contextmanager
def started(*arguments):
    """Run the command; it is killed at the end if a test has not ended it."""
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_what_to_export_and_ends_on_a_signal(tmp_path, number):
    with started("--data", str(tmp_path / "new" / "folder")) as process:
        line = process.stdout.readline()
        host = line.removeprefix("export STORAGE_EMULATOR_HOST=").strip()
        assert requests.get(f"{host}/storage/v1/b", timeout=5).json() == {"kind": "storage#buckets"}
        assert requests.get(f"{host.rpartition('/')[0]}/storage/v1/b", timeout=5).status_code == 401
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "", "")
    assert (tmp_path / "new" / "folder").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "new" / "folder" / "bucket.sqlite3").stat().st_mode & 0o777 == 0o600


def test_without_a_token_it_warns_plainly(tmp_path):
    with started("--data", str(tmp_path), "--no-token", "--json") as process:
        line = json.loads(process.stdout.readline())
        assert requests.get(line["STORAGE_EMULATOR_HOST"] + "/storage/v1/b", timeout=5).status_code == 200
        process.terminate()
        _, err = process.communicate(timeout=10)
    assert line["token"] is None
    assert "every local user can read and write" in err


def test_a_port_in_use_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        message = refused("--data", str(tmp_path), "--port", port)
    assert port in message
    assert "in use" in message


def test_a_data_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").touch()
    assert str(tmp_path / "file") in refused("--data", str(tmp_path / "file"))


def test_a_data_folder_that_is_not_writable_is_named():
    # Not even root may write here.
    assert "/sys/bucket" in refused("--data", "/sys/bucket")


@pytest.mark.parametrize("content", [b"not a database" * 100, None])
def test_other_files_are_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "bucket.sqlite3"
    if content:
        path.write_bytes(content)
    else:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE mine (x)")
    before = path.read_bytes()
    assert str(path) in refused("--data", str(tmp_path))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_newer_schema_is_refused(tmp_path):
    from jupyter_terra_env.bucket.embedded.api import EmbeddedBucket

    path = tmp_path / "bucket.sqlite3"
    EmbeddedBucket(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    message = refused("--data", str(tmp_path))
    assert "99" in message
    assert str(path) in message


@pytest.mark.parametrize("port", ["-1", "70000", "x"])
def test_a_port_that_is_none_is_refused(tmp_path, port):
    assert "port" in refused("--data", str(tmp_path), f"--port={port}")


def test_it_starts_without_loading_the_client_or_jupyter():
    code = "import sys, jupyter_terra_env.cli.bucket; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert not {"google", "requests", "jupyter_server", "tornado", "traitlets"} & set(done.stdout.split())
