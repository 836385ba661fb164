"""Whether a kernel is busy: by the requests it has begun and not ended, audited by a sentinel.

A kernel's ``status`` messages name the request they belong to. Counting the requests that are running is right where
one shared state is not: a subshell or the control channel answers, and becomes idle, while a cell still runs.
Messages get lost (a full queue drops them), so a request that is silent for long is audited: a ``kernel_info_request``
is answered only when the shell is free, which proves that what began before it has ended.
"""

from dataclasses import dataclass, field, replace

from jupyter_terra_env.rules.activity import is_work

MAIN_SHELL = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A request that a kernel has begun.

    Attributes:
        request_type: its message type.
        subshell: id of the subshell that handles it, or ``MAIN_SHELL``.
        since_seconds: when it began, by the observer's clock.
    """

    request_type: str
    subshell: str
    since_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentinel:
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
        certain: whether a sentinel has proved that nothing was missed. Until then the reported state stands.
        running: the requests it has begun, by message id.
        sentinel: the sentinel under way.
        waits_since_seconds: since when a cell has been waiting for ``input()``; None when none does.
        waiting_request: message id of the cell that waits.
        heard_seconds: when the kernel was last heard.
        work_ended_seconds: when the last work ended; None when there was none.
    """

    certain: bool = False
    running: dict[str, Running] = field(default_factory=dict)
    sentinel: Sentinel | None = None
    waits_since_seconds: float | None = None
    waiting_request: str | None = None
    heard_seconds: float = 0.0
    work_ended_seconds: float | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a request that counts as work is running."""
        return bool(self.running)

    @property
    def busy_since_seconds(self) -> float | None:
        """When the oldest running request began."""
        return min((request.since_seconds for request in self.running.values()), default=None)


def on_status(
    kernel: KernelBusy, *, request_id: str, request_type: str, subshell: str, state: str, now: float
) -> KernelBusy:
    """A ``status`` message has arrived.

    Args:
        kernel: what is known.
        request_id: the parent's message id, empty for none.
        request_type: the parent's message type, empty for none.
        subshell: the parent's subshell id, empty for none.
        state: ``busy``, ``idle`` or ``starting``.
        now: the observer's clock, seconds.
    """
    kernel = replace(kernel, heard_seconds=now)
    if state == "starting":
        return on_restart(kernel, now)
    if kernel.sentinel is not None and request_id == kernel.sentinel.id:
        return _settled(replace(kernel, sentinel=replace(kernel.sentinel, seen=True)), now)
    if not is_work(request_type):
        return kernel
    if state == "busy":
        begun = Running(request_type=request_type, subshell=subshell, since_seconds=now)
        return replace(kernel, running={**kernel.running, request_id: kernel.running.get(request_id, begun)})
    return _ended(kernel, {request_id}, now)


def on_sentinel_sent(kernel: KernelBusy, *, request_id: str, subshell: str, now: float) -> KernelBusy:
    """A ``kernel_info_request`` has been put into a shell's queue."""
    return replace(kernel, sentinel=Sentinel(id=request_id, subshell=subshell, sent_seconds=now))


def on_sentinel_reply(kernel: KernelBusy, *, request_id: str, now: float) -> KernelBusy:
    """The shell has answered: whatever it began before the question was asked has ended."""
    sentinel = kernel.sentinel
    if sentinel is None or sentinel.id != request_id:
        return kernel
    ended = {
        key
        for key, request in kernel.running.items()
        if request.subshell == sentinel.subshell and request.since_seconds < sentinel.sent_seconds
    }
    kernel = _ended(replace(kernel, heard_seconds=now), ended, now)
    return _settled(replace(kernel, sentinel=replace(sentinel, replied=True)), now)


def on_restart(kernel: KernelBusy, now: float) -> KernelBusy:
    """The kernel's process is a new one, or none: nothing of the old one runs any more.

    Until the subscription is known to reach the new process, messages may be missed.
    """
    fresh = _ended(kernel, set(kernel.running), now)
    return replace(fresh, certain=False, sentinel=None, waits_since_seconds=None, waiting_request=None)


def on_input_request(kernel: KernelBusy, *, request_id: str, now: float) -> KernelBusy:
    """A cell asks the person something."""
    return replace(kernel, waits_since_seconds=now, waiting_request=request_id)


def on_input_reply(kernel: KernelBusy) -> KernelBusy:
    """The person has answered."""
    return replace(kernel, waits_since_seconds=None, waiting_request=None)


def shell_to_audit(kernel: KernelBusy, *, now: float, audit_interval: float) -> str | None:
    """The shell whose silence has to be looked into, or None: one sentinel at a time is under way.

    Args:
        kernel: what is known.
        now: the observer's clock, seconds.
        audit_interval: silence, in seconds, after which a running request is audited.
    """
    if kernel.sentinel is not None and not kernel.sentinel.replied:
        return None
    if not kernel.certain:
        return MAIN_SHELL
    silent = [
        request
        for request in kernel.running.values()
        if now - max(request.since_seconds, kernel.heard_seconds) >= audit_interval
    ]
    return min(silent, key=lambda request: request.since_seconds).subshell if silent else None


def needs_wide_subscription(kernel: KernelBusy, *, now: float, patience: float) -> bool:
    """Whether a sentinel was answered and its status not heard: this kernel's topics are not the usual ones.

    Args:
        kernel: what is known.
        now: the observer's clock, seconds.
        patience: how long a status may take, seconds.
    """
    sentinel = kernel.sentinel
    return sentinel is not None and sentinel.replied and not sentinel.seen and now - sentinel.sent_seconds >= patience


def without_sentinel(kernel: KernelBusy) -> KernelBusy:
    """Forget the sentinel, so that another one can be sent."""
    return replace(kernel, sentinel=None)


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
    return replace(
        kernel,
        running={key: request for key, request in kernel.running.items() if key not in ids},
        waits_since_seconds=kernel.waits_since_seconds if waits else None,
        waiting_request=kernel.waiting_request if waits else None,
        work_ended_seconds=now,
    )


def _settled(kernel: KernelBusy, now: float) -> KernelBusy:
    """Both the answer and the status of a sentinel: from now on nothing can have been missed."""
    sentinel = kernel.sentinel
    if sentinel is None or not (sentinel.replied and sentinel.seen):
        return kernel
    return replace(kernel, sentinel=None, certain=kernel.certain or sentinel.subshell == MAIN_SHELL, heard_seconds=now)
