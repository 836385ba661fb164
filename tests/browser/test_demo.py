"""The demo as a newcomer meets it: its notebook *Start here*, from the first cell to the last, in JupyterLab."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest
from person import Person

_START_SECONDS = 180
_PATIENCE_MS = 90_000
_NOTEBOOK = ".jp-NotebookPanel:not(.lm-mod-hidden)"
_FOREIGN = ("JUPYTER", "WORKSPACE_", "TERRA_", "STORAGE_", "OWNER_EMAIL", "GOOGLE_")


@dataclass
class Demo:
    """A running demo.

    Attributes:
        process: the demo.
        info: what Jupyter says of its server.
    """

    process: subprocess.Popen
    info: dict

    interface = "lab"

    @property
    def start_url(self):
        with urllib.request.urlopen(f"{self.info['url']}api", timeout=10):
            return f"{self.info['url']}?token={self.info['token']}"


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    home = tmp_path_factory.mktemp("demo")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    folders = {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    command = [sys.executable, "-m", "jupyter_terra_env.cli.main", "demo", "--no-browser"]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--data", str(home / "demo")],
            env={**variables, **folders, "HOME": str(home)},
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        file = home / "runtime" / f"jpserver-{process.pid}.json"
        yield Demo(process, _when_it_serves(process, file, home / "log"))
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(60)


def _when_it_serves(process, file, log):
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            info = json.loads(file.read_text(encoding="utf-8"))
            with urllib.request.urlopen(f"{info['url']}api", timeout=10):
                return info
        time.sleep(0.1)
    raise RuntimeError(f"the demo did not start:\n{log.read_text(encoding='utf-8')}")


@pytest.fixture
def newcomer(browser, demo, tmp_path):
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    pictures = Path(os.environ.get("BROWSER_TEST_PICTURES") or tmp_path)
    person = Person(page=context.new_page(), jupyter=demo, pictures=pictures)
    yield person
    person.take_picture("end-of-demo")
    context.close()


class Notebook:
    """The notebook in front of a person: its cells are run as they come to them."""

    def __init__(self, person):
        self._person = person
        self.page = person.page

    def run(self, code):
        """Run a cell and read what it says."""
        cell = self.cell(code)
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Shift+Enter")
        output = cell.locator(".jp-OutputArea-output").first
        output.wait_for(timeout=_PATIENCE_MS)
        return output.inner_text()

    def cell(self, code):
        return self.page.locator(f"{_NOTEBOOK} .jp-CodeCell", has_text=code).first

    def type_into_first_code_cell(self, text):
        self.page.locator(f"{_NOTEBOOK} .jp-CodeCell .cm-content").first.click()
        self.page.keyboard.press("Control+End")
        self.page.keyboard.type(text)

    def follow_link(self, name):
        self.page.locator(f"{_NOTEBOOK} .jp-RenderedMarkdown a", has_text=name).first.click()
        self.page.locator(".lm-TabBar-tab.lm-mod-current .lm-TabBar-tabLabel", has_text=name).wait_for()
        self.page.locator(f"{_NOTEBOOK} .jp-Notebook .jp-Cell").first.wait_for(timeout=_PATIENCE_MS)

    def turn_to(self, name):
        self.page.locator(".lm-TabBar-tabLabel", has_text=name).first.click()


@pytest.mark.parametrize("interface", ["lab"])
def test_start_here_leads_through_all_of_it(interface, newcomer, demo):
    page, here = newcomer.page, Notebook(newcomer)
    page.goto(demo.start_url)
    title = page.locator(f"{_NOTEBOOK} .jp-RenderedMarkdown h1", has_text="a shared workspace in five minutes")
    title.wait_for(timeout=_PATIENCE_MS)
    newcomer.wait_for_badge("place", "In the workspace", seconds=60)
    newcomer.take_picture("demo-start")

    here.type_into_first_code_cell("my first words")
    newcomer.wait_for_badge("place", "In the workspace", seconds=60)
    assert "Start here.ipynb — written at" in here.run("demo.bucket()")

    assert "ready, the dark one" in here.run("demo.colleague()")
    with page.context.expect_page(timeout=_PATIENCE_MS) as opened:
        here.cell("demo.colleague()").locator(".jp-OutputArea-output a").click()
    theirs = Person(page=opened.value, jupyter=demo, pictures=newcomer.pictures)
    theirs.page.locator(f"{_NOTEBOOK} .jp-Cell").first.wait_for(timeout=_PATIENCE_MS)
    theirs.wait_for_badge("mode", "Edit", seconds=60)
    Notebook(theirs).type_into_first_code_cell("# the colleague's")
    theirs.wait_for_badge("place", "In the workspace", seconds=60)
    theirs.take_picture("demo-colleague")

    page.bring_to_front()
    here.follow_link("gc-content.ipynb")
    newcomer.wait_for_badge("mode", "Read-only", seconds=60)
    assert "colleague@demo.invalid is editing" in newcomer.banner()
    assert "# the colleague's" in page.locator(f"{_NOTEBOOK} .jp-CodeCell").first.inner_text()
    newcomer.take_picture("demo-read-only")
    newcomer.press("playground")
    newcomer.wait_for_badge("mode", "Playground", seconds=60)

    here.turn_to("Start here")
    here.follow_link("cohort-summary.ipynb")
    newcomer.wait_for_badge("place", "In the workspace", seconds=60)
    here.turn_to("Start here")
    assert "its own version of cohort-summary.ipynb" in here.run("demo.other_version()")
    here.turn_to("cohort-summary")
    here.type_into_first_code_cell("# mine")
    newcomer.dialog(about="two versions")
    newcomer.take_picture("demo-conflict")
    newcomer.answer_dialog("Keep Both")
    newcomer.wait_for_badge("place", "In the workspace", seconds=60)

    here.turn_to("Start here")
    assert "You are offline" in here.run("demo.offline()")
    newcomer.wait_for_badge("place", "Offline", seconds=90)
    newcomer.take_picture("demo-offline")
    assert "You are online again. What you typed meanwhile is in the workspace now." in here.run("demo.online()")
    newcomer.wait_for_badge("place", "In the workspace", seconds=60)

    assert "cohort-summary (my edits).ipynb" in here.run("demo.earlier_work()")
    newcomer.take_picture("demo-end")
    assert demo.process.poll() is None
