"""A real Jupyter that is paused soon, and what a program sees of its pause."""

import contextlib
import json
import sys
import threading
import urllib.request
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from real_jupyter import TOKEN, RealJupyter, running

QUIET_SECONDS = 3
"""From the last key to the countdown."""
_METADATA = {
    "instance/machine-type": "projects/9/machineTypes/n1-standard-4",
    "instance/zone": "projects/9/zones/us-central1-a",
    "instance/scheduling/preemptible": "FALSE",
}


@dataclass(kw_only=True)
class Pausing:
    """A server with autopause.

    Attributes:
        jupyter: the server.
        paused: the file that its pause command writes.
    """

    jupyter: RealJupyter
    paused: Path

    def report(self):
        return self._ask("GET")

    def request(self, action, **fields):
        return self._ask("POST", {"action": action, **fields})

    def works(self):
        """What works, in words, as it was seen at the last tick."""
        return [work["detail"] for work in self.report()["blockers"]]

    def of_kernels(self):
        """``execution_state`` of every kernel in what Terra reads: of kernels, and of sessions."""
        kernels, sessions = self._get("api/kernels"), self._get("api/sessions")
        return [kernel["execution_state"] for kernel in (*kernels, *(session["kernel"] for session in sessions))]

    def metric(self, name):
        """The sum of a counter over its labels."""
        lines = self._open("metrics").decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name}{{", f"{name} ")))

    def _ask(self, method, body=None):
        return self._get("terra-env/autopause", method=method, body=None if body is None else json.dumps(body).encode())

    def _get(self, path, **how):
        return json.loads(self._open(path, **how))

    def _open(self, path, *, method="GET", body=None):
        headers = {"Authorization": f"token {TOKEN}"}
        request = urllib.request.Request(f"{self.jupyter.url}/{path}", method=method, data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()


@contextlib.contextmanager
def pausing(interface, home, *, lead_seconds, theme=None, options=(), **settings):
    """A running server that is paused soon: by a command that writes a file.

    Args:
        interface: ``lab`` or ``notebook``.
        home: its person's home folder; is created.
        lead_seconds: how long the countdown lasts; it begins some seconds after the last key.
        theme: JupyterLab's theme.
        options: more words for the server's command line.
        settings: more settings of autopause.
    """
    paused = home / "paused"
    write = f"import pathlib; pathlib.Path({str(paused)!r}).write_text('paused')"
    chosen = {
        "idle_timeout_seconds": lead_seconds + QUIET_SECONDS,
        "warning_lead_seconds": lead_seconds,
        # Not so short that a busy machine looks like one that has slept.
        "tick_seconds": 1,
        "resume_grace_seconds": 1,
        "process_scope": "server",
        "client_save_seconds": 2,
        "cpu_active_cores": 0,
        "watch_metadata": "off",
        "boot_disk_gb": 250,
        "pause_chain": ["command"],
        "pause_command": [sys.executable, "-c", write],
        **settings,
    }
    _write(home / "config" / "jupyter_server_config.json", {"AutopauseSettings": chosen})
    if theme is not None:
        themes = home / "config" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
        _write(themes / "themes.jupyterlab-settings", {"theme": theme})
    with _machine() as address:
        variables = {"TERRA_ENV_EMBEDDED_BUCKET": str(home / "bucket"), "GCE_METADATA_HOST": address}
        with running(interface, home, variables=variables, options=options) as jupyter:
            yield Pausing(jupyter=jupyter, paused=paused)


def _write(file, content):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")


@contextlib.contextmanager
def _machine():
    """Compute Engine's metadata server: says what the machine is, so that its cost is known."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Metadata)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Metadata(BaseHTTPRequestHandler):
    def do_GET(self):
        value = _METADATA.get(self.path.removeprefix("/computeMetadata/v1/"))
        self.send_response(404 if value is None else 200)
        self.send_header("Metadata-Flavor", "Google")
        self.end_headers()
        self.wfile.write((value or "").encode())

    def log_message(self, *told):
        """Not on the terminal."""
