"""Browser tests: a process of their own, for Playwright's event loop and other tests' do not go together.

``python -m pytest tests/browser``; Chromium is looked for on the PATH, or where the variable CHROMIUM says.
Screenshots go to the folder that BROWSER_TEST_PICTURES names, or to pytest's temporary folder. BROWSER_TEST_INTERFACE
leaves only ``lab`` or ``notebook``: both at once, in two processes, take half the time.
"""

import contextlib
import os
import shutil
from pathlib import Path

import pytest
from person import Person
from playwright.sync_api import sync_playwright
from real_jupyter import BEN, running

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(config, items):
    only = os.environ.get("BROWSER_TEST_INTERFACE")
    others = [item for item in items if only and _interface_of(item) not in {None, only}]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]


def _interface_of(item):
    return item.callspec.params.get("interface") if hasattr(item, "callspec") else None


@pytest.fixture(scope="session", params=["lab", "notebook"])
def interface(request):
    return request.param


@pytest.fixture(scope="session")
def jupyter(interface, tmp_path_factory):
    """Ann's server."""
    home = tmp_path_factory.mktemp(interface)
    with running(interface, home / "ann", data=home / "bucket") as server:
        yield server


@pytest.fixture(scope="session")
def bens_jupyter(jupyter):
    """Ben's server: a machine of his own, the same bucket."""
    home = jupyter.home.parent
    with running(jupyter.interface, home / "ben", email=BEN, data=home / "bucket") as server:
        yield server


@pytest.fixture(scope="session")
def playwright():
    """One for all: a second one in the same process is refused."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright):
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert chromium, "Chromium is not installed; CHROMIUM=/path/to/it names another"
    launched = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
    yield launched
    launched.close()


@pytest.fixture
def before_a_browser(request, browser, tmp_path):
    """Puts a person before a browser of their own, with a server."""
    with contextlib.ExitStack() as left_open:

        def sit_down(jupyter, name):
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            left_open.callback(context.close)
            pictures = Path(os.environ.get("BROWSER_TEST_PICTURES") or tmp_path)
            person = Person(page=context.new_page(), jupyter=jupyter, pictures=pictures)
            left_open.callback(lambda: person.take_picture(f"end-of-{request.function.__name__}-{name}"))
            return person

        yield sit_down


@pytest.fixture
def person(before_a_browser, jupyter):
    """Ann."""
    return before_a_browser(jupyter, "ann")


@pytest.fixture
def ben(before_a_browser, bens_jupyter):
    return before_a_browser(bens_jupyter, "ben")


@pytest.fixture
def colleague(jupyter):
    return jupyter.colleague


@pytest.fixture(autouse=True)
def jp_asyncio_loop():
    """Not here: Playwright runs the event loop of this process."""


@pytest.fixture(autouse=True)
def jp_server_cleanup():
    """Not here: the servers are processes of their own."""
