"""Builds autopause for a server, in two phases.

``plan_autopause`` runs when the configuration has been read, and checks it: a wrong setting ends the start.
``build_autopause`` runs when the web application is there, and ties autopause to it. Nothing is sent between the two: a
plan that is never built has no connection to close.
"""

import asyncio
import hashlib
import logging
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from jupyter_core.paths import jupyter_runtime_dir

from jupyter_terra_env.autopause.actuators.chain import PauseChain, Tried
from jupyter_terra_env.autopause.actuators.port import Actuator
from jupyter_terra_env.autopause.actuators.report_only import ReportOnly
from jupyter_terra_env.autopause.clocks import boot_id, machine_clocks
from jupyter_terra_env.autopause.flush import Debts, Flusher, NoDebts
from jupyter_terra_env.autopause.front_ends import FrontEnds
from jupyter_terra_env.autopause.leases import Leases
from jupyter_terra_env.autopause.leonardo_bump import LeonardoBump
from jupyter_terra_env.autopause.monitor import Monitor
from jupyter_terra_env.autopause.notices import NoticeWatch
from jupyter_terra_env.autopause.unobservable import sentence, unobservable
from jupyter_terra_env.environment.metadata import MetadataServer, attributes, is_on_compute_engine
from jupyter_terra_env.notebooks.storage.foreign_debts import JOURNAL_NAME
from jupyter_terra_env.rules.autopause.prices import PriceTable
from jupyter_terra_env.rules.autopause.state import PauseReason
from jupyter_terra_env.server.activity.cell_runs import CellRuns
from jupyter_terra_env.server.activity.human_activity import HumanActivity
from jupyter_terra_env.server.activity.kernel_observer import Observing
from jupyter_terra_env.server.activity.kernel_watch import KernelWatch, notebook_sessions
from jupyter_terra_env.server.activity.requests_in_flight import RequestsInFlight
from jupyter_terra_env.server.autopause import metrics
from jupyter_terra_env.server.autopause.cost_watch import CostWatch
from jupyter_terra_env.server.autopause.events import AUTOPAUSE_SCHEMA, AUTOPAUSE_SCHEMA_ID
from jupyter_terra_env.server.autopause.notebook_debts import ForeignDebts, NotebookDebts
from jupyter_terra_env.server.autopause.service import AutopauseParts, AutopauseService
from jupyter_terra_env.server.autopause.settings import AutopauseSettings, settings_of
from jupyter_terra_env.server.autopause.work_sources import KernelSource, Terminals
from jupyter_terra_env.server.contents.unattended_outputs import UnattendedOutputs
from jupyter_terra_env.server.workspace_handler import AUTOPAUSE_SETTING
from jupyter_terra_env.wiring.measured_sources import measured_sources
from jupyter_terra_env.wiring.notebook_parts import NotebookParts
from jupyter_terra_env.wiring.pause_methods import actuators_of, leonardo_bump, read_machine

_MANIFEST = "flush.json"
_HTTP_SECONDS = 20.0

