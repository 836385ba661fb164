"""`jupyter terra-env locks`: lists which notebooks are being edited, by whom and until when; gives locks back."""

import argparse
import asyncio
import logging
import os
import re
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_terra_env.cli.output import complain, say, say_json
from jupyter_terra_env.rules.errors import BucketError, ObjectNotFound, SettingsError
from jupyter_terra_env.rules.shown_names import shown

if TYPE_CHECKING:
    from jupyter_terra_env.cli.lock_queries import FoundLock, LockQueries
    from jupyter_terra_env.rules.workspace import Workspace

NAME = "locks"
HELP = "list which notebooks are being edited, by whom and until when; give back locks of yours"

Report = dict[str, Any]
"""What is printed as JSON."""

_DESCRIPTION = """\
List which notebooks of the configured workspaces are locked for editing, by whom and until when.

A lock lasts three minutes and is renewed while its notebook is open. Giving one back lets others edit at once; a
server that still has the notebook open takes it again with its next save, unless another person has taken it first.
"""
_EPILOG = """\
examples:
  jupyter terra-env locks
  jupyter terra-env locks --release analysis.ipynb sub/other.ipynb
  jupyter terra-env locks --release analysis.ipynb --elsewhere

Times are by the bucket's clock. Other people are shown by the first digits of their hash in the bucket.

exit codes: 0 done, 1 a problem was found or a lock was not given back, 2 a setting is missing or wrong
"""
_NO_EMAIL = (
    "Without your Terra e-mail address it is unknown which locks are yours: set the variable OWNER_EMAIL, "
    "or TerraEnvApp.owner_email in a Jupyter configuration file."
)
_NO_WORKSPACE = "No workspace is configured: set the variables WORKSPACE_NAME and WORKSPACE_BUCKET (gs://BUCKET)."
_INCOMPLETE = "This workspace has too many folders; not all of them were searched."
_WORDS = {"you-here": "you, here", "you-elsewhere": "you, in another environment"}
_PROGRESS_SECONDS = 2.0
_HASH_DIGITS = 12


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.add_argument(
        "--root", type=Path, metavar="DIR", help="the server's root folder (default: as configured, or this folder)"
    )
    parser.add_argument(
        "--release", nargs="+", metavar="NAME", help="give back your locks of these notebooks (paths as listed)"
    )
    parser.add_argument(
        "--elsewhere", action="store_true", help="with --release: also locks that your other environments hold"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(arguments: argparse.Namespace) -> int:
    """List locks, or give some back.

    Returns:
        0 if done, 1 if there was a problem.

    Raises:
        SettingsError: a setting is missing or wrong.
    """
    # Jupyter takes a second to import.
    from jupyter_terra_env.bucket.clock import BucketClock, machine_clock  # noqa: PLC0415
    from jupyter_terra_env.cli.lock_queries import LockQueries  # noqa: PLC0415
    from jupyter_terra_env.cli.server_settings import load  # noqa: PLC0415
    from jupyter_terra_env.environment.identity import (  # noqa: PLC0415
        Person,
        environment_id,
        known_environment_id,
    )
    from jupyter_terra_env.environment.machine_identity import machine_identity  # noqa: PLC0415

    if arguments.elsewhere and not arguments.release:
        raise SettingsError("--elsewhere goes with --release NAME.")
    settings = load(arguments.root)
    if not settings.owner_email:
        raise SettingsError(_NO_EMAIL)
    if not settings.workspaces:
        raise SettingsError(_NO_WORKSPACE)
    # Listing creates no id: without one, no lock can be this environment's.
    machine = machine_identity(os.environ)
    known = known_environment_id(settings.state_directory, machine=machine)
    if known is None and arguments.elsewhere:
        known = environment_id(settings.state_directory, new_id=_new_id, machine=machine)
    person = Person(email=settings.owner_email, environment=known or _new_id())
    clock = BucketClock(local_ms=machine_clock(), log=logging.getLogger(__name__))
    with LockQueries.of(settings.connection, person, clock) as queries:
        if arguments.release:
            report = asyncio.run(_released(queries, settings.workspaces, arguments))
        else:
            report = asyncio.run(_listed(queries, settings.workspaces))
    say_json(report) if arguments.json else say(_text(report))
    return 1 if report["troubles"] else 0


async def _listed(queries: "LockQueries", workspaces: "tuple[Workspace, ...]") -> Report:
    locks, troubles = [], []
    for workspace in workspaces:
        try:
            found, complete = await queries.all_of(workspace, _progress(workspace.name))
        except BucketError as error:
            troubles.append(_trouble(error.trouble.value, error.sentence, workspace.name))
            continue
        locks += [_about(lock) for lock in found]
        if not complete:
            troubles.append(_trouble("too-many-folders", _INCOMPLETE, workspace.name))
    names = [workspace.name for workspace in workspaces]
    return {"workspaces": names, "locks": locks, "troubles": troubles}


async def _released(
    queries: "LockQueries", workspaces: "tuple[Workspace, ...]", arguments: argparse.Namespace
) -> Report:
    released, troubles = [], []
    for name in dict.fromkeys(arguments.release):
        found: list[FoundLock] = []
        try:
            found = [lock for workspace in workspaces if (lock := await queries.named(workspace, name))]
            trouble = _why_not_released(name, found, may_be_elsewhere=arguments.elsewhere)
            if trouble is None and not await queries.give_back(found[0]):
                trouble = _trouble("held-by-other", f"{name}: another person is editing it by now.")
        except BucketError as error:
            trouble = _trouble(error.trouble.value, f"{name}: {error.sentence}")
        except ObjectNotFound:
            trouble = _trouble("not-locked", f"{name}: it was deleted in the meantime.")
        if trouble is None:
            released.append({"workspace": found[0].workspace.name, "name": found[0].name})
        else:
            troubles.append(trouble)
    return {"released": released, "troubles": troubles}


def _why_not_released(name: str, found: "list[FoundLock]", *, may_be_elsewhere: bool) -> Report | None:
    if not found:
        return _trouble("not-locked", f"{name}: there is no lock on a notebook of this name.")
    if len(found) > 1:
        paths = ", ".join(lock.path for lock in found)
        return _trouble("ambiguous", f"{name}: several workspaces have one; name one of {paths}.")
    match found[0].whose.value:
        case "somebody-else":
            return _trouble("held-by-other", f"{name}: another person is editing it.")
        case "you-elsewhere" if not may_be_elsewhere:
            sentence = f"{name}: you are editing it in another environment. Add --elsewhere to give that lock back."
            return _trouble("held-elsewhere", sentence)
    return None


def _about(lock: "FoundLock") -> Report:
    return {
        "workspace": lock.workspace.name,
        "name": lock.name,
        "path": lock.path,
        "whose": lock.whose.value,
        "holder": shown(_shortened(lock.lock.holder.owner)),
        "until": _moment(lock.lock.expires_at_ms),
        "seconds_left": max(0, -(-lock.left_ms // 1000)),
    }


def _shortened(owner: str) -> str:
    """Return a hash's first digits. Anything else may be an e-mail address and is not shown."""
    return owner[:_HASH_DIGITS] if re.fullmatch(r"[0-9a-f]{64}", owner) else "unknown"


def _moment(epoch_ms: int) -> str | None:
    """Return a moment in UTC, or None for one beyond the calendar: another program may use another unit."""
    try:
        moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=epoch_ms)
    except OverflowError:
        return None
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _trouble(code: str, message: str, workspace: str | None = None) -> Report:
    return {"workspace": workspace, "reason": code, "message": message}


def _text(report: Report) -> str:
    lines = []
    for name in report.get("workspaces", ()):
        locks = [lock for lock in report["locks"] if lock["workspace"] == name]
        troubled = any(trouble["workspace"] == name for trouble in report["troubles"])
        lines.append(f"Workspace {name!r}" + ("" if locks or troubled else ": no one is editing"))
        width = max((len(lock["name"]) for lock in locks), default=0)
        lines += [f"  {lock['name']:{width}}  {_who(lock)}, until {_until(lock)}" for lock in locks]
    lines += [f"given back: {lock['name']} ({lock['workspace']})" for lock in report.get("released", ())]
    for trouble in report["troubles"]:
        where = f"{trouble['workspace']}: " if trouble["workspace"] else ""
        lines.append(f"problem: {where}{trouble['message']}")
    return "\n".join(lines)


def _who(lock: Report) -> str:
    return _WORDS.get(lock["whose"], f"another person ({lock['holder']})")


def _until(lock: Report) -> str:
    if lock["until"] is None:
        return "beyond any date"
    return f"{lock['until'].replace('T', ' ').replace('Z', ' UTC')} (in {lock['seconds_left']} s)"


def _progress(workspace: str) -> Callable[[int], None]:
    """Print a line on stderr every few seconds while a search takes long."""
    next_at = time.monotonic() + _PROGRESS_SECONDS

    def report(searched: int) -> None:
        nonlocal next_at
        if time.monotonic() >= next_at:
            next_at = time.monotonic() + _PROGRESS_SECONDS
            complain(f"{workspace}: {searched} folders searched …")

    return report


def _new_id() -> str:
    return secrets.token_hex(8)
