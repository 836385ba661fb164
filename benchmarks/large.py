"""Opening, saving and copying large notebooks, ours beside Jupyter's own contents manager, in one run.

Each operation is done twice in each round: alone, for its time and for how long it held the event loop; and while
another client sends small requests, for how long those take, and for the server's memory. All numbers depend on the
machine; what counts is the ratio of two numbers in one line.
"""

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlsplit

from benchmarks import made_notebooks
from benchmarks.counting_proxy import CountingProxy
from benchmarks.report import table
from benchmarks.run import BUCKET, Seeder
from benchmarks.servers import Client, root_of, stock_server, workspace_server
from benchmarks.watching import Watched, watching
from jupyter_terra_env.bucket.embedded.api import EmbeddedBucket
from jupyter_terra_env.bucket.embedded.http_front import EmbeddedServer

_KINDS = {"many outputs": made_notebooks.with_many_outputs, "one big image": made_notebooks.with_big_image}
_CONTENT = {"type": "notebook", "content": 1, "hash": 1}


@dataclass(slots=True)
class Samples:
    """One operation on one server."""

    ms: list[float] = field(default_factory=list)
    longest_gap_ms: list[float] = field(default_factory=list)
    others_ms: list[float] = field(default_factory=list)
    grown_mb: list[float] = field(default_factory=list)

    @property
    def others_p99_ms(self) -> float:
        """Of all rounds."""
        return quantiles(self.others_ms, n=100)[98] if len(self.others_ms) > 1 else float("nan")


Line = dict[str, Samples]


def main() -> int:
    """Run and print."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="terra-env-benchmark-") as folder:
        lines = dict(_run(Path(folder), arguments))
    bandwidth = "" if arguments.upload_mb_per_second is None else f", {arguments.upload_mb_per_second:g} MB/s up"
    print(f"\np50 of {arguments.rounds} rounds; {arguments.latency_ms:g} ms per request to the bucket{bandwidth}\n")
    print(_as_table(lines))
    if arguments.json:
        samples = {name: {server: asdict(taken) for server, taken in line.items()} for name, line in lines.items()}
        arguments.json.write_text(json.dumps(samples, indent=1), encoding="utf-8")
    return 0


def _run(folder: Path, arguments: argparse.Namespace) -> Iterator[tuple[str, Line]]:
    with (
        EmbeddedBucket(folder / "bucket" / "bucket.sqlite3") as bucket,
        EmbeddedServer(bucket) as front,
        CountingProxy(
            front.port, latency_ms=arguments.latency_ms, upload_mb_per_second=arguments.upload_mb_per_second
        ) as proxy,
    ):
        seeder = Seeder(bucket, root_of(folder / "stock"))
        seeder.put("small.ipynb", made_notebooks.as_stored(made_notebooks.with_many_outputs(1)))
        emulator = f"http://127.0.0.1:{proxy.port}{urlsplit(front.url).path}"
        with (
            workspace_server(folder / "ours", emulator, BUCKET) as ours,
            stock_server(folder / "stock") as stock,
        ):
            for client in (ours, stock):
                client.get("small.ipynb", **_CONTENT)
            for megabytes in arguments.megabytes:
                for kind, make in _KINDS.items():
                    content = made_notebooks.as_stored(make(megabytes * 1_000_000))
                    name = f"{kind}-{megabytes}.ipynb"
                    seeder.put(name, content)
                    label = f"{megabytes} MB, {kind}"
                    yield from _on_notebook(name, label, (ours, stock), arguments.rounds)


def _on_notebook(name: str, label: str, clients: tuple[Client, ...], rounds: int) -> Iterator[tuple[str, Line]]:
    first = {client.name: _taken([_once(client, lambda c=client: _open(c, name))], []) for client in clients}
    yield f"open {label}, first time", first
    for verb, prepare in (("open", _opening), ("save", saving), ("copy", _copying)):
        line = repeated(prepare, name, clients, rounds)
        print(f"… {verb} {label}", file=sys.stderr, flush=True)
        yield f"{verb} {label}", line


def repeated(
    prepare: Callable[[Client, str], Callable[[], object]], name: str, clients: tuple[Client, ...], rounds: int
) -> Line:
    """Do one thing with a notebook on each server in turn, alone and then while another client sends small requests.

    Args:
        prepare: called with a client and the notebook; returns what is measured.
        name: the notebook.
        clients: the servers.
        rounds: how often.
    """
    line = {client.name: Samples() for client in clients}
    for _ in range(rounds):
        for client in clients:
            alone = _once(client, prepare(client, name))
            _settle(client, name)
            act = prepare(client, name)
            with watching(client) as watched:
                _once(client, act)
            _settle(client, name)
            _add(line[client.name], [alone], [watched])
    return line


def _opening(client: Client, name: str) -> Callable[[], object]:
    return lambda: _open(client, name)


def _open(client: Client, name: str) -> bytes:
    return client.call("GET", f"api/contents/{client.path_of(name)}", params=_CONTENT)


def saving(client: Client, name: str) -> Callable[[], object]:
    """Save the notebook with one more word than it has."""
    content = json.loads(_open(client, name))["content"]
    content["cells"][0]["source"] += " More."
    body = json.dumps({"type": "notebook", "format": "json", "content": content}).encode()
    return lambda: client.put(name, body)


def _copying(client: Client, name: str) -> Callable[[], object]:
    """Copy the notebook, once the last copy has gone."""
    copy = name.replace(".ipynb", "-Copy1.ipynb")
    with contextlib.suppress(RuntimeError):
        client.settle(copy)
        client.delete(copy)
    return lambda: client.copy(name)


def _settle(client: Client, name: str) -> None:
    client.settle(name)
    time.sleep(0.1)


def _once(client: Client, act: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds, and the longest gap of the event loop meanwhile."""
    client.loop()
    start = time.perf_counter()
    act()
    ms = (time.perf_counter() - start) * 1000
    return ms, client.loop()["longest_gap_ms"]


