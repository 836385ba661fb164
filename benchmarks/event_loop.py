"""A server extension that reports how long the server's event loop was held, and how much memory the server took.

``GET /benchmark/event-loop`` answers both since the last time it was asked.
"""

import asyncio
import contextlib
import json
import re
import time
from pathlib import Path

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

_SETTING = "benchmark_event_loop"
_NAP_SECONDS = 0.001


class LoopWatch:
    """Wakes each millisecond; what it is late by is how long something held the loop."""

    def __init__(self) -> None:
        self._longest_seconds = 0.0
        self._started = time.perf_counter()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            self._started = time.perf_counter()
            await asyncio.sleep(_NAP_SECONDS)
            self._note_lateness()

    def take_longest_ms(self) -> float:
        """The longest gap since this was last asked, the one that may be under way included."""
        self._note_lateness()
        longest, self._longest_seconds = self._longest_seconds, 0.0
        self._started = time.perf_counter()
        return longest * 1000

    def _note_lateness(self) -> None:
        late = time.perf_counter() - self._started - _NAP_SECONDS
        self._longest_seconds = max(self._longest_seconds, late)


class EventLoopHandler(APIHandler):
    """Answers ``{longest_gap_ms, peak_rss_mb, rss_mb}`` and starts both over."""

    @web.authenticated
    async def get(self) -> None:
        watch: LoopWatch = self.settings[_SETTING]
        answer = {
            "longest_gap_ms": watch.take_longest_ms(),
            "peak_rss_mb": _memory_mb("VmHWM"),
            "rss_mb": _memory_mb("VmRSS"),
        }
        _forget_peak()
        self.finish(json.dumps(answer))


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "benchmarks.event_loop"}]


def _load_jupyter_server_extension(serverapp) -> None:
    watch = LoopWatch()
    serverapp.web_app.settings[_SETTING] = watch
    pattern = url_path_join(serverapp.base_url, "/benchmark/event-loop")
    serverapp.web_app.add_handlers(".*$", [(pattern, EventLoopHandler)])

    # Runs as long as the server does.
    serverapp.io_loop.add_callback(watch.run)


def _memory_mb(field: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    found = re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)
    return int(found.group(1)) / 1024 if found else 0.0


def _forget_peak() -> None:
    """Linux: 5 sets the peak back to what is resident now."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
