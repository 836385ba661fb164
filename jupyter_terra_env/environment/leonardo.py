"""This machine's runtime in Leonardo, Terra's service for cloud environments.

Source: Leonardo's API documentation, ``/api/google/v1/runtimes/{googleProject}/{runtimeName}``.
"""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

import httpx

from jupyter_terra_env.rules.errors import SettingsError

_UNAUTHORIZED = 401
_URLS = {
    "prod": "https://notebooks.firecloud.org",
    "dev": "https://leonardo.dsde-dev.broadinstitute.org",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeName:
    """The name of this machine's runtime.

    Attributes:
        url: Leonardo's address.
        project: its Google project.
        name: its name.
    """

    url: str
    project: str
    name: str


class Tokens(Protocol):
    """A source of access tokens."""

    def token(self, *, refresh: bool = False) -> Awaitable[str]:
        """Return a token; ``refresh`` if the cached one was refused."""


def runtime_name(environ: Mapping[str, str], url: str) -> RuntimeName:
    """Return this machine's runtime, from Terra's variables.

    Args:
        environ: environment variables: ``GOOGLE_PROJECT``, ``RUNTIME_NAME``, ``TERRA_DEPLOYMENT_ENV``.
        url: Leonardo's address; empty for that of the deployment.

    Raises:
        SettingsError: one of them is missing.
    """
    address = url or _URLS.get(environ.get("TERRA_DEPLOYMENT_ENV", "prod").lower(), "")
    project = environ.get("GOOGLE_PROJECT", "")
    name = environ.get("RUNTIME_NAME") or environ.get("CLUSTER_NAME", "")
    for variable, value in (("leonardo_url", address), ("GOOGLE_PROJECT", project), ("RUNTIME_NAME", name)):
        if not value:
            raise SettingsError(f"{variable}: it is not set, but Leonardo cannot be asked without it.")
    return RuntimeName(url=address.rstrip("/"), project=project, name=name)


def is_runtime(environ: Mapping[str, str]) -> bool:
    """Whether this machine is a runtime of Leonardo, which pauses it based on what its proxy sees.

    Args:
        environ: environment variables; Leonardo sets ``GOOGLE_PROJECT`` and ``RUNTIME_NAME`` or ``CLUSTER_NAME``.
    """
    return bool(environ.get("GOOGLE_PROJECT") and (environ.get("RUNTIME_NAME") or environ.get("CLUSTER_NAME")))


class LeonardoRuntime:
    """Sends requests about one runtime to Leonardo.

    Args:
        runtime: the runtime.
        tokens: source of access tokens.
        client: the HTTP client.
    """

    def __init__(self, runtime: RuntimeName, *, tokens: Tokens, client: httpx.AsyncClient) -> None:
        self._url = (
            f"{runtime.url}/api/google/v1/runtimes/{quote(runtime.project, safe='')}/{quote(runtime.name, safe='')}"
        )
        self._tokens = tokens
        self._client = client

    async def stop(self) -> int:
        """Request the stop; repeating it while the runtime stops has no effect.

        Returns:
            The answer's HTTP status: 202 for accepted.

        Raises:
            ConnectionError: there is no answer.
        """
        return (await self._ask("POST", "/stop")).status_code

    async def status(self) -> tuple[int, str]:
        """Return the HTTP status, and the runtime's status if that is 200.

        Raises:
            ConnectionError: there is no answer.
        """
        answer = await self._ask("GET", "")
        return answer.status_code, str(_object(answer).get("status", ""))

    async def configuration(self) -> dict[str, Any]:
        """Return the runtime's ``runtimeConfig``; empty if Leonardo does not give it.

        Raises:
            ConnectionError: there is no answer.
        """
        found = _object(await self._ask("GET", "")).get("runtimeConfig")
        return found if isinstance(found, dict) else {}

    async def threshold(self) -> int | None:
        """Return the minutes without use after which Leonardo pauses the runtime, 0 for never; None if it does not say.

        Raises:
            ConnectionError: there is no answer.
        """
        found = _object(await self._ask("GET", "")).get("autopauseThreshold")
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    async def set_threshold(self, minutes: int) -> int:
        """Change the threshold, which Leonardo also counts as use.

        Args:
            minutes: at least 1.

        Returns:
            The answer's HTTP status: 202 for accepted.

        Raises:
            ConnectionError: there is no answer.
        """
        # Without both fields Leonardo sets the threshold to its default.
        fields = {"autopause": True, "autopauseThreshold": minutes}
        return (await self._ask("PATCH", "", fields)).status_code

    async def _ask(self, method: str, path: str, fields: Mapping[str, Any] | None = None) -> httpx.Response:
        answer = await self._once(method, path, fields, refresh=False)
        if answer.status_code == _UNAUTHORIZED:
            # A machine that was suspended resumes with an expired token.
            answer = await self._once(method, path, fields, refresh=True)
        return answer

    async def _once(self, method: str, path: str, fields: Mapping[str, Any] | None, *, refresh: bool) -> httpx.Response:
        token = await self._tokens.token(refresh=refresh)
        headers = {"Authorization": f"Bearer {token}"}
        try:
            return await self._client.request(method, self._url + path, headers=headers, json=fields)
        except httpx.TransportError as error:
            raise ConnectionError(f"Leonardo does not answer ({type(error).__name__}).") from error


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json() if answer.is_success else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
