"""Ours beside Jupyter's own contents manager on the disk and packaged contents managers over a bucket, in one run.

All are real servers asked through the REST API. One embedded bucket serves all of them, each through a proxy of its
own that counts and adds latency. Times depend on the machine; what counts are the ratios of numbers of one run.
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from benchmarks import large, made_notebooks, operations
from benchmarks.counting_proxy import CountingProxy
from benchmarks.measuring import Result, measure
from benchmarks.peer_servers import PEERS, ensure_peers, peer_server
from benchmarks.report import table
from benchmarks.run import BUCKET, Seeder
from benchmarks.servers import Client, root_of, stock_server, workspace_server
from jupyter_terra_env.bucket.embedded.api import EmbeddedBucket
from jupyter_terra_env.bucket.embedded.http_front import EmbeddedServer

_SAVE_CHANGED, _SAVE_UNCHANGED = "save, changed", "save, unchanged"
_OPERATIONS = (
    "open, first time",
    "open again, unchanged",
    "what JupyterLab does to open",
    _SAVE_CHANGED,
    _SAVE_UNCHANGED,
    "what JupyterLab does to save",
    "create",
    "rename",
    "delete",
)
_LARGE = "large.ipynb"
_LARGE_BYTES = 50_000_000
_SAVE_MS_OVER_ROUND_TRIP = 15.0
_LARGE_SAVE_RATIO = 1.3
_OTHERS_P99_MS = 60.0

Results = list[dict[str, Result]]


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal, what was measured, and whether that meets it."""

    name: str
    measured: str
    is_met: bool


@dataclass(frozen=True, slots=True)
class Servers:
    """All servers of one run, over freshly filled buckets."""

    clients: tuple[Client, ...]
    proxies: dict[str, CountingProxy]


def main() -> int:
    """Run and print.

    Returns:
        0; goals that are missed are said in the table, for times are no reason to fail.
    """
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="terra-env-benchmark-") as folder:
        venv = arguments.venv or Path(folder) / "venv"
        ensure_peers(venv)
        for latency_ms in arguments.latency_ms:
            home = Path(folder) / f"at-{latency_ms:g}"
            with _servers(home, venv, latency_ms, arguments) as servers:
                _on_latency(servers, latency_ms, arguments)
    return 0


def _on_latency(servers: Servers, latency_ms: float, arguments: argparse.Namespace) -> None:
    wanted = [operation for operation in operations.on_small_notebooks() if operation.name in _OPERATIONS]
    small = list(measure(wanted, servers.clients, servers.proxies, rounds=arguments.rounds, on_result=_note))
    print(f"\n### {latency_ms:g} ms per request to the bucket, p50 of {arguments.rounds} rounds\n")
    print("A notebook of 100 KB: requests to the bucket · ms\n")
    print(_small_table(small))
    goals = _small_goals(small, latency_ms)
    if arguments.large:
        saved = large.repeated(large.saving, _LARGE, servers.clients, arguments.rounds)
        print("\nPUT of 50 MB\n")
        print(_large_table(saved))
        goals += _large_goals(saved)
    print("\n" + table(("goal", "measured", ""), [(g.name, g.measured, "✓" if g.is_met else "✗") for g in goals]))


@contextlib.contextmanager
def _servers(home: Path, venv: Path, latency_ms: float, arguments: argparse.Namespace) -> Iterator[Servers]:
    with ExitStack() as stack:
        bucket = stack.enter_context(EmbeddedBucket(home / "bucket" / "bucket.sqlite3"))
        front = stack.enter_context(EmbeddedServer(bucket))
        proxies = {
            name: stack.enter_context(CountingProxy(front.port, latency_ms=latency_ms))
            for name in ("ours", *(peer.name for peer in PEERS))
        }
        emulators = {
            name: f"http://127.0.0.1:{proxy.port}{urlsplit(front.url).path}" for name, proxy in proxies.items()
        }
        _note(f"preparing notebooks for {latency_ms:g} ms")
        notebooks = _notebooks(arguments)
        for name in (BUCKET, *(peer.bucket for peer in PEERS)):
            seeder = Seeder(bucket, root_of(home / "stock"), name=name)
            for path, content in notebooks.items():
                seeder.put(path, content)
        clients = (
            stack.enter_context(workspace_server(home / "ours", emulators["ours"], BUCKET)),
            stack.enter_context(stock_server(home / "stock")),
            *(stack.enter_context(peer_server(peer, home / peer.name, emulators[peer.name], venv)) for peer in PEERS),
        )
        # The first request connects to the bucket and loads client libraries.
        for client in clients:
            client.get("warm-up.ipynb", type="notebook", content=1, hash=1)
        yield Servers(clients, proxies)


