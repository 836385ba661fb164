"""Builds what pauses this machine, and what speaks with Leonardo about it, from the settings of autopause."""

import asyncio
import importlib.util
import logging
import time
from collections.abc import Mapping
from typing import Any

import httpx

from jupyter_terra_env.autopause.actuators.command import CommandActuator
from jupyter_terra_env.autopause.actuators.compute_engine import ComputeEngineActuator
from jupyter_terra_env.autopause.actuators.leonardo import LeonardoActuator
from jupyter_terra_env.autopause.actuators.port import Actuator
from jupyter_terra_env.autopause.actuators.report_only import ReportOnly
from jupyter_terra_env.autopause.actuators.webhook import WebhookActuator
from jupyter_terra_env.autopause.leonardo_bump import LeonardoBump
from jupyter_terra_env.environment.leonardo import LeonardoRuntime, runtime_name
from jupyter_terra_env.environment.machine_facts import machine_of_leonardo, machine_of_metadata
from jupyter_terra_env.environment.metadata import MetadataServer
from jupyter_terra_env.rules.autopause.cost import Machine
from jupyter_terra_env.rules.autopause.state import StopMode
from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.server.autopause.settings import AutopauseSettings
from jupyter_terra_env.server.autopause.work_sources import LazyInstance

_RUNTIME_VARIABLES = ("RUNTIME_NAME", "CLUSTER_NAME")
_COMMAND_SHARE = 0.9
"""Part of ``actuator_seconds`` that a command gets: it ends before the chain's own patience does, and says so."""


def actuators_of(
    settings: AutopauseSettings,
    environ: Mapping[str, str],
    *,
    client: httpx.AsyncClient,
    metadata: MetadataServer,
) -> tuple[Actuator, ...]:
    """The actuators that ``pause_chain`` names, in its order.

    Args:
        settings: the settings of autopause.
        environ: environment variables.
        client: the HTTP client.
        metadata: the metadata server.

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
                patience = settings.actuator_seconds * _COMMAND_SHARE
                return CommandActuator(settings.pause_command, environ=environ, patience_seconds=patience)
            case "webhook":
                return _webhook(settings, environ, client)
            case _:
                return ReportOnly()

    return tuple(actuator(name) for name in settings.pause_chain)


def leonardo_runtime(
    settings: AutopauseSettings, environ: Mapping[str, str], client: httpx.AsyncClient
) -> LeonardoRuntime:
    """This machine's runtime in Leonardo.

    Raises:
        SettingsError: Terra's variables do not say which one it is.
    """
    name = runtime_name(environ, settings.leonardo_url)
    # Google's clients take tens of megabytes, and most servers never need them.
    from jupyter_terra_env.environment.access_token import AccessTokens  # noqa: PLC0415

    return LeonardoRuntime(name, tokens=AccessTokens(), client=client)


def leonardo_bump(
    settings: AutopauseSettings,
    environ: Mapping[str, str],
    client: httpx.AsyncClient,
    log: logging.Logger | logging.LoggerAdapter[Any],
) -> LeonardoBump | None:
    """What notifies Leonardo that this environment is in use; None unless ``leonardo_bump`` is set.

    Raises:
        SettingsError: Terra's variables do not say which runtime this is.
    """
    if not settings.leonardo_bump:
        return None
    return LeonardoBump(leonardo_runtime(settings, environ, client), monotonic=time.monotonic, log=log)


async def read_machine(
    settings: AutopauseSettings, environ: Mapping[str, str], client: httpx.AsyncClient, metadata: MetadataServer
) -> Machine:
    """What this machine is, as far as it costs money: from the metadata server, and from Leonardo if it is there.

    Raises:
        ConnectionError: the metadata server does not answer.
        NotMetadata: another program answers in its place.
    """
    machine = await machine_of_metadata(metadata, boot_disk_gb=settings.boot_disk_gb or None)
    try:
        runtime = leonardo_runtime(settings, environ, client)
        return machine_of_leonardo(machine, await runtime.configuration())
    except (SettingsError, ConnectionError):
        return machine


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
