"""A Jupyter server in a process of its own, as a container starts it: signals reach it, and it can be killed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time

import requests
from machines import variables_of


class RealServer:
    """Started in a home folder of its own; ended with the test."""

    def __init__(self, home, *arguments, program=(sys.executable, "-m", "jupyter_server"), **variables):
        self.home = home
        self._lines = []
        self.variables = variables_of(home, **variables)
        root = home / "root"
        root.mkdir(parents=True, exist_ok=True)
        command = [
            *map(str, program),
            "--ServerApp.open_browser=False",
            "--ServerApp.port=0",
            "--allow-root",
            f"--ServerApp.root_dir={root}",
            "--ServerApp.jpserver_extensions={'jupyter_terra_env': True, 'jupyter_server_terminals': True}",
            "--AutopauseSettings.process_scope=server",
            *arguments,
        ]
        self.process = subprocess.Popen(
            command,
            env=self.variables,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        # A full pipe would hold the server.
        self._reader = threading.Thread(target=lambda: self._lines.extend(self.process.stdout), daemon=True)
        self._reader.start()

    @property
    def output(self):
        return "".join(self._lines)

    def wait_until_it_serves(self, at_most=40):
        deadline = time.monotonic() + at_most
        info = self.home / "runtime" / f"jpserver-{self.process.pid}.json"
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError, ValueError):
                self.info = json.loads(info.read_text(encoding="utf-8"))
                if requests.get(self.info["url"] + "api", timeout=5).ok:
                    return self
            time.sleep(0.05)
        raise AssertionError(f"the server did not start:\n{self.output}")

    def ask(self, method, path, body=None):
        return requests.request(
            method,
            self.info["url"] + path,
            headers={"Authorization": f"token {self.info['token']}"},
            json=body,
            timeout=30,
        )

    def report(self):
        return self.ask("GET", "terra-env/autopause").json()

    def request(self, action, **fields):
        return self.ask("POST", "terra-env/autopause", {"action": action, **fields})

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def end(self, at_most=40):
        """Wait for the end; the seconds it took."""
        began = time.monotonic()
        self.process.wait(at_most)
        self._reader.join(10)
        return time.monotonic() - began

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self._reader.join(10)
        self.process.stdout.close()