def _taken(alone: list[tuple[float, float]], watched: list[Watched]) -> Samples:
    samples = Samples()
    _add(samples, alone, watched)
    return samples


def _add(samples: Samples, alone: list[tuple[float, float]], watched: list[Watched]) -> None:
    for ms, gap in alone:
        samples.ms.append(ms)
        samples.longest_gap_ms.append(gap)
    for seen in watched:
        samples.others_ms.extend(seen.others_ms)
        samples.grown_mb.append(seen.grown_mb)


def _as_table(lines: dict[str, Line]) -> str:
    head = ["operation", "ms", "ms, stock", "ratio", "loop held, ms", "stock", "others p99, ms", "stock"]
    return table([*head, "memory +MB", "stock"], [_row(name, line) for name, line in lines.items()])


def _row(name: str, line: Line) -> list[str]:
    ours, stock = line["ours"], line["stock"]
    row = [name, f"{median(ours.ms):.0f}", f"{median(stock.ms):.0f}", f"{median(ours.ms) / median(stock.ms):.2f}"]
    row += [
        f"{median(samples.longest_gap_ms):.0f} (max {max(samples.longest_gap_ms):.0f})" for samples in (ours, stock)
    ]
    if not ours.grown_mb:
        return row + [""] * 4
    row += [f"{taken.others_p99_ms:.0f}" for taken in (ours, stock)]
    return row + [f"{max(taken.grown_mb):.0f}" for taken in (ours, stock)]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large", description=__doc__)
    parser.add_argument("--latency-ms", type=float, default=0.0, help="how long each request to the bucket takes")
    parser.add_argument("--upload-mb-per-second", type=float, help="how fast uploads go; default: as they can")
    parser.add_argument("--rounds", type=int, default=5, help="how often each operation is done")
    parser.add_argument("--megabytes", type=int, nargs="+", default=[50, 200], help="sizes of the notebooks")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
