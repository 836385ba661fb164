"""The running servers of this person: what they really have, compared with what the settings say now."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_terra_env.cli.running_server import (
    RunningServer,
    ServerIsGone,
    ServerIsNotOurs,
    ServerRefused,
    running_servers,
)
from jupyter_terra_env.rules.errors import SettingsError

if TYPE_CHECKING:
    from jupyter_terra_env.cli.server_settings import ServerSettings

_PATIENCE_SECONDS = 5.0
_AGAIN = "Stop it and start it again."


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundServer:
    """A running server.

    Attributes:
        root: its root folder.
        url: its address, without a token.
        is_checked: whether it serves the folder that is checked.
        version: the version of this package that it runs; None when that is not known.
        trouble: machine code and sentence of what is wrong with it, or None.
    """

    root: str
    url: str
    is_checked: bool
    version: str | None
    trouble: tuple[str, str] | None


def look_at_servers(settings: "ServerSettings", places: Iterable[dict[str, Any]], version: str) -> list[FoundServer]:
    """Ask each running server what it has. Entries of servers that have ended are left out.

    Args:
        settings: what a server started now would have.
        places: its workspaces, as ``server.about`` reports them.
        version: the version of this package here.
    """
    expected = list(places)
    found = [_look_at(server, settings, expected, version) for server in running_servers()]
    return [server for server in found if server is not None]


def _look_at(
    server: RunningServer, settings: "ServerSettings", expected: list[dict[str, Any]], version: str
) -> FoundServer | None:
    is_checked = os.path.realpath(server.root) == os.path.realpath(settings.root)
    running: str | None = None
    trouble: tuple[str, str] | None
    try:
        answer = server.ask("GET", "terra-env/about", seconds=_PATIENCE_SECONDS)
        running = str(answer.get("version", "")) or None
        trouble = _difference(server, answer, expected, version) if is_checked else _own_trouble(server, answer)
    except ServerIsGone:
        return None
    except ServerIsNotOurs:
        sentence = f"{_named(server)} runs without this extension, or with an older version. {_AGAIN}"
        trouble = ("server-without-extension", sentence)
    except (ServerRefused, SettingsError) as error:
        trouble = ("server-not-asked", str(error))
    return FoundServer(root=str(server.root), url=server.url, is_checked=is_checked, version=running, trouble=trouble)


def _own_trouble(server: RunningServer, answer: dict[str, Any]) -> tuple[str, str] | None:
    """Return what is wrong with a server regardless of the settings here."""
    manager = answer.get("other_contents_manager")
    if manager is None:
        return None
    return "other-contents-manager", (
        f"{_named(server)} runs with another contents manager ({manager}), which does not show workspace folders."
    )


def _difference(
    server: RunningServer, answer: dict[str, Any], expected: list[dict[str, Any]], version: str
) -> tuple[str, str] | None:
    own = _own_trouble(server, answer)
    if own is not None:
        return own
    if answer.get("version") != version:
        sentence = (
            f"{_named(server)} runs version {answer.get('version')} of jupyter_terra_env, not {version}. {_AGAIN}"
        )
        return "server-differs", sentence
    if answer.get("workspaces") != expected:
        sentence = f"{_named(server)} was started with other workspaces than those configured now. {_AGAIN}"
        return "server-differs", sentence
    return None


def _named(server: RunningServer) -> str:
    return f"The Jupyter server at {server.url}"
