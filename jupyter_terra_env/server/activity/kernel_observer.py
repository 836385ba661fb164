"""One kernel, observed: its requests counted on a narrow subscription, its silence audited, its state corrected.

Decisions are in `rules/autopause/kernel_busy.py`; this is the wire. Protocol: docs/protocol/autopause.md.
"""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import zmq
from jupyter_client.session import Session
from tornado.ioloop import IOLoop

from jupyter_terra_env.rules.autopause import kernel_busy
from jupyter_terra_env.rules.autopause.kernel_busy import KernelBusy

_TOPICS = (b"kernel.", b"status")
"""``ipykernel`` publishes ``kernel.ID.status``, others ``status``; floods of outputs have topics of their own."""
_SETTLE_SECONDS = 0.05
"""Wait before a correction: the server's own subscription gets the same message a moment earlier or later."""
_STATUS_PATIENCE_SECONDS = 1.0
_AFTER_RESTART_SECONDS = 0.5
_MOST_PROGRAM_REQUESTS = 1000

Log = logging.Logger | logging.LoggerAdapter[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observing:
    """How kernels are observed.

    Attributes:
        monotonic: a clock, in seconds.
        audit_interval: silence of a running request, in seconds, before it is audited.
        correct: whether a wrong ``execution_state`` is corrected for every client that reads it.
        input_wait_is_idle: whether a cell that waits for ``input()`` counts as waiting instead of working.
        on_correction: called with each correction: the kernel's id and the state now reported.
        log: where trouble is logged.
    """

    monotonic: Callable[[], float]
    audit_interval: float
    correct: bool
    input_wait_is_idle: bool
    on_correction: Callable[[str, str], None]
    log: Log


class KernelObserver:
    """Knows whether a kernel is busy.

    Args:
        kernel_id: the kernel's id.
        manager: its ``ServerKernelManager``.
        how: how it is observed.
    """

    def __init__(self, kernel_id: str, manager: Any, how: Observing) -> None:
        self.id = kernel_id
        self.manager = manager
        self.attached_seconds = how.monotonic()
        self._how = how
        self._monotonic = how.monotonic
        self._busy = KernelBusy()
        self._reported: str | None = manager.execution_state
        self._writing = False
        self._timer: Any = None
        self._audit_timer: Any = None
        self._iopub: Any = None
        self._shell: Any = None
        self._wide = False
        self._ports: tuple[int, int] | None = None
        self._by_program: deque[str] = deque(maxlen=_MOST_PROGRAM_REQUESTS)

    @property
    def busy(self) -> KernelBusy:
        """What is known of the kernel."""
        return self._busy

    @property
    def reported_state(self) -> str | None:
        """The state that the server reports, without corrections."""
        return self._reported

    @property
    def state(self) -> str | None:
        """The kernel's true state, as far as it is known."""
        return kernel_busy.corrected_state(self._busy, self._reported)

    def attach(self) -> None:
        """Begin to observe, and send the first probe."""
        self.manager.observe(self._on_reported, "execution_state")
        self.manager.add_restart_callback(self.on_restart, "restart")
        self.manager.add_restart_callback(self.on_restart, "dead")
        self._connect()
        self.audit()

    def close(self) -> None:
        """Stop observing. The kernel's state is left as it is."""
        self.manager.unobserve(self._on_reported, "execution_state")
        for event in ("restart", "dead"):
            self.manager.remove_restart_callback(self.on_restart, event)
        for timer in (self._timer, self._audit_timer):
            if timer is not None:
                IOLoop.current().remove_timeout(timer)
        self._timer = self._audit_timer = None
        self._disconnect()

    def audit(self) -> None:
        """Check the connection, and audit a request that has been silent for too long."""
        if self._ports != self._current_ports() and all(self._current_ports()):
            # A kernel that dies young is restarted on other ports.
            self._disconnect()
            self._connect()
            self._update(kernel_busy.on_restart(self._busy, self._monotonic()))
        now = self._monotonic()
        if kernel_busy.is_probe_unheard(self._busy, now=now, patience=_STATUS_PATIENCE_SECONDS):
            self._update(kernel_busy.without_probe(self._busy))
            if kernel_busy.needs_wide_subscription(self._busy) and not self._wide:
                self._how.log.info("Kernel %s publishes on unusual topics: all of them are read.", self.id)
                self._iopub.socket.setsockopt(zmq.SUBSCRIBE, b"")
                self._wide = True
        shell = kernel_busy.shell_to_audit(self._busy, now=now, audit_interval=self._how.audit_interval)
        if shell is not None:
            self._send_probe(shell)

    def on_restart(self) -> None:
        """The kernel's process has died or was replaced."""
        self._update(kernel_busy.on_restart(self._busy, self._monotonic()))
        self._audit_in(_AFTER_RESTART_SECONDS)

    def on_input_request(self, request_id: str) -> None:
        """A cell of the kernel asks the person something."""
        self._update(kernel_busy.on_input_request(self._busy, request_id=request_id, now=self._monotonic()))

    def on_program_request(self, request_id: str) -> None:
        """A program in a browser, not a person, has asked for code to be executed."""
        self._by_program.append(request_id)

    def on_input_reply(self) -> None:
        """The person has answered."""
        self._update(kernel_busy.on_input_reply(self._busy))

    def _audit_in(self, seconds: float) -> None:
        if self._audit_timer is None:
            self._audit_timer = IOLoop.current().call_later(seconds, self._audit_on_time)

    def _audit_on_time(self) -> None:
        self._audit_timer = None
        self.audit()

    # The wire

    def _current_ports(self) -> tuple[int, int]:
        return self.manager.iopub_port, self.manager.shell_port

    def _connect(self) -> None:
        self._ports = self._current_ports()
        self._session = Session(config=self.manager.session.config, key=self.manager.session.key)
        self._iopub = self.manager.connect_iopub()
        self._iopub.socket.setsockopt(zmq.UNSUBSCRIBE, b"")
        for topic in _TOPICS:
            self._iopub.socket.setsockopt(zmq.SUBSCRIBE, topic)
        self._wide = False
        self._shell = self.manager.connect_shell()
        self._iopub.on_recv(self._on_iopub)
        self._shell.on_recv(self._on_shell)

    def _disconnect(self) -> None:
        for stream in (self._iopub, self._shell):
            if stream is not None and not stream.closed():
                stream.close(linger=0)
        self._iopub = self._shell = None

    def _send_probe(self, shell: str) -> None:
        message = self._session.msg("kernel_info_request")
        if shell != kernel_busy.MAIN_SHELL:
            message["header"]["subshell_id"] = shell
        self._update(
            kernel_busy.on_probe_sent(
                self._busy, request_id=message["header"]["msg_id"], subshell=shell, now=self._monotonic()
            )
        )
        self._session.send(self._shell, message)

    def _on_iopub(self, frames: list[bytes]) -> None:
        message = self._read(frames)
        if message is None or message["header"]["msg_type"] != "status":
            return
        parent = message["parent_header"]
        state = message["content"]["execution_state"]
        self._update(
            kernel_busy.on_status(
                self._busy,
                request_id=parent.get("msg_id", ""),
                request_type=parent.get("msg_type", ""),
                subshell=parent.get("subshell_id") or kernel_busy.MAIN_SHELL,
                state=state,
                now=self._monotonic(),
                by_program=parent.get("msg_id", "") in self._by_program,
            )
        )
        if state == "starting":
            # A kernel that starts slowly says so after the probe was sent, and the probe no longer counts.
            self.audit()

    def _on_shell(self, frames: list[bytes]) -> None:
        message = self._read(frames)
        if message is not None:
            request_id = message["parent_header"].get("msg_id", "")
            self._update(kernel_busy.on_probe_reply(self._busy, request_id=request_id, now=self._monotonic()))
            if not self._busy.certain:
                self._audit_in(_STATUS_PATIENCE_SECONDS)

    def _read(self, frames: list[bytes]) -> dict[str, Any] | None:
        try:
            _, parts = self._session.feed_identities(frames, copy=True)
            message: dict[str, Any] = self._session.deserialize(parts, content=True)
        except (ValueError, KeyError, TypeError, IndexError):
            # Signed with another key, or not Jupyter's: it says nothing about this kernel.
            return None
        return message

    # Correcting

    def _update(self, busy: KernelBusy) -> None:
        self._busy = busy
        self._settle_later()

    def _on_reported(self, change: Any) -> None:
        if not self._writing:
            self._reported = change["new"]
            self._settle_later()

    def _settle_later(self) -> None:
        if self._how.correct and self._timer is None and self.state != self.manager.execution_state:
            self._timer = IOLoop.current().call_later(_SETTLE_SECONDS, self._settle)

    def _settle(self) -> None:
        self._timer = None
        state = self.state
        if state is None or state == self.manager.execution_state:
            return
        self._writing = True
        try:
            self.manager.execution_state = state
        finally:
            self._writing = False
        if state != self._reported:
            self._how.on_correction(self.id, state)
