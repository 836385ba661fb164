"""The bucket of TERRA_ENV_EMBEDDED_BUCKET: made when a server first uses its folder, or by the verb that is named."""

import json
import shlex

from real_server import RealServer

WORKSPACE = {"WORKSPACE_NAME": "Mine", "WORKSPACE_BUCKET": "gs://my-bucket", "OWNER_EMAIL": "ada@example.org"}
NOTEBOOK = {"type": "notebook", "content": {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}}


def test_a_server_makes_the_bucket_at_its_first_use(machine, tmp_path):
    variables = {**WORKSPACE, "TERRA_ENV_EMBEDDED_BUCKET": str(tmp_path / "bucket")}
    server = RealServer(machine.home, **variables).wait_until_it_serves()
    try:
        saved = server.ask("PUT", "api/contents/Mine/edit/a.ipynb", NOTEBOOK)
        assert saved.status_code == 201
        flushed = server.ask("POST", "terra-env/flush", {"deadline_seconds": 10}).json()
        assert flushed["unpaid"] == []
    finally:
        server.kill()
    done = machine.run("check", "--json", "--root", machine.home / "root", **variables)
    assert json.loads(done.stdout)["workspaces"][0]["notebooks"] == 1


def test_the_verb_that_is_named_makes_it(machine, tmp_path):
    variables = {**WORKSPACE, "TERRA_ENV_EMBEDDED_BUCKET": str(tmp_path / "a bucket")}
    done = machine.run("check", **variables)
    assert done.returncode == 1
    command = done.stdout.partition("'jupyter terra-env ")[2].rpartition("'.")[0]
    made = machine.run(*shlex.split(command))
    assert (made.returncode, made.stderr) == (0, "")
    assert "gs://my-bucket was created" in made.stdout
    assert "exists already" in machine.run(*shlex.split(command)).stdout
    assert machine.run("check", **variables).returncode == 0


def test_another_name_in_a_used_folder_is_likelier_an_error(machine, tmp_path):
    assert machine.run("bucket", "--data", tmp_path / "b", "--create", "gs://first-bucket").returncode == 0
    done = machine.run("check", "--json", **WORKSPACE, TERRA_ENV_EMBEDDED_BUCKET=str(tmp_path / "b"))
    (trouble,) = json.loads(done.stdout)["troubles"]
    assert trouble["reason"] == "bucket-not-found"
    assert "check the setting that names it (WORKSPACE_BUCKET)" in trouble["message"]
    assert "--create my-bucket" in trouble["message"]


def test_a_name_that_no_bucket_can_have_is_refused(machine, tmp_path):
    done = machine.run("bucket", "--data", tmp_path / "b", "--create", "wb", "--json")
    assert done.returncode == 2
    assert "at least 3 characters" in json.loads(done.stdout)["message"]
    assert not (tmp_path / "b").exists()
