"""Real Jupyter servers as processes of their own, and what a person's browser asks of them."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

WORKSPACE = "bench"
FOLDER = f"{WORKSPACE}/edit"
PLAYGROUND = f"{WORKSPACE}/playground"
_TOKEN = "benchmark"
_REPOSITORY = Path(__file__).parent.parent
_STOCK_MANAGER = "jupyter_server.services.contents.largefilemanager.AsyncLargeFileManager"
_START_SECONDS = 60.0
_SETTLE_SECONDS = 60.0
_FOREIGN_VARIABLES = ("JUPYTER", "WORKSPACE_", "TERRA_", "STORAGE_", "OWNER_EMAIL", "GOOGLE_", "GCE_")


@dataclass(slots=True)
class Client:
    """One person's requests to one server; paths are relative to the folder of its notebooks.

    Attributes:
        name: the server's name in reports.
        url: where it listens.
        has_workspace: whether that folder belongs to a workspace.
        process_id: the server's process.
        folder: where the notebooks are, in the server's own paths.
    """

    name: str
    url: str
    session: requests.Session
    has_workspace: bool
    process_id: int
    folder: str = FOLDER

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """A contents model."""
        return json.loads(self.call("GET", self._contents(path), params=query))

    def put(self, path: str, body: bytes) -> None:
        """Save an encoded model."""
        self.call("PUT", self._contents(path), data=body)

    def checkpoints(self, path: str) -> list[dict[str, Any]]:
        """The checkpoints of a notebook."""
        return json.loads(self.call("GET", f"{self._contents(path)}/checkpoints"))

    def make_checkpoint(self, path: str) -> None:
        """Make a checkpoint."""
        self.call("POST", f"{self._contents(path)}/checkpoints")

    def create(self) -> None:
        """A new untitled notebook."""
        self.call("POST", self._contents(""), data=b'{"type": "notebook"}')

    def copy(self, path: str) -> None:
        """Copy a notebook beside itself."""
        self.call("POST", self._contents(""), data=json.dumps({"copy_from": self.path_of(path)}).encode())

    def rename(self, path: str, new: str) -> None:
        """Rename a notebook."""
        self.call("PATCH", self._contents(path), data=json.dumps({"path": self.path_of(new)}).encode())

    def delete(self, path: str) -> None:
        """Delete a notebook."""
        self.call("DELETE", self._contents(path))

    def loop(self) -> dict[str, float]:
        """What the event loop went through since this was last asked."""
        return json.loads(self.call("GET", "benchmark/event-loop"))

    def settle(self, path: str) -> None:
        """Wait until the work of a notebook is in the workspace: uploads may outlast the save's answer."""
        if not self.has_workspace:
            return
        deadline = time.monotonic() + _SETTLE_SECONDS
        while time.monotonic() < deadline:
            answer = json.loads(self.call("GET", "terra-env/status", params={"path": self.path_of(path)}))
            if answer["place"] == "in-workspace":
                return
            time.sleep(0.02)
        raise RuntimeError(f"{path} did not reach the workspace: {answer}")

    def call(self, method: str, path: str, **arguments: Any) -> bytes:
        """One request; anything but success is an error."""
        answer = self.session.request(method, f"{self.url}/{path}", timeout=120, **arguments)
        if not answer.ok:
            raise RuntimeError(f"{self.name}: {method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.content

    def path_of(self, path: str) -> str:
        """A notebook's path as the server knows it."""
        return f"{self.folder}/{path}".strip("/")

    def _contents(self, path: str) -> str:
        return f"api/contents/{quote(self.path_of(path))}".rstrip("/")


@contextlib.contextmanager
def workspace_server(home: Path, emulator: str, bucket: str) -> Iterator[Client]:
    """A server with the extension, as it is installed."""
    variables = {
        "STORAGE_EMULATOR_HOST": emulator,
        "WORKSPACE_NAME": WORKSPACE,
        "WORKSPACE_BUCKET": f"gs://{bucket}",
        "OWNER_EMAIL": "benchmark@example.org",
    }
    with running("ours", home, variables, extensions={}, has_workspace=True) as client:
        yield client


@contextlib.contextmanager
def stock_server(home: Path, *, options: Sequence[str] = ()) -> Iterator[Client]:
    """A server with Jupyter's own contents manager on the local disk."""
    with running("stock", home, {}, manager=_STOCK_MANAGER, options=options) as client:
        yield client


def root_of(home: Path) -> Path:
    """The folder that a server shows."""
    return home / "work"


_WITHOUT_OURS = {"jupyter_terra_env": False}


@contextlib.contextmanager
def running(
    name: str,
    home: Path,
    variables: Mapping[str, str],
    *,
    manager: str | None = None,
    options: Sequence[str] = (),
    extensions: Mapping[str, bool] = _WITHOUT_OURS,
    python: str = sys.executable,
    folder: str = FOLDER,
    has_workspace: bool = False,
) -> Iterator[Client]:
    """A server as a process of its own, stopped when this is left.

    Args:
        name: the server's name in reports.
        home: a folder for everything it writes.
        variables: its environment, beside what is inherited.
        manager: the class of its contents manager; None for what its extensions choose.
        options: more of its command line.
        extensions: which of the installed extensions are on.
        python: the interpreter it runs in.
        folder: where the notebooks are, in the server's own paths.
        has_workspace: whether that folder belongs to a workspace.

    Raises:
        RuntimeError: It did not start; the message has its log.
    """
    root_of(home).mkdir(parents=True, exist_ok=True)
    url = f"http://127.0.0.1:{_free_port()}"
    command = [
        *(python, "-m", "jupyter", "server", "--no-browser", "--allow-root"),
        *("--ip=127.0.0.1", f"--port={url.rpartition(':')[2]}", "--port-retries=0"),
        f"--IdentityProvider.token={_TOKEN}",
        f"--ServerApp.root_dir={root_of(home)}",
        f"--ServerApp.jpserver_extensions={ {**extensions, 'benchmarks.event_loop': True} }",
        *options,
    ]
    if manager is not None:
        command.append(f"--ServerApp.contents_manager_class={manager}")
    log = home / "server.log"
    with log.open("w", encoding="utf-8") as output, requests.Session() as session:
        process = subprocess.Popen(
            command, env=environment_of(home, **variables), cwd=home, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            _wait_for(url, process, log)
            session.trust_env = False
            session.headers.update({"Authorization": f"token {_TOKEN}"})
            yield Client(name, url, session, has_workspace, process.pid, folder)
        finally:
            process.terminate()
            process.wait(30)


def environment_of(home: Path, **variables: str) -> dict[str, str]:
    """The variables of a server with this home folder; nothing of what the benchmark was started with."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN_VARIABLES)}
    return {
        **inherited,
        "HOME": str(home),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        # No search for credentials beyond this machine.
        "NO_GCE_CHECK": "true",
        "NO_PROXY": "127.0.0.1",
        "PYTHONPATH": str(_REPOSITORY),
        **variables,
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(requests.ConnectionError):
            requests.get(f"{url}/api", timeout=5)
            return
        time.sleep(0.1)
    raise RuntimeError(f"the server did not start:\n{log.read_text(encoding='utf-8')}")
