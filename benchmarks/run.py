"""Requests, bytes, times and memory per operation, ours beside Jupyter's own contents manager, in one run.

The bucket is the embedded one behind a proxy that counts and adds latency; both servers use the same disk. Counts are
exact and decide the exit code; times depend on the machine and never do.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote, urlsplit

from benchmarks import made_notebooks, operations
from benchmarks.counting_proxy import CountingProxy
from benchmarks.measuring import Result, measure
from benchmarks.report import large_table, missed_counts, requests_table
from benchmarks.servers import FOLDER, root_of, stock_server, workspace_server
from jupyter_terra_env.bucket.embedded.api import EmbeddedBucket
from jupyter_terra_env.bucket.embedded.http_front import EmbeddedServer
from jupyter_terra_env.bucket.embedded.messages import Request

BUCKET = "benchmark-bucket"
FOLDER_SIZES = (1_000, 10_000)
LARGE = ((5, 50.0, 3), (50, 50.0, 2))
"""Megabytes, the target for the event loop in ms, rounds at most."""
_KINDS = {"outputs": made_notebooks.with_many_outputs, "image": made_notebooks.with_big_image}

Results = list[dict[str, Result]]


class Seeder:
    """Puts the same notebooks into the bucket and into the stock server's folder."""

    def __init__(self, bucket: EmbeddedBucket, stock_root: Path, *, name: str = BUCKET) -> None:
        self._bucket = bucket
        self._name = name
        self._folder = stock_root / FOLDER
        self._request("POST", "/storage/v1/b?project=benchmark", json.dumps({"name": name}).encode())

    def put(self, path: str, content: bytes, *, encoding: str = "") -> None:
        """One notebook, by its path in the edit folder.

        Args:
            path: its path.
            content: as stored.
            encoding: the object's ``contentEncoding``; empty for none.
        """
        more = f"&contentEncoding={encoding}" if encoding else ""
        target = f"/upload/storage/v1/b/{self._name}/o?uploadType=media{more}&name="
        self._request("POST", target + quote(f"notebooks/{path}", safe=""), content)
        file = self._folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def _request(self, method: str, target: str, body: bytes) -> None:
        headers = {"content-type": "application/json"}
        answer = self._bucket.handle(Request(method=method, target=target, headers=headers, body=body))
        if answer.status != 200:
            raise RuntimeError(f"{method} {target}: {answer.status} {answer.body!r}")


def main() -> int:
    """Run and print.

    Returns:
        1 when an operation sent more requests than its target, else 0.
    """
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="terra-env-benchmark-") as folder:
        small, large = _run(Path(folder), arguments)
    print(f"\nA notebook of 100 KB; p50 of {arguments.rounds} rounds, {arguments.latency_ms:g} ms per request\n")
    print(requests_table(small))
    if large:
        print("\nLarge notebooks\n")
        print(large_table(large))
    if arguments.json:
        arguments.json.write_text(_as_json(arguments, small + large), encoding="utf-8")
    missed = missed_counts(small)
    for name in missed:
        print(f"\ntarget missed: {name}", file=sys.stderr)
    return 1 if missed else 0


def _run(folder: Path, arguments: argparse.Namespace) -> tuple[Results, Results]:
    ours_home, stock_home = folder / "ours", folder / "stock"
    with (
        EmbeddedBucket(folder / "bucket" / "bucket.sqlite3") as bucket,
        EmbeddedServer(bucket) as front,
        CountingProxy(front.port, latency_ms=arguments.latency_ms) as proxy,
    ):
        _note("preparing notebooks")
        _seed(Seeder(bucket, root_of(stock_home)), arguments)
        emulator = f"http://127.0.0.1:{proxy.port}{urlsplit(front.url).path}"
        with workspace_server(ours_home, emulator, BUCKET) as ours, stock_server(stock_home) as stock:

            def measured(wanted: Iterable[operations.Operation]) -> Results:
                return list(measure(wanted, (ours, stock), {"ours": proxy}, rounds=arguments.rounds, on_result=_note))

            # Connecting to the bucket for the first time loads the client library.
            for client in (ours, stock):
                client.get("warm-up.ipynb", type="notebook", content=1, hash=1)
            small = measured([*operations.on_small_notebooks(), *operations.on_folders(FOLDER_SIZES)])
            large = measured([] if arguments.skip_large else _large_operations())
    return small, large


def _seed(seeder: Seeder, arguments: argparse.Namespace) -> None:
    content = made_notebooks.as_stored(made_notebooks.with_many_outputs(100_000))
    names = [name(number) for name in (operations.small, operations.fresh) for number in range(arguments.rounds)]
    for path in ("warm-up.ipynb", *names):
        seeder.put(path, content)
    tiny = made_notebooks.as_stored(made_notebooks.with_many_outputs(1))
    for size in FOLDER_SIZES:
        for number in range(size):
            seeder.put(f"of-{size}/notebook {number:05}.ipynb", tiny)
    for megabytes, _, rounds in () if arguments.skip_large else LARGE:
        for kind, make in _KINDS.items():
            content = made_notebooks.as_stored(make(megabytes * 1_000_000))
            for number in range(min(rounds, arguments.rounds)):
                seeder.put(f"{kind}-{megabytes}-{number}.ipynb", content)


def _large_operations() -> Iterable[operations.Operation]:
    for megabytes, longest_gap_ms, rounds in LARGE:
        for kind in _KINDS:
            label = f"{megabytes} MB, {'many outputs' if kind == 'outputs' else 'one big image'}"
            yield from operations.on_large_notebooks(
                f"{kind}-{megabytes}", label, longest_gap_ms=longest_gap_ms, rounds=rounds
            )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--latency-ms", type=float, default=50.0, help="how long each request to the bucket takes")
    parser.add_argument(
        "--rounds", type=int, default=10, help="how often each operation is done (fewer for large ones)"
    )
    parser.add_argument("--skip-large", action="store_true", help="leave out the notebooks of 5 and 50 MB")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample to this file")
    return parser.parse_args()


def _as_json(arguments: argparse.Namespace, results: Results) -> str:
    measured = [{server: result.as_json() for server, result in pair.items()} for pair in results]
    return json.dumps({"latency_ms": arguments.latency_ms, "results": measured}, indent=1)


def _note(sentence: str) -> None:
    print(f"… {sentence}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
