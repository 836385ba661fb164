"""A real JupyterLab or Notebook 7 with the extension as it is installed."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from colleague import BUCKET, Colleague
from machines import free_port

WORKSPACE = "my-workspace"
TOKEN = "browser-test"
ANN, BEN = "ann@example.org", "ben@example.org"
_DOCUMENTS = "@jupyterlab/docmanager-extension"
_NO_NEWS = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}
_FOREIGN_VARIABLES = ("JUPYTER", "WORKSPACE_", "TERRA_", "STORAGE_", "OWNER_EMAIL", "GOOGLE_")
_START_SECONDS = 60


@dataclass(kw_only=True)
class RealJupyter:
    """A server in a process of its own, with a home of its own.

    Attributes:
        interface: ``lab`` or ``notebook``.
        home: its person's home folder.
        email: its person's address.
        variables: environment variables that say which bucket it uses.
        options: more words for its command line.
        colleague: the bucket.
        url: where it listens.
    """

    interface: str
    home: Path
    email: str
    variables: dict[str, str]
    options: tuple[str, ...]
    colleague: Colleague
    url: str
    process: subprocess.Popen | None = None

    @property
    def is_lab(self):
        return self.interface == "lab"

    @property
    def folder_url(self):
        """The workspace's edit folder in the file browser."""
        return self._address("lab/tree" if self.is_lab else "tree", "")

    def notebook_url(self, name, *, folder="edit"):
        return self._address("lab/tree" if self.is_lab else "notebooks", f"/{name}", folder)

    def has_connected_kernel(self, name):
        """Whether a notebook's kernel waits for work, with a page connected to it."""
        request = urllib.request.Request(f"{self.url}/api/sessions", headers={"Authorization": f"token {TOKEN}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            sessions = json.load(answer)
        kernels = [session["kernel"] for session in sessions if session["path"].endswith(f"/{name}")]
        return any(kernel["connections"] and kernel["execution_state"] == "idle" for kernel in kernels)

    def working_copy(self, name, *, folder="edit"):
        return json.loads((self.home / "work" / WORKSPACE / folder / name).read_text(encoding="utf-8"))

    def source(self, name, *, folder="edit"):
        """The text of the first cell of a file on the disk."""
        return "".join(self.working_copy(name, folder=folder)["cells"][0]["source"])

    def rename(self, name, new_name, *, folder="edit"):
        """Rename a notebook, as another page of this server does."""
        url = f"{self.url}/api/contents/{WORKSPACE}/{folder}/{name}"
        body = json.dumps({"path": f"{WORKSPACE}/{folder}/{new_name}"}).encode()
        headers = {"Authorization": f"token {TOKEN}", "Content-Type": "application/json"}
        request = urllib.request.Request(url, data=body, headers=headers, method="PATCH")
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert answer.status == 200

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

    def start(self):
        """Start the server, and wait until it answers."""
        command = [
            *(sys.executable, "-m", "jupyter", self.interface, "--no-browser", "--allow-root"),
            *("--ip=127.0.0.1", f"--port={urlsplit(self.url).port}", "--port-retries=0"),
            *(f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={self.home / 'work'}"),
            *(f"--TerraEnvApp.collaborators={person}" for person in (ANN, BEN)),
            f"--ServerApp.base_url={urlsplit(self.url).path or '/'}",
            *self.options,
        ]
        with self._log.open("a") as log:
            self.process = subprocess.Popen(
                command, env=self._environment(), cwd=self.home, stdout=log, stderr=subprocess.STDOUT
            )
        self._wait()

    def kill(self):
        """End the server as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def stop(self):
        self.process.terminate()
        self.process.wait(30)

    @property
    def _log(self):
        return self.home / "server.log"

    def _address(self, page, name, folder="edit"):
        # "reset": JupyterLab would open again what an earlier test had open.
        return f"{self.url}/{page}/{WORKSPACE}/{folder}{name}?token={TOKEN}&reset"

    def _environment(self):
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN_VARIABLES)}
        return {
            **inherited,
            "HOME": str(self.home),
            "IPYTHONDIR": str(self.home / "ipython"),
            "JUPYTER_CONFIG_DIR": str(self.home / "config"),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
            "OWNER_EMAIL": self.email,
            "WORKSPACE_BUCKET": f"gs://{BUCKET}",
            "WORKSPACE_NAME": WORKSPACE,
            **self.variables,
        }

    def _wait(self):
        deadline = time.monotonic() + _START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(f"{self.url}/api", timeout=5):
                return
            time.sleep(0.1)
        raise RuntimeError(f"the server did not start:\n{self._log.read_text(encoding='utf-8')}")


@contextlib.contextmanager
def running(interface, home, *, email=ANN, data=None, variables=None, options=(), base_path=""):
    """A running server.

    Args:
        interface: ``lab`` or ``notebook``.
        home: its person's home folder; is created.
        email: its person's address.
        data: folder of the embedded bucket, which others may share; its own by default.
        variables: environment variables instead of those that name the embedded bucket.
        options: more words for its command line.
        base_path: what comes before all its paths, as behind a proxy.
    """
    data = data or home / "bucket"
    (home / "work").mkdir(parents=True, exist_ok=True)
    overrides = home / "config" / "labconfig" / "default_setting_overrides.json"
    overrides.parent.mkdir(parents=True, exist_ok=True)
    overrides.write_text(json.dumps(_NO_NEWS), encoding="utf-8")
    with contextlib.closing(Colleague(data)) as colleague:
        server = RealJupyter(
            interface=interface,
            home=home,
            email=email,
            variables={"TERRA_ENV_EMBEDDED_BUCKET": str(data)} if variables is None else variables,
            options=tuple(options),
            colleague=colleague,
            url=f"http://127.0.0.1:{free_port()}{base_path}",
        )
        try:
            server.start()
            yield server
        finally:
            if server.process is not None and server.process.poll() is None:
                server.stop()


class SwitchedBucket:
    """The embedded bucket behind an address of its own, which can be switched off and on."""

    def __init__(self, data):
        self._data = data
        self._port = free_port()
        self._process = None

    @property
    def variables(self):
        """What tells a server to use it."""
        return {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{self._port}"}

    def switch_on(self):
        command = (sys.executable, "-m", "jupyter", "terra-env", "bucket", "--data", str(self._data))
        self._process = subprocess.Popen(
            (*command, "--port", str(self._port), "--no-token"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1):
                return
            time.sleep(0.1)
        raise RuntimeError("the bucket did not start")

    def switch_off(self):
        self._process.kill()
        self._process.wait(30)