Log = logging.Logger | logging.LoggerAdapter[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AutopausePlan:
    """What is to be built; every setting in it has been checked.

    Attributes:
        settings: the settings of autopause.
        environ: environment variables.
        client: the HTTP client.
        metadata: the metadata server.
        actuators: what pauses this machine, in the order in which it is tried.
        bump: what notifies Leonardo that this environment is in use.
        prices: the price table.
        memory: file of the pause machine's memory; it means nothing after the machine was started anew.
        manifest: file that records what the last flush did; written only where there are workspaces.
        not_observed: what this system does not let autopause observe.
        log: the server's log.
    """

    settings: AutopauseSettings
    environ: Mapping[str, str]
    client: httpx.AsyncClient
    metadata: MetadataServer
    actuators: tuple[Actuator, ...]
    bump: LeonardoBump | None
    prices: PriceTable
    memory: Path
    manifest: Path
    not_observed: tuple[str, ...]
    log: Log

    @property
    def can_pause(self) -> bool:
        """Whether any actuator does more than report."""
        return any(actuator.name != ReportOnly.name for actuator in self.actuators)


def plan_autopause(app: Any, state_directory: Path) -> AutopausePlan:
    """Check the settings of autopause, once the configuration has been read.

    Args:
        app: the extension application.
        state_directory: folder on the persistent disk; written to only when there are workspaces.

    Raises:
        SettingsError: a setting is wrong.
        TraitError: a setting has the wrong type.
    """
    log, environ = app.serverapp.log, os.environ
    not_observed = unobservable()
    limits = sentence(not_observed)
    if limits:
        log.warning("jupyter_terra_env: %s", limits)
    settings = settings_of(app, attributes(environ))
    # Tokens and signatures go where they are meant for: no proxy of the environment, no .netrc, no redirect.
    client = httpx.AsyncClient(timeout=_HTTP_SECONDS, follow_redirects=False, trust_env=False)
    metadata = MetadataServer(environ)
    # The memory means nothing on another start of the machine, so it does not belong on the persistent disk.
    named = hashlib.sha256(str(state_directory).encode()).hexdigest()[:16]
    return AutopausePlan(
        settings=settings,
        environ=environ,
        client=client,
        metadata=metadata,
        actuators=actuators_of(settings, environ, client=client, metadata=metadata),
        bump=leonardo_bump(settings, environ, client, log),
        prices=settings.prices(),
        memory=Path(jupyter_runtime_dir()) / f"terra-env-autopause-{named}.json",
        manifest=state_directory / _MANIFEST,
        not_observed=not_observed,
        log=log,
    )


def build_autopause(plan: AutopausePlan, serverapp: Any, notebooks: NotebookParts | None) -> AutopauseService:
    """Build autopause for a server whose web application is there; it starts as soon as the loop runs.

    Args:
        plan: what is to be built.
        serverapp: the Jupyter server.
        notebooks: the parts of its workspaces, or None when it has none.
    """
    web: dict[str, Any] = serverapp.web_app.settings
    debts = debts_of(notebooks, root=Path(serverapp.root_dir), state_directory=plan.manifest.parent)
    log = _silent_log() if notebooks is None and not plan.can_pause else plan.log
    if AUTOPAUSE_SCHEMA_ID not in serverapp.event_logger.schemas:
        serverapp.event_logger.register_event_schema(AUTOPAUSE_SCHEMA)
    service = AutopauseService(_parts(plan, serverapp, debts, log), log=log)
    web[AUTOPAUSE_SETTING] = service
    serverapp.io_loop.add_callback(service.start)
    return service


def debts_of(notebooks: NotebookParts | None, *, root: Path, state_directory: Path) -> Debts:
    """What a server owes to the bucket.

    Args:
        notebooks: the parts of its workspaces, or None when it has none.
        root: the server's root folder.
        state_directory: folder of a journal that may be there from a time when it had one.
    """
    if notebooks is not None:
        return NotebookDebts(notebooks.deliveries, notebooks.keeper)
    return ForeignDebts(root, state_directory) if (state_directory / JOURNAL_NAME).exists() else NoDebts()


def _parts(plan: AutopausePlan, serverapp: Any, debts: Debts, log: Log) -> AutopauseParts:
    settings = plan.settings
    requests = RequestsInFlight(monotonic=time.monotonic)
    human_activity = HumanActivity(
        monotonic=time.monotonic, every_request=settings.http_activity == "any", requests=requests
    )
    tabs = FrontEnds(monotonic=time.monotonic, on_human=lambda ago: human_activity.act(ago_seconds=ago))
    leases = Leases(monotonic=time.monotonic, new_id=_uuid)
    runs = CellRuns(
        serverapp.kernel_manager,
        sessions_of=partial(notebook_sessions, serverapp.session_manager),
        wall=_wall_seconds,
    )
    kernels = KernelWatch(
        serverapp.kernel_manager,
        serverapp.event_logger,
        _observing(settings, log),
        on_restart=runs.restarted,
        sessions=serverapp.session_manager,
    )
    chain = PauseChain(
        plan.actuators,
        new_id=_uuid,
        patience_seconds=settings.actuator_seconds,
        sleep=asyncio.sleep,
        on_tried=partial(_record_attempt, log),
    )
    measured = measured_sources(
        settings,
        kernels,
        Terminals(serverapp.web_app.settings, human_activity),
        marks={"JUPYTER_SERVER_URL": serverapp.connection_url, "JPY_PARENT_PID": str(os.getpid())},
        not_observed=plan.not_observed,
    )
    return AutopauseParts(
        settings=settings,
        application=serverapp.web_app,
        events=serverapp.event_logger,
        human_activity=human_activity,
        requests=requests,
        tabs=tabs,
        leases=leases,
        runs=runs,
        kernels=kernels,
        chain=chain,
        bump=plan.bump,
        cost=_cost_watch(plan, log),
        not_observed=plan.not_observed,
        connections=(plan.client.aclose, plan.metadata.close),
        new_flusher=partial(
            Flusher,
            debts=debts,
            tabs=tabs,
            outputs=UnattendedOutputs(runs, serverapp, log=log),
            unsaved=lambda: (*tabs.not_saved(), *requests.not_saved()),
            manifest=None if isinstance(debts, NoDebts) else plan.manifest,
            client_save_seconds=settings.client_save_seconds,
            monotonic=time.monotonic,
            wall=_wall_seconds,
            log=log,
        ),
        new_monitor=partial(
            Monitor,
            rules=settings.rules(),
            clocks=machine_clocks,
            human_age=human_activity.age_seconds,
            sources=[KernelSource(kernels, time.monotonic), *measured, leases, requests],
            reported_busy=kernels.reported_busy,
            chain=chain,
            flush_seconds=settings.flush_seconds,
            memory=plan.memory,
            boot_id=boot_id(),
            log=log,
        ),
        new_notices=partial(NoticeWatch, plan.metadata, sleep=asyncio.sleep, log=log)
        if _watches_notices(plan)
        else None,
    )


def _observing(settings: AutopauseSettings, log: Log) -> Observing:
    return Observing(
        monotonic=time.monotonic,
        audit_interval=settings.audit_interval_seconds,
        correct=settings.correct_execution_state,
        input_wait_is_idle=settings.input_wait_is_idle,
        on_correction=lambda _, state: metrics.CORRECTIONS.labels(state).inc(),
        log=log,
    )


def _cost_watch(plan: AutopausePlan, log: Log) -> CostWatch:
    read = partial(read_machine, plan.settings, plan.environ, plan.client, plan.metadata)
    return CostWatch(
        plan.prices,
        read_machine=read if is_on_compute_engine(plan.environ) else None,
        sleep=asyncio.sleep,
        log=log,
    )


def _watches_notices(plan: AutopausePlan) -> bool:
    wanted = plan.settings.watch_metadata
    return wanted == "on" or (wanted == "auto" and is_on_compute_engine(plan.environ))


def _record_attempt(log: Log, tried: Tried, reason: PauseReason) -> None:
    metrics.ATTEMPTS.labels(tried.actuator, tried.outcome.result.value, reason.value).inc()
    log.info("Autopause by %s: %s", tried.actuator, tried.outcome.detail)


def _wall_seconds() -> float:
    return time.time_ns() / 1e9


def _uuid() -> str:
    return str(uuid.uuid4())


def _silent_log() -> logging.Logger:
    """A disabled log: in a plain Jupyter server that nothing can pause, a pause is no news."""
    log = logging.getLogger("jupyter_terra_env.nobody")
    log.disabled = True
    return log
