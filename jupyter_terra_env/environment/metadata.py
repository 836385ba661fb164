"""The metadata server of Compute Engine: facts about this machine, and notices of maintenance and preemption.

Source of paths and headers: Compute Engine's documentation, "VM metadata".
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

HOST_VARIABLE = "GCE_METADATA_HOST"
_DEFAULT_HOST = "metadata.google.internal"
_FLAVOR = {"Metadata-Flavor": "Google"}
_ROOT = "/computeMetadata/v1/"
_PRODUCT_NAME = Path("/sys/class/dmi/id/product_name")
_START_SECONDS = 2.0
_READ_SECONDS = 5.0
ATTRIBUTE_PREFIX = "terra-env-"


class NotMetadata(Exception):
    """The server at that address is not the metadata server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A key's value.

    Attributes:
        text: the value; None if the machine does not have the key.
        etag: identifies this value in a watch.
    """

    text: str | None
    etag: str


def is_on_compute_engine(environ: Mapping[str, str], product_name: Path = _PRODUCT_NAME) -> bool:
    """Whether there seems to be a metadata server, without asking the network."""
    if environ.get(HOST_VARIABLE):
        return True
    try:
        return product_name.read_text(encoding="ascii").startswith("Google")
    except (OSError, UnicodeDecodeError):
        return False


def attributes(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings in the machine's custom metadata, without their prefix; empty if it cannot be asked.

    Blocks until the answer comes, so it is meant for the start of the server.
    """
    answer = _answer_at_start(environ, "instance/attributes/", {"recursive": "true"})
    try:
        found = {} if answer is None else answer.json()
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        key.removeprefix(ATTRIBUTE_PREFIX): value
        for key, value in found.items()
        if key.startswith(ATTRIBUTE_PREFIX) and isinstance(value, str)
    }


def instance_id(environ: Mapping[str, str]) -> str | None:
    """Return the machine's numeric id, which no other machine ever has; None if it cannot be asked.

    Blocks until the answer comes, like ``attributes``.
    """
    answer = _answer_at_start(environ, "instance/id", {})
    text = "" if answer is None else answer.text.strip()
    return text if text.isdecimal() else None


class MetadataServer:
    """Asks the metadata server.

    Args:
        environ: environment variables: ``GCE_METADATA_HOST`` names another host.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        # Never through a proxy, which would ask another machine's server.
        self._client = httpx.AsyncClient(
            base_url=_base_url(environ), headers=_FLAVOR, timeout=_READ_SECONDS, trust_env=False
        )

    async def get(self, path: str) -> str | None:
        """Return a key's value now; None if the machine does not have the key.

        Raises:
            ConnectionError: there is no answer, for now.
            NotMetadata: another server answers at its address.
        """
        return (await self._ask(path, {}, _READ_SECONDS)).text

    async def change_of(self, path: str, last: Value | None, wait_seconds: float) -> Value:
        """Wait for a key to change.

        Args:
            path: the key.
            last: its last known value; None to get the present value.
            wait_seconds: how long to wait; after that the old value is returned.

        Raises:
            ConnectionError: there is no answer, for now.
            NotMetadata: another server answers at its address.
        """
        query = {
            "wait_for_change": "true",
            "last_etag": "0" if last is None else last.etag,
            "timeout_sec": str(int(wait_seconds)),
        }
        return await self._ask(path, query, wait_seconds + _READ_SECONDS)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _ask(self, path: str, query: Mapping[str, str], patience_seconds: float) -> Value:
        try:
            answer = await self._client.get(path, params=dict(query), timeout=patience_seconds)
        except httpx.TransportError as error:
            raise ConnectionError(f"The metadata server does not answer ({type(error).__name__}).") from error
        if not _is_genuine(answer):
            raise NotMetadata("Another server answers in place of the metadata server.")
        if answer.status_code == 404:
            return Value(text=None, etag="0")
        if not answer.is_success:
            raise ConnectionError(f"The metadata server answered {answer.status_code}.")
        return Value(text=answer.text.strip(), etag=answer.headers.get("ETag", "0"))


def _answer_at_start(environ: Mapping[str, str], path: str, query: Mapping[str, str]) -> httpx.Response | None:
    """Request a key and wait for the answer; None if the metadata server gives none."""
    if not is_on_compute_engine(environ):
        return None
    try:
        answer = httpx.get(
            _base_url(environ) + path,
            params=dict(query),
            headers=_FLAVOR,
            timeout=_START_SECONDS,
            trust_env=False,
        )
    except httpx.HTTPError:
        return None
    return answer if answer.is_success and _is_genuine(answer) else None


def _base_url(environ: Mapping[str, str]) -> str:
    return f"http://{environ.get(HOST_VARIABLE) or _DEFAULT_HOST}{_ROOT}"


def _is_genuine(answer: httpx.Response) -> bool:
    return bool(answer.headers.get("Metadata-Flavor") == _FLAVOR["Metadata-Flavor"])
