"""`jupyter terra-env versions`: lists earlier versions of a notebook, and brings one back."""

import argparse
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jupyter_terra_env.cli.json_errors import REFUSED, failure
from jupyter_terra_env.cli.output import say, say_json
from jupyter_terra_env.cli.running_server import RunningServer, ServerRefused, find
from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.rules.shown_names import shown

NAME = "versions"
HELP = "list earlier versions of a notebook, also of deleted ones; restore one, or copy it out"

Report = dict[str, Any]
"""What is printed as JSON."""

_DESCRIPTION = """\
List the versions of a notebook that the workspace bucket has kept, and bring one back.

The command asks the Jupyter server whose terminal it runs in; elsewhere, the only Jupyter server of this machine. A
notebook is named by its path in the file browser, or by its path on the disk.
"""
_EPILOG = """\
examples:
  jupyter terra-env versions ws/edit/analysis.ipynb
  jupyter terra-env versions ws/edit/analysis.ipynb --restore 1727000000000000
  jupyter terra-env versions ws/edit/analysis.ipynb --copy 1727000000000000    a notebook of its own, beside it
  jupyter terra-env versions ws/edit --deleted                                 deleted notebooks that can come back

Restoring makes a new version; the one that it replaces is kept as the bucket keeps all of them. "soft-deleted" versions
can be restored until the time shown, and cannot be read before.

exit codes: 0 done, 1 the server refused, 2 there is no server to ask
"""
_SECONDS = 120.0
_WORDS = {"live": "now", "noncurrent": "kept", "soft-deleted": "soft-deleted"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.add_argument("path", metavar="NOTEBOOK", help="the notebook; with --deleted, an edit folder")
    act = parser.add_mutually_exclusive_group()
    act.add_argument("--restore", metavar="GENERATION", help="make this version the newest one")
    act.add_argument("--copy", metavar="GENERATION", help="make a notebook of this version, beside the old one")
    act.add_argument("--deleted", action="store_true", help="list deleted notebooks at or below a folder")
    parser.add_argument("--port", type=int, metavar="PORT", help="port of the Jupyter server")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(arguments: argparse.Namespace) -> int:
    """List, restore or copy.

    Returns:
        0 if done, 1 if the server refused.

    Raises:
        SettingsError: there is no server to ask.
    """
    server = find(arguments.port)
    try:
        report, text = _done(server, arguments)
    except ServerRefused as refused:
        say_json(failure(REFUSED, str(refused))) if arguments.json else say(f"refused: {refused}")
        return 1
    say_json(report) if arguments.json else say(text)
    return 0


def _done(server: RunningServer, arguments: argparse.Namespace) -> tuple[Report, str]:
    path = _api_path(server, arguments.path)
    if arguments.restore or arguments.copy:
        verb = "restore-version" if arguments.restore else "copy-version"
        body = {"path": path, "generation": arguments.restore or arguments.copy}
        report = server.ask("POST", f"terra-env/{verb}", body, seconds=_SECONDS)
        word = "restored" if arguments.restore else "copied to"
        return report, f"{word}: {shown(report['path'])}"
    question = urlencode({"path": path})
    if arguments.deleted:
        report = server.ask("GET", f"terra-env/deleted?{question}", seconds=_SECONDS)
        return report, _deleted_text(report)
    report = server.ask("GET", f"terra-env/versions?{question}", seconds=_SECONDS)
    return report, _text(report)


def _api_path(server: RunningServer, path: str) -> str:
    """The server's name of a path: relative to its root, or as it stands in the file browser."""
    on_disk = Path(path).absolute()
    if server.root.is_absolute() and on_disk.is_relative_to(server.root) and (Path(path).exists() or path[:1] in "/."):
        return on_disk.relative_to(server.root).as_posix()
    if path.startswith("/"):
        raise SettingsError(f"{path} is not below the root folder of the Jupyter server ({server.root}).")
    return path.strip("/")


def _text(report: Report) -> str:
    lines = [f"{shown(report['path'])} in gs://{report['bucket']}"]
    lines += [f"  {_line(one)}" for one in report["versions"]] or ["  the bucket has no version of it"]
    lines += [f"  {one['saved_at']}  on this disk only, Jupyter's checkpoint" for one in report["checkpoints"]]
    return "\n".join(lines + ([report["hint"]] if report["hint"] else []))


def _deleted_text(report: Report) -> str:
    lines = [f"{shown(one['path'])}  {_line(one)}" for one in report["deleted"]]
    return "\n".join(lines) or f"{shown(report['path'])}: the bucket has kept nothing that was deleted here."


def _line(one: Report) -> str:
    until = f", until {one['kept_until']}" if one["kept_until"] else ""
    by = f"  by {shown(one['email'])}" if one.get("email") else ""
    return (
        f"{one['generation']:>17}  {one['saved_at']}  {one['size_bytes']:>10} bytes  {_WORDS[one['state']]}{until}{by}"
    )
