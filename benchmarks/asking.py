"""Asks a server for its status again and again, in a process of its own that waits for nothing else.

``python -m benchmarks.asking URL TOKEN``: a line begins, the next one ends, and the milliseconds of each answer are
printed as JSON; and so on.
"""

import contextlib
import http.client
import json
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import IO
from urllib.parse import urlsplit

_PAUSE_SECONDS = 0.002
_LONGEST_SECONDS = 120.0


@contextlib.contextmanager
def asker(url: str, token: str) -> Iterator[Callable[[Callable[[], object]], list[float]]]:
    """Start the process.

    Args:
        url: where the server listens.
        token: its token.

    Yields:
        What does something and returns how many milliseconds each answer took meanwhile.
    """
    command = [sys.executable, "-m", "benchmarks.asking", url, token]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield lambda act: _while_asking(process.stdin, process.stdout, act)
        process.kill()


def _while_asking(requests: IO[bytes], answers: IO[bytes], act: Callable[[], object]) -> list[float]:
    requests.write(b"\n")
    answers.readline()
    act()
    requests.write(b"\n")
    return json.loads(answers.readline())


def main() -> None:
    """Ask."""
    url, token = urlsplit(sys.argv[1]), sys.argv[2]
    connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=_LONGEST_SECONDS)
    headers = {"Authorization": f"token {token}"}
    with selectors.DefaultSelector() as selector, open(0, "rb", buffering=0) as orders:
        selector.register(orders, selectors.EVENT_READ)
        while orders.readline():
            _ask(connection, headers)
            print(flush=True)
            taken = [_ask(connection, headers)]
            while not selector.select(_PAUSE_SECONDS):
                taken.append(_ask(connection, headers))
            orders.readline()
            print(json.dumps(taken), flush=True)


def _ask(connection: http.client.HTTPConnection, headers: dict[str, str]) -> float:
    start = time.perf_counter()
    connection.request("GET", "/api/status", headers=headers)
    connection.getresponse().read()
    return (time.perf_counter() - start) * 1000


if __name__ == "__main__":
    main()
