"""Configuration that keeps workspace folders out, or has no effect, is said at the start of a real server."""

import contextlib

import pytest
from real_server import RealServer

ANOTHER = "jupyter_server.services.contents.largefilemanager.AsyncLargeFileManager"


@pytest.fixture
def configured(tmp_path):
    """Start a server on a machine with configuration files; a workspace is configured."""
    with contextlib.ExitStack() as started:

        def start(files, *arguments, **variables):
            config = tmp_path / "config"
            config.mkdir(exist_ok=True)
            for name, content in files.items():
                (config / name).write_text(content)
            workspace = {
                "WORKSPACE_NAME": "Mine",
                "WORKSPACE_BUCKET": "gs://my-bucket",
                "OWNER_EMAIL": "ada@example.org",
                "TERRA_ENV_EMBEDDED_BUCKET": str(tmp_path / "bucket"),
            }
            server = RealServer(tmp_path, *arguments, **{**workspace, **variables})
            started.callback(server.kill)
            return server

        yield start


@pytest.mark.parametrize(
    ("file", "section"),
    [
        ("jupyter_server_config.py", "ServerApp"),
        ("jupyter_server_config.py", "NotebookApp"),
    ],
)
def test_another_contents_manager_beside_a_workspace_ends_the_start(configured, file, section):
    server = configured({file: f"c.{section}.contents_manager_class = '{ANOTHER}'"})
    server.end(60)
    assert server.process.returncode == 1
    (line,) = [line for line in server.output.splitlines() if "Bad setting" in line]
    assert "another contents manager (AsyncLargeFileManager)" in line
    assert "ServerApp.contents_manager_class" in line
    assert "TerraEnvApp.allow_other_contents_manager" in line
    assert "ada@" not in server.output


def test_another_contents_manager_can_be_allowed_with_one_warning(configured):
    server = configured(
        {"jupyter_server_config.py": f"c.ServerApp.contents_manager_class = '{ANOTHER}'"},
        "--TerraEnvApp.allow_other_contents_manager=True",
    ).wait_until_it_serves()
    assert server.output.count("another contents manager is configured") == 1
    assert about(server)["other_contents_manager"] == "AsyncLargeFileManager"


def test_another_contents_manager_without_a_workspace_is_a_plain_jupyter(configured):
    server = configured(
        {"jupyter_server_config.py": f"c.ServerApp.contents_manager_class = '{ANOTHER}'"},
        WORKSPACE_NAME="",
        WORKSPACE_BUCKET="",
    ).wait_until_it_serves()
    assert "contents manager is configured" not in server.output


def test_settings_that_have_no_effect_are_said(configured):
    server = configured(
        {
            "jupyter_server_config.py": "c.TerraEnvApp.colaborators = ['a@b.c']\nc.TeraEnvApp.prefix = 'x/'",
            "jupyter_lab_config.py": "c.TerraEnvApp.edit_folder = 'work'",
        },
        TERRA_ENV_EMBEDED_BUCKET="/nowhere",
    ).wait_until_it_serves()
    said = [line for line in server.output.splitlines() if "jupyter_terra_env: " in line]
    for sentence in (
        "TerraEnvApp.colaborators: there is no such setting; it is ignored. Did you mean TerraEnvApp.collaborators?",
        "TeraEnvApp: there is no such setting; it is ignored. Did you mean TerraEnvApp?",
        "TERRA_ENV_EMBEDED_BUCKET: there is no such setting",
        "TerraEnvApp.edit_folder: it is ignored, because it is set in a file that Jupyter reads too late",
    ):
        assert sum(sentence in line for line in said) == 1
    found = about(server)
    assert len(found["ignored_settings"]) == 4
    assert [workspace["edit_directory"] for workspace in found["workspaces"]] == ["Mine/edit"]


def test_a_broken_file_of_its_own_ends_the_start(configured):
    server = configured({"jupyter_terra_env_config.py": "c.TerraEnvApp.prefix = ("})
    server.end(60)
    assert server.process.returncode == 1
    assert "jupyter_terra_env_config cannot be read (SyntaxError" in server.output


def about(server):
    answer = server.ask("GET", "terra-env/about")
    assert answer.ok, answer.text
    return answer.json()
