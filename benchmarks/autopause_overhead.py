"""What watching for activity costs a server: processor and memory, with it and without it, in one run.

    python -m benchmarks.autopause_overhead --kernels 20 --messages-per-second 100 --seconds 60

Each kernel answers requests of a client that speaks to it directly, as a busy front end's would be: every request makes
two status messages, which both the server and the watch receive. The server's processor time is read from the system
before and after, so that other activity of the machine is not in it.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import requests
from jupyter_client import BlockingKernelClient

from benchmarks.servers import environment_of

_TOKEN = "benchmark"
_START_SECONDS = 60.0
_STATUSES_PER_REQUEST = 2


@contextlib.contextmanager
def server(home: Path, *, watching: bool, tick_seconds: float) -> Iterator[tuple[psutil.Process, str]]:
    """A Jupyter server, with our extension or without."""
    extensions = {"jupyter_terra_env": watching, "jupyter_server_terminals": True}
    command = [
        sys.executable,
        "-m",
        "jupyter_server",
        "--allow-root",
        "--ServerApp.open_browser=False",
        "--ServerApp.port=0",
        f"--IdentityProvider.token={_TOKEN}",
        f"--ServerApp.jpserver_extensions={extensions}",
        f"--AutopauseSettings.tick_seconds={tick_seconds}",
    ]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment_of(home), cwd=home, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield psutil.Process(process.pid), _url(home, process.pid)
    finally:
        process.terminate()
        process.wait(60)


def _url(home: Path, pid: int) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):
            url: str = json.loads((home / "runtime" / f"jpserver-{pid}.json").read_text())["url"]
            if requests.get(f"{url}api", timeout=5).ok:
                return url
        time.sleep(0.1)
    raise RuntimeError((home / "log").read_text())


def measure(
    *, watching: bool, kernels: int, per_second: float, seconds: float, tick_seconds: float
) -> dict[str, float]:
    """Processor use (in processors), memory (in megabytes), and messages that were really sent each second."""
    with (
        tempfile.TemporaryDirectory() as folder,
        server(Path(folder), watching=watching, tick_seconds=tick_seconds) as (process, url),
    ):
        headers = {"Authorization": f"token {_TOKEN}"}
        ids = [
            requests.post(f"{url}api/kernels", headers=headers, json={"name": "python3"}, timeout=60).json()["id"]
            for _ in range(kernels)
        ]
        clients = [_client(Path(folder) / "runtime" / f"kernel-{id_}.json") for id_ in ids]
        try:
            for client in clients:
                client.wait_for_ready(timeout=60)
            time.sleep(5)
            before, began = sum(process.cpu_times()[:2]), time.monotonic()
            sent = _ask(clients, per_second / _STATUSES_PER_REQUEST, seconds)
            took = time.monotonic() - began
            used = sum(process.cpu_times()[:2]) - before
            memory = process.memory_full_info().uss / 1e6
        finally:
            for client in clients:
                client.stop_channels()
        return {"cores": used / took, "megabytes": memory, "messages": sent * _STATUSES_PER_REQUEST / took}


def _client(connection_file: Path) -> BlockingKernelClient:
    client = BlockingKernelClient(connection_file=str(connection_file))
    client.load_connection_file()
    client.start_channels(hb=False)
    return client


def _ask(clients: list[BlockingKernelClient], per_second: float, seconds: float) -> int:
    began, sent = time.monotonic(), 0
    while (now := time.monotonic()) - began < seconds:
        due = int((now - began) * per_second)
        while sent < due:
            clients[sent % len(clients)].complete("pri", 3)
            sent += 1
        for client in clients:
            while client.shell_channel.msg_ready():
                client.get_shell_msg(timeout=1)
            while client.iopub_channel.msg_ready():
                client.get_iopub_msg(timeout=1)
        time.sleep(0.01)
    return sent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernels", type=int, default=20)
    parser.add_argument("--messages-per-second", type=float, default=100.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--tick-seconds", type=float, default=15.0)
    arguments = parser.parse_args()
    found = {
        watching: measure(
            watching=watching,
            kernels=arguments.kernels,
            per_second=arguments.messages_per_second,
            seconds=arguments.seconds,
            tick_seconds=arguments.tick_seconds,
        )
        for watching in (False, True)
    }
    print(f"{'':24} {'processors':>12} {'memory, MB':>12} {'messages/s':>12}")
    for watching, row in found.items():
        name = "with the extension" if watching else "without"
        print(f"{name:24} {row['cores']:12.4f} {row['megabytes']:12.1f} {row['messages']:12.1f}")
    print(
        f"{'difference':24} {found[True]['cores'] - found[False]['cores']:12.4f} "
        f"{found[True]['megabytes'] - found[False]['megabytes']:12.1f}"
    )


if __name__ == "__main__":
    main()