def _notebooks(arguments: argparse.Namespace) -> dict[str, bytes]:
    content = made_notebooks.as_stored(made_notebooks.with_many_outputs(100_000))
    names = [name(number) for name in (operations.small, operations.fresh) for number in range(arguments.rounds)]
    notebooks = dict.fromkeys(("warm-up.ipynb", *names), content)
    if arguments.large:
        notebooks[_LARGE] = made_notebooks.as_stored(made_notebooks.with_many_outputs(_LARGE_BYTES))
    return notebooks


def _small_table(results: Results) -> str:
    rows = [
        [_name(row), *(f"{result.p50('requests'):g} · {result.p50('ms'):.0f}" for result in row.values())]
        for row in results
    ]
    return table(("operation", *results[0]), rows)


def _large_table(saved: large.Line) -> str:
    stock_ms = median(saved["stock"].ms)
    rows = [
        [
            name,
            f"{median(samples.ms):.0f}",
            f"{median(samples.ms) / stock_ms:.2f}",
            f"{samples.others_p99_ms:.0f}",
            f"{median(samples.longest_gap_ms):.0f}",
        ]
        for name, samples in saved.items()
    ]
    return table(("server", "ms", "of the stock manager's", "other requests' p99, ms", "loop held, ms"), rows)


def _small_goals(results: Results, latency_ms: float) -> list[Goal]:
    rows = {_name(row): row for row in results}
    changed, unchanged = rows[_SAVE_CHANGED], rows[_SAVE_UNCHANGED]["ours"].requests
    over = changed["ours"].p50("ms") - changed["stock"].p50("ms") - latency_ms
    return [
        Goal(
            f"save changed, 100 KB: over the local save and one round trip ≤ {_SAVE_MS_OVER_ROUND_TRIP:g} ms",
            f"{over:+.1f} ms",
            over <= _SAVE_MS_OVER_ROUND_TRIP,
        ),
        Goal("save unchanged: sends nothing", f"{unchanged} requests", unchanged == 0),
    ]


def _large_goals(saved: large.Line) -> list[Goal]:
    ratio, p99 = median(saved["ours"].ms) / median(saved["stock"].ms), saved["ours"].others_p99_ms
    return [
        Goal(
            f"PUT of 50 MB: ≤ {_LARGE_SAVE_RATIO} times the local save",
            f"{ratio:.2f} times",
            ratio <= _LARGE_SAVE_RATIO,
        ),
        Goal(f"other requests meanwhile: p99 ≤ {_OTHERS_P99_MS:g} ms", f"{p99:.0f} ms", p99 <= _OTHERS_P99_MS),
    ]


def _name(row: dict[str, Result]) -> str:
    return row["ours"].operation.name


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument(
        "--latency-ms", type=float, nargs="+", default=[0.0, 50.0], help="how long each request to the bucket takes"
    )
    parser.add_argument("--rounds", type=int, default=10, help="how often each operation is done")
    parser.add_argument(
        "--venv", type=Path, metavar="DIR", help="where the peers are installed, or will be; default: for this run only"
    )
    parser.add_argument("--large", action="store_true", help="save 50 MB, too")
    return parser.parse_args()


def _note(sentence: str) -> None:
    print(f"… {sentence}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
