"""A real JupyterLab or Notebook 7 with the extension as it is installed, and the bucket as somebody else sees it."""

import contextlib
import json
import os
import platform
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from google.api_core.exceptions import Conflict
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME, EmbeddedBucket
from jupyter_terra_env.bucket.embedded.transport import ENDPOINT, EmbeddedAdapter

WORKSPACE = "my-workspace"
BUCKET = "my-workspace-bucket"
TOKEN = "browser-test"
ANN, BEN = "ann@example.org", "ben@example.org"
_DOCUMENTS = "@jupyterlab/docmanager-extension"
_NO_NEWS = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}
_FOREIGN_VARIABLES = ("JUPYTER", "WORKSPACE_", "TERRA_", "STORAGE_", "OWNER_EMAIL", "GOOGLE_")
_START_SECONDS = 60


class Colleague:
    """Somebody else with a plain Cloud Storage client."""

    def __init__(self, directory: Path) -> None:
        self._engine = EmbeddedBucket(directory / DATABASE_NAME)
        self._client = storage.Client(
            project="p", credentials=AnonymousCredentials(), client_options={"api_endpoint": ENDPOINT}
        )
        self._client._http.mount(ENDPOINT, EmbeddedAdapter(self._engine))
        with contextlib.suppress(Conflict):  # somebody else's server has made it
            self._client.create_bucket(BUCKET)

    def put(self, name, source):
        """Write a notebook of one code cell."""
        self._blob(name).upload_from_string(json.dumps(notebook(source)), content_type="application/x-ipynb+json")

    def cell(self, name):
        """The first cell of a notebook, its source as one string."""
        cell = json.loads(self._blob(name).download_as_bytes())["cells"][0]
        return {**cell, "source": "".join(cell["source"])}

    def generation(self, name):
        """The generation of a notebook."""
        blob = self._blob(name)
        blob.reload()
        return blob.generation

    def close(self):
        self._client.close()
        self._client._http.close()
        self._engine.close()

    def _blob(self, name):
        return self._client.bucket(BUCKET).blob(f"notebooks/{name}")


@dataclass
class RealJupyter:
    """A server in a process of its own, with a home of its own.

    Attributes:
        interface: ``lab`` or ``notebook``.
        url: where it listens.
        home: its person's home folder.
        colleague: the bucket.
    """

    interface: str
    url: str
    home: Path
    colleague: Colleague

    @property
    def is_lab(self):
        return self.interface == "lab"

    @property
    def folder_url(self):
        """The workspace's edit folder in the file browser."""
        return self._address("lab/tree" if self.is_lab else "tree", "")

    def notebook_url(self, name):
        return self._address("lab/tree" if self.is_lab else "notebooks", f"/{name}")

    def has_connected_kernel(self, name):
        """Whether a notebook's kernel waits for work, with a page connected to it."""
        request = urllib.request.Request(f"{self.url}/api/sessions", headers={"Authorization": f"token {TOKEN}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            sessions = json.load(answer)
        kernels = [session["kernel"] for session in sessions if session["path"].endswith(f"/{name}")]
        return any(kernel["connections"] and kernel["execution_state"] == "idle" for kernel in kernels)

    def working_copy(self, name):
        return json.loads((self.home / "work" / WORKSPACE / "edit" / name).read_text(encoding="utf-8"))

    def _address(self, page, name):
        # "reset": JupyterLab would open again what an earlier test had open.
        return f"{self.url}/{page}/{WORKSPACE}/edit{name}?token={TOKEN}&reset"

    @contextlib.contextmanager
    def user_settings(self, **settings):
        """Settings that the person has made in the settings editor, for documents."""
        file = self.home / "config" / "lab" / "user-settings" / _DOCUMENTS / "plugin.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings), encoding="utf-8")
        try:
            yield
        finally:
            file.unlink()


@contextlib.contextmanager
def running(interface, home, *, email=ANN, bucket=None):
    """A running server.

    Args:
        interface: ``lab`` or ``notebook``.
        home: its person's home folder.
        email: its person's address.
        bucket: data folder of the embedded bucket that it shares with others; its own by default.
    """
    bucket = bucket or home / "bucket"
    (home / "work").mkdir(parents=True)
    overrides = home / "config" / "labconfig" / "default_setting_overrides.json"
    overrides.parent.mkdir(parents=True)
    overrides.write_text(json.dumps(_NO_NEWS), encoding="utf-8")
    url = f"http://127.0.0.1:{_free_port()}"
    command = [
        *(sys.executable, "-m", "jupyter", interface, "--no-browser", "--allow-root"),
        *("--ip=127.0.0.1", f"--port={url.rpartition(':')[2]}", "--port-retries=0"),
        *(f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={home / 'work'}"),
        *(f"--TerraEnvApp.collaborators={person}" for person in (ANN, BEN)),
    ]
    with contextlib.closing(Colleague(bucket)) as colleague, (home / "server.log").open("w") as log:
        environment = _environment(home, email, bucket)
        process = subprocess.Popen(command, env=environment, cwd=home, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_for(url, process, home / "server.log")
            yield RealJupyter(interface=interface, url=url, home=home, colleague=colleague)
        finally:
            process.terminate()
            process.wait(30)


def notebook(source):
    """A notebook of one code cell, complete, so that opening it gives the front end no reason to change it."""
    cell = {"cell_type": "code", "id": "c0", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
    return {
        "cells": [cell],
        "metadata": {
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {
                "codemirror_mode": {"name": "ipython", "version": 3},
                "file_extension": ".py",
                "mimetype": "text/x-python",
                "name": "python",
                "nbconvert_exporter": "python",
                "pygments_lexer": "ipython3",
                "version": platform.python_version(),
            },
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _environment(home, email, bucket):
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN_VARIABLES)}
    return {
        **inherited,
        "HOME": str(home),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "OWNER_EMAIL": email,
        "TERRA_ENV_EMBEDDED_BUCKET": str(bucket),
        "WORKSPACE_BUCKET": f"gs://{BUCKET}",
        "WORKSPACE_NAME": WORKSPACE,
    }


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for(url, process, log):
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(f"{url}/api", timeout=5):
            return
        time.sleep(0.1)
    raise RuntimeError(f"the server did not start:\n{log.read_text(encoding='utf-8')}")
