"""Copies against the plain client, in one run: one large file, and many small ones.

``python -m benchmarks.copies`` starts an embedded bucket in a process of its own, on loopback. The large file goes
without a delay, by turns with ``upload_from_filename`` and ``download_to_filename``; the small ones go with a delay for
each request, against a plain loop.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from jupyter_terra_env.bucket.clock import BucketClock, machine_clock
from jupyter_terra_env.bucket.connection import Connection
from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME, EmbeddedBucket
from jupyter_terra_env.bucket.embedded.faults import Delay, Fault, FaultPlan
from jupyter_terra_env.bucket.embedded.http_front import EmbeddedServer
from jupyter_terra_env.rules.copy_decisions import IfExists
from jupyter_terra_env.transfers.copier import Copied
from jupyter_terra_env.transfers.items import Result
from jupyter_terra_env.transfers.progress import Progress
from jupyter_terra_env.wiring.copies import Copies, CopySettings

BUCKET = "a-bucket"
RATE_GOAL = 0.9
SMALL_GOAL = 5.0
_EMULATOR = "STORAGE_EMULATOR_HOST"


def main() -> int:
    """Measure, and print two tables.

    Returns:
        0 if both goals are reached.
    """
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        with _service(folder / "large", 0.0):
            large = _measure_large(folder, arguments)
        with _service(folder / "small", arguments.latency_ms / 1000):
            small = _measure_small(folder, arguments)
    print(f"\n| {arguments.megabytes} MB | plain client, MB/s | copy, MB/s | ratio |\n|---|---:|---:|---:|")
    for name, (plain, ours) in large.items():
        rates = arguments.megabytes / plain, arguments.megabytes / ours
        print(f"| {name} | {rates[0]:.0f} | {rates[1]:.0f} | {rates[1] / rates[0]:.2f} |")
    print(f"\n| {arguments.files:,} files, {arguments.latency_ms:g} ms | plain loop, s | copy, s | times faster |")
    print("|---|---:|---:|---:|")
    for name, (plain, ours) in small.items():
        print(f"| {name} | {plain:.1f} | {ours:.1f} | {plain / ours:.1f} |")
    reached = all(plain / ours >= RATE_GOAL for plain, ours in large.values())
    return 0 if reached and all(plain / ours >= SMALL_GOAL for plain, ours in small.values()) else 1


def _measure_large(folder: Path, arguments: argparse.Namespace) -> dict[str, tuple[float, float]]:
    file = folder / "large.bin"
    file.write_bytes(random.Random(1).randbytes(arguments.megabytes * 1_000_000))
    bucket = _plain_bucket()
    times: dict[str, tuple[list[float], list[float]]] = {"upload": ([], []), "download": ([], [])}
    for number in range(arguments.rounds):
        name, target = f"plain-{number}", folder / f"plain-{number}"
        times["upload"][0].append(_seconds(lambda name=name: bucket.blob(name).upload_from_filename(file)))
        times["upload"][1].append(_copy(folder, str(file), f"gs://{BUCKET}/ours-{number}"))
        times["download"][0].append(
            _seconds(lambda name=name, target=target: bucket.blob(name).download_to_filename(target))
        )
        times["download"][1].append(_copy(folder, f"gs://{BUCKET}/ours-{number}", str(folder / "ours")))
        if (folder / "ours").read_bytes() != file.read_bytes():
            raise RuntimeError("the download is not the file")
        for done in (target, folder / "ours"):
            done.unlink()
        bucket.delete_blobs([name, f"ours-{number}"])
    return {way: (statistics.median(plain), statistics.median(ours)) for way, (plain, ours) in times.items()}


def _measure_small(folder: Path, arguments: argparse.Namespace) -> dict[str, tuple[float, float]]:
    source = folder / "small files"
    source.mkdir()
    for number in range(arguments.files):
        (source / f"{number:05}.txt").write_bytes(random.Random(number).randbytes(2_000))
    names = sorted(file.name for file in source.iterdir())
    bucket = _plain_bucket()

    def upload() -> None:
        for name in names:
            bucket.blob(f"plain/{name}").upload_from_filename(source / name)

    def download() -> None:
        (folder / "plain").mkdir()
        for name in names:
            bucket.blob(f"plain/{name}").download_to_filename(folder / "plain" / name)

    up = _seconds(upload), _copy(folder, f"{source}/", f"gs://{BUCKET}/ours/")
    down = _seconds(download), _copy(folder, f"gs://{BUCKET}/ours/", f"{folder}/ours/")
    if len(list((folder / "ours").iterdir())) != arguments.files:
        raise RuntimeError("files are missing")
    return {"upload": up, "download": down}


def _copy(folder: Path, source: str, target: str) -> float:
    """Copy, and return how many seconds it took, without the start of Python and of the client."""
    settings = CopySettings(
        root=folder,
        state=folder / "state",
        records=folder / "records",
        workspaces=(),
        connection=Connection(),
        if_exists=IfExists.REFUSE,
    )
    clock = BucketClock(local_ms=machine_clock(), log=logging.getLogger())
    copied = Copied()

    async def run(copies: Copies) -> None:
        plan = await copies.plan([source], target)
        size = sum(item.size_bytes for item in plan.items)
        await copies.copy(
            plan.items, Progress(all_files=len(plan.items), all_bytes=size, monotonic=time.monotonic), copied
        )

    with Copies(settings, clock) as copies:
        asyncio.run(copies.plan([f"gs://{BUCKET}/nothing"], str(folder / "nothing")))
        seconds = _seconds(lambda: asyncio.run(run(copies)))
    if not copied.outcomes or any(one.result is not Result.COPIED for one in copied.outcomes):
        raise RuntimeError(f"not copied: {copied.outcomes[:3]}")
    return seconds


def _plain_bucket() -> storage.Bucket:
    return storage.Client(project="p", credentials=AnonymousCredentials()).bucket(BUCKET)


def _seconds(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


@contextlib.contextmanager
def _service(folder: Path, delay_seconds: float) -> Iterator[None]:
    """An embedded bucket in another process, as the bucket of all clients of this one."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.copies", "--serve", str(folder), str(delay_seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        os.environ[_EMULATOR] = process.stdout.readline().strip()
        _plain_bucket().client.create_bucket(BUCKET)
        yield
    finally:
        process.stdin.close()
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _serve(folder: str, delay_seconds: float) -> None:
    faults = FaultPlan() if delay_seconds else None
    if faults is not None:
        faults.add(Fault(operation="*", action=Delay(seconds=delay_seconds), times=1 << 30))
    with (
        EmbeddedBucket(Path(folder) / DATABASE_NAME) as engine,
        EmbeddedServer(engine, faults=faults) as front,
    ):
        print(front.url, flush=True)
        sys.stdin.read()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.copies", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=256, help="length of the large file")
    parser.add_argument("--rounds", type=int, default=3, help="how often the large file goes each way")
    parser.add_argument("--files", type=int, default=2000, help="number of small files")
    parser.add_argument("--latency-ms", type=float, default=50.0, help="how long each request of the small ones takes")
    return parser.parse_args()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        _serve(sys.argv[2], float(sys.argv[3]))
    else:
        sys.exit(main())
