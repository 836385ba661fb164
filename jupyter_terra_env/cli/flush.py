"""`jupyter terra-env flush`: bring everything that was saved here to the workspace, now."""

import argparse
import asyncio
import contextlib
import logging
import os
import secrets
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_terra_env.cli.output import say, say_json
from jupyter_terra_env.cli.running_server import ServerRefused, serving
from jupyter_terra_env.rules.errors import SettingsError

if TYPE_CHECKING:
    from jupyter_terra_env.cli.server_settings import ServerSettings

NAME = "flush"
HELP = "bring everything that was saved here to the workspace, now"

Report = dict[str, Any]
"""What is printed as JSON."""

_DEADLINE_SECONDS = 60.0
_GRACE_SECONDS = 15.0
_PATIENCE_SECONDS = 3.0
"""How long an unreachable bucket is asked again within one attempt: a person is waiting."""
_DESCRIPTION = """\
Bring every save that is only on this disk to the workspace, before a machine is stopped or handed on.

A Jupyter server that runs here is asked to do it; without one, the command does it itself. What cannot be brought
there stays safe on the disk, is named, and is tried again by the next server.
"""
_EPILOG = """\
examples:
  jupyter terra-env flush
  jupyter terra-env flush --deadline 20 --json
  jupyter terra-env flush --deadline 25 --before-end    # in a machine's shutdown script

exit codes: 0 everything is in the workspace, 1 something is not (it is named), 2 a setting is missing or wrong
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.add_argument(
        "--root", type=Path, metavar="DIR", help="the server's root folder (default: as configured, or this folder)"
    )
    parser.add_argument(
        "--deadline",
        type=_seconds,
        default=_DEADLINE_SECONDS,
        metavar="S",
        help=f"how long to try, in seconds (default: {_DEADLINE_SECONDS:g})",
    )
    parser.add_argument(
        "--before-end",
        action="store_true",
        help="the machine is about to stop: the server also saves what cells have put out with nobody connected",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Flush.

    Returns:
        0 when everything is in the workspace, 1 when something is not.

    Raises:
        SettingsError: a setting is missing or wrong.
    """
    # Jupyter takes a second to import.
    from jupyter_terra_env.cli.server_settings import load  # noqa: PLC0415

    settings = load(arguments.root)
    if not settings.workspaces:
        raise SettingsError("No workspace is configured: set the variables WORKSPACE_NAME and WORKSPACE_BUCKET.")
    asked = _ask_server(settings, arguments.deadline, before_end=arguments.before_end)
    report = asked or asyncio.run(_flush_here(settings, arguments.deadline))
    say_json(report) if arguments.json else say(_text(report))
    return 1 if report["unpaid"] else 0


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds (0 to 3600)")
    return seconds


def _ask_server(settings: "ServerSettings", deadline_seconds: float, *, before_end: bool) -> Report | None:
    """Have the server of this root folder do it; None when there is none that answers."""
    for server in serving(settings.root):
        with contextlib.suppress(SettingsError, ServerRefused):
            body = {"deadline_seconds": deadline_seconds, "before_end": before_end}
            report = server.ask("POST", "terra-env/flush", body, seconds=deadline_seconds + _GRACE_SECONDS)
            if _is_report(report):
                return {"by": "server", **report}
    return None


def _is_report(answer: Report) -> bool:
    """Whether an answer is what a flush answers: something else may listen where the server did."""
    paid, unpaid = answer.get("paid"), answer.get("unpaid")
    return (
        isinstance(paid, list)
        and all(isinstance(path, str) for path in paid)
        and isinstance(unpaid, list)
        and all(isinstance(each, dict) and {"path", "message"} <= each.keys() for each in unpaid)
    )


async def _flush_here(settings: "ServerSettings", deadline_seconds: float) -> Report:
    from jupyter_terra_env.environment.identity import Person, environment_id  # noqa: PLC0415 - as above
    from jupyter_terra_env.environment.machine_identity import machine_identity  # noqa: PLC0415 - as above
    from jupyter_terra_env.notebooks.lock_keeper import KeepingTimes  # noqa: PLC0415
    from jupyter_terra_env.notebooks.pace import INTERVAL_SECONDS  # noqa: PLC0415
    from jupyter_terra_env.server.status_fields import payment_fields  # noqa: PLC0415
    from jupyter_terra_env.wiring import Plan, build  # noqa: PLC0415

    async def nothing_in_use() -> frozenset[str]:
        return frozenset()

    log = logging.getLogger(__name__)
    log.setLevel(logging.ERROR)  # What is not paid is in the report.
    patience = min(_PATIENCE_SECONDS, settings.connection.retry_deadline_seconds)
    environment = environment_id(
        settings.state_directory, new_id=lambda: secrets.token_hex(8), machine=machine_identity(os.environ)
    )
    notebooks = build(
        Plan(
            root=settings.root,
            state=settings.state_directory,
            workspaces=settings.workspaces,
            connection=replace(settings.connection, retry_deadline_seconds=patience),
            person=Person(email=settings.owner_email, environment=environment),
            save_wait_seconds=0.0,
            listing_max_age_seconds=0.0,
            keeping=KeepingTimes(),
            pace_seconds=INTERVAL_SECONDS,
            log=log,
        ),
        in_use=nothing_in_use,
        announce=lambda _: None,
    )
    try:
        return {"by": "command", **payment_fields(await notebooks.pay(deadline_seconds))}
    finally:
        await notebooks.close()


def _text(report: Report) -> str:
    paid = len(report["paid"])
    lines = [f"in the workspace now: {path}" for path in report["paid"]]
    lines += [f"NOT in the workspace: {status['path']}. {status['message']}" for status in report["unpaid"]]
    if not paid and not report["unpaid"]:
        lines.append("Nothing was owed: everything saved here is in the workspace.")
    return "\n".join(lines)
