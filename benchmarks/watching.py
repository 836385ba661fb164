"""What a server's other users feel, and what memory it takes, while something large is done."""

import contextlib
import os
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import requests

from benchmarks.servers import Client

_ASKING_PAUSE_SECONDS = 0.002
_LOOKING_PAUSE_SECONDS = 0.02
_MEGABYTE = 1_000_000


@dataclass(slots=True)
class Watched:
    """What was seen.

    Attributes:
        others_ms: how long each of the other requests took.
        before_mb: memory of the server and its processes before.
        peak_mb: the most of it meanwhile.
    """

    others_ms: list[float] = field(default_factory=list)
    before_mb: float = 0.0
    peak_mb: float = 0.0

    @property
    def grown_mb(self) -> float:
        """By how much the memory grew."""
        return self.peak_mb - self.before_mb


@contextlib.contextmanager
def watching(client: Client) -> Iterator[Watched]:
    """Ask small things and look at the memory for as long as this is not left."""
    watched = Watched(before_mb=memory_mb(client.process_id))
    over = threading.Event()
    threads = [
        threading.Thread(target=_ask_small_things, args=(client, watched, over)),
        threading.Thread(target=_look_at_memory, args=(client, watched, over)),
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    watched.others_ms.clear()
    try:
        yield watched
    finally:
        over.set()
        for thread in threads:
            thread.join()


def memory_mb(process_id: int) -> float:
    """Memory of a process and all below it: what is theirs, their share of what is shared, files in memory once."""
    processes = list(_family(process_id))
    files: dict[int, int] = {}
    for process in processes:
        files.update(_files_in_memory(process))
    return (sum(map(_own_bytes, processes)) + sum(files.values())) / _MEGABYTE


def _ask_small_things(client: Client, watched: Watched, over: threading.Event) -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.headers.update(client.session.headers)
        while not over.is_set():
            start = time.perf_counter()
            session.get(f"{client.url}/api/status", timeout=60)
            watched.others_ms.append((time.perf_counter() - start) * 1000)
            time.sleep(_ASKING_PAUSE_SECONDS)


def _look_at_memory(client: Client, watched: Watched, over: threading.Event) -> None:
    while not over.is_set():
        watched.peak_mb = max(watched.peak_mb, memory_mb(client.process_id))
        time.sleep(_LOOKING_PAUSE_SECONDS)


def _family(process_id: int) -> Iterator[int]:
    yield process_id
    for task in _listed(Path(f"/proc/{process_id}/task")):
        with contextlib.suppress(OSError):
            for child in (task / "children").read_text(encoding="ascii").split():
                yield from _family(int(child))


def _own_bytes(process_id: int) -> int:
    """Proportional set size without files in memory."""
    try:
        rollup = Path(f"/proc/{process_id}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    return sum(int(found) * 1024 for found in re.findall(r"^Pss_(?:Anon|File):\s+(\d+) kB", rollup, re.MULTILINE))


def _files_in_memory(process_id: int) -> Iterator[tuple[int, int]]:
    for descriptor in _listed(Path(f"/proc/{process_id}/fd")):
        with contextlib.suppress(OSError):
            if os.readlink(descriptor).startswith("/memfd:"):  # noqa: PTH115 - the link's text, which is no path
                status = descriptor.stat()
                yield status.st_ino, status.st_blocks * 512


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
