"""`jupyter terra-env copy`: copies files and folders between this disk and buckets."""

import argparse
import asyncio
import contextlib
import logging
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_terra_env.cli.awake import awake_if_possible
from jupyter_terra_env.rules.copy_decisions import IfExists

if TYPE_CHECKING:
    from jupyter_terra_env.transfers.copier import Copied
    from jupyter_terra_env.transfers.progress import Progress
    from jupyter_terra_env.wiring.copies import Copies, CopySettings

NAME = "copy"
HELP = "copy files and folders between this disk and the workspace's bucket"

_INTERRUPTED = 130
_WORKERS = 16
_MOST_WORKERS = 64
_DESCRIPTION = """\
Copy files and folders between this disk and buckets, or from one bucket to another.

SOURCE and TARGET are paths on this disk, workspace:PATH for the whole bucket of the configured workspace
(workspace/NAME:PATH where there are several), or gs://BUCKET/PATH. Patterns in quotes: * ? [ ] stay within a folder,
** does not. A folder DIR needs --recursive and arrives as TARGET/DIR; DIR/ brings its content right into TARGET.

Nothing is replaced that was not looked at, everything is verified by checksum, and what has the same content already
is skipped. After an interruption, run the same command again: large files go on where they were.
"""
_EPILOG = """\
examples:
  jupyter terra-env copy results.csv workspace:results/
  jupyter terra-env copy -r figures workspace:results/            as results/figures/…
  jupyter terra-env copy 'workspace:inputs/**.bam' /data/         with their folders below inputs/
  jupyter terra-env copy gs://a-bucket/reference/ workspace:reference/
  jupyter terra-env copy --dry-run --if-exists newer data/ workspace:data/

Notebooks that someone is editing are not replaced. Hidden files within folders are left out without --hidden, and so
is the playground unless it is named itself. docs/protocol/copies.md says what can happen at the same time.

exit codes: 0 everything is there, 1 something was not copied (it is named), 2 the command or a setting is wrong,
130 interrupted
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.add_argument("sources", nargs="+", metavar="SOURCE", help="what is copied")
    parser.add_argument("target", metavar="TARGET", help="where to; with a slash at its end it is a folder")
    parser.add_argument("-r", "--recursive", action="store_true", help="copy folders with everything in them")
    parser.add_argument(
        "--if-exists",
        choices=[choice.value for choice in IfExists],
        help="what to do where the target exists and differs (default: ask on a terminal, else refuse)",
    )
    parser.add_argument("-n", "--dry-run", action="store_true", help="say what would be copied, and copy nothing")
    parser.add_argument("--hidden", action="store_true", help="also copy hidden files within folders")
    parser.add_argument(
        "--workers",
        type=_workers,
        default=_WORKERS,
        metavar="N",
        help=f"how many files at once, 1 to {_MOST_WORKERS} (default: {_WORKERS})",
    )
    parser.add_argument(
        "--user-project", metavar="PROJECT", help="project to bill for requester-pays buckets (default: as configured)"
    )
    parser.add_argument(
        "--root", type=Path, metavar="DIR", help="the server's root folder (default: as configured, or this folder)"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="print failures only")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Copy.

    Returns:
        0 if everything is there, 1 if something was not copied, 130 if it was interrupted.

    Raises:
        SettingsError: a setting or an address is wrong.
    """
    # Jupyter takes a second to import.
    from jupyter_terra_env.bucket.clock import BucketClock, machine_clock  # noqa: PLC0415
    from jupyter_terra_env.cli.copy_report import Printer  # noqa: PLC0415
    from jupyter_terra_env.transfers.copier import Copied  # noqa: PLC0415
    from jupyter_terra_env.wiring.copies import Copies  # noqa: PLC0415

    settings = _settings(arguments)
    printer, copied = Printer.of(arguments), Copied()
    clock = BucketClock(local_ms=machine_clock(), log=logging.getLogger(__name__))
    try:
        with Copies(settings, clock) as copies:
            _copy(copies, arguments, copied)
    except KeyboardInterrupt:
        printer.interrupted(copied)
        return _INTERRUPTED
    return printer.report(copied)


def _settings(arguments: argparse.Namespace) -> "CopySettings":
    from jupyter_core.paths import jupyter_data_dir  # noqa: PLC0415 - slow to import

    from jupyter_terra_env.cli.server_settings import load  # noqa: PLC0415
    from jupyter_terra_env.environment.identity import known_environment_id  # noqa: PLC0415
    from jupyter_terra_env.environment.machine_identity import machine_identity  # noqa: PLC0415
    from jupyter_terra_env.transfers.session_records import FOLDER_NAME  # noqa: PLC0415
    from jupyter_terra_env.wiring.copies import CopySettings  # noqa: PLC0415

    settings = load(arguments.root)
    return CopySettings(
        root=settings.root,
        state=settings.state_directory,
        records=Path(jupyter_data_dir()) / FOLDER_NAME,
        workspaces=settings.workspaces,
        connection=settings.connection,
        email=settings.owner_email,
        environment=known_environment_id(settings.state_directory, machine=machine_identity(os.environ)),
        user_project=arguments.user_project,
        workers=arguments.workers,
        recursive=arguments.recursive,
        hidden=arguments.hidden,
        if_exists=_if_exists(arguments),
    )


def _if_exists(arguments: argparse.Namespace) -> IfExists:
    """What was asked for; without a terminal no one can be asked."""
    can_ask = sys.stdin.isatty() and sys.stderr.isatty()
    chosen = IfExists.ASK if arguments.if_exists is None else IfExists(arguments.if_exists)
    return IfExists.REFUSE if chosen is IfExists.ASK and not can_ask else chosen


def _copy(copies: "Copies", arguments: argparse.Namespace, copied: "Copied") -> None:
    from jupyter_terra_env.cli.copy_questions import decided  # noqa: PLC0415 - slow to import
    from jupyter_terra_env.transfers.items import copied_item  # noqa: PLC0415
    from jupyter_terra_env.transfers.progress import Progress  # noqa: PLC0415

    with _shown("looking at what is there …", arguments):
        plan = asyncio.run(copies.plan(arguments.sources, arguments.target))
    copied.outcomes += plan.outcomes
    if arguments.dry_run:
        copied.outcomes += [copied_item(item) for item in (*plan.items, *plan.undecided)]
        return
    # Not within the event loop, which would keep Ctrl-C from a question.
    items = [*plan.items, *decided(plan.undecided, copied)]
    size_bytes = sum(item.size_bytes for item in items)
    progress = Progress(all_files=len(items), all_bytes=size_bytes, monotonic=time.monotonic)
    with awake_if_possible(f"A copy to {arguments.target}"), _line(progress, arguments):
        asyncio.run(copies.copy(items, progress, copied))


@contextlib.contextmanager
def _line(progress: "Progress", arguments: argparse.Namespace) -> Iterator[None]:
    from jupyter_terra_env.cli.copy_report import ProgressLine  # noqa: PLC0415

    if arguments.quiet or not sys.stderr.isatty():
        yield
        return
    with ProgressLine(progress):
        yield


@contextlib.contextmanager
def _shown(text: str, arguments: argparse.Namespace) -> Iterator[None]:
    """Show a line while something lasts, on a terminal."""
    is_shown = not arguments.quiet and sys.stderr.isatty()
    if is_shown:
        print(text, end="\r", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        if is_shown:
            print("\x1b[K", end="\r", file=sys.stderr, flush=True)


def _workers(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= number <= _MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of workers (1 to {_MOST_WORKERS})")
    return number
