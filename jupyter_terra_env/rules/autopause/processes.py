"""What the machine's processes are busy with: loads by kernel, by terminal, and of everything else.

A job that was sent to the background and whose terminal is gone belongs to no one any more; only its use of the
CPU shows that it runs. So loads are measured over all processes, not only below kernels and terminals.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from jupyter_terra_env.rules.autopause.activity import Work, WorkKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSample:
    """A process at the moment of a scan.

    Attributes:
        pid: its id.
        parent_pid: its parent's id.
        name: the program's name, without arguments.
        cpu_seconds: processor time it has used.
        started: when it started, by any one clock; with the id it identifies a process.
    """

    pid: int
    parent_pid: int
    name: str
    cpu_seconds: float
    started: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRoot:
    """A process whose descendants belong to something that has a name.

    Attributes:
        pid: its process id.
        kind: what it is.
        id: a kernel's id or a terminal's name.
    """

    pid: int
    kind: WorkKind
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Processor use of a group between two scans.

    Attributes:
        root: what the group belongs to; None for the rest of the machine.
        cores: processors in use, 1.0 for one of them.
        top: name of the program that used most.
        top_pid: its process id.
    """

    root: ProcessRoot | None
    cores: float
    top: str
    top_pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Streak:
    """How long a group has been over the threshold.

    Attributes:
        samples: consecutive scans.
        since_seconds: the observer's clock at the first of them.
    """

    samples: int
    since_seconds: float


def loads(
    before: Iterable[ProcessSample],
    after: Iterable[ProcessSample],
    *,
    elapsed_seconds: float,
    roots: Iterable[ProcessRoot],
    ignored_pids: frozenset[int],
) -> tuple[Load, ...]:
    """Processor use by group between two scans.

    Args:
        before: the earlier scan.
        after: the later scan.
        elapsed_seconds: time between them.
        roots: kernels and terminals.
        ignored_pids: processes that count for nothing, as the server itself.
    """
    if elapsed_seconds <= 0:
        return ()
    used_before = {(process.pid, process.started): process.cpu_seconds for process in before}
    by_pid = {process.pid: process for process in after}
    root_of_pid = {root.pid: root for root in roots}
    groups: dict[ProcessRoot | None, list[tuple[float, ProcessSample]]] = {}
    for process in by_pid.values():
        if process.pid in ignored_pids:
            continue
        used = process.cpu_seconds - used_before.get((process.pid, process.started), 0.0)
        groups.setdefault(_root_of(process, by_pid, root_of_pid), []).append((max(0.0, used), process))
    found = []
    for root, members in groups.items():
        top = max(members, key=lambda member: member[0])[1]
        cores = sum(used for used, _ in members) / elapsed_seconds
        found.append(Load(root=root, cores=cores, top=top.name, top_pid=top.pid))
    return tuple(found)


def children_of(root: ProcessRoot, processes: Iterable[ProcessSample]) -> tuple[ProcessSample, ...]:
    """The processes started by a root itself, as the jobs of a shell."""
    return tuple(process for process in processes if process.parent_pid == root.pid)


def streaks(
    before: Mapping[str, Streak], found: Iterable[Load], *, threshold_cores: float, now: float
) -> dict[str, Streak]:
    """Carry on the streaks of groups over the threshold; a group that fell below it has none.

    Args:
        before: streaks so far, by ``key_of`` their group.
        found: this scan's loads.
        threshold_cores: from where on a group counts; 0 for never.
        now: the observer's clock, seconds.
    """
    over = {key_of(load.root) for load in found if threshold_cores > 0 and load.cores >= threshold_cores}
    return {key: _longer(before.get(key), now) for key in over}


def key_of(root: ProcessRoot | None) -> str:
    """Name of a group."""
    return "machine" if root is None else f"{root.kind}:{root.id}"


def work_of_loads(
    found: Iterable[Load], current: Mapping[str, Streak], *, work_samples: int, now: float, busy_kernels: frozenset[str]
) -> tuple[Work, ...]:
    """The groups that have been over the threshold for long enough to be work.

    Args:
        found: this scan's loads.
        current: streaks, this scan included.
        work_samples: how many consecutive scans it takes.
        now: the observer's clock, seconds.
        busy_kernels: kernels whose cells are known to run, which need no second mention.
    """
    work = []
    for load in found:
        streak = current.get(key_of(load.root))
        if streak is None or streak.samples < work_samples:
            continue
        if load.root is not None and load.root.kind is WorkKind.KERNEL and load.root.id in busy_kernels:
            continue
        work.append(_work_of(load, age_seconds=now - streak.since_seconds))
    return tuple(work)


def _work_of(load: Load, *, age_seconds: float) -> Work:
    program = f"{load.top} (process {load.top_pid}) uses {load.cores:.2f} of a processor"
    if load.root is None:
        return Work(
            kind=WorkKind.PROCESS, id=str(load.top_pid), detail=f"{program} in the background.", age_seconds=age_seconds
        )
    if load.root.kind is WorkKind.KERNEL:
        return Work(
            kind=WorkKind.KERNEL_BACKGROUND,
            id=load.root.id,
            detail=f"{program} in a kernel that runs no cell.",
            age_seconds=age_seconds,
        )
    return Work(
        kind=load.root.kind, id=load.root.id, detail=f"{program} in terminal {load.root.id}.", age_seconds=age_seconds
    )


def _root_of(
    process: ProcessSample, by_pid: Mapping[int, ProcessSample], root_of_pid: Mapping[int, ProcessRoot]
) -> ProcessRoot | None:
    seen: set[int] = set()
    current: ProcessSample | None = process
    while current is not None and current.pid not in seen:
        if current.pid in root_of_pid:
            return root_of_pid[current.pid]
        seen.add(current.pid)
        current = by_pid.get(current.parent_pid)
    return None


def _longer(streak: Streak | None, now: float) -> Streak:
    if streak is None:
        return Streak(samples=1, since_seconds=now)
    return replace(streak, samples=streak.samples + 1)
