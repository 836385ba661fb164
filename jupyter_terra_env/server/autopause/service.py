"""Autopause in a running server: starts and stops with it, answers requests, and reports."""

import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, assert_never

from jupyter_terra_env.autopause.actuators.chain import PauseChain
from jupyter_terra_env.autopause.flush import FlushCause, Flusher, FlushReport
from jupyter_terra_env.autopause.front_ends import FrontEnds
from jupyter_terra_env.autopause.leases import Leases
from jupyter_terra_env.autopause.leonardo_bump import LeonardoBump
from jupyter_terra_env.autopause.monitor import Flushes, Hooks, Monitor
from jupyter_terra_env.autopause.notices import NoticeWatch
from jupyter_terra_env.autopause.report import event_payload, flush_json, report
from jupyter_terra_env.closing import ClosingSteps
from jupyter_terra_env.rules.autopause.state import (
    EndKeepAwake,
    KeepAwake,
    KeepAwakeUntilJobsEnd,
    PauseNow,
    Phase,
)
from jupyter_terra_env.server.activity.cell_runs import CellRuns
from jupyter_terra_env.server.activity.human_activity import HumanActivity
from jupyter_terra_env.server.activity.kernel_watch import KernelWatch
from jupyter_terra_env.server.activity.kernel_websockets import ConnectionObserver, watch_connections
from jupyter_terra_env.server.activity.requests_in_flight import RequestsInFlight
from jupyter_terra_env.server.autopause import metrics
from jupyter_terra_env.server.autopause.cost_watch import CostWatch
from jupyter_terra_env.server.autopause.events import AUTOPAUSE_SCHEMA_ID
from jupyter_terra_env.server.autopause.requests import Action, AutopauseRequest
from jupyter_terra_env.server.autopause.settings import AutopauseSettings

_ACTIVITY_NAME = "jupyter_terra_env"
_LOCKS_SECONDS = 4.0
_NOTICE_RESERVE_SECONDS = 5.0
_STEP_SECONDS = 3.0
_FLUSH_END_SECONDS = 12.0


class NewFlusher(Protocol):
    """Makes the flusher, which asks the tabs to save through the service."""

    def __call__(self, *, announce: Callable[[FlushCause], None]) -> Flusher:
        """Make it.

        Args:
            announce: asks the tabs to save.
        """


class NewMonitor(Protocol):
    """Makes the monitor, which flushes and reports through the service."""

    def __call__(self, *, flusher: Flushes, hooks: Hooks) -> Monitor:
        """Make it.

        Args:
            flusher: brings everything to safety.
            hooks: called when something has changed.
        """


