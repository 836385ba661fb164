"""The Jupyter server that runs on this machine, asked over its own REST API."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_terra_env.rules.errors import SettingsError

_ASK_SECONDS = 30.0
_MOST_BYTES = 16 << 20
_PIECE_BYTES = 1 << 16
_URL_VARIABLE = "JUPYTER_SERVER_URL"


class ServerRefused(Exception):
    """The server answered, but not with what was asked for; the message is its sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """A server.

    Attributes:
        url: its base URL, with a slash at the end.
        token: its token; empty when it has none.
    """

    url: str
    token: str

    def ask(self, method: str, path: str, body: Any = None, *, seconds: float = _ASK_SECONDS) -> dict[str, Any]:
        """Ask one endpoint.

        Args:
            method: HTTP verb.
            path: below the base URL.
            body: what to send as JSON.
            seconds: how long to wait.

        Raises:
            ServerRefused: it refuses.
            SettingsError: it cannot be asked, or something else answers.
        """
        status, content = self._answer(method, path, body, seconds)
        if 300 <= status < 400:
            raise SettingsError(
                f"The Jupyter server at {self.url} sends this command elsewhere; it does not follow. "
                "Something else may answer at this address."
            )
        if status == 404:
            raise SettingsError(f"The Jupyter server at {self.url} does not run this extension.")
        if status == 403:
            raise SettingsError(
                f"The Jupyter server at {self.url} does not let this command in: it has no token. "
                "Start it with one (IdentityProvider.token)."
            )
        told = _object(content)
        if status >= 400:
            message = None if told is None else told.get("message")
            raise ServerRefused(message if isinstance(message, str) and message else f"The server answered {status}.")
        if told is None:
            raise SettingsError(
                f"What answers at {self.url} is not the Jupyter server: its answer is not a JSON object. "
                "Start the server again, or name another one with --port."
            )
        return told

    def _answer(self, method: str, path: str, body: Any, seconds: float) -> tuple[int, bytes]:
        """The status and body of the answer, asked for without whatever the environment says of proxies and logins."""
        import requests  # noqa: PLC0415 - `--help` is to be quick

        headers = {"Accept-Encoding": "identity", **({"Authorization": f"token {self.token}"} if self.token else {})}
        try:
            with requests.Session() as session:
                # A proxy would be sent the token, and .netrc would replace it.
                session.trust_env = False
                session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
                with session.request(
                    method,
                    self.url + path,
                    headers=headers,
                    json=body,
                    timeout=seconds,
                    allow_redirects=False,
                    stream=True,
                ) as answer:
                    content = b""
                    for piece in answer.iter_content(_PIECE_BYTES):
                        content += piece
                        if len(content) > _MOST_BYTES:
                            break
        except (requests.RequestException, OSError, ValueError) as error:
            raise SettingsError(
                f"The Jupyter server at {self.url} cannot be asked ({type(error).__name__})."
            ) from error
        if len(content) > _MOST_BYTES:
            raise SettingsError(f"What answers at {self.url} is not the Jupyter server: its answer is too long.")
        return answer.status_code, content


def _object(content: bytes) -> dict[str, Any] | None:
    """A JSON object; an empty one for an empty answer; None for anything else."""
    try:
        told = json.loads(content) if content else {}
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def find(port: int | None) -> RunningServer:
    """The server to ask: the one whose terminal this is, the one at a port, or the only one.

    Args:
        port: the server's port; None to find out.

    Raises:
        SettingsError: there is none, or more than one.
    """
    # Jupyter takes a second to import.
    from jupyter_server.serverapp import list_running_servers  # noqa: PLC0415

    running = list(list_running_servers())
    here = os.environ.get(_URL_VARIABLE, "")
    if port is not None:
        found = [info for info in running if info["port"] == port]
    else:
        # Several entries can be of one server that was started anew.
        found = [info for info in running if here and info["url"].rstrip("/") == here.rstrip("/")] or running
    if not found:
        raise SettingsError("No Jupyter server of yours runs on this machine" + (f" at port {port}." if port else "."))
    if len({info["url"] for info in found}) > 1:
        ports = ", ".join(str(info["port"]) for info in found)
        raise SettingsError(f"Several Jupyter servers of yours run on this machine: name one with --port ({ports}).")
    return RunningServer(url=found[0]["url"], token=found[0].get("token", ""))


def serving(root: Path) -> list[RunningServer]:
    """The servers of this person whose root folder this is; a dead one's entry may be among them.

    Args:
        root: the root folder.
    """
    from jupyter_server.serverapp import list_running_servers  # noqa: PLC0415 - as above

    folders = [(Path(info.get("root_dir") or info.get("notebook_dir", "")), info) for info in list_running_servers()]
    return [RunningServer(url=info["url"], token=info.get("token", "")) for folder, info in folders if folder == root]
