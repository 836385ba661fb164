"""`jupyter terra-env flush`: with a server and without one."""

import json
import logging
import os
import socket
import threading
from contextlib import closing

import pytest

from jupyter_terra_env.bucket.connection import Connection
from jupyter_terra_env.bucket.gcs_client import connect
from jupyter_terra_env.notebooks.storage.journal import Journal
from jupyter_terra_env.notebooks.storage.journal_database import JournalDatabase

BUCKET = "a-bucket"

ONE, TWO, MINE = (
    json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {"title": title}, "cells": []}).encode()
    for title in ("one", "two", "mine")
)


@pytest.fixture
def bucket_folder(tmp_path):
    folder = tmp_path / "bucket"
    with closing(connect(Connection(embedded_directory=folder))) as client:
        client.create_bucket(BUCKET)
    return folder


@pytest.fixture
def workspace(bucket_folder):
    return {
        "WORKSPACE_NAME": "ws",
        "WORKSPACE_BUCKET": f"gs://{BUCKET}",
        "OWNER_EMAIL": "me@example.org",
        "TERRA_ENV_EMBEDDED_BUCKET": str(bucket_folder),
    }


def owe(root, name, content):
    """What a server leaves behind that died before an upload."""
    file = root / "ws" / "edit" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    database = JournalDatabase(root / ".jupyter-terra-env" / "journal.sqlite3", log=logging.getLogger())
    Journal(database, new_token=lambda: "t").owe(f"ws/edit/{name}", BUCKET, f"notebooks/{name}")
    database.close()


def contents(folder):
    with closing(connect(Connection(embedded_directory=folder))) as client:
        return {blob.name: blob.download_as_bytes() for blob in client.list_blobs(BUCKET)}


def test_without_a_server_the_command_pays_itself(machine, workspace, bucket_folder):
    owe(machine.home, "a.ipynb", ONE)
    owe(machine.home, "b.ipynb", TWO)
    done = machine.run("flush", **workspace)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "in the workspace now: ws/edit/a.ipynb\nin the workspace now: ws/edit/b.ipynb\n"
    assert contents(bucket_folder) == {"notebooks/a.ipynb": ONE, "notebooks/b.ipynb": TWO}
    again = machine.run("flush", "--json", **workspace)
    assert (again.returncode, json.loads(again.stdout)) == (0, {"by": "command", "paid": [], "unpaid": []})


def test_locks_taken_on_the_way_are_given_back(machine, workspace, bucket_folder):
    owe(machine.home, "a.ipynb", ONE)
    machine.run("flush", **workspace)
    with closing(connect(Connection(embedded_directory=bucket_folder))) as client:
        assert client.bucket(BUCKET).get_blob("notebooks/a.ipynb").metadata["lockExpiresAt"] == "0"


def test_what_cannot_be_paid_is_named_and_kept(machine, workspace, bucket_folder):
    owe(machine.home, "a.ipynb", MINE)
    with closing(connect(Connection(embedded_directory=bucket_folder))) as client:
        client.bucket(BUCKET).blob("notebooks/a.ipynb").upload_from_string(b"theirs")
    done = machine.run("flush", "--deadline", "5", **workspace)
    assert done.returncode == 1
    assert done.stdout.startswith("NOT in the workspace: ws/edit/a.ipynb. A notebook of this name is already")
    assert (machine.home / "ws" / "edit" / "a.ipynb").read_bytes() == MINE
    assert contents(bucket_folder) == {"notebooks/a.ipynb": b"theirs"}
    report = json.loads(machine.run("flush", "--json", "--deadline", "5", **workspace).stdout)
    assert [(status["path"], status["place"]) for status in report["unpaid"]] == [("ws/edit/a.ipynb", "conflict")]


def test_an_unreachable_bucket_is_reported_within_the_deadline(machine, workspace):
    owe(machine.home, "a.ipynb", MINE)
    workspace = {**workspace, "TERRA_ENV_EMBEDDED_BUCKET": "", "STORAGE_EMULATOR_HOST": "http://127.0.0.1:9"}
    done = machine.run("flush", "--deadline", "8", **workspace)
    assert done.returncode == 1
    assert "NOT in the workspace: ws/edit/a.ipynb." in done.stdout
    assert f"The workspace bucket {BUCKET} cannot be reached" in done.stdout
    assert done.stderr == ""


def test_a_running_server_is_asked_to_do_it(machine, tmp_path):
    data = tmp_path / "data"
    with machine.demo("--data", data) as demo:
        demo.wait_until_it_serves()
        home = demo.info["root_dir"]
        variables = {
            "WORKSPACE_NAME": "Demo workspace",
            "WORKSPACE_BUCKET": "gs://demo-bucket",
            "TERRA_ENV_EMBEDDED_BUCKET": str(data / "bucket"),
        }
        report = json.loads(machine.run("flush", "--json", "--root", home, **variables).stdout)
        demo.interrupt()
        assert demo.end() == 0
    assert report == {"by": "server", "paid": [], "unpaid": []}