class NewNotices(Protocol):
    """Makes the watch for the cloud's notices, which flushes through the service."""

    def __call__(self, *, on_notice: Callable[[FlushCause, float], Awaitable[None]]) -> NoticeWatch:
        """Make it.

        Args:
            on_notice: begins the flush: the cause, and the seconds left.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class AutopauseParts:
    """The parts of autopause in one server, as ``wiring.autopause`` makes them.

    Attributes:
        settings: the settings of autopause.
        application: the server's web application.
        events: the server's event logger.
        human_activity: what people do here.
        requests: the requests that the server is working on.
        tabs: the browser tabs.
        leases: time that commands ask for.
        runs: cells that are running.
        kernels: the kernels.
        chain: pauses the machine.
        bump: notifies Leonardo that this environment is in use.
        cost: what the machine costs.
        not_observed: what this system does not let autopause observe.
        connections: closers of the connections to the cloud.
        new_flusher: makes the flusher.
        new_monitor: makes the monitor.
        new_notices: makes the watch for the cloud's notices; None where they are not watched.
    """

    settings: AutopauseSettings
    application: Any
    events: Any
    human_activity: HumanActivity
    requests: RequestsInFlight
    tabs: FrontEnds
    leases: Leases
    runs: CellRuns
    kernels: KernelWatch
    chain: PauseChain
    bump: LeonardoBump | None
    cost: CostWatch
    not_observed: tuple[str, ...]
    connections: tuple[Callable[[], Coroutine[Any, Any, None]], ...]
    new_flusher: NewFlusher
    new_monitor: NewMonitor
    new_notices: NewNotices | None


class AutopauseService:
    """Everything of autopause in one server: starts and stops its parts, and answers requests and reports.

    Args:
        parts: its parts.
        log: the server's log.
    """

    def __init__(self, parts: AutopauseParts, *, log: logging.Logger | logging.LoggerAdapter[Any]) -> None:
        self._settings = parts.settings
        self._application = parts.application
        self._web: dict[str, Any] = parts.application.settings
        self._events = parts.events
        self._human_activity = parts.human_activity
        self._requests = parts.requests
        self._tabs = parts.tabs
        self._leases = parts.leases
        self._runs = parts.runs
        self._kernels = parts.kernels
        self._chain = parts.chain
        self._bump = parts.bump
        self._cost = parts.cost
        self._not_observed = parts.not_observed
        self._connections = parts.connections
        self._log = log
        self._flusher = parts.new_flusher(announce=self._ask_to_save)
        hooks = Hooks(announce=self._announce, ticked=self._ticked, resumed=self._resumed)
        self._monitor = parts.new_monitor(flusher=self, hooks=hooks)
        self._notices = None if parts.new_notices is None else parts.new_notices(on_notice=self._on_notice)
        self._stopping = False

    @property
    def shutdown_budget_seconds(self) -> float:
        """How long the flush may take when the server is stopped."""
        return self._settings.shutdown_budget_seconds

    async def start(self) -> None:
        """Begin to observe."""
        if self._stopping:
            return
        # Not before: Jupyter writes an extension's copy of the settings over the server's while it loads it.
        self._requests.watch(self._application)
        self._human_activity.watch_requests(self._web)
        watch_connections(
            self._web, ConnectionObserver(human_activity=self._human_activity, kernels=self._kernels, runs=self._runs)
        )
        self._kernels.start()
        self._monitor.start()
        if self._notices is not None:
            self._notices.start()
        self._cost.start()

    async def stop(self) -> None:
        """Bring everything to safety, within the budget, and stop observing."""
        self._stopping = True
        closing = ClosingSteps(self._log)
        for part in (self._monitor, self._notices, self._bump, self._cost):
            if part is not None:
                await closing.step(f"ending {type(part).__name__}", part.close(), _STEP_SECONDS)
        budget = self.shutdown_budget_seconds
        await closing.step("the flush", self.flush(FlushCause.SERVER_STOP, budget), budget + _STEP_SECONDS)
        await closing.step("ending the flush", self._flusher.close(FlushCause.SERVER_STOP), _FLUSH_END_SECONDS)
        closing.call("leaving the kernels", self._kernels.close)
        for close in self._connections:
            await closing.step("closing connections to the cloud", close(), _STEP_SECONDS)

    def kernel_state(self, kernel_id: str) -> str | None:
        """What a kernel is really doing; None where that is not observed.

        A kernel that has not answered yet counts as busy: its first cell may have begun before it was observed.
        """
        observer = self._kernels.find(kernel_id)
        if observer is None:
            return None
        return observer.state if observer.busy.certain else "busy"

    async def flush(self, cause: FlushCause, deadline_seconds: float, *, before_end: bool = True) -> FlushReport:
        """Bring everything to safety.

        Args:
            cause: why it is flushed.
            deadline_seconds: when to return, even if something is left.
            before_end: whether the kernels may end then.
        """
        done = await self._flusher.flush(cause, deadline_seconds, before_end=before_end)
        metrics.FLUSH_SECONDS.labels(done.cause.value).observe(done.seconds)
        metrics.FLUSH_PENDING.set(len(done.paid.unsafe))
        return done

    async def release_locks(self, deadline_seconds: float) -> None:
        """Give back the edit locks, unless nothing here pauses the machine anyway."""
        if self._chain.that_pause:
            await self._flusher.release_locks(deadline_seconds)

    def report(self) -> dict[str, Any]:
        """The state of autopause, ready for JSON."""
        known = report(
            self._monitor.state,
            self._monitor.rules,
            self._cost.current,
            kernels=self._kernels.report(),
            chain=self._chain,
            flush=self._flusher.last,
        )
        return {**known, "not_observed": list(self._not_observed)}

    async def handle(self, request: AutopauseRequest) -> dict[str, Any]:
        """Handle a request.

        Returns:
            Fields to add to the report.

        Raises:
            InvalidRequest: its fields are wrong.
            AutopauseRefused: it cannot be done now.
        """
        more: dict[str, Any] = {}
        match request.action:
            case Action.KEEP_AWAKE:
                self._monitor.request(KeepAwake(seconds=request.seconds("seconds")))
            case Action.KEEP_AWAKE_UNTIL_JOBS_END:
                await self._monitor.tick()
                self._monitor.request(KeepAwakeUntilJobsEnd())
            case Action.END_KEEP_AWAKE:
                self._monitor.request(EndKeepAwake())
            case Action.PAUSE_NOW:
                self._monitor.request(PauseNow(force=request.flag("force", otherwise=False)))
            case Action.HEARTBEAT | Action.SAVED | Action.UNSAVED | Action.LEAVE:
                await self._on_tab(request)
            case Action.TAKE_LEASE | Action.RENEW_LEASE | Action.END_LEASE:
                more = await self._lease(request)
            case Action.FLUSH:
                deadline = request.seconds("deadline_seconds", otherwise=self._settings.flush_seconds)
                flushed = await self.flush(
                    FlushCause.REQUESTED, deadline, before_end=request.flag("before_end", otherwise=False)
                )
                more = {"flushed": flush_json(flushed)}
            case _:
                assert_never(request.action)
        return more

    async def _on_tab(self, request: AutopauseRequest) -> None:
        tab = request.name("tab")
        if request.action is Action.SAVED:
            self._tabs.saved(tab)
            return
        if request.action is Action.UNSAVED:
            self._tabs.unsaved(tab, request.paths(), still_saving=request.flag("still_saving", otherwise=False))
            return
        if request.action is Action.LEAVE:
            self._tabs.left(tab)
            return
        age = request.maybe_seconds("last_input_age_seconds")
        self._tabs.heartbeat(tab, visible=request.flag("visible"), last_input_age=age)
        if self._monitor.state.phase in {Phase.WARNING, Phase.FLUSHING, Phase.PAUSE_FAILED, Phase.PAUSE_DUE}:
            # A person who is there should see at once that the countdown has ended.
            await self._monitor.tick()

    async def _lease(self, request: AutopauseRequest) -> dict[str, Any]:
        more = {}
        match request.action:
            case Action.TAKE_LEASE:
                more = {"lease": self._leases.take(request.label(), request.seconds("seconds"))}
            case Action.RENEW_LEASE:
                self._leases.renew(request.name("lease"), request.seconds("seconds"))
            case _:
                self._leases.end(request.name("lease"))
        await self._monitor.tick()
        return more

    # Reporting

    def _announce(self) -> None:
        self._emit(save=None)

    def _ask_to_save(self, cause: FlushCause) -> None:
        self._emit(save=cause)

    def _emit(self, save: FlushCause | None) -> None:
        news = event_payload(self._monitor.state, self._monitor.rules, self._cost.current)
        data = {**news, "save": None if save is None else save.value}
        self._events.emit(schema_id=AUTOPAUSE_SCHEMA_ID, data=data)

    def _ticked(self) -> None:
        state = self._monitor.state
        if self._bump is not None:
            self._bump.ticked(state)
        metrics.observe(state, self._monitor.rules)
        signal = max(state.last_human, state.last_work)
        at = datetime.fromtimestamp(state.clocks.wall + signal - state.now, UTC)
        # JupyterHub's and others' cullers read it: the truth instead of the noise of pollers.
        self._web.setdefault("last_activity_times", {})[_ACTIVITY_NAME] = at

    def _resumed(self, gap_seconds: float) -> None:  # noqa: ARG002
        metrics.GAPS.inc()

    # The cloud

    async def _on_notice(self, cause: FlushCause, seconds_left: float) -> None:
        await self.flush(cause, max(1.0, seconds_left - _NOTICE_RESERVE_SECONDS - _LOCKS_SECONDS))
        await self._flusher.release_locks(_LOCKS_SECONDS)
