"""Which cells run, and what they have put out so far: seen where it passes between kernels and websockets.

A front end that goes away leaves a kernel behind whose cell runs on. What the cell puts out from then on is in a buffer
of Jupyter's; what it put out before is remembered here, as long as the cell runs.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jupyter_terra_env.rules.cell_outputs import CellRun
from jupyter_terra_env.server.activity.notebook_outputs import DELIMITER, Frames, Unattended, id_in

_MOST_RUNS = 1000
_MOST_BYTES = 64_000_000
"""Limit for each kernel: some hours of a progress bar that is drawn ten times a second."""
_OBJECT_BYTES = 250
"""About what Python adds to a message that is kept."""
_IDLE_BYTES = 100
"""The content of a status message is shorter."""


@dataclass(slots=True)
class _Run:
    cell_id: str
    source: str
    sessions: frozenset[str] | None
    began: float
    passed: dict[bytes, Frames] = field(default_factory=dict)
    parent: bytes = b""
    from_start: bool = True


class CellRuns:
    """The cells that run, by kernel. The record of a run is dropped when a front end has seen its end.

    Args:
        kernels: the server's mapping kernel manager.
        sessions_of: the ids of the notebook sessions of a kernel; None where they are not known.
        wall: epoch seconds.
    """

    def __init__(
        self,
        kernels: Any,
        *,
        sessions_of: Callable[[str], frozenset[str] | None] = lambda _: None,
        wall: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._kernels = kernels
        self._sessions_of = sessions_of
        self._wall = wall
        self._runs: dict[str, dict[str, _Run]] = {}
        self._bytes: dict[str, int] = {}

    def begin(self, kernel_id: str, request_id: str, cell_id: str, source: str) -> None:
        """A front end has asked for a cell to be executed; an earlier run of the cell does not matter any more.

        Where notebooks share a kernel, the earlier run may be of a cell with the same id in another one.
        """
        runs = self._runs.setdefault(kernel_id, {})
        sessions = self._sessions_of(kernel_id)
        is_shared = sessions is not None and len(sessions) > 1
        for earlier in [id_ for id_, run in runs.items() if run.cell_id == cell_id and not is_shared]:
            self._drop(kernel_id, earlier)
        if len(runs) >= _MOST_RUNS:
            self._drop(kernel_id, next(iter(runs)))
        runs[request_id] = _Run(cell_id, source, sessions, self._wall())

    def passes(self, kernel_id: str, frames: Frames) -> None:
        """A message goes from a kernel's IOPub channel to a front end. Several front ends see the same messages."""
        if not self._runs.get(kernel_id):
            return
        request_id = self._note(kernel_id, frames)
        if request_id is not None and _is_idle(frames):
            self._drop(kernel_id, request_id)

    def take_over(self, kernel_id: str, session_key: str) -> None:
        """Another front end connects: Jupyter throws away what it has kept for the last one.

        Args:
            kernel_id: the kernel.
            session_key: of the front end that connects.
        """
        buffer = self._buffer(kernel_id)
        if buffer is not None and self._runs.get(kernel_id) and buffer["session_key"] != session_key:
            for frames in _iopub(buffer):
                self.passes(kernel_id, frames)

    def restarted(self, kernel_id: str) -> None:
        """A kernel was restarted; every connected front end has seen that."""
        if self._kernels.kernel_model(kernel_id)["connections"] > 0:
            self.forget(kernel_id)

    def forget(self, kernel_id: str) -> None:
        """A kernel has ended."""
        self._runs.pop(kernel_id, None)
        self._bytes.pop(kernel_id, None)

    def unattended(self) -> Mapping[str, Unattended]:
        """What kernels have done that their notebooks may not show, by kernel id."""
        for gone in self._runs.keys() - set(self._kernels.list_kernel_ids()):
            self.forget(gone)
        return {id_: self._unattended_of(id_) for id_, runs in self._runs.items() if runs}

    def begun_by(self, kernel_id: str, request_id: str) -> tuple[frozenset[str] | None, float]:
        """The notebook sessions that shared the kernel when a run began, None where not known; and when that was."""
        run = self._runs.get(kernel_id, {}).get(request_id)
        return (None, 0.0) if run is None else (run.sessions, run.began)

    def kept(self, kernel_id: str, what: Unattended, *, but: Collection[str] = ()) -> None:
        """It is in the notebook. What has no start would be added to it again, and is let go.

        Args:
            kernel_id: the kernel.
            what: what was to be kept.
            but: requests whose outputs are not in the notebook.
        """
        for run in what.runs:
            if not run.from_start and run.request_id not in but and run.request_id in self._runs.get(kernel_id, {}):
                self._drop(kernel_id, run.request_id)

    def _unattended_of(self, kernel_id: str) -> Unattended:
        runs = self._runs[kernel_id]
        buffer = self._buffer(kernel_id)
        return Unattended(
            runs=tuple(
                CellRun(request_id=id_, cell_id=run.cell_id, from_start=run.from_start, source=run.source)
                for id_, run in runs.items()
            ),
            passed=tuple(frames for run in runs.values() for frames in run.passed.values()),
            buffered=() if buffer is None else tuple(_iopub(buffer)),
        )

    def _buffer(self, kernel_id: str) -> Any:
        """What Jupyter keeps for the last front end of a kernel; None while one is connected."""
        return getattr(self._kernels, "_kernel_buffers", {}).get(kernel_id)

    def _note(self, kernel_id: str, frames: Frames) -> str | None:
        """Remember a message of a run; the run's request."""
        try:
            start = frames.index(DELIMITER)
            header, parent, _, content = frames[start + 2 : start + 6]
        except ValueError:
            return None
        request_id = id_in(parent)
        run = self._runs[kernel_id].get(request_id)
        if run is None:
            return None
        if run.from_start and header not in run.passed:
            # All messages of a run share one parent header; topic, signature and widgets' buffers are not needed.
            kept = run.passed[header] = [DELIMITER, b"", header, run.parent or parent, b"{}", content]
            run.parent = kept[3]
            self._bytes[kernel_id] = self._bytes.get(kernel_id, 0) + _size(kept)
            if self._bytes[kernel_id] > _MOST_BYTES:
                self._let_go(kernel_id, run)
        return request_id

    def _let_go(self, kernel_id: str, run: _Run) -> None:
        """Drop the messages of a run with too much output: its start is only in what its front end has saved."""
        self._bytes[kernel_id] -= sum(map(_size, run.passed.values()))
        run.passed, run.from_start = {}, False

    def _drop(self, kernel_id: str, request_id: str) -> None:
        run = self._runs[kernel_id].pop(request_id)
        self._bytes[kernel_id] = self._bytes.get(kernel_id, 0) - sum(map(_size, run.passed.values()))


def _is_idle(frames: Frames) -> bool:
    content = frames[frames.index(DELIMITER) + 5]
    try:
        return len(content) < _IDLE_BYTES and json.loads(content) == {"execution_state": "idle"}
    except ValueError:
        # A message that is not understood still goes to the front end.
        return False


def _iopub(buffer: Mapping[str, Any]) -> Iterable[Frames]:
    return [frames for channel, frames in buffer["buffer"] if channel == "iopub"]


def _size(frames: Frames) -> int:
    return len(frames[2]) + len(frames[-1]) + _OBJECT_BYTES