@pytest.mark.parametrize("deadline", ["-1", "soon", "nan", "99999"])
def test_deadlines_that_are_none(machine, workspace, deadline):
    done = machine.run("flush", "--deadline", deadline, **workspace)
    assert done.returncode == 2
    assert "is not a number of seconds" in done.stderr


def test_without_a_workspace(machine):
    done = machine.run("flush")
    assert done.returncode == 2
    assert "No workspace is configured" in done.stderr


def hang_up(listener):
    connection, _ = listener.accept()
    connection.close()


class TestElsewhere:
    """The command is run where no server has ever been."""

    def test_without_a_journal_and_without_a_server_it_is_an_error_and_makes_nothing(self, machine, workspace):
        (machine.home / "elsewhere").mkdir()
        before = machine.files()
        for arguments in ([], ["--root", str(machine.home / "elsewhere")], ["--json", "--before-end"]):
            done = machine.run("flush", *arguments, **workspace)
            assert done.returncode == 2
            assert ("There is no journal in" in done.stdout) == ("--json" in arguments)
            assert "There is no journal in" in done.stderr
            assert "--root" in done.stderr
        assert machine.files() == before
        assert not (machine.home / ".jupyter-terra-env").exists()

    def test_all_running_servers_are_asked(self, machine, workspace, tmp_path):
        with machine.demo("--data", tmp_path / "data") as demo:
            home = demo.wait_until_it_serves().info["root_dir"]
            done = machine.run("flush", "--deadline", "5", **workspace)
            as_json = machine.run("flush", "--json", "--deadline", "5")
            other = machine.run("flush", "--root", str(machine.home), **workspace)
            demo.interrupt()
            demo.end()
        assert done.stdout.splitlines()[0] == f"asked: the Jupyter server of {home}"
        assert done.returncode == 0
        assert json.loads(as_json.stdout) == {"by": "server", "paid": [], "unpaid": [], "asked": [home]}
        assert (other.returncode, other.stdout) == (2, ""), "that folder's server is meant"
        assert not (machine.home / ".jupyter-terra-env").exists()

    def test_a_server_that_does_not_answer_is_named(self, machine, workspace):
        """Its entry is that of a process that lives, and whose port takes no requests."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            threading.Thread(target=hang_up, args=(silent,), daemon=True).start()
            machine.runtime.mkdir(exist_ok=True)
            entry = {"pid": os.getpid(), "url": f"http://127.0.0.1:{port}/", "token": "secret", "root_dir": "/far"}
            (machine.runtime / "jpserver-1.json").write_text(json.dumps({**entry, "port": port}), encoding="utf-8")
            done = machine.run("flush", "--deadline", "1", **workspace)
        assert (done.returncode, done.stderr) == (1, "")
        assert done.stdout.startswith("NOT KNOWN: /far. The Jupyter server at")
        assert "secret" not in done.stdout

    def test_the_entry_of_a_server_that_has_gone_is_none(self, machine, workspace):
        owe(machine.home, "a.ipynb", ONE)
        entry = {"pid": os.getpid(), "url": "http://127.0.0.1:9/", "token": "", "root_dir": "/far", "port": 9}
        machine.runtime.mkdir(exist_ok=True)
        (machine.runtime / "jpserver-1.json").write_text(json.dumps(entry), encoding="utf-8")
        done = machine.run("flush", **workspace)
        assert (done.returncode, done.stdout) == (0, "in the workspace now: ws/edit/a.ipynb\n")


@pytest.mark.parametrize("name", ["another", None], ids=["another workspace", "no workspace"])
def test_debts_of_a_workspace_that_is_not_configured_are_named(machine, workspace, bucket_folder, name):
    owe(machine.home, "a.ipynb", ONE)
    variables = {**workspace, "WORKSPACE_NAME": name} if name else {}
    done = machine.run("flush", "--deadline", "5", **variables)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("NOT in the workspace: ws/edit/a.ipynb. The last save is on this disk only")
    assert BUCKET in done.stdout
    report = json.loads(machine.run("flush", "--json", "--deadline", "5", **variables).stdout)
    assert [(each["path"], each["reason"]) for each in report["unpaid"]] == [
        ("ws/edit/a.ipynb", "workspace-not-configured")
    ]
    assert contents(bucket_folder) == {}
    assert machine.run("flush", **workspace).returncode == 0, "the workspace's own server pays it"


@pytest.mark.parametrize("command", [["locks"], ["check"], ["check", "--json"], ["autopause"], ["flush"]])
def test_commands_that_only_ask_write_nothing(machine, workspace, command):
    before = machine.files()
    machine.run(*command, **workspace)
    assert machine.files() == before
    assert not (machine.home / ".jupyter-terra-env").exists()
