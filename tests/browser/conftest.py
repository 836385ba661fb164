"""Browser tests: a process of their own, for Playwright's event loop and other tests' do not go together.

``python -m pytest tests/browser``; Chromium is looked for on the PATH, or where the variable CHROMIUM says.
Screenshots go to the folder that BROWSER_TEST_PICTURES names, or to pytest's temporary folder.
"""

import os
import shutil
from pathlib import Path

import pytest
from person import Person
from playwright.sync_api import sync_playwright
from real_jupyter import running

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session", params=["lab", "notebook"])
def jupyter(request, tmp_path_factory):
    with running(request.param, tmp_path_factory.mktemp(request.param)) as server:
        yield server


@pytest.fixture(scope="session")
def browser():
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert chromium, "Chromium is not installed; CHROMIUM=/path/to/it names another"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def person(request, browser, jupyter, tmp_path):
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    person = Person(
        page=context.new_page(),
        jupyter=jupyter,
        pictures=Path(os.environ.get("BROWSER_TEST_PICTURES") or tmp_path),
    )
    yield person
    person.take_picture(f"end-of-{request.function.__name__}")
    context.close()


@pytest.fixture
def colleague(jupyter):
    return jupyter.colleague


@pytest.fixture(autouse=True)
def jp_asyncio_loop():
    """Not here: Playwright runs the event loop of this process."""


@pytest.fixture(autouse=True)
def jp_server_cleanup():
    """Not here: the servers are processes of their own."""
