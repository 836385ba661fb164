"""This machine at Compute Engine, over Google's own client."""

import asyncio
import importlib
from typing import Any

import google.auth.exceptions
import requests
from google.api_core import exceptions

from jupyter_terra_env.environment.machine_facts import InstanceName
from jupyter_terra_env.rules.autopause.state import StopMode
from jupyter_terra_env.rules.errors import CloudRefused, SettingsError

_SERVICE = "Compute Engine"
_READ_SECONDS = 20.0


def client() -> Any:
    """Google's client for instances.

    Raises:
        SettingsError: the optional package is not installed.
    """
    try:
        # Optional, slow to import, and half typed: seen by mypy it would hide the storage client from it.
        compute = importlib.import_module("google.cloud.compute_v1")
    except ImportError as error:
        raise SettingsError(
            "pause_chain: 'compute_engine' needs the package google-cloud-compute: "
            "pip install 'jupyter_terra_env[compute-engine]'."
        ) from error
    return compute.InstancesClient()


class ComputeInstance:
    """Asks Compute Engine about one machine. Google's client waits, so it does on threads.

    Args:
        instance: which machine.
        instances: Google's client, see ``client``.
    """

    def __init__(self, instance: InstanceName, instances: Any) -> None:
        self._where = {"project": instance.project, "zone": instance.zone, "instance": instance.name}
        self._instances = instances

    async def stop(self, mode: StopMode, request_id: str) -> None:
        """Ask for the stop or the suspension; asking again with one id has one effect.

        Args:
            mode: which of them.
            request_id: a UUID.

        Raises:
            CloudRefused: it is refused.
            ConnectionError: there is no answer.
        """
        ask = self._instances.stop if mode is StopMode.STOP else self._instances.suspend
        await asyncio.to_thread(_translated, ask, {**self._where, "request_id": request_id})

    async def status(self) -> str:
        """The instance's status, for example ``RUNNING``.

        Raises:
            CloudRefused: it is refused.
            ConnectionError: there is no answer.
        """
        return str((await asyncio.to_thread(_translated, self._instances.get, self._where)).status)


def _translated(ask: Any, request: dict[str, str]) -> Any:
    try:
        return ask(request=request, timeout=_READ_SECONDS, retry=None)
    except exceptions.GoogleAPICallError as error:
        raise CloudRefused(_SERVICE, int(error.code or 500)) from error
    except (requests.ConnectionError, requests.Timeout, google.auth.exceptions.GoogleAuthError) as error:
        raise ConnectionError(f"Compute Engine does not answer ({type(error).__name__}).") from error
