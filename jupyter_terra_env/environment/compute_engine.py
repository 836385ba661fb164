"""This machine's instance in Compute Engine, through Google's own client."""

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
    """Return Google's client for instances.

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
    """Asks Compute Engine about one machine. Google's client blocks, so it runs on threads.

    Args:
        instance: which machine.
        instances: Google's client, see ``client``.
    """

    def __init__(self, instance: InstanceName, instances: Any) -> None:
        self._where = {"project": instance.project, "zone": instance.zone, "instance": instance.name}
        self._instances = instances

    async def stop(self, mode: StopMode, request_id: str) -> None:
        """Request the stop or the suspension; repeating a request with the same id has no further effect.

        Args:
            mode: stop or suspend.
            request_id: a UUID.

        Raises:
            CloudRefused: Compute Engine refused.
            ConnectionError: there is no answer.
        """
        ask = self._instances.stop if mode is StopMode.STOP else self._instances.suspend
        await asyncio.to_thread(_translated, ask, {**self._where, "request_id": request_id})

    async def status(self) -> str:
        """Return the instance's status, for example ``RUNNING``.

        Raises:
            CloudRefused: Compute Engine refused.
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
