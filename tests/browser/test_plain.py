"""A plain Jupyter looks plain: without a workspace, with the server's part switched off, and outside of workspaces."""

import contextlib
import json

import pytest
from colleague import notebook
from real_jupyter import TOKEN, running

NO_WORKSPACE = {"WORKSPACE_NAME": "", "WORKSPACE_BUCKET": ""}
QUICK = (
    "--AutopauseSettings.tick_seconds=0.2",
    "--AutopauseSettings.idle_timeout_seconds=2",
    "--AutopauseSettings.warning_lead_seconds=1",
    "--AutopauseSettings.resume_grace_seconds=0",
)
SWITCHED_OFF = ("--ServerApp.jpserver_extensions={'jupyter_terra_env': False}",)
OURS = ".jp-terra-Badge, .jp-terra-Banner, .jp-terra-Countdown, .jp-terra-Mark"
FOLDER = "mine"
ENOUGH_TO_BE_IDLE_SECONDS = 6


@pytest.fixture(params=["no-workspace", "switched-off"])
def plain(request, interface, tmp_path):
    options = QUICK if request.param == "no-workspace" else SWITCHED_OFF
    with running(interface, tmp_path / "home", variables=NO_WORKSPACE, options=options) as server:
        yield server


def write(server, name):
    folder = server.home / "work" / FOLDER
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(notebook("x = 1")), encoding="utf-8")


@contextlib.contextmanager
def listening(person):
    """What the page asks of this package's endpoints, what fails, and what it writes to its console about us."""
    heard = {"asked": [], "failed": [], "logged": []}

    def note(response):
        if "/terra-env/" in response.url:
            heard["asked"].append(response.url)
        if response.status >= 400 and "ipynb" in response.url:
            heard["failed"].append((response.status, response.url))

    person.page.on("response", note)
    person.page.on("console", lambda message: heard["logged"].append(message.text))
    yield heard
    heard["logged"] = [text for text in heard["logged"] if "terra" in text.lower()]


def open_outside(person, server, name):
    page = "lab/tree" if server.is_lab else "notebooks"
    person.page.goto(f"{server.url}/{page}/{FOLDER}/{name}?token={TOKEN}&reset")
    person._wait_for_kernel(name)


def test_nothing_is_shown_asked_or_logged(before_a_browser, plain):
    write(plain, "a.ipynb")
    person = before_a_browser(plain, "ann")
    with listening(person) as heard:
        open_outside(person, plain, "a.ipynb")
        person.click_cell()
        person.page.keyboard.type("7")
        person.page.keyboard.press("Control+s")
        saved = plain.home / "work" / FOLDER / "a.ipynb"
        person.wait_until(lambda: "x = 17" in "".join(json.loads(saved.read_text())["cells"][0]["source"]), seconds=30)
        person.wait(ENOUGH_TO_BE_IDLE_SECONDS)
        person.take_picture("plain")
        assert person.page.locator(OURS).count() == 0
        assert person.page.locator(".Toastify__toast").count() == 0
        assert person.dialogs() == 0
    assert heard == {"asked": [], "failed": [], "logged": []}


def test_a_notebook_outside_of_workspaces_is_not_asked_about(person, jupyter):
    write(jupyter, "outside.ipynb")
    with listening(person) as heard:
        open_outside(person, jupyter, "outside.ipynb")
        person.wait(2)
        panel = ".jp-NotebookPanel:not(.lm-mod-hidden)"
        assert person.page.locator(f"{panel} .jp-terra-Badge, {panel} .jp-terra-Banner").count() == 0
        assert person.page.locator(".Toastify__toast").count() == 0
    assert [url for url in heard["asked"] if "status" in url] == []
    assert (heard["failed"], heard["logged"]) == ([], [])
