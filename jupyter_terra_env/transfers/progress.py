"""How far a copy is, how fast it goes, and how long it will take. Safe to share between threads."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

_WINDOW_SECONDS = 10.0
_LEAST_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a copy is.

    Attributes:
        files: how many files are done.
        all_files: how many there are.
        moved_bytes: how much is done.
        all_bytes: how much there is.
        bytes_per_second: the present rate; None if it is not known yet.
        seconds_left: an estimate; None if it is not known yet.
    """

    files: int
    all_files: int
    moved_bytes: int
    all_bytes: int
    bytes_per_second: float | None
    seconds_left: float | None


class Progress:
    """Counts files and bytes.

    Args:
        all_files: how many files there are.
        all_bytes: their length.
        monotonic: seconds from some fixed point.
    """

    def __init__(self, *, all_files: int, all_bytes: int, monotonic: Callable[[], float]) -> None:
        self._all_files = all_files
        self._all_bytes = all_bytes
        self._monotonic = monotonic
        self._guard = threading.Lock()
        self._moved: dict[int, int] = {}
        self._bytes = 0
        self._files = 0
        self._past: deque[tuple[float, int, int]] = deque([(monotonic(), 0, 0)])

    def of(self, number: int) -> Callable[[int], None]:
        """A function that takes how many bytes of one file are done."""

        def report(moved_bytes: int) -> None:
            with self._guard:
                self._bytes += moved_bytes - self._moved.get(number, 0)
                self._moved[number] = moved_bytes

        return report

    def file_ended(self) -> None:
        """A file is done, or has failed."""
        with self._guard:
            self._files += 1

    def now(self) -> Standing:
        """How far it is; to be asked a few times a second."""
        with self._guard:
            now = self._monotonic()
            self._past.append((now, self._bytes, self._files))
            while now - self._past[0][0] > _WINDOW_SECONDS:
                self._past.popleft()
            then, bytes_then, files_then = self._past[0]
            moved, files = self._bytes, self._files
        seconds = now - then
        if seconds < _LEAST_SECONDS:
            rate = left = None
        else:
            rate = max(0.0, (moved - bytes_then) / seconds)
            # Each of many small files takes its time, regardless of its length.
            left = _longest((self._all_bytes - moved, rate), (self._all_files - files, (files - files_then) / seconds))
        return Standing(
            files=files,
            all_files=self._all_files,
            moved_bytes=moved,
            all_bytes=self._all_bytes,
            bytes_per_second=rate,
            seconds_left=left,
        )


def _longest(by_bytes: tuple[int, float], by_files: tuple[int, float]) -> float | None:
    (bytes_left, bytes_rate), (files_left, files_rate) = by_bytes, by_files
    if files_rate > 0 and bytes_rate > 0:
        return max(bytes_left / bytes_rate, min(files_left / files_rate, 10 * bytes_left / bytes_rate))
    if bytes_rate > 0:
        return bytes_left / bytes_rate
    return files_left / files_rate if files_rate > 0 else None
