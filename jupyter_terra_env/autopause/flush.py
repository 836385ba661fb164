"""Brings everything to safety before the machine stops: one flush for all callers, at most one at a time.

Idle time, the longest work, a notice of the cloud, SIGTERM and the command all come here. Tabs are asked to save, the
debts to the bucket are paid, and a manifest on the disk says what is safe and what is not.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from jupyter_terra_env.autopause.state_file import write_json
from jupyter_terra_env.daemon_threads import on_daemon_thread

_MANIFEST_VERSION = 1
_WRITING_SECONDS = 5.0
_GIVING_UP_SECONDS = 3.0
_RESERVE_SECONDS = 1.0
_RESERVE_SHARE = 0.1
"""Part of the time kept, once for the debts' owner to say what is left, and once to write that down."""


class FlushCause(StrEnum):
    """The cause of a flush; append only, never rename."""

    IDLE = "idle"
    MAX_BUSY = "max-busy"
    REQUESTED = "requested"
    PREEMPTED = "preempted"
    MAINTENANCE = "maintenance"
    STOPPING = "stopping"
    SERVER_STOP = "server-stop"


class Unsafe(StrEnum):
    """Why a file is not safe, if its owner gives no reason; append only, never rename."""

    TIMEOUT = "timeout"
    ERROR = "error"
    TAB_SILENT = "tab-does-not-answer"
    TAB_SAVING = "tab-still-saving"
    TAB_NOT_SAVED = "tab-cannot-save"


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeFile:
    """A file whose last saved content is in the bucket.

    Attributes:
        path: its API path.
        generation: the object's generation.
    """

    path: str
    generation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsafeFile:
    """A file whose last content is on this disk only, or in a browser tab only.

    Attributes:
        path: its API path; ``*`` for all that is owed, when it is not known which; ``browser tab`` for a tab that does
            not say what it holds.
        reason: machine-readable cause.
    """

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushResult:
    """What became of the debts.

    Attributes:
        safe: files that are in the bucket.
        unsafe: files that are not.
    """

    safe: tuple[SafeFile, ...] = ()
    unsafe: tuple[UnsafeFile, ...] = ()


class Debts(Protocol):
    """The port to what owes something to the bucket."""

    async def pay(self, deadline_seconds: float) -> FlushResult:
        """Pay all debts, the smallest first; return by the deadline, even if some are left."""

    async def release_locks(self, deadline_seconds: float) -> None:
        """Give back the edit locks of what is safe; return by the deadline."""


class Outputs(Protocol):
    """The port to what cells have put out with no front end connected."""

    async def keep(self, *, attended: bool) -> tuple[UnsafeFile, ...]:
        """Save it in the notebooks; those it could not be saved in.

        Args:
            attended: whether every tab has saved what it shows.
        """


class Tabs(Protocol):
    """The port to the browser tabs."""

    async def save_all(self, deadline_seconds: float) -> bool:
        """Wait until every tab has saved; whether all have."""


