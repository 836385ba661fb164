"""What a copy prints: a line of progress on a terminal, and one report at the end."""

import argparse
import shutil
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from jupyter_terra_env.cli.output import complain, say, say_json
from jupyter_terra_env.transfers.copier import Copied
from jupyter_terra_env.transfers.items import Outcome, Result
from jupyter_terra_env.transfers.progress import Progress, Standing

_REFRESH_SECONDS = 0.25
_NAMED = 20
_AGAIN = "Run the same command again to go on: what is there already is skipped, and large files go on where they were."


class ProgressLine:
    """One line on stderr that is written anew, on a thread."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(1.0)
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()

    def _write(self) -> None:
        while not self._ended.wait(_REFRESH_SECONDS):
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write(f"\r{line_of(self._progress.now())[:width]}\x1b[K")
            sys.stderr.flush()


def line_of(standing: Standing) -> str:
    """How far a copy is, in one line."""
    parts = [
        f"{standing.files:,} of {standing.all_files:,} files",
        f"{size(standing.moved_bytes)} of {size(standing.all_bytes)}",
    ]
    if standing.bytes_per_second is not None:
        parts.append(f"{size(standing.bytes_per_second)}/s")
    if standing.seconds_left is not None:
        parts.append(f"{duration(standing.seconds_left)} left")
    return ", ".join(parts)


def size(number: float) -> str:
    """A number of bytes, as ``1.2 GB``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def duration(seconds: float) -> str:
    """A number of seconds, as ``1 h 05 min`` or ``40 s``."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 60} min {whole % 60:02} s" if whole >= 60 else f"{whole} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Printer:
    """Prints reports.

    Attributes:
        as_json: as one JSON document.
        quiet: failures only.
        dry_run: nothing was copied.
    """

    as_json: bool
    quiet: bool
    dry_run: bool

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Self:
        """What the command line asks for."""
        return cls(as_json=arguments.json, quiet=arguments.quiet, dry_run=arguments.dry_run)

    def report(self, copied: Copied) -> int:
        """Print what became of everything.

        Returns:
            The exit code.
        """
        failed = [one for one in copied.outcomes if one.result is Result.FAILED]
        well = not failed and copied.not_tried == 0
        if self.as_json:
            say_json(self._document(copied, well=well))
        else:
            self._text(copied, failed)
        return 0 if well else 1

    def interrupted(self, copied: Copied) -> None:
        """Print how to go on after Ctrl-C."""
        if self.as_json:
            say_json({**self._document(copied, well=False), "interrupted": True, "message": _AGAIN})
        count = sum(one.result is Result.COPIED for one in copied.outcomes)
        complain(f"copy: interrupted; copied so far: {_files(count)}. {_AGAIN}")

    def _document(self, copied: Copied, *, well: bool) -> dict[str, Any]:
        document: dict[str, Any] = {"well": well, "dry_run": self.dry_run}
        for result in Result:
            document[result.value] = [_fields(one) for one in copied.outcomes if one.result is result]
        document["not_tried"] = copied.not_tried
        if copied.ended_by is not None:
            document["message"] = copied.ended_by
        return document

    def _text(self, copied: Copied, failed: list[Outcome]) -> None:
        done = [one for one in copied.outcomes if one.result is Result.COPIED]
        skipped = Counter(one.reason for one in copied.outcomes if one.result is Result.SKIPPED)
        if not self.quiet:
            for one in done if self.dry_run else done[: _NAMED if len(done) <= _NAMED else 0]:
                verb = "would copy" if self.dry_run else "copied"
                say(f"{verb} {one.source} to {one.target}{' (replaced)' if one.replaced else ''}")
            say(self._summary(done, skipped, len(failed)))
        for one in failed:
            complain(f"NOT copied: {one.message}")
        if copied.ended_by is not None:
            complain(f"copy: {copied.ended_by}")
        if copied.not_tried:
            complain(f"copy: not tried: {_files(copied.not_tried)}. {_AGAIN}")

    def _summary(self, done: list[Outcome], skipped: Counter[str | None], failed: int) -> str:
        verb = "would be copied" if self.dry_run else "copied"
        parts = [f"{_files(len(done))} {verb} ({size(sum(one.size_bytes for one in done))})"]
        if skipped:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in skipped.most_common())
            parts.append(f"{skipped.total():,} skipped ({reasons})")
        if failed:
            parts.append(f"{failed:,} NOT copied")
        return ", ".join(parts) + "."


def _fields(outcome: Outcome) -> dict[str, Any]:
    fields: dict[str, Any] = {"source": outcome.source, "target": outcome.target}
    if outcome.result is Result.COPIED:
        return {**fields, "bytes": outcome.size_bytes, "replaced": outcome.replaced}
    return {**fields, "reason": outcome.reason, "message": outcome.message}


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"
