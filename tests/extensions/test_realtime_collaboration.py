"""jupyter-collaboration beside this package: a workspace switches it off, and it is said."""

import re

import pytest
from conftest import WORKSPACE, Person
from environments import BUCKET
from machines import run_command, variables_of
from real_server import RealServer

OFF = "real-time collaboration (jupyter-collaboration) is switched off for this server"
ON = "real-time collaboration (jupyter-collaboration) is left on"
SESSION = f"api/collaboration/session/{WORKSPACE}/edit/a.ipynb"
SAID = re.compile(r'"disableRTC": (true|false)')


@pytest.fixture
def start(bucket, tmp_path):
    """Starts a server: with options, with or without the workspace."""
    started = []

    def begin(*options, workspace=True):
        variables = {"WORKSPACE_NAME": WORKSPACE, "WORKSPACE_BUCKET": f"gs://{BUCKET}"} if workspace else {}
        server = RealServer(tmp_path, *options, TERRA_ENV_EMBEDDED_BUCKET=str(bucket.folder), **variables)
        started.append(server)
        return server.wait_until_it_serves()

    yield begin
    for server in started:
        server.kill()


def disabled_in_pages(server):
    """What the pages of JupyterLab and of Notebook 7 get."""
    return [SAID.search(server.ask("GET", page).text)[1] for page in ("lab", "tree")]


def ask_for_a_document(server):
    """What a client gets that asks for a shared document, and for a room of one."""
    session = server.ask("PUT", SESSION, {"format": "json", "type": "notebook"})
    rooms = [server.ask("GET", f"api/collaboration/room/{room}") for room in ("json:notebook:1", "json%3Anotebook%3A1")]
    return [answer.status_code for answer in (session, *rooms)]


def test_a_workspace_switches_it_off_and_says_so_once(server):
    Person(server).save("a.ipynb", "1")
    assert server.output.count(OFF) == 1
    assert disabled_in_pages(server) == ["true", "true"]
    assert ask_for_a_document(server) == [409, 409, 409]
    refused = server.ask("PUT", SESSION, {"format": "json", "type": "notebook"}).json()
    assert refused["reason"] == "realtime-collaboration-off"
    assert refused["message"].startswith("Real-time collaboration is switched off")


def test_strangers_are_not_notified(server):
    from requests import put

    assert put(server.info["url"] + SESSION, timeout=10).status_code == 403


@pytest.mark.parametrize("said", ["--YDocExtension.disable_rtc=False", "--YDocExtension.document_save_delay=2"])
def test_its_own_settings_do_not_switch_it_on(start, said):
    server = start(said)
    assert server.output.count(OFF) == 1
    assert disabled_in_pages(server) == ["true", "true"]


def test_a_setting_leaves_it_on_and_says_so_once(start):
    server = start("--TerraEnvApp.allow_realtime_collaboration=True")
    Person(server).save("a.ipynb", "1")
    assert OFF not in server.output
    assert server.output.count(ON) == 1
    assert disabled_in_pages(server) == ["false", "false"]
    assert ask_for_a_document(server)[0] in {200, 201}


def test_without_a_workspace_it_is_left_alone(start):
    server = start(workspace=False)
    assert OFF not in server.output
    assert ON not in server.output
    assert disabled_in_pages(server) == ["false", "false"]


@pytest.mark.parametrize(
    ("configured", "workspace", "said"),
    [("", True, "off"), ("c.TerraEnvApp.allow_realtime_collaboration = True", True, "on"), ("", False, "on")],
)
def test_the_check_says_what_becomes_of_it(bucket, tmp_path, configured, workspace, said):
    config = tmp_path / "config"
    config.mkdir()
    (config / "jupyter_server_config.py").write_text(configured, encoding="utf-8")
    named = {"WORKSPACE_NAME": WORKSPACE, "WORKSPACE_BUCKET": f"gs://{BUCKET}"} if workspace else {}
    variables = variables_of(tmp_path, TERRA_ENV_EMBEDDED_BUCKET=str(bucket.folder), **named)
    told = run_command("check", home=tmp_path, variables=variables).stdout
    assert re.search(rf"real-time collaboration +{said}\b", told)