class NoDebts:
    """A server without a workspace owes nothing."""

    async def pay(self, deadline_seconds: float) -> FlushResult:  # noqa: ARG002
        """See ``Debts``."""
        return FlushResult()

    async def release_locks(self, deadline_seconds: float) -> None:
        """See ``Debts``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushReport:
    """What a flush did.

    Attributes:
        cause: who asked first.
        seconds: how long it took.
        tabs_saved: whether every tab has saved.
        paid: what became of the debts.
        manifest_written: whether the manifest is on the disk.
    """

    cause: FlushCause
    seconds: float
    tabs_saved: bool
    paid: FlushResult
    manifest_written: bool = True

    @property
    def is_clean(self) -> bool:
        """Whether nothing is left to be lost."""
        return not self.paid.unsafe and self.manifest_written


class Flusher:
    """Flushes, once for all who ask at the same time.

    Args:
        debts: what is owed to the bucket.
        tabs: who may hold unsaved text.
        outputs: outputs of cells that no front end holds.
        unsaved: what the tabs have not saved, after they were waited for.
        announce: asks the tabs to save; called before they are waited for.
        manifest: where the manifest goes, on the persistent disk; None where nothing is owed.
        client_save_seconds: longest wait for the tabs.
        monotonic: a clock, in seconds.
        wall: epoch seconds.
        log: where trouble is logged.
    """

    def __init__(  # noqa: PLR0913 - three ports, a voice, a place, two clocks, each by name
        self,
        *,
        debts: Debts,
        tabs: Tabs,
        outputs: Outputs,
        unsaved: Callable[[], tuple[UnsafeFile, ...]] = tuple,
        announce: Callable[[FlushCause], None],
        manifest: Path | None,
        client_save_seconds: float,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
        log: logging.Logger | logging.LoggerAdapter[Any],
    ) -> None:
        self._debts = debts
        self._tabs = tabs
        self._outputs = outputs
        self._unsaved = unsaved
        self._announce = announce
        self._manifest = manifest
        self._client_save_seconds = client_save_seconds
        self._monotonic = monotonic
        self._wall = wall
        self._log = log
        self._running: asyncio.Task[FlushReport] | None = None
        self._running_ends = 0.0
        self._requests = self._covered = 0
        self._before_end = False
        self._closed = False
        self.last: FlushReport | None = None

    async def flush(self, cause: FlushCause, deadline_seconds: float, *, before_end: bool) -> FlushReport:
        """Bring everything to safety; who comes second waits for the first, as long as their own deadline lets them.

        The first one's result counts for those only who asked before its last look began; for others it is done again.

        Args:
            cause: who asks.
            deadline_seconds: when to return, even if something is left.
            before_end: whether the kernels may end then, so that outputs that no front end sees are saved, too. It is
                enough that one of those who ask says so.
        """
        began = self._monotonic()
        ends = began + deadline_seconds
        while True:
            self._requests += 1
            request, starts = self._requests, self._can_start
            self._before_end = before_end or (self._before_end and not starts)
            if starts:
                self._start(cause, ends)
            had_time = ends <= self._running_ends + _RESERVE_SECONDS
            report = await self._result(max(0.0, ends - self._monotonic()))
            if report is None:
                break
            is_new = request <= self._covered and (report.is_clean or had_time)
            if starts or is_new:
                return report
            # What the other flush saw is too old, or it had less time than there is now: look again.
        late = FlushResult(unsafe=(UnsafeFile(path="*", reason=Unsafe.TIMEOUT),))
        return FlushReport(cause=cause, seconds=self._monotonic() - began, tabs_saved=False, paid=late)

    @property
    def _can_start(self) -> bool:
        return not self._closed and (self._running is None or self._running.done())

    def _start(self, cause: FlushCause, ends: float) -> None:
        self._running_ends = ends
        self._running = asyncio.create_task(self._flush(cause, max(0.0, ends - self._monotonic())), name="flush")

    async def _result(self, patience_seconds: float) -> FlushReport | None:
        """What the flush under way did; None when it does not end in time, or was given up."""
        running = self._running
        if running is None or (self._closed and running.done()):
            return None
        await asyncio.wait({running}, timeout=patience_seconds)
        return running.result() if running.done() and not running.cancelled() else None

    async def release_locks(self, deadline_seconds: float) -> None:
        """Give back the edit locks, so that others need not wait for them to expire."""
        try:
            async with asyncio.timeout(deadline_seconds):
                await self._debts.release_locks(deadline_seconds)
        except TimeoutError:
            self._log.warning("Giving back the edit locks took too long; they expire by themselves.")

    async def close(self, cause: FlushCause) -> None:
        """Give up the flush under way, and report what is left; later callers get *not known to be safe*.

        Args:
            cause: why there is no more time.
        """
        self._closed = True
        if self._running is None or self._running.done():
            return
        self._running.cancel()
        await asyncio.wait({self._running}, timeout=_GIVING_UP_SECONDS)
        now = self._monotonic()
        await self._conclude(cause, began=now, tabs_saved=False, paid=await self._pay(now, _RESERVE_SECONDS))

    async def _flush(self, cause: FlushCause, deadline_seconds: float) -> FlushReport:
        began = self._monotonic()
        self._announce(cause)
        # Half of the time at most: what tabs save has to be paid, too.
        tabs_saved = await self._tabs.save_all(min(self._client_save_seconds, deadline_seconds / 2))
        # Before debts are paid: what a tab saves later may be owed, and is not looked at again.
        unsaved = self._unsaved()
        reserve = min(_RESERVE_SECONDS, deadline_seconds * _RESERVE_SHARE)
        ends = began + deadline_seconds - 2 * reserve
        paid = await self._settle(ends, reserve, attended=tabs_saved)
        paid = FlushResult(safe=paid.safe, unsafe=paid.unsafe + unsaved)
        return await self._conclude(cause, began=began, tabs_saved=tabs_saved, paid=paid)

    async def _conclude(self, cause: FlushCause, *, began: float, tabs_saved: bool, paid: FlushResult) -> FlushReport:
        report = FlushReport(cause=cause, seconds=self._monotonic() - began, tabs_saved=tabs_saved, paid=paid)
        written = self._manifest is None or await self._is_written(self._manifest, report)
        self.last = FlushReport(
            cause=cause, seconds=report.seconds, tabs_saved=tabs_saved, paid=paid, manifest_written=written
        )
        return self.last

    async def _settle(self, ends: float, reserve_seconds: float, *, attended: bool) -> FlushResult:
        """Repeat until no one has asked since the last pass began: later saves are brought to safety, too."""
        paid = FlushResult()
        while True:
            asked = self._requests
            paid = _joined(paid, await self._look(ends, reserve_seconds, attended=attended))
            self._covered = asked
            # A caller who asks after this gets a new flush, as this one is over.
            if self._requests == asked or self._monotonic() >= ends:
                return paid

    async def _look(self, ends: float, reserve_seconds: float, *, attended: bool) -> FlushResult:
        """Pay; first save outputs that no front end sees, if the kernels may end."""
        unkept = await self._keep(ends, attended=attended) if self._before_end else ()
        paid = await self._pay(ends, reserve_seconds)
        return FlushResult(safe=paid.safe, unsafe=paid.unsafe + unkept)

    async def _keep(self, ends: float, *, attended: bool) -> tuple[UnsafeFile, ...]:
        try:
            # Half of the time at most: what is kept has to be paid, too.
            async with asyncio.timeout(max(0.0, ends - self._monotonic()) / 2):
                return await self._outputs.keep(attended=attended)
        except TimeoutError:
            return (UnsafeFile(path="*", reason=Unsafe.TIMEOUT),)
        except Exception:  # noqa: BLE001 - as below
            self._log.exception("Keeping the outputs of cells failed.")
            return (UnsafeFile(path="*", reason=Unsafe.ERROR),)

    async def _pay(self, ends: float, reserve_seconds: float) -> FlushResult:
        deadline_seconds = max(0.0, ends - self._monotonic())
        try:
            async with asyncio.timeout(deadline_seconds + reserve_seconds):
                return await self._debts.pay(deadline_seconds)
        except TimeoutError:
            return FlushResult(unsafe=(UnsafeFile(path="*", reason=Unsafe.TIMEOUT),))
        except Exception:  # noqa: BLE001 - after any error nothing is known to be safe
            self._log.exception("Paying the debts to the workspace bucket failed.")
            return FlushResult(unsafe=(UnsafeFile(path="*", reason=Unsafe.ERROR),))

    async def _is_written(self, manifest: Path, report: FlushReport) -> bool:
        """Write the manifest; a disk that hangs holds no one up."""
        try:
            async with asyncio.timeout(_WRITING_SECONDS):
                return await on_daemon_thread(self._write, manifest, report)
        except TimeoutError:
            self._log.error("The flush's manifest %s cannot be written: the disk does not answer.", manifest)
            return False

    def _write(self, manifest: Path, report: FlushReport) -> bool:
        record = {
            "version": _MANIFEST_VERSION,
            "cause": report.cause.value,
            "finished_at": datetime.fromtimestamp(self._wall(), UTC).isoformat(timespec="seconds"),
            "tabs_saved": report.tabs_saved,
            "safe": [{"path": file.path, "generation": file.generation} for file in report.paid.safe],
            "unsafe": as_json(report.paid.unsafe),
        }
        try:
            write_json(manifest, record)
        except OSError as error:
            self._log.error("The flush's manifest %s cannot be written: %s", manifest, error)
            return False
        return True


def _joined(before: FlushResult, after: FlushResult) -> FlushResult:
    """Merge the results of two passes: the later one wins, and does not list what it found paid."""
    anew = {file.path for file in after.safe} | {file.path for file in after.unsafe}
    return FlushResult(
        safe=tuple(file for file in before.safe if file.path not in anew) + after.safe, unsafe=after.unsafe
    )


def as_json(unsafe: Sequence[UnsafeFile]) -> list[dict[str, str]]:
    """Unsafe files, ready for JSON."""
    return [{"path": file.path, "reason": file.reason} for file in unsafe]
