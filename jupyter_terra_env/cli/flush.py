"""`jupyter terra-env flush`: brings everything saved on this disk to the workspace."""

import argparse
import asyncio
import logging
import os
import secrets
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_terra_env.cli.output import say, say_json
from jupyter_terra_env.cli.running_server import RunningServer, running_servers
from jupyter_terra_env.cli.server_flushes import ask_servers
from jupyter_terra_env.rules.errors import SettingsError

if TYPE_CHECKING:
    from jupyter_terra_env.cli.server_settings import ServerSettings

NAME = "flush"
HELP = "bring everything saved on this disk to the workspace now"

Report = dict[str, Any]
"""What is printed as JSON."""

_DEADLINE_SECONDS = 60.0
_PATIENCE_SECONDS = 3.0
"""How long an unreachable bucket is retried within one attempt: a person is waiting."""
_DESCRIPTION = """\
Bring every save that is only on this disk to the workspace, before a machine is stopped or handed on.

The command asks all your Jupyter servers on this machine (with --root, only the one of that folder). If none runs in
the current folder (or --root), it uploads what an earlier server left there itself. What cannot be uploaded is named,
stays safe on the disk, and is tried again by the next server.
"""
_EPILOG = """\
examples:
  jupyter terra-env flush
  jupyter terra-env flush --deadline 20 --json
  jupyter terra-env flush --deadline 25 --before-end    # in a machine's shutdown script

exit codes: 0 everything is in the workspace, 1 something is not, or its state is unknown (it is named),
2 a setting is missing or wrong, or no server runs and none ever ran in this folder
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
        help="the machine is about to stop: the server also saves outputs of cells that no browser is connected to",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Flush.

    Returns:
        0 if everything is in the workspace, 1 if something is not, or a server did not answer.

    Raises:
        SettingsError: a setting is missing or wrong, or there is nothing that could be flushed.
    """
    # Jupyter takes a second to import.
    from jupyter_terra_env.cli.server_settings import load  # noqa: PLC0415

    settings = load(arguments.root)
    report = _report(settings, arguments)
    say_json(report) if arguments.json else say(_text(report))
    return 1 if report["unpaid"] or report.get("not_asked") else 0


def _report(settings: "ServerSettings", arguments: argparse.Namespace) -> Report:
    """Ask all servers that may owe something, and flush this folder here if no server serves it."""
    ends = time.monotonic() + arguments.deadline
    servers = [server for server in running_servers() if arguments.root is None or _serves(server, settings)]
    asked = ask_servers(servers, arguments.deadline, before_end=arguments.before_end)
    reports = [{"by": "server", **report} for report in asked.flushed.values()]
    trouble = dict(asked.trouble)
    if not any(_serves(server, settings) for server in asked.flushed):
        here = _here(settings, max(0.0, ends - time.monotonic()))
        reports += [] if here is None else [here]
        if here is not None and not arguments.before_end:
            # The journal has everything that this folder's server saved, so its answer is not needed.
            trouble = {server: sentence for server, sentence in trouble.items() if not _serves(server, settings)}
    if not reports and not trouble:
        raise SettingsError(_nothing_here(settings))
    elsewhere = [str(server.root) for server in asked.flushed if not _serves(server, settings)]
    return _joined(reports, trouble, elsewhere)


def _serves(server: RunningServer, settings: "ServerSettings") -> bool:
    return os.path.realpath(server.root) == os.path.realpath(settings.root)


def _here(settings: "ServerSettings", deadline_seconds: float) -> Report | None:
    """Pay what the journal of this folder says; None where there is nothing to be done. Makes no journal."""
    from jupyter_terra_env.notebooks.storage.foreign_debts import (  # noqa: PLC0415 - slow to import
        JOURNAL_NAME,
        on_the_disk,
        recorded_debts,
    )
    from jupyter_terra_env.server.status_fields import foreign_debt_fields  # noqa: PLC0415

    if not (settings.state_directory / JOURNAL_NAME).exists():
        return None
    if settings.workspaces:
        return asyncio.run(_flush_here(settings, deadline_seconds))
    foreign = on_the_disk(recorded_debts(settings.state_directory), settings.root)
    if not foreign:
        return None
    return {"by": "command", "paid": [], "unpaid": [foreign_debt_fields(debt) for debt in foreign]}


def _nothing_here(settings: "ServerSettings") -> str:
    if not settings.workspaces:
        return "No workspace is configured: set the variables WORKSPACE_NAME and WORKSPACE_BUCKET."
    return (
        f"There is no journal in {settings.state_directory}, and none of your servers runs: it is "
        "not known whether anything is owed. Name the server's root folder with --root, or go there first (cd)."
    )


def _joined(reports: list[Report], trouble: dict[RunningServer, str], elsewhere: list[str]) -> Report:
    """Join the reports into one; optional fields are present only if they are not empty."""
    by = {report["by"] for report in reports}
    report: Report = {
        "by": "both" if len(by) > 1 else next(iter(by), "server"),
        "paid": [path for report in reports for path in report["paid"]],
        "unpaid": [status for report in reports for status in report["unpaid"]],
    }
    if elsewhere:
        report["asked"] = elsewhere
    if trouble:
        report["not_asked"] = [{"root": str(server.root), "message": text} for server, text in trouble.items()]
    return report


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds (0 to 3600)")
    return seconds


async def _flush_here(settings: "ServerSettings", deadline_seconds: float) -> Report:
    from jupyter_terra_env.environment.identity import Person, environment_id  # noqa: PLC0415 - slow to import
    from jupyter_terra_env.environment.machine_identity import machine_identity  # noqa: PLC0415 - slow to import
    from jupyter_terra_env.notebooks.locks.lock_keeper import KeepingTimes  # noqa: PLC0415
    from jupyter_terra_env.notebooks.storage.write_gate import INTERVAL_SECONDS  # noqa: PLC0415
    from jupyter_terra_env.server.status_fields import payment_fields  # noqa: PLC0415
    from jupyter_terra_env.wiring.notebooks import Plan, build  # noqa: PLC0415

    async def nothing_in_use() -> frozenset[str]:
        return frozenset()

    log = logging.getLogger(__name__)
    log.setLevel(logging.ERROR)  # What is not paid is in the report.
    patience = min(_PATIENCE_SECONDS, settings.connection.retry_deadline_seconds)
    environment = environment_id(
        settings.state_directory, new_id=lambda: secrets.token_hex(8), machine=machine_identity(os.environ)
    )
    parts = build(
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
            deliver_program_changes=settings.deliver_program_changes,
            log=log,
        ),
        in_use=nothing_in_use,
        announce=lambda _: None,
    )
    try:
        return {"by": "command", **payment_fields(await parts.deliveries.pay(deadline_seconds))}
    finally:
        await parts.close()


def _text(report: Report) -> str:
    lines = [f"asked: the Jupyter server of {root}" for root in report.get("asked", [])]
    lines += [f"in the workspace now: {path}" for path in report["paid"]]
    lines += [f"NOT in the workspace: {status['path']}. {status['message']}" for status in report["unpaid"]]
    lines += [f"NOT KNOWN: {server['root']}. {server['message']}" for server in report.get("not_asked", [])]
    if not any(report.get(key) for key in ("paid", "unpaid", "not_asked")):
        lines.append(
            f"Nothing was owed: everything saved {'there' if report.get('asked') else 'here'} is in the workspace."
        )
    return "\n".join(lines)
