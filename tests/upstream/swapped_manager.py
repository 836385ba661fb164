"""Pytest plugin for jupyter_server's own tests: what they test becomes our contents manager.

It must be given with ``-p``, so that the names are swapped before any of those tests imports them.
"""

import itertools
import json
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.base import handlers
from jupyter_server.serverapp import ServerApp
from jupyter_server.services.contents import filemanager, largefilemanager
from jupyter_server.services.contents.manager import AsyncContentsManager, ContentsManager
from traitlets import default

from jupyter_terra_env.app import TerraEnvApp
from jupyter_terra_env.bucket.connection import Connection
from jupyter_terra_env.bucket.gcs_client import connect
from jupyter_terra_env.server.contents.downloads import WorkspaceFileHandler
from jupyter_terra_env.server.contents.manager import TerraContentsManager
from jupyter_terra_env.server.contents.parts import ContentsParts
from jupyter_terra_env.wiring.notebook_parts import NotebookParts

WORKSPACE_FOLDERS: dict[str, dict[str, str | None] | None] = {
    "no-workspace": None,
    "beside-workspace": {"edit_directory": "Terra/edit", "playground_directory": "Terra/playground"},
    "within-workspace": {"edit_directory": "", "playground_directory": None},
    "only-in-bucket": {"edit_directory": "", "playground_directory": None},
}
"""Where the workspace lies, seen from the root folder of upstream's tests, by the name of the way to run them."""


class Wiring:
    """Wires workspaces for the root folders of one test at a time.

    Args:
        way: a key of ``WORKSPACE_FOLDERS``.
        directory: for the embedded bucket and the journals; outside of every root folder.
    """

    def __init__(self, way: str, directory: Path) -> None:
        self._listings = WORKSPACE_FOLDERS[way]
        self._directory = directory
        self._names = (f"upstream-{number}" for number in itertools.count())
        self._wired: dict[Path, NotebookParts] = {}
        self._client = None if self._listings is None else connect(Connection(embedded_directory=directory))
        self.built = 0

    def parts(self, root: Path) -> ContentsParts | None:
        """The parts of a root folder's workspace; managers of one root share them, as restarts do."""
        self.built += 1
        if self._client is None:
            return None
        if root not in self._wired:
            self._wired[root] = self._wire(root, next(self._names))
        return self._wired[root].for_contents

    def take_to_bucket(self, root: Path, notebooks: Iterable[Path]) -> None:
        """Make notebooks of a root folder ones that no one has opened here: objects without a working copy.

        Args:
            root: a root folder that has been wired.
            notebooks: paths below it.
        """
        (workspace,) = self._wired[root].workspaces.all
        bucket = self._client.bucket(workspace.bucket)
        for notebook in notebooks:
            working_copy = root / notebook
            bucket.blob(workspace.prefix + notebook.as_posix()).upload_from_filename(working_copy)
            working_copy.unlink()

    async def close(self) -> None:
        """End what runs in the background, and forget the test's root folders."""
        while self._wired:
            await self._wired.popitem()[1].close()

    def _wire(self, root: Path, bucket: str) -> NotebookParts:
        self._client.create_bucket(bucket)
        app = TerraEnvApp(
            workspaces=[{"name": "Terra", "bucket": f"gs://{bucket}", **self._listings}],
            embedded_bucket=str(self._directory),
            state_directory=str(self._directory / bucket),
        )
        app.wire(root)
        return app.wired


class AsyncFileContentsManager(TerraContentsManager):
    """Our manager; it has upstream's name, because names of classes become names of tests."""

    wiring: Wiring

    @default("parts")
    def _parts_default(self) -> ContentsParts | None:
        return self.wiring.parts(Path(self.root_dir))


class AsyncLargeFileManager(AsyncFileContentsManager):
    """The same under upstream's other name."""


filemanager.AsyncFileContentsManager = AsyncFileContentsManager
largefilemanager.AsyncLargeFileManager = AsyncLargeFileManager
ServerApp.contents_manager_class.default_value = AsyncLargeFileManager


class Results:
    """Writes down what became of each test.

    Args:
        file: is written at the end.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._results: dict[str, dict[str, Any]] = {}

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take one phase of a test: the first that is not passed is the result."""
        result = self._results.setdefault(report.nodeid, {"outcome": "passed", "reason": "", "ours": False})
        result["ours"] |= ("ours", True) in report.user_properties
        if report.outcome != "passed" and result["outcome"] == "passed":
            result.update(outcome=report.outcome, reason=_reason(report))

    @pytest.hookimpl
    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        self._file.write_text(json.dumps(self._results, indent=1), encoding="utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the plugin's options."""
    parser.addoption("--terra-way", choices=list(WORKSPACE_FOLDERS), required=True)
    parser.addoption("--terra-results", type=Path, required=True)


def pytest_configure(config: pytest.Config) -> None:
    """Begin to take results; serve files as a server with workspaces does."""
    config.pluginmanager.register(Results(config.getoption("--terra-results")))
    if WORKSPACE_FOLDERS[config.getoption("--terra-way")] is not None:
        handlers.AuthenticatedFileHandler = WorkspaceFileHandler


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of the synchronous managers: nothing of ours is in them."""
    others = [item for item in items if _is_of_synchronous_manager(item)]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, Any, Any]:
    """Take the notebooks that upstream's fixture ``contents`` writes to the bucket, where the way asks for it."""
    value = yield
    if fixturedef.argname == "contents" and request.config.getoption("--terra-way") == "only-in-bucket":
        AsyncFileContentsManager.wiring.take_to_bucket(value["contents_dir"], value["notebooks"])
    return value


@pytest.fixture(scope="session")
def terra_wiring(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Wiring:
    """The workspaces of all managers."""
    wiring = Wiring(request.config.getoption("--terra-way"), tmp_path_factory.mktemp("terra"))
    AsyncFileContentsManager.wiring = wiring
    return wiring


@pytest.fixture(autouse=True)
def terra_workspaces(request: pytest.FixtureRequest, terra_wiring: Wiring, jp_asyncio_loop: Any) -> Iterator[None]:
    """Close the workspaces of a test with it, and note whether the test had anything to do with our manager."""
    built_before = terra_wiring.built
    yield
    request.node.user_properties.append(("ours", terra_wiring.built > built_before))
    jp_asyncio_loop.run_until_complete(terra_wiring.close())


def _is_of_synchronous_manager(item: pytest.Item) -> bool:
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    flat = itertools.chain.from_iterable(value if isinstance(value, tuple) else (value,) for value in parameters)
    return any(_is_synchronous_manager(value) for value in flat)


def _is_synchronous_manager(value: Any) -> bool:
    if not isinstance(value, type):
        return value == "FileContentsManager"
    return issubclass(value, ContentsManager) and not issubclass(value, AsyncContentsManager)


def _reason(report: pytest.TestReport) -> str:
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    crash = getattr(report.longrepr, "reprcrash", None)
    return f"{report.when}: {report.longreprtext if crash is None else crash.message}"
