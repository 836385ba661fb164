"""Autopause's parts, as the settings name them: what pauses the machine, and what sees that something works."""

import asyncio
import importlib.util
import logging
import shutil
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from jupyter_terra_env.autopause.actuators.chain import PauseChain, Tried
from jupyter_terra_env.autopause.actuators.command import CommandActuator
from jupyter_terra_env.autopause.actuators.compute_engine import ComputeEngineActuator
from jupyter_terra_env.autopause.actuators.leonardo import LeonardoActuator
from jupyter_terra_env.autopause.actuators.port import Actuator
from jupyter_terra_env.autopause.actuators.report_only import ReportOnly
from jupyter_terra_env.autopause.actuators.webhook import WebhookActuator
from jupyter_terra_env.autopause.gpu_watch import GpuWatch
from jupyter_terra_env.autopause.leonardo_bump import LeonardoBump
from jupyter_terra_env.autopause.network_watch import NetworkWatch
from jupyter_terra_env.autopause.observation import Observation, RateLimitedSource, WorkSource
from jupyter_terra_env.autopause.process_watch import ProcessLimits, ProcessWatch, TerminalShell
from jupyter_terra_env.autopause.unobservable import NETWORK, PROCESSES
from jupyter_terra_env.environment.leonardo import LeonardoRuntime, runtime_name
from jupyter_terra_env.environment.machine_facts import instance_name
from jupyter_terra_env.environment.metadata import MetadataServer
from jupyter_terra_env.rules.autopause.state import PauseReason, StopMode
from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.server.activity.human_activity import HumanActivity
from jupyter_terra_env.server.activity.kernel_watch import KernelWatch
from jupyter_terra_env.server.autopause.settings import AutopauseSettings

if TYPE_CHECKING:
    from jupyter_terra_env.environment.compute_engine import ComputeInstance

_RUNTIME_VARIABLES = ("RUNTIME_NAME", "CLUSTER_NAME")


class LazyInstance:
    """This machine at Compute Engine, looked up when it is first asked about: the metadata server may be late."""

    def __init__(self, metadata: MetadataServer) -> None:
        self._metadata = metadata
        self._found: ComputeInstance | None = None

    async def stop(self, mode: StopMode, request_id: str) -> None:
        """See ``ComputeInstance``."""
        await (await self._instance()).stop(mode, request_id)

    async def status(self) -> str:
        """See ``ComputeInstance``."""
        return await (await self._instance()).status()

    async def _instance(self) -> "ComputeInstance":
        if self._found is None:
            # Google's clients take tens of megabytes, and most servers never need them.
            from jupyter_terra_env.environment import compute_engine  # noqa: PLC0415

            name = await instance_name(self._metadata)
            if name is None:
                raise ConnectionError("The metadata server does not say which machine this is.")
            instances = await asyncio.to_thread(compute_engine.client)
            self._found = compute_engine.ComputeInstance(name, instances)
        return self._found


def leonardo_runtime(
    settings: AutopauseSettings, environ: Mapping[str, str], client: httpx.AsyncClient
) -> LeonardoRuntime:
    """This machine's runtime in Leonardo.

    Raises:
        SettingsError: Terra's variables do not say which one it is.
    """
    from jupyter_terra_env.environment.access_token import AccessTokens  # noqa: PLC0415 - as above

    return LeonardoRuntime(runtime_name(environ, settings.leonardo_url), tokens=AccessTokens(), client=client)


def leonardo_bump(
    settings: AutopauseSettings,
    environ: Mapping[str, str],
    client: httpx.AsyncClient,
    log: logging.Logger | logging.LoggerAdapter[Any],
) -> LeonardoBump | None:
    """What tells Leonardo that this environment is in use; None where it is not to be told.

    Raises:
        SettingsError: Terra's variables do not say which runtime this is.
    """
    if not settings.leonardo_bump:
        return None
    return LeonardoBump(leonardo_runtime(settings, environ, client), monotonic=time.monotonic, log=log)


def pause_chain(
    settings: AutopauseSettings,
    environ: Mapping[str, str],
    *,
    client: httpx.AsyncClient,
    metadata: MetadataServer,
    on_tried: Callable[[Tried, PauseReason], None],
    new_id: Callable[[], str],
) -> PauseChain:
    """What pauses this machine.

    Args:
        settings: autopause's.
        environ: environment variables.
        client: the HTTP client.
        metadata: the metadata server.
        on_tried: is told of every try.
        new_id: gives a UUID.

    Raises:
        SettingsError: a setting of one of the actuators is missing or wrong.
    """

    def actuator(name: str) -> Actuator:
        match name:
            case "leonardo":
                return LeonardoActuator(leonardo_runtime(settings, environ, client), sleep=asyncio.sleep)
            case "compute_engine":
                _require_compute_engine(environ)
                mode = StopMode(settings.compute_engine_mode)
                return ComputeEngineActuator(LazyInstance(metadata), mode=mode, sleep=asyncio.sleep)
            case "command":
                # It ends before the chain's own patience does, and says so.
                patience = settings.actuator_seconds * 0.9
                return CommandActuator(settings.pause_command, environ=environ, patience_seconds=patience)
            case "webhook":
                return _webhook(settings, environ, client)
            case _:
                return ReportOnly()

    return PauseChain(
        [actuator(name) for name in settings.pause_chain],
        new_id=new_id,
        patience_seconds=settings.actuator_seconds,
        sleep=asyncio.sleep,
        on_tried=on_tried,
    )


