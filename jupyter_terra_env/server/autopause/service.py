"""Autopause in a Jupyter server: built from the settings, tied to the server, started and stopped with it."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, assert_never

import httpx

from jupyter_terra_env.autopause.actuators.chain import Tried
from jupyter_terra_env.autopause.clocks import boot_id, machine_clocks
from jupyter_terra_env.autopause.flush import Debts, FlushCause, Flusher, FlushReport, NoDebts, Outputs
from jupyter_terra_env.autopause.front_ends import FrontEnds
from jupyter_terra_env.autopause.leases import Leases
from jupyter_terra_env.autopause.monitor import Hooks, Monitor
from jupyter_terra_env.autopause.notices import NoticeWatch
from jupyter_terra_env.autopause.report import MachineCost, event_payload, flush_json, report
from jupyter_terra_env.autopause.unobservable import unobservable
from jupyter_terra_env.closing import ClosingSteps
from jupyter_terra_env.environment.machine_facts import machine_of_leonardo, machine_of_metadata
from jupyter_terra_env.environment.metadata import MetadataServer, NotMetadata, is_on_compute_engine
from jupyter_terra_env.rules.autopause.cost import Cost, Machine, cost_of
from jupyter_terra_env.rules.autopause.state import (
    EndKeepAwake,
    KeepAwake,
    KeepAwakeUntilJobsEnd,
    PauseNow,
    PauseReason,
    Phase,
)
from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.server.activity.cell_runs import CellRuns
from jupyter_terra_env.server.activity.human_activity import HumanActivity
from jupyter_terra_env.server.activity.kernel_observer import Observing
from jupyter_terra_env.server.activity.kernel_watch import KernelWatch, notebook_sessions
from jupyter_terra_env.server.activity.kernel_websockets import ConnectionObserver, watch_connections
from jupyter_terra_env.server.activity.requests_in_flight import RequestsInFlight
from jupyter_terra_env.server.autopause import metrics
from jupyter_terra_env.server.autopause.events import AUTOPAUSE_SCHEMA, AUTOPAUSE_SCHEMA_ID
from jupyter_terra_env.server.autopause.requests import Action, AutopauseRequest
from jupyter_terra_env.server.autopause.settings import AutopauseSettings
from jupyter_terra_env.server.autopause.work_sources import (
    Terminals,
    leonardo_bump,
    leonardo_runtime,
    pause_chain,
    sources,
)
from jupyter_terra_env.server.contents.unattended_outputs import UnattendedOutputs
from jupyter_terra_env.server.workspace_handler import AUTOPAUSE_SETTING

_ACTIVITY_NAME = "jupyter_terra_env"
_COST_SECONDS = 3600.0
_LOCKS_SECONDS = 4.0
_NOTICE_RESERVE_SECONDS = 5.0
_HTTP_SECONDS = 20.0
_STEP_SECONDS = 3.0
_FLUSH_END_SECONDS = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AutopauseFiles:
    """Files of autopause.

    Attributes:
        memory: the pause machine's memory; it means nothing after the machine was started anew.
        manifest: what the last flush did, on the persistent disk; written only where there are workspaces.
    """

    memory: Path
    manifest: Path


class AutopauseService:
    """Everything of autopause in one server.

    Args:
        settings: its settings, checked.
        environ: environment variables.
        places: where it keeps what it must not forget.
        new_id: gives a UUID.
        log: the server's log.

    Raises:
        SettingsError: a setting is wrong.
    """

    def __init__(
        self,
        settings: AutopauseSettings,
        *,
        environ: Mapping[str, str],
        files: AutopauseFiles,
        new_id: Callable[[], str],
        log: logging.Logger | logging.LoggerAdapter[Any],
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._files = files
        self._log = log
        self._prices = settings.prices()
        self._cost = MachineCost(cost=Cost(running=None, paused=None), dated=self._prices.dated)
        # Tokens and signatures go where they are meant for: no proxy of the environment, no .netrc, no redirect.
        self._client = httpx.AsyncClient(timeout=_HTTP_SECONDS, follow_redirects=False, trust_env=False)
        self._metadata = MetadataServer(environ)
        self._chain = pause_chain(
            settings,
            environ,
            client=self._client,
            metadata=self._metadata,
            on_tried=self._on_tried,
            new_id=new_id,
        )
        self.can_pause = bool(self._chain.that_pause)
        self._bump = leonardo_bump(settings, environ, self._client, log)
        self._requests = RequestsInFlight(monotonic=time.monotonic)
        self._people = HumanActivity(
            monotonic=time.monotonic, every_request=settings.http_activity == "any", requests=self._requests
        )
        self._tabs = FrontEnds(
            monotonic=time.monotonic, on_human=lambda ago: self._people.act("browser", ago_seconds=ago)
        )
        self._not_observed = unobservable()
        self._leases = Leases(monotonic=time.monotonic, new_id=new_id)
        self._notices: NoticeWatch | None = None
        self._pricing: asyncio.Task[None] | None = None
        self._attached = self._stopping = False

    def attach(self, serverapp: Any, debts: Debts, *, log: logging.Logger | None = None) -> None:
        """Tie it to a server whose web application is there, and start it as soon as the loop runs.

        Args:
            serverapp: the Jupyter server.
            debts: what the server owes to the bucket.
            log: takes the place of the server's, where this concerns nobody; None for none.
        """
        self._log = log or self._log
        self._application = serverapp.web_app
        self._web: dict[str, Any] = serverapp.web_app.settings
        self._web[AUTOPAUSE_SETTING] = self
        self._events = serverapp.event_logger
        if AUTOPAUSE_SCHEMA_ID not in self._events.schemas:
            self._events.register_event_schema(AUTOPAUSE_SCHEMA)
        self._runs = CellRuns(
            serverapp.kernel_manager,
            sessions_of=lambda kernel_id: notebook_sessions(serverapp.session_manager, kernel_id),
            wall=lambda: time.time_ns() / 1e9,
        )
        self._kernels = KernelWatch(
            serverapp.kernel_manager,
            self._events,
            self._observing(),
            on_restart=self._runs.restarted,
            sessions=serverapp.session_manager,
        )
        self._flusher = self._flusher_of(debts, UnattendedOutputs(self._runs, serverapp, log=self._log))
        marks = {"JUPYTER_SERVER_URL": serverapp.connection_url, "JPY_PARENT_PID": str(os.getpid())}
        self._monitor = self._monitor_of(marks)
        self._attached = True
        serverapp.io_loop.add_callback(self.start)

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
        self._people.watch_requests(self._web)
        watch_connections(self._web, ConnectionObserver(people=self._people, kernels=self._kernels, runs=self._runs))
        self._kernels.start()
        self._monitor.start()
        watches = self._settings.watch_metadata
        if watches == "on" or (watches == "auto" and is_on_compute_engine(self._environ)):
            self._notices = NoticeWatch(self._metadata, on_notice=self._on_notice, sleep=asyncio.sleep, log=self._log)
            self._notices.start()
        if is_on_compute_engine(self._environ):
            self._pricing = asyncio.create_task(self._price_on(), name="autopause prices")

    async def stop(self) -> None:
        """Bring everything to safety, within the budget, and stop observing."""
        self._stopping = True
        closing = ClosingSteps(self._log)
        if self._attached:
            await self._stop_parts(closing)
        await closing.step("closing connections", self._client.aclose(), _STEP_SECONDS)
        await closing.step("leaving the metadata server", self._metadata.close(), _STEP_SECONDS)

    async def _stop_parts(self, closing: ClosingSteps) -> None:
        for part in (self._monitor, self._notices, self._bump):
            if part is not None:
                await closing.step(f"ending {type(part).__name__}", part.close(), _STEP_SECONDS)
        if self._pricing is not None:
            self._pricing.cancel()
        budget = self.shutdown_budget_seconds
        await closing.step("the flush", self.flush(FlushCause.SERVER_STOP, budget), budget + _STEP_SECONDS)
        await closing.step("ending the flush", self._flusher.close(FlushCause.SERVER_STOP), _FLUSH_END_SECONDS)
        closing.call("leaving the kernels", self._kernels.close)

    def kernel_state(self, kernel_id: str) -> str | None:
        """What a kernel is really doing; None where that is not observed.

        A kernel that has not answered yet counts as busy: its first cell may have begun before it was observed.
        """
        observer = self._kernels.find(kernel_id) if self._attached else None
        if observer is None:
            return None
        return observer.state if observer.busy.certain else "busy"

    async def flush(self, cause: FlushCause, deadline_seconds: float, *, before_end: bool = True) -> FlushReport:
        """Bring everything to safety.

        Args:
            cause: who asks.
            deadline_seconds: when to come back, whatever is left.
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
        """Everything that is known, ready for JSON."""
        known = report(
            self._monitor.state,
            self._monitor.rules,
            self._cost,
            kernels=self._kernels.report(),
            chain=self._chain,
            flush=self._flusher.last,
        )
        return {**known, "not_observed": list(self._not_observed)}

    async def handle(self, request: AutopauseRequest) -> dict[str, Any]:
        """Do what is asked.

        Returns:
            What the report does not say.

        Raises:
            InvalidRequest: its fields are wrong.
            AutopauseRefused: it cannot be granted.
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
                await self._hear(request)
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

    async def _hear(self, request: AutopauseRequest) -> None:
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
            # Whoever is there should see at once that the countdown has ended.
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

    # Parts

    def _observing(self) -> Observing:
        return Observing(
            monotonic=time.monotonic,
            audit_interval=self._settings.audit_interval_seconds,
            correct=self._settings.correct_execution_state,
            input_wait_is_idle=self._settings.input_wait_is_idle,
            on_correction=lambda _, state: metrics.CORRECTIONS.labels(state).inc(),
            log=self._log,
        )

    def _flusher_of(self, debts: Debts, outputs: Outputs) -> Flusher:
        return Flusher(
            debts=debts,
            tabs=self._tabs,
            outputs=outputs,
            unsaved=lambda: (*self._tabs.not_saved(), *self._requests.not_saved()),
            announce=self._ask_to_save,
            manifest=None if isinstance(debts, NoDebts) else self._files.manifest,
            client_save_seconds=self._settings.client_save_seconds,
            monotonic=time.monotonic,
            wall=lambda: time.time_ns() / 1e9,
            log=self._log,
        )

    def _monitor_of(self, marks: Mapping[str, str]) -> Monitor:
        terminals = Terminals(self._web, self._people)
        return Monitor(
            rules=self._settings.rules(),
            clocks=machine_clocks,
            human_age=self._people.age_seconds,
            sources=[
                *sources(self._settings, self._kernels, terminals, marks=marks, left_out=self._not_observed),
                self._leases,
                self._requests,
            ],
            reported_busy=self._kernels.reported_busy,
            flusher=self,
            chain=self._chain,
            flush_seconds=self._settings.flush_seconds,
            memory=self._files.memory,
            boot_id=boot_id(),
            hooks=Hooks(announce=self._announce, ticked=self._ticked, resumed=self._resumed),
            log=self._log,
        )

    # Telling

    def _announce(self) -> None:
        self._emit(save=None)

    def _ask_to_save(self, cause: FlushCause) -> None:
        self._emit(save=cause)

    def _emit(self, save: FlushCause | None) -> None:
        news = event_payload(self._monitor.state, self._monitor.rules, self._cost)
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

    def _on_tried(self, tried: Tried, reason: PauseReason) -> None:
        metrics.ATTEMPTS.labels(tried.actuator, tried.outcome.result.value, reason.value).inc()
        self._log.info("Autopause by %s: %s", tried.actuator, tried.outcome.detail)

    # The cloud

    async def _on_notice(self, cause: FlushCause, seconds_left: float) -> None:
        await self.flush(cause, max(1.0, seconds_left - _NOTICE_RESERVE_SECONDS - _LOCKS_SECONDS))
        await self._flusher.release_locks(_LOCKS_SECONDS)

    async def _price_on(self) -> None:
        while True:
            try:
                self._cost = MachineCost(cost=cost_of(await self._machine(), self._prices), dated=self._prices.dated)
                metrics.observe_cost(self._cost.cost)
            except (ConnectionError, NotMetadata) as error:
                self._log.info("What this machine costs is not known: %s", error)
            await asyncio.sleep(_COST_SECONDS)

    async def _machine(self) -> Machine:
        machine = await machine_of_metadata(self._metadata, boot_disk_gb=self._settings.boot_disk_gb or None)
        try:
            runtime = leonardo_runtime(self._settings, self._environ, self._client)
        except SettingsError:
            return machine
        try:
            return machine_of_leonardo(machine, await runtime.configuration())
        except ConnectionError:
            return machine
