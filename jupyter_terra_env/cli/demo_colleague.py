"""The demo's second person: a JupyterLab of their own, started when it is first asked for and ended with the demo."""

import asyncio
import contextlib
import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from jupyter_terra_env.cli.demo_data import COLLEAGUE, EDIT_FOLDER, WORKSPACE, DemoFolders
from jupyter_terra_env.rules.errors import SettingsError

ENDS_WITH_INPUT = "--ends-with-input"
"""The option that ends a demo when its standard input is closed, even if the demo that started it was killed."""
_START_SECONDS = 120.0
_STEP_SECONDS = 0.1
_STOP_SECONDS = 20.0


class Colleague:
    """The colleague's demo, as a process.

    Args:
        data: the data folder.
        runtime: Jupyter's runtime folder, in which servers write where they listen.
    """

    def __init__(self, data: Path, runtime: Path) -> None:
        self._data = data
        self._runtime = runtime
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = asyncio.Lock()

    @property
    def log(self) -> Path:
        """The log of the colleague's server."""
        return DemoFolders(self._data, COLLEAGUE).home.parent / "server.log"

    async def address(self, notebook: str) -> str:
        """Return the address, with its token, at which the colleague opens a notebook; start the server if necessary.

        Args:
            notebook: path below the edit folder.

        Raises:
            SettingsError: the server does not start.
        """
        async with self._starting:
            if self._process is None or self._process.poll() is not None:
                self._process = await asyncio.to_thread(self._start)
            server = await self._info(self._process)
        path = quote(f"{WORKSPACE}/{EDIT_FOLDER}/{notebook}")
        return f"{server['url']}lab/tree/{path}?token={server['token']}"

    def ask_to_end(self) -> None:
        """Ask it to end; safe in a signal handler."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def end(self) -> None:
        """Ask it to end and wait until it has. Blocks."""
        if self._process is None:
            return
        self.ask_to_end()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self) -> "subprocess.Popen[bytes]":
        self.log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "jupyter_terra_env.cli.main", "demo", "--as", COLLEAGUE, "--no-browser"]
        with self.log.open("wb") as log:
            return subprocess.Popen(  # noqa: S603 - our own command
                [*command, ENDS_WITH_INPUT, "--data", str(self._data)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the first demo, which ends this one.
            )

    async def _info(self, process: "subprocess.Popen[bytes]") -> dict[str, str]:
        """Wait until the server has written where it listens.

        Raises:
            SettingsError: it ended, or did not write that in time.
        """
        file = self._runtime / f"jpserver-{process.pid}.json"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_START_SECONDS):
                while process.poll() is None:
                    with contextlib.suppress(OSError, ValueError):
                        found: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
                        return found
                    await asyncio.sleep(_STEP_SECONDS)
        raise SettingsError(f"The colleague's JupyterLab did not start; its log is {self.log}.")
