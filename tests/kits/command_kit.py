"""The console script as a person starts it, on a machine whose Jupyter folders are its own."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import requests
from machines import COMMAND, run_command, variables_of

_START_SECONDS = 180


@dataclass
class Machine:
    """A home folder, and the variables of the programs started in it."""

    home: Path

    @property
    def config(self):
        return self.home / "config"

    @property
    def runtime(self):
        return self.home / "runtime"

    def variables(self, **more):
        return variables_of(self.home, **more)

    def configure(self, **settings):
        """Write jupyter_server_config.json, as a person does."""
        self.config.mkdir(exist_ok=True)
        (self.config / "jupyter_server_config.json").write_text(json.dumps(settings), encoding="utf-8")

    def run(self, *arguments, **variables):
        """Run the command to its end."""
        return run_command(*arguments, home=self.home, variables=self.variables(**variables))

    def files(self):
        """What is on the disk: path, size, time of change."""
        found = [(path, path.stat()) for path in self.home.rglob("*")]
        return {str(path): (info.st_size, info.st_mtime_ns) for path, info in found if not path.is_dir()}

    @contextlib.contextmanager
    def demo(self, *arguments, stdin=subprocess.DEVNULL):
        """A running demo in a process group of its own, as in a terminal; killed at the end if it still runs."""
        process = subprocess.Popen(
            [COMMAND, "demo", "--no-browser", *map(str, arguments)],
            env=self.variables(),
            cwd=self.home,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        demo = RunningDemo(process, self.runtime / f"jpserver-{process.pid}.json")
        try:
            yield demo
        finally:
            demo.kill()


class RunningDemo:
    """A demo and its REST API."""

    def __init__(self, process, info_file):
        self.process = process
        self._info_file = info_file
        self._lines = []
        # A full pipe would hold the server.
        self._reader = threading.Thread(target=lambda: self._lines.extend(process.stdout), daemon=True)
        self._reader.start()

    @property
    def output(self):
        return "".join(self._lines)

    def wait_until_it_serves(self):
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError, ValueError):
                self.info = json.loads(self._info_file.read_text(encoding="utf-8"))
                if requests.get(self.info["url"] + "api", timeout=5).ok:
                    return self
            time.sleep(0.05)
        raise AssertionError(f"the demo did not start:\n{self.output}")

    def ask(self, method, path, body=None):
        answer = self.request(method, path, body)
        assert answer.ok, answer.text
        return answer

    def request(self, method, path, body=None, **how):
        """Like ``ask``, when the answer may be an error."""
        return requests.request(
            method,
            self.info["url"] + path,
            headers={"Authorization": f"token {self.info['token']}"},
            json=body,
            timeout=100,
            **how,
        )

    def interrupt(self):
        """Press Ctrl-C: every process of the group gets the signal."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self):
        """Wait for the end and return the exit code."""
        code = self.process.wait(90)
        self._reader.join(10)
        return code

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self._reader.join(10)
        self.process.stdout.close()


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
