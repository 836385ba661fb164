"""Whether a kernel is busy: by the requests it has begun and not ended, audited by a probe.

A kernel's ``status`` messages name the request they belong to. Counting the requests that are running is right where
one shared state is not: a subshell or the control channel answers, and becomes idle, while a cell still runs.
Messages get lost (a full queue drops them), so a request that has run for long is audited: a ``kernel_info_request``
is answered only when the shell is free, which proves that what began before it has ended. Other messages of the
kernel prove nothing about that request: a program that polls the kernel must not postpone the audit.
"""

from dataclasses import dataclass, field, replace

from jupyter_terra_env.rules.autopause.activity import is_cell, is_work

MAIN_SHELL = ""
BRIEF_SECONDS = 10.0
"""Requests that programs send by themselves, again and again, count as work only if they take longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A request that a kernel has begun.

    Attributes:
        request_type: its message type.
        subshell: id of the subshell that handles it, or ``MAIN_SHELL``.
        since_seconds: when it began, by the observer's clock.
        counts_from_seconds: from when on it counts as work.
    """

    request_type: str
    subshell: str
    since_seconds: float
    counts_from_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """The question that waits in a shell's queue.

    Attributes:
        id: message id of the ``kernel_info_request``.
        subshell: where it waits.
        sent_seconds: when it was sent.
        replied: whether its answer has arrived.
        seen: whether its status has arrived, which proves that the subscription works.
    """

    id: str
    subshell: str
    sent_seconds: float
    replied: bool = False
    seen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelBusy:
    """What is known about a kernel.

    Attributes:
        certain: whether a probe has proved that nothing was missed. Until then the reported state stands.
        running: the requests it has begun, by message id.
        probes: the probes under way, by the shell they wait in: one that waits behind a long cell of one shell
            does not put off the audit of another.
        waits_since_seconds: since when a cell has been waiting for ``input()``; None when none does.
        waiting_request: message id of the cell that waits.
        work_ended_seconds: when the last work ended; None when there was none.
        unheard: probes that were answered and whose status never came, since the process began.
    """

    certain: bool = False
    running: dict[str, Running] = field(default_factory=dict)
    probes: dict[str, Probe] = field(default_factory=dict)
    waits_since_seconds: float | None = None
    waiting_request: str | None = None
    work_ended_seconds: float | None = None
    unheard: int = 0

    @property
    def is_busy(self) -> bool:
        """Whether a request is running, however short it may be."""
        return bool(self.running)

    @property
    def busy_since_seconds(self) -> float | None:
        """When the oldest running request began."""
        return min((request.since_seconds for request in self.running.values()), default=None)

    def works(self, now: float) -> bool:
        """Whether a request that counts as work is running; ``now`` is the observer's clock, seconds."""
        return any(request.counts_from_seconds <= now for request in self.running.values())


def on_status(  # noqa: PLR0913 - what a message says, each by name
    kernel: KernelBusy,
    *,
    request_id: str,
    request_type: str,
    subshell: str,
    state: str,
    now: float,
    by_program: bool = False,
) -> KernelBusy:
    """A ``status`` message has arrived.

    Args:
        kernel: what is known.
        request_id: the parent's message id, empty for none.
        request_type: the parent's message type, empty for none.
        subshell: the parent's subshell id, empty for none.
        state: ``busy``, ``idle`` or ``starting``.
        now: the observer's clock, seconds.
        by_program: whether the request is known to be sent by a program, not by a person.
    """
    if state == "starting":
        return on_restart(kernel, now)
    probe = _probe(kernel, request_id)
    if probe is not None:
        return _settled(kernel, replace(probe, seen=True))
    if not is_work(request_type):
        return kernel
    if state == "busy":
        brief = by_program or not is_cell(request_type)
        begun = Running(
            request_type=request_type,
            subshell=subshell,
            since_seconds=now,
            counts_from_seconds=now + BRIEF_SECONDS if brief else now,
        )
        return replace(kernel, running={**kernel.running, request_id: kernel.running.get(request_id, begun)})
    return _ended(kernel, {request_id}, now)


def on_probe_sent(kernel: KernelBusy, *, request_id: str, subshell: str, now: float) -> KernelBusy:
    """A ``kernel_info_request`` has been put into a shell's queue."""
    sent = Probe(id=request_id, subshell=subshell, sent_seconds=now)
    return replace(kernel, probes={**kernel.probes, subshell: sent})


