"""`jupyter terra-env check`: what is configured here, and whether the workspace buckets can be used."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_terra_env import __version__
from jupyter_terra_env.cli.output import complain, say, say_json
from jupyter_terra_env.rules.errors import SettingsError

if TYPE_CHECKING:
    from jupyter_terra_env.cli.bucket_questions import BucketAnswers
    from jupyter_terra_env.cli.server_settings import ServerSettings
    from jupyter_terra_env.rules.workspace import Workspace

NAME = "check"
HELP = "say what is configured here, and whether the workspace bucket can be used"

Report = dict[str, Any]
"""What is printed as JSON."""

_DESCRIPTION = """\
Say what a Jupyter server started here would find: its workspaces, their buckets and folders, and what you may do there.

Settings come from the environment (WORKSPACE_NAME, WORKSPACE_BUCKET, OWNER_EMAIL), from TerraEnvApp in
jupyter_server_config or jupyter_terra_env_config, and from .delocalize.json files below the server's root folder that
name a bucket of TerraEnvApp.folder_buckets. Each bucket is asked for one listing, one object and your permissions.
Nothing is written, anywhere.
"""
_EPILOG = """\
examples:
  jupyter terra-env check
  WORKSPACE_NAME=Mine WORKSPACE_BUCKET=gs://my-bucket jupyter terra-env check --root ~
  jupyter terra-env check --json

Permissions are those for the whole bucket: a person with permissions for single folders only may be told 'no'.

exit codes: 0 all is well, 1 trouble was found (no workspace at all is trouble, too), 2 a setting is wrong
"""
_NO_WORKSPACE = (
    "No workspace is configured, so a server started here is a plain Jupyter. Set the variables WORKSPACE_NAME and "
    "WORKSPACE_BUCKET (gs://BUCKET), or TerraEnvApp.workspaces in a Jupyter configuration file."
)
_DISABLED = (
    "The server extension jupyter_terra_env is disabled. "
    "Enable it with 'jupyter server extension enable jupyter_terra_env'."
)
_OTHER_MANAGER = (
    "The configuration sets another contents manager ({}), so workspace folders are not shown. "
    "Remove 'ServerApp.contents_manager_class' from it."
)

_REALTIME_COLLABORATION = {
    "off": "off: its shared documents do not go together with a workspace",
    "on": "on",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.add_argument(
        "--root", type=Path, metavar="DIR", help="the server's root folder (default: as configured, or this folder)"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the report.

    Returns:
        0 when all is well, 1 when not, 2 for a wrong setting.

    Raises:
        SettingsError: a setting is wrong (when the report is not JSON).
    """
    try:
        report = _report(arguments.root)
    except SettingsError as error:
        if not arguments.json:
            raise
        say_json({"well": False, "troubles": [_trouble("settings", str(error))]})
        complain(f"jupyter terra-env {NAME}: {error}")
        return 2
    say_json(report) if arguments.json else say(_text(report))
    return 0 if report["well"] else 1


def _report(root: Path | None) -> Report:
    # Jupyter and Google's client take a second to import.
    from jupyter_terra_env.autopause.unobservable import unobservable  # noqa: PLC0415
    from jupyter_terra_env.cli.bucket_questions import ask  # noqa: PLC0415
    from jupyter_terra_env.cli.server_settings import load  # noqa: PLC0415

    settings = load(root)
    answers = ask(settings.workspaces, settings.connection)
    troubles = _troubles_of_server(settings)
    for workspace, found in zip(settings.workspaces, answers, strict=True):
        troubles += [_trouble(code, message, workspace.name) for code, message in found.troubles]
    kind, place = settings.storage(os.environ)
    return {
        "version": __version__,
        "well": not troubles,
        "root": str(settings.root),
        "extension": {
            "enabled": settings.extension_enabled,
            "other_contents_manager": settings.contents_manager,
        },
        "owner_email": "set" if settings.owner_is_known else "not set",
        "not_observed": list(unobservable()),
        "realtime_collaboration": _realtime_collaboration(settings),
        "storage": {"kind": kind, "place": place},
        "workspaces": [_about(workspace, found) for workspace, found in zip(settings.workspaces, answers, strict=True)],
        "troubles": troubles,
    }


def _troubles_of_server(settings: "ServerSettings") -> list[Report]:
    troubles = []
    if not settings.extension_enabled:
        troubles.append(_trouble("extension-disabled", _DISABLED))
    elif settings.contents_manager is not None:
        troubles.append(_trouble("other-contents-manager", _OTHER_MANAGER.format(settings.contents_manager)))
    if not settings.workspaces:
        troubles.append(_trouble("no-workspace", _NO_WORKSPACE))
    return troubles


def _realtime_collaboration(settings: "ServerSettings") -> str:
    """``not installed``, or what becomes of it: a workspace switches it off."""
    if settings.realtime_collaboration is None:
        return "not installed"
    return "on" if settings.realtime_collaboration or not settings.workspaces else "off"


def _about(workspace: "Workspace", found: "BucketAnswers") -> Report:
    return {
        "name": workspace.name,
        "bucket": workspace.bucket,
        "prefix": workspace.prefix,
        "edit_directory": workspace.edit_directory,
        "playground_directory": workspace.playground_directory,
        "pattern": workspace.pattern.pattern,
        "user_project": workspace.user_project,
        "can_list": found.can_list.value,
        "can_read": found.can_read.value,
        "can_write": found.can_write.value,
        "notebooks": found.notebooks,
    }


def _trouble(code: str, message: str, workspace: str | None = None) -> Report:
    return {"workspace": workspace, "reason": code, "message": message}


def _text(report: Report) -> str:
    storage, enabled = report["storage"], report["extension"]["enabled"]
    lines = [
        f"jupyter_terra_env {report['version']}",
        f"  extension     {'enabled' if enabled else 'disabled'}",
        f"  server root   {report['root']}",
        f"  buckets in    {storage['kind']}: {storage['place']}",
        f"  owner e-mail  {report['owner_email']}",
    ]
    if report["realtime_collaboration"] != "not installed":
        lines.append(f"  real-time collaboration  {_REALTIME_COLLABORATION[report['realtime_collaboration']]}")
    if report["not_observed"]:
        lines.append(f"  not observed  {', '.join(report['not_observed'])}: they do not keep the machine running")
    for workspace in report["workspaces"]:
        lines += ["", *_workspace_lines(workspace)]
    if report["well"]:
        return "\n".join([*lines, "", "All is well."])
    lines += ["", "Trouble:"]
    for trouble in report["troubles"]:
        where = f"{trouble['workspace']}: " if trouble["workspace"] else ""
        lines.append(f"  - {where}{trouble['message']}")
    return "\n".join(lines)


def _workspace_lines(workspace: Report) -> list[str]:
    count = "" if workspace["notebooks"] is None else f" ({_counted(workspace['notebooks'])}, folders not counted)"
    project = [f"  billed to     {workspace['user_project']}"] if workspace["user_project"] else []
    return [
        f"Workspace {workspace['name']!r}",
        f"  bucket        gs://{workspace['bucket']}/{workspace['prefix']}",
        *project,
        f"  edit          {workspace['edit_directory'] or '(the root folder)'}",
        f"  playground    {workspace['playground_directory'] or 'none'}",
        f"  file names    {workspace['pattern']}",
        f"  list          {workspace['can_list']}{count}",
        f"  read          {workspace['can_read']}",
        f"  write         {workspace['can_write']}",
    ]


def _counted(notebooks: int) -> str:
    return "1 notebook" if notebooks == 1 else f"{notebooks} notebooks"