class KernelSource:
    """The kernels, as a source of work; looking also lets go of those that have ended."""

    name = "kernels"

    def __init__(self, kernels: KernelWatch, monotonic: Callable[[], float]) -> None:
        self._kernels = kernels
        self._monotonic = monotonic

    async def look(self) -> Observation:
        """See ``WorkSource``."""
        self._kernels.reconcile()
        await self._kernels.learn_names()
        ended = self._kernels.work_ended_seconds()
        return Observation(
            work=self._kernels.work(),
            waits=self._kernels.waits(),
            work_age=None if ended is None else self._monotonic() - ended,
        )


class Terminals:
    """The terminals of a server, where it has any.

    Args:
        settings: the web application's settings.
        people: sees the keys typed into them.
    """

    def __init__(self, settings: Mapping[str, Any], people: HumanActivity) -> None:
        self._settings = settings
        self._people = people

    def shells(self) -> list[TerminalShell]:
        """The shells that run in terminals; looking also has their keys watched."""
        manager = self._settings.get("terminal_manager")
        terminals = {} if manager is None else dict(manager.terminals)
        self._people.watch_terminals(terminals)
        return [
            TerminalShell(name=name, pid=terminal.ptyproc.pid, descriptor=terminal.ptyproc.fd)
            for name, terminal in terminals.items()
        ]


def sources(
    settings: AutopauseSettings,
    kernels: KernelWatch,
    terminals: Terminals,
    *,
    marks: Mapping[str, str],
    left_out: Collection[str],
) -> list[WorkSource]:
    """What sees that something works.

    Args:
        settings: autopause's.
        kernels: the kernels.
        terminals: the terminals.
        marks: variables that the processes of this server have inherited.
        left_out: what this system does not let observe, see ``unobservable``.
    """
    limits = ProcessLimits(
        terminal_jobs=settings.terminal_jobs,
        active_cores=settings.cpu_active_cores,
        work_samples=settings.work_samples,
        server_only=settings.process_scope == "server",
        scans=PROCESSES not in left_out,
    )
    processes = ProcessWatch(
        monotonic=time.monotonic,
        limits=limits,
        kernels=kernels.roots,
        busy_kernels=kernels.busy_ids,
        terminals=terminals.shells,
        marks=marks,
    )
    measured: list[WorkSource] = [processes]
    command = shutil.which("nvidia-smi")
    if command is not None and settings.gpu_active_percent > 0:
        measured.append(
            GpuWatch(
                Path(command),
                monotonic=time.monotonic,
                active_percent=settings.gpu_active_percent,
                work_samples=settings.work_samples,
            )
        )
    if settings.net_active_bytes_per_second > 0 and NETWORK not in left_out:
        measured.append(
            NetworkWatch(
                monotonic=time.monotonic,
                active_bytes_per_second=settings.net_active_bytes_per_second,
                work_samples=settings.work_samples,
            )
        )
    spaced = [
        RateLimitedSource(source, between_seconds=settings.tick_seconds / 2, monotonic=time.monotonic)
        for source in measured
    ]
    return [KernelSource(kernels, time.monotonic), *spaced]


def _webhook(settings: AutopauseSettings, environ: Mapping[str, str], client: httpx.AsyncClient) -> WebhookActuator:
    named = {"project": environ.get("GOOGLE_PROJECT"), "runtime": environ.get("RUNTIME_NAME")}
    return WebhookActuator(
        settings.webhook_url,
        secret=settings.webhook_secret(),
        environment={key: value for key, value in named.items() if value},
        wall=lambda: time.time_ns() / 1e9,
        client=client,
    )


def _require_compute_engine(environ: Mapping[str, str]) -> None:
    if any(environ.get(variable) for variable in _RUNTIME_VARIABLES):
        # Leonardo would go on believing that the machine runs, and could not start it again.
        raise SettingsError(
            "AutopauseSettings.pause_chain: this machine is Leonardo's (RUNTIME_NAME is set); "
            "name 'leonardo' instead of 'compute_engine'."
        )
    try:
        found = importlib.util.find_spec("google.cloud.compute_v1")
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise SettingsError(
            "AutopauseSettings.pause_chain: 'compute_engine' needs the package google-cloud-compute: "
            "pip install 'jupyter_terra_env[compute-engine]'."
        )
