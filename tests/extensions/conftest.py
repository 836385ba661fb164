"""A real Jupyter Server with what people install beside this package, all of it as pip installs it.

In an environment of its own: ``pip install -e '.[test]' jupytext jupyter-collaboration jupyterlab-git nbdime``, then
``python -m pytest tests/extensions``. With Playwright and Chromium, a person also looks at a notebook there.
"""

import json
import time
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from environments import BUCKET, Outsider
from nbformat import v4
from real_server import RealServer

from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME, EmbeddedBucket

WORKSPACE = "My work"
SIZES = {"small": "x = 1", "large": "x = 1  #" + "x" * 1_100_000}


def notebook(*sources, **metadata):
    """A notebook with one code cell per source."""
    cells = [v4.new_code_cell(source, id=f"cell-{number}") for number, source in enumerate(sources)]
    return v4.new_notebook(cells=cells, metadata=metadata)


def sources(content):
    """The cells' sources of a notebook."""
    return ["".join(cell["source"]) for cell in content["cells"]]


@dataclass
class Person:
    """Someone who works in the edit folder, by the contents API."""

    server: RealServer

    @property
    def edit(self):
        return self.server.home / "root" / WORKSPACE / "edit"

    def api(self, method, path, body=None, folder="edit", **params):
        query = "&".join(f"{key}={value}" for key, value in params.items())
        return self.server.ask(
            method, f"api/contents/{quote(WORKSPACE)}/{folder}/{quote(path)}?{query}".strip("?"), body
        )

    def save(self, path, *cell_sources, **metadata):
        return self.put(path, notebook(*cell_sources, **metadata))

    def put(self, path, content):
        return self.api("PUT", path, {"type": "notebook", "format": "json", "content": content})

    def open(self, path, **params):
        return self.api("GET", path, content=1, **params)

    def on_disk(self, path):
        return sources(json.loads((self.edit / path).read_bytes()))

    def status(self, path):
        return self.server.ask("GET", f"terra-env/status?path={quote(f'{WORKSPACE}/edit/{path}')}").json()

    def settled(self, path, place="in-workspace"):
        """Wait until the work is where it should be."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            status = self.status(path)
            if status.get("place") == place:
                return status
            time.sleep(0.05)
        raise AssertionError(f"{path} never got to {place!r}: {status}")


class Workspace(Outsider):
    """The workspace's bucket as another person sees it."""

    def put_notebook(self, name, *cell_sources, **kwargs):
        return self.put(name, json.dumps(notebook(*cell_sources)), **kwargs)

    def sources(self, name):
        return sources(json.loads(self.content(name)))


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    """The bucket that the server of these tests shares with others."""
    folder = tmp_path_factory.mktemp("bucket")
    with EmbeddedBucket(folder / DATABASE_NAME) as engine:
        outsider = Workspace(engine=engine)
        outsider.folder = folder
        yield outsider
        outsider.close()


@pytest.fixture(scope="module")
def options():
    """More words for the server's command line; modules override it."""
    return ()


@pytest.fixture(scope="module")
def server(bucket, options, tmp_path_factory):
    """A server of these tests' own, with a workspace."""
    started = RealServer(
        tmp_path_factory.mktemp("home"),
        *options,
        WORKSPACE_NAME=WORKSPACE,
        WORKSPACE_BUCKET=f"gs://{BUCKET}",
        OWNER_EMAIL="owner@example.org",
        TERRA_ENV_EMBEDDED_BUCKET=str(bucket.folder),
    )
    try:
        yield started.wait_until_it_serves()
    finally:
        started.kill()


@pytest.fixture
def person(server):
    """The owner of the server."""
    return Person(server)