def on_probe_reply(kernel: KernelBusy, *, request_id: str, now: float) -> KernelBusy:
    """The shell has answered: everything it began before the question was asked has ended."""
    probe = _probe(kernel, request_id)
    if probe is None:
        return kernel
    ended = {
        key
        for key, request in kernel.running.items()
        if request.subshell == probe.subshell and request.since_seconds < probe.sent_seconds
    }
    return _settled(_ended(kernel, ended, now), replace(probe, replied=True))


def on_restart(kernel: KernelBusy, now: float) -> KernelBusy:
    """The kernel's process is a new one, or none: nothing of the old one runs any more.

    Until the subscription is known to reach the new process, messages may be missed.
    """
    fresh = _ended(kernel, set(kernel.running), now)
    return replace(fresh, certain=False, probes={}, waits_since_seconds=None, waiting_request=None, unheard=0)


def on_input_request(kernel: KernelBusy, *, request_id: str, now: float) -> KernelBusy:
    """A cell asks the person something."""
    return replace(kernel, waits_since_seconds=now, waiting_request=request_id)


def on_input_reply(kernel: KernelBusy) -> KernelBusy:
    """The person has answered."""
    return replace(kernel, waits_since_seconds=None, waiting_request=None)


def shell_to_audit(kernel: KernelBusy, *, now: float, audit_interval: float) -> str | None:
    """The shell that has to be asked whether it is free, or None: one probe at a time waits in a shell.

    Args:
        kernel: what is known.
        now: the observer's clock, seconds.
        audit_interval: seconds after which a running request is audited.
    """
    waiting = {shell for shell, probe in kernel.probes.items() if not probe.replied}
    if not kernel.certain:
        return None if MAIN_SHELL in waiting else MAIN_SHELL
    overdue = [
        request
        for request in kernel.running.values()
        if now - request.since_seconds >= audit_interval and request.subshell not in waiting
    ]
    return min(overdue, key=lambda request: request.since_seconds).subshell if overdue else None


def is_probe_unheard(kernel: KernelBusy, *, now: float, patience: float) -> bool:
    """Whether a probe was answered and its status not heard.

    Args:
        kernel: what is known.
        now: the observer's clock, seconds.
        patience: how long a status may take, seconds.
    """
    return any(
        probe.replied and not probe.seen and now - probe.sent_seconds >= patience for probe in kernel.probes.values()
    )


def without_probe(kernel: KernelBusy) -> KernelBusy:
    """Forget the probes that were answered, so that others can be sent."""
    left = {key: each for key, each in kernel.probes.items() if not each.replied}
    return replace(kernel, probes=left, unheard=kernel.unheard + 1)


def needs_wide_subscription(kernel: KernelBusy) -> bool:
    """Whether this kernel's topics are not the usual ones.

    The first status may be missed because the subscription reached the kernel after the question; the second is not.
    """
    return kernel.unheard > 1


def corrected_state(kernel: KernelBusy, reported: str | None) -> str | None:
    """The state to report: the known one, or the reported one where something may have been missed.

    Args:
        kernel: what is known.
        reported: the server's ``execution_state``; a state of a kernel that ends is left alone.
    """
    if reported not in {"busy", "idle", "starting"}:
        return reported
    if kernel.is_busy:
        return "busy"
    return "idle" if kernel.certain else reported


def _ended(kernel: KernelBusy, ids: set[str], now: float) -> KernelBusy:
    if not ids & kernel.running.keys():
        return kernel
    waits = kernel.waiting_request is not None and kernel.waiting_request not in ids
    worked = any(kernel.running[key].counts_from_seconds <= now for key in ids & kernel.running.keys())
    return replace(
        kernel,
        running={key: request for key, request in kernel.running.items() if key not in ids},
        waits_since_seconds=kernel.waits_since_seconds if waits else None,
        waiting_request=kernel.waiting_request if waits else None,
        work_ended_seconds=now if worked else kernel.work_ended_seconds,
    )


def _probe(kernel: KernelBusy, request_id: str) -> Probe | None:
    return next((each for each in kernel.probes.values() if each.id == request_id), None)


def _settled(kernel: KernelBusy, probe: Probe) -> KernelBusy:
    """Take note of a probe. Both its answer and its status: from now on nothing can have been missed."""
    if not (probe.replied and probe.seen):
        return replace(kernel, probes={**kernel.probes, probe.subshell: probe})
    others = {key: each for key, each in kernel.probes.items() if key != probe.subshell}
    return replace(kernel, probes=others, certain=kernel.certain or probe.subshell == MAIN_SHELL)
