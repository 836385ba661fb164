"""A real Jupyter Server with what people install beside this package, all of it as pip installs it.

In an environment of its own: ``pip install -e '.[test]' jupytext jupyter-collaboration jupyterlab-git nbdime``, then
``python -m pytest tests/extensions``. With Playwright and Chromium, a person also looks at a notebook there.
"""

import json
import time
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from bucket_in_folder import bucket_in, notebook, sources
from environments import BUCKET
from real_server import RealServer

WORKSPACE = "My work"
SIZES = {"small": "x = 1", "large": "x = 1  #" + "x" * 1_100_000}


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


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    """The bucket that the server of these tests shares with others."""
    with bucket_in(tmp_path_factory.mktemp("bucket")) as outsider:
        yield outsider


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
