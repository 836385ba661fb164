"""`check` finds what a starting server would find: the same files, the same refusals; and what a running one has."""

import json
import sqlite3
from contextlib import closing

import pytest
from real_server import RealServer
from test_cli_check import BUCKET, EMAIL, WORKSPACE, bucket_folder, check_here, report  # noqa: F401 - fixtures

from jupyter_terra_env.notebooks.storage.foreign_debts import JOURNAL_NAME

ANOTHER = "jupyter_server.services.contents.largefilemanager.AsyncLargeFileManager"


def write(machine, **files):
    machine.config.mkdir(exist_ok=True)
    for name, content in files.items():
        (machine.config / f"{name}.py").write_text(content)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ("c.AutopauseSettings.idle_timeout_seconds = -1", "idle_timeout_seconds"),
        ("c.AutopauseSettings.pause_chain = ['leonado']", "unknown actuator 'leonado'"),
        ("c.AutopauseSettings.enabled = 'perhaps'", "enabled"),
        ("c.AutopauseSettings.price_table = '/nowhere.json'", "price_table"),
        ("c.TerraEnvApp.state_directory = '/dev/null/state'", "state_directory"),
        ("c.TerraEnvApp.collaborators = ['ada']", "collaborators[0]"),
        ("c.ServerApp.root_dir = '/no/such/folder'", "/no/such/folder"),
    ],
)
def test_what_would_end_the_start_is_said(machine, check_here, settings, named):  # noqa: F811
    write(machine, jupyter_server_config=settings)
    code, said = check_here("--json", **WORKSPACE)
    assert code == 2
    (trouble,) = json.loads(said.out)["troubles"]
    assert trouble["reason"] == "settings"
    assert named in trouble["message"]


def test_a_workspace_folder_that_cannot_be_made_is_said(machine, check_here):  # noqa: F811
    (machine.home / WORKSPACE["WORKSPACE_NAME"]).write_text("in the way")
    code, said = check_here(**WORKSPACE)
    assert code == 2
    assert "is not a folder" in said.err


@pytest.mark.parametrize("kind", ["newer", "folder"])
def test_a_journal_that_a_server_could_not_open_is_said(machine, check_here, kind):  # noqa: F811
    journal = machine.home / ".jupyter-terra-env" / JOURNAL_NAME
    journal.parent.mkdir()
    if kind == "folder":
        journal.mkdir()
    else:
        with closing(sqlite3.connect(journal)) as connection:
            connection.execute("PRAGMA user_version = 99")
    before = machine.files()
    code, said = check_here(**WORKSPACE)
    assert code == 2
    assert "state_directory" in said.err
    assert {"newer": "newer version", "folder": "is not a file"}[kind] in said.err
    assert machine.files() == before


@pytest.mark.parametrize(
    ("files", "manager"),
    [
        ({"jupyter_server_config": f"c.ServerApp.contents_manager_class = '{ANOTHER}'"}, "AsyncLargeFileManager"),
        ({"jupyter_config": f"c.ServerApp.contents_manager_class = '{ANOTHER}'"}, "AsyncLargeFileManager"),
        ({"jupyter_server_config": f"c.NotebookApp.contents_manager_class = '{ANOTHER}'"}, "AsyncLargeFileManager"),
        ({"jupyter_config": f"c.NotebookApp.contents_manager_class = '{ANOTHER}'"}, "AsyncLargeFileManager"),
    ],
)
def test_another_contents_manager_is_found_in_every_file_that_a_server_reads(
    machine,
    check_here,  # noqa: F811
    files,
    manager,
):
    write(machine, **files)
    code, said = check_here("--json")
    found = json.loads(said.out)
    assert (code, found["extension"]["other_contents_manager"]) == (1, manager)
    assert "other-contents-manager" in [trouble["reason"] for trouble in found["troubles"]]


def test_the_root_of_a_file_that_a_server_reads_counts(machine, check_here):  # noqa: F811
    (machine.home / "elsewhere").mkdir()
    write(machine, jupyter_notebook_config=f"c.ServerApp.root_dir = {str(machine.home / 'elsewhere')!r}")
    _, said = check_here("--json")
    found = json.loads(said.out)
    assert found["root"] == str(machine.home / "elsewhere")
    assert str(machine.config / "jupyter_notebook_config.py") in found["configuration_files"]


def test_settings_without_effect_are_trouble(machine, check_here):  # noqa: F811
    write(
        machine,
        jupyter_server_config="c.TerraEnvApp.colaborators = ['a@b.c']\nc.AutopauseSettings.idle_timeout = 5",
        jupyter_lab_config="c.TerraEnvApp.edit_folder = 'work'",
    )
    code, said = check_here("--json", TERRA_ENV_EMBEDED_BUCKET="/nowhere")
    sentences = [each["message"] for each in json.loads(said.out)["troubles"] if each["reason"] == "ignored-setting"]
    assert code == 1
    for name in (
        "TerraEnvApp.colaborators",
        "AutopauseSettings.idle_timeout",
        "TERRA_ENV_EMBEDED_BUCKET",
        "TerraEnvApp.edit_folder",
    ):
        assert sum(sentence.startswith(f"{name}:") for sentence in sentences) == 1
    assert "Did you mean TerraEnvApp.collaborators?" in " ".join(sentences)
    assert "jupyter_server_config" in next(each for each in sentences if "edit_folder" in each)


def test_the_report_holds_no_address_and_no_secret_wherever_they_are_written(machine, check_here):  # noqa: F811
    home = machine.home / "of ada.lovelace@example.org"
    home.mkdir()
    write(machine, jupyter_server_config=f"c.ServerApp.root_dir = {str(home)!r}\nc.IdentityProvider.token = 's3cret'")
    for arguments in ([], ["--json"]):
        _, said = check_here(*arguments, OWNER_EMAIL=EMAIL, STORAGE_EMULATOR_HOST="http://u:s3cret@127.0.0.1:1/s3cret")
        assert "lovelace" not in said.out + said.err
        assert "s3cret" not in said.out + said.err
    found = json.loads(said.out)
    assert found["software"]["python"]
    assert found["software"]["jupyter_server"]


def test_a_running_server_is_asked_what_it_has(machine, bucket_folder):  # noqa: F811
    variables = {**WORKSPACE, "OWNER_EMAIL": EMAIL, "TERRA_ENV_EMBEDDED_BUCKET": str(bucket_folder)}
    server = RealServer(machine.home, **variables).wait_until_it_serves()
    try:
        root = machine.home / "root"
        code, found = report(machine, "--root", root, **variables)
        assert (code, found["troubles"]) == (0, [])
        (running,) = found["servers"]
        assert (running["root"], running["version"], running["trouble"]) == (str(root), found["version"], None)
        assert server.info["token"] not in json.dumps(found)
        code, found = report(machine, "--root", root, **{**variables, "WORKSPACE_NAME": "Renamed"})
        assert code == 1
        assert [trouble["reason"] for trouble in found["troubles"]] == ["server-differs"]
        assert "start it again" in found["troubles"][0]["message"]
        assert BUCKET
    finally:
        server.kill()
    assert report(machine, "--root", root, **variables)[1]["servers"] == []
