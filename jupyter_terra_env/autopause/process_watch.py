"""The processes of this machine, as a source of work: jobs of terminals, and processes that use the CPU."""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from jupyter_terra_env.autopause.observation import Observation
from jupyter_terra_env.rules.autopause.activity import Work, WorkKind
from jupyter_terra_env.rules.autopause.processes import (
    ProcessRoot,
    ProcessSample,
    Streak,
    children_of,
    loads,
    streaks,
    work_of_loads,
)

_FIELDS = ["pid", "ppid", "name", "cpu_times", "create_time", "uids", "status"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalShell:
    """A terminal's shell.

    Attributes:
        name: the terminal's name.
        pid: the shell's process id.
        descriptor: of the terminal, or -1.
    """

    name: str
    pid: int
    descriptor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLimits:
    """From where on a process counts.

    Attributes:
        terminal_jobs: whether every job of a terminal counts.
        active_cores: processors in use by a group; 0 for never.
        work_samples: scans in a row it takes.
        server_only: whether only processes started by this server count, instead of all of this user.
        scans: whether processes can be seen at all; if not, only jobs in the foreground of terminals are.
    """

    terminal_jobs: bool = True
    active_cores: float = 0.10
    work_samples: int = 2
    server_only: bool = False
    scans: bool = True


class ProcessWatch:
    """Scans the processes once a tick, on a thread.

    Args:
        monotonic: a clock, in seconds.
        limits: from where on a process counts.
        kernels: the kernels' processes.
        busy_kernels: kernels that run a cell, which need no second mention.
        terminals: the terminals' shells.
        marks: variables that the processes of this server have inherited; one of them is enough.
    """

    name = "processes"

    def __init__(
        self,
        *,
        monotonic: Callable[[], float],
        limits: ProcessLimits,
        kernels: Callable[[], Iterable[ProcessRoot]],
        busy_kernels: Callable[[], frozenset[str]],
        terminals: Callable[[], Iterable[TerminalShell]],
        marks: Mapping[str, str],
    ) -> None:
        self._monotonic = monotonic
        self._limits = limits
        self._kernels = kernels
        self._busy_kernels = busy_kernels
        self._terminals = terminals
        self._before: tuple[ProcessSample, ...] = ()
        self._scanned: float | None = None
        self._streaks: Mapping[str, Streak] = {}
        self._jobs_since: dict[str, float] = {}
        self._ours = _OwnProcesses(marks)

    async def look(self) -> Observation:
        """The processes and terminal jobs that count as work."""
        shells = tuple(self._terminals())
        samples = await asyncio.to_thread(self._scan)
        now = self._monotonic()
        jobs = self._jobs(shells, samples, now) if self._limits.terminal_jobs else ()
        named = {work.id for work in jobs}
        by_load = tuple(
            work
            for work in self._by_load(shells, samples, now)
            if work.kind is not WorkKind.TERMINAL or work.id not in named
        )
        return Observation(work=(*jobs, *by_load))

    def _by_load(
        self, shells: Iterable[TerminalShell], samples: tuple[ProcessSample, ...], now: float
    ) -> tuple[Work, ...]:
        elapsed = 0.0 if self._scanned is None else now - self._scanned
        roots = [*self._kernels(), *(_root(shell) for shell in shells)]
        found = loads(
            self._before, samples, elapsed_seconds=elapsed, roots=roots, ignored_pids=frozenset({os.getpid()})
        )
        self._before, self._scanned = samples, now
        if elapsed > 0:
            self._streaks = streaks(self._streaks, found, threshold_cores=self._limits.active_cores, now=now)
        return work_of_loads(
            found,
            self._streaks,
            work_samples=self._limits.work_samples,
            now=now,
            busy_kernels=self._busy_kernels(),
        )

    def _jobs(
        self, shells: Iterable[TerminalShell], samples: tuple[ProcessSample, ...], now: float
    ) -> tuple[Work, ...]:
        """The terminals whose shell has a job, in the foreground or not, working or waiting."""
        jobs = {shell.name: job for shell in shells if (job := _job_of(shell, samples)) is not None}
        self._jobs_since = {name: self._jobs_since.get(name, now) for name in jobs}
        return tuple(
            Work(
                kind=WorkKind.TERMINAL,
                id=name,
                detail=f"{job} runs in terminal {name}.",
                age_seconds=now - self._jobs_since[name],
            )
            for name, job in jobs.items()
        )

    def _scan(self) -> tuple[ProcessSample, ...]:
        if not self._limits.scans:
            return ()
        user = os.getuid()
        found = []
        for process in psutil.process_iter(_FIELDS):
            info = process.info
            if info["uids"] is None or info["uids"].real != user or info["cpu_times"] is None:
                continue
            if info["status"] == psutil.STATUS_ZOMBIE:
                # It has ended; some shells take note of that only when the next line is typed.
                continue
            if self._limits.server_only and not self._ours.has(process):
                continue
            found.append(
                ProcessSample(
                    pid=info["pid"],
                    parent_pid=info["ppid"],
                    name=info["name"] or "a process",
                    cpu_seconds=info["cpu_times"].user + info["cpu_times"].system,
                    started=info["create_time"],
                )
            )
        return tuple(found)


class _OwnProcesses:
    """Recognizes processes this server has started, even when their parents are gone: they inherited a mark."""

    def __init__(self, marks: Mapping[str, str]) -> None:
        self._known: dict[tuple[int, float], bool] = {}
        self._badges = dict(marks)

    def has(self, process: Any) -> bool:
        key = (process.info["pid"], process.info["create_time"])
        if key in self._known:
            return self._known[key]
        try:
            inherited: Mapping[str, str] = process.environ()
        except (psutil.Error, OSError):
            inherited = {}
        is_own = process.info["pid"] == os.getpid() or self._is_marked(inherited)
        if is_own or inherited:
            # While a program takes the place of its shell's copy, there are no variables to see: look again.
            self._known[key] = is_own
        return is_own

    def _is_marked(self, inherited: Mapping[str, str]) -> bool:
        return any(inherited.get(name) == value for name, value in self._badges.items())


def _job_of(shell: TerminalShell, samples: Iterable[ProcessSample]) -> str | None:
    children = children_of(_root(shell), samples)
    if children:
        return children[0].name
    try:
        foreground = os.tcgetpgrp(shell.descriptor)
    except (OSError, ValueError):
        return None
    # A program that replaced the shell's child by then, or one started with exec's help.
    return None if foreground in (shell.pid, 0) else "A job"


def _root(shell: TerminalShell) -> ProcessRoot:
    return ProcessRoot(pid=shell.pid, kind=WorkKind.TERMINAL, id=shell.name)
