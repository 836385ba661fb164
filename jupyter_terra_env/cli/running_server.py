"""Requests to the Jupyter servers that run on this machine, over their REST API."""

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_terra_env.rules.bucket_answers import without_accounts
from jupyter_terra_env.rules.errors import SettingsError

_ASK_SECONDS = 30.0
_MOST_BYTES = 16 << 20
_PIECE_BYTES = 1 << 16
_URL_VARIABLE = "JUPYTER_SERVER_URL"


class ServerRefused(Exception):
    """The server refused the request; the message is the server's."""


class ServerIsNotOurs(SettingsError):
    """The server does not have the endpoint: it does not run this extension, or has no workspace."""


class ServerIsGone(SettingsError):
    """Nothing listens at the server's address: it has ended, and its entry was left behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """A server.

    Attributes:
        url: its base URL, with a slash at the end.
        token: its token; empty when it has none.
        root: its root folder.
        has_password: whether it asks for a password.
    """

    url: str
    token: str = field(repr=False)
    root: Path
    has_password: bool = False

    def ask(self, method: str, path: str, body: Any = None, *, seconds: float = _ASK_SECONDS) -> dict[str, Any]:
        """Send a request to one endpoint and return the JSON object of the answer.

        Args:
            method: HTTP verb.
            path: below the base URL.
            body: what to send as JSON.
            seconds: how long to wait.

        Raises:
            ServerRefused: it refuses.
            ServerIsNotOurs: it does not have that endpoint.
            ServerIsGone: nothing listens at its address.
            SettingsError: it cannot be reached, or another program answers.
        """
        status, content = self._answer(method, path, body, seconds)
        if 300 <= status < 400 and self.has_password and not self.token:
            raise SettingsError(self._why_refused())
        if 300 <= status < 400:
            raise SettingsError(
                f"The Jupyter server at {self.url} redirects this command, which does not follow. "
                "Another program may answer at this address."
            )
        reply = _object(content)
        if status == 404 and not (reply or {}).get("reason"):
            raise ServerIsNotOurs(f"The Jupyter server at {self.url} does not run this extension.")
        if status in {401, 403}:
            raise SettingsError(self._why_refused(reply))
        if status >= 400:
            message = None if reply is None else reply.get("message")
            raise ServerRefused(message if isinstance(message, str) and message else f"The server answered {status}.")
        if reply is None:
            raise SettingsError(
                f"The program at {self.url} is not the Jupyter server: its answer is not a JSON object. "
                "Start the server again, or name another one with --port."
            )
        return reply

    def _why_refused(self, reply: dict[str, Any] | None = None) -> str:
        """Explain a refusal, as far as its cause is known here."""
        said = (reply or {}).get("message")
        detail = f" It says: {without_accounts(said)}." if isinstance(said, str) and said else ""
        start = f"The Jupyter server at {self.url} refuses this command: "
        if self.token:
            return f"{start}it does not accept the token that is recorded for it.{detail} Start it again."
        if self.has_password:
            return (
                f"{start}it asks for a password and has no token. Start it with one as well (IdentityProvider.token)."
            )
        return (
            f"{start}it has no token, and refuses requests that are not from its own pages (XSRF), or this one in "
            f"particular.{detail} Start it with a token (IdentityProvider.token)."
        )

    def _headers(self) -> dict[str, str]:
        """Return the headers: the token, or without one what a page of the server itself would send (XSRF)."""
        headers = {"Accept-Encoding": "identity"}
        if self.token:
            return {**headers, "Authorization": f"token {self.token}"}
        # The check compares a cookie with a header; pages of other sites can set neither.
        own = secrets.token_hex(16)
        return {**headers, "X-XSRFToken": own, "Cookie": f"_xsrf={own}"}

    def _answer(self, method: str, path: str, body: Any, seconds: float) -> tuple[int, bytes]:
        """Return status and body of the answer, without proxies or logins from the environment."""
        import requests  # noqa: PLC0415 - `--help` is to be quick

        try:
            with requests.Session() as session:
                # A proxy would be sent the token, and .netrc would replace it.
                session.trust_env = False
                session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
                with session.request(
                    method,
                    self.url + path,
                    headers=self._headers(),
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
            # With any other error the server is there, but is silent, or ended during the request.
            kind = ServerIsGone if _is_refused(error) else SettingsError
            raise kind(f"The Jupyter server at {self.url} cannot be asked ({type(error).__name__}).") from error
        if len(content) > _MOST_BYTES:
            raise SettingsError(f"The program at {self.url} is not the Jupyter server: its answer is too long.")
        return answer.status_code, content


def _object(content: bytes) -> dict[str, Any] | None:
    """Parse a JSON object; an empty answer is an empty object, anything else None."""
    try:
        reply = json.loads(content) if content else {}
    except (ValueError, RecursionError):
        return None
    return reply if isinstance(reply, dict) else None


def _is_refused(error: BaseException | None) -> bool:
    """Whether the address refused the connection: nothing listens there."""
    while error is not None:
        if isinstance(error, ConnectionRefusedError):
            return True
        error = error.__cause__ or error.__context__
    return False


def find(port: int | None) -> RunningServer:
    """Find the server to ask: the one at the port, the one whose terminal this is, or the only one.

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
        # A restarted server can have several entries.
        found = [info for info in running if here and info["url"].rstrip("/") == here.rstrip("/")] or running
    if not found:
        raise SettingsError("No Jupyter server of yours runs on this machine" + (f" at port {port}." if port else "."))
    if len({info["url"] for info in found}) > 1:
        ports = ", ".join(str(info["port"]) for info in found)
        raise SettingsError(f"Several Jupyter servers of yours run on this machine: name one with --port ({ports}).")
    return _server_of(found[0])


def running_servers() -> tuple[RunningServer, ...]:
    """Return all servers of this person on this machine, each once; some may have ended."""
    from jupyter_server.serverapp import list_running_servers  # noqa: PLC0415 - slow to import

    return tuple({info["url"]: _server_of(info) for info in list_running_servers()}.values())


def _server_of(info: dict[str, Any]) -> RunningServer:
    root = Path(info.get("root_dir") or info.get("notebook_dir", ""))
    return RunningServer(
        url=info["url"], token=info.get("token", ""), root=root, has_password=bool(info.get("password"))
    )
