"""Asks the running servers of this person to flush, all at once; servers without this extension are skipped."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from jupyter_terra_env.cli.running_server import RunningServer, ServerIsGone, ServerIsNotOurs, ServerRefused
from jupyter_terra_env.rules.errors import SettingsError

_GRACE_SECONDS = 15.0
_MOST_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The servers' answers.

    Attributes:
        flushed: the servers that flushed, with their reports.
        trouble: the others that may owe something, with a sentence each.
    """

    flushed: dict[RunningServer, dict[str, Any]] = field(default_factory=dict)
    trouble: dict[RunningServer, str] = field(default_factory=dict)


def ask_servers(servers: Sequence[RunningServer], deadline_seconds: float, *, before_end: bool) -> Asked:
    """Ask servers to bring everything to their workspaces.

    Servers without this extension or without a workspace, and entries of servers that have ended, are left out.

    Args:
        servers: the servers to ask.
        deadline_seconds: how long each may take.
        before_end: whether the kernels may end then.
    """
    asked = Asked()
    if not servers:
        return asked
    body = {"deadline_seconds": deadline_seconds, "before_end": before_end}

    def ask(server: RunningServer) -> dict[str, Any] | str | None:
        try:
            report = server.ask("POST", "terra-env/flush", body, seconds=deadline_seconds + _GRACE_SECONDS)
            return report if _is_report(report) else f"The program at {server.url} is not the Jupyter server."
        except (ServerIsNotOurs, ServerIsGone):
            return None
        except (SettingsError, ServerRefused) as error:
            return str(error)

    with ThreadPoolExecutor(_MOST_AT_ONCE) as threads:
        for server, answer in zip(servers, threads.map(ask, servers), strict=True):
            if isinstance(answer, str):
                asked.trouble[server] = answer
            elif answer is not None:
                asked.flushed[server] = answer
    return asked


def _is_report(answer: dict[str, Any]) -> bool:
    """Whether an answer is a flush report: another program may listen at the server's former address."""
    paid, unpaid = answer.get("paid"), answer.get("unpaid")
    return (
        isinstance(paid, list)
        and all(isinstance(path, str) for path in paid)
        and isinstance(unpaid, list)
        and all(isinstance(each, dict) and {"path", "message"} <= each.keys() for each in unpaid)
    )
