"""What others wait for while a hostile document is listed, opened, saved, copied, exported, previewed or compared.

Meanwhile a process of its own asks the server for ``/api/status``, which needs nothing but its event loop. A server
with Jupyter's own contents manager does the same in the same run, except for what it does not have. Times depend on the
machine and do not decide the exit code; what misses the target is named.
"""

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import quote, urlsplit

import requests

from benchmarks import made_notebooks
from benchmarks.asking import asker
from benchmarks.counting_proxy import CountingProxy
from benchmarks.hostile_documents import Document, documents
from benchmarks.report import table
from benchmarks.run import BUCKET, Seeder
from benchmarks.servers import Client, root_of, stock_server, workspace_server
from jupyter_terra_env.bucket.embedded.api import EmbeddedBucket
from jupyter_terra_env.bucket.embedded.http_front import EmbeddedServer

TARGET_MS = 50.0
_LEAST_SAMPLES = 200
_LONGEST_SECONDS = 60.0
_REQUEST_SECONDS = 120.0
_SMALL = "small.ipynb"

Line = dict[str, list[float]]
"""The milliseconds of ``/api/status`` by the server's name."""


def main() -> int:
    """Run and print."""
    arguments = _arguments()
    lines: dict[str, Line] = {}
    with tempfile.TemporaryDirectory(prefix="terra-env-benchmark-") as folder:
        for name, line in _run(Path(folder), arguments):
            lines[name] = line
            print(f"… {name}: {_short(line)}", file=sys.stderr, flush=True)
    print("\nMilliseconds of /api/status while a document goes every way that content takes\n")
    print(_as_table(lines))
    if arguments.json:
        arguments.json.write_text(json.dumps(lines, indent=1), encoding="utf-8")
    for name in (name for name, line in lines.items() if p99(line["ours"]) > TARGET_MS):
        print(f"\ntarget missed (p99 of at most {TARGET_MS:g} ms): {name}", file=sys.stderr)
    return 0


def p99(taken: list[float]) -> float:
    """The 99th percentile."""
    return quantiles(taken, n=100)[98] if len(taken) > 1 else float("nan")


def _run(folder: Path, arguments: argparse.Namespace) -> Iterator[tuple[str, Line]]:
    with (
        EmbeddedBucket(folder / "bucket" / "bucket.sqlite3") as bucket,
        EmbeddedServer(bucket) as front,
        CountingProxy(front.port, latency_ms=arguments.latency_ms) as proxy,
    ):
        seeder = Seeder(bucket, root_of(folder / "stock"))
        small = made_notebooks.as_stored(made_notebooks.with_many_outputs(1))
        seeder.put(_SMALL, small)
        emulator = f"http://127.0.0.1:{proxy.port}{urlsplit(front.url).path}"
        with (
            workspace_server(folder / "ours", emulator, BUCKET) as ours,
            stock_server(folder / "stock") as stock,
        ):
            for client in (ours, stock):
                for prepare in _ways(client, _SMALL):
                    prepare()()
            yield "an ordinary notebook", {client.name: _asked(client, _SMALL) for client in (ours, stock)}
            wanted = (document for document in documents() if arguments.only in document.name)
            for number, document in enumerate(wanted):
                name = f"{number}.ipynb"
                _put(seeder, name, document)
                clients = (ours, stock) if document.is_for_stock else (ours,)
                yield document.name, {client.name: _asked(client, name) for client in clients}


def _put(seeder: Seeder, name: str, document: Document) -> None:
    seeder.put(name, document.content, encoding=document.encoding)


def _asked(client: Client, name: str) -> list[float]:
    """Do everything with a document, again until there are enough samples."""
    taken: list[float] = []
    began = time.monotonic()
    token = str(client.session.headers["Authorization"]).partition(" ")[2]
    with asker(client.url, token) as while_asking:
        while len(taken) < _LEAST_SAMPLES and time.monotonic() - began < _LONGEST_SECONDS:
            for prepare in _ways(client, name):
                taken += while_asking(prepare())
    return taken


def _ways(client: Client, name: str) -> list[Callable[[], Callable[[], object]]]:
    """What is prepared, and then done."""
    path, folder = f"api/contents/{quote(client.path_of(name))}", f"api/contents/{quote(client.path_of(''))}"
    copy = name.replace(".ipynb", "-Copy1.ipynb")

    def ask(method: str, path: str, **arguments: object) -> bytes:
        with contextlib.suppress(requests.RequestException):
            answer = client.session.request(method, f"{client.url}/{path}", timeout=_REQUEST_SECONDS, **arguments)
            return answer.content if answer.ok else b""
        return b""

    def saving() -> Callable[[], object]:
        answer = ask("GET", path, params={"type": "notebook", "content": 1})
        if not answer:
            return lambda: None
        model = json.loads(answer)
        body = json.dumps({"type": "notebook", "format": "json", "content": model["content"]}).encode()
        return lambda: ask("PUT", path, data=body)

    def copying() -> Callable[[], object]:
        ask("DELETE", f"api/contents/{quote(client.path_of(copy))}")
        return lambda: ask("POST", folder, data=json.dumps({"copy_from": client.path_of(name)}).encode())

    def simply(method: str, path: str, **arguments: object) -> Callable[[], Callable[[], object]]:
        return lambda: lambda: ask(method, path, **arguments)

    ways = [
        simply("GET", folder),
        simply("GET", path, params={"type": "notebook", "content": 1, "hash": 1}),
        saving,
        copying,
        simply("GET", f"files/{quote(client.path_of(name))}"),
    ]
    if client.has_workspace:  # Jupyter's own does it in its only process, and may take minutes.
        ways.append(simply("GET", f"nbconvert/html/{quote(client.path_of(name))}"))
    if client.has_workspace:
        question = {"path": client.path_of(name)}
        ways += [simply("GET", f"terra-env/{what}", params=question) for what in ("preview", "conflict", "status")]
    return ways


def _short(line: Line) -> str:
    return "; ".join(f"{server} p99 {p99(taken):.0f}, max {max(taken):.0f}" for server, taken in line.items())


def _as_table(lines: dict[str, Line]) -> str:
    head = ["document", "asked", "p50, ms", "p99, ms", "", "max, ms", "stock: p50", "p99", "max"]
    return table(head, [_row(name, line) for name, line in lines.items()])


def _row(name: str, line: Line) -> list[str]:
    ours, stock = line["ours"], line.get("stock", [])
    mark = "✓" if p99(ours) <= TARGET_MS else "✗"
    row = [name, str(len(ours)), f"{median(ours):.1f}", f"{p99(ours):.0f}", mark, f"{max(ours):.0f}"]
    if not stock:
        return row + [""] * 3
    return [*row, f"{median(stock):.1f}", f"{p99(stock):.0f}", f"{max(stock):.0f}"]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile", description=__doc__)
    parser.add_argument("--latency-ms", type=float, default=0.0, help="how long each request to the bucket takes")
    parser.add_argument("--only", default="", metavar="TEXT", help="only documents with this in their name")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
