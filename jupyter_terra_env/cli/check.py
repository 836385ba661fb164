"""`jupyter terra-env check`: reports the configuration, the running servers, and whether the buckets can be used.

The report is meant to be pasted into a request for support: it has no secrets and no e-mail addresses.
"""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_terra_env import __version__
from jupyter_terra_env.cli.output import say, say_json
from jupyter_terra_env.rules.bucket_answers import without_accounts
from jupyter_terra_env.rules.errors import SettingsError

if TYPE_CHECKING:
    from jupyter_terra_env.cli.bucket_probe import BucketAnswers
    from jupyter_terra_env.cli.server_comparison import FoundServer
    from jupyter_terra_env.cli.server_settings import ServerSettings
    from jupyter_terra_env.rules.workspace import Workspace

NAME = "check"
HELP = "report the configuration, and whether the workspace bucket can be used"

Report = dict[str, Any]
"""What is printed as JSON."""

_DESCRIPTION = """\
Report what a Jupyter server started here would find: its workspaces, their buckets and folders, and your permissions.

Settings come from the environment (WORKSPACE_NAME, WORKSPACE_BUCKET, OWNER_EMAIL), from TerraEnvApp in
jupyter_server_config or jupyter_terra_env_config, and from .delocalize.json files below the server's root folder that
name a bucket of TerraEnvApp.folder_buckets; they are read as a starting server reads them, with all files of Jupyter.
Your running servers are asked for their configuration, and each bucket for one listing, one object and your
permissions. Nothing is written; the report contains no secret and no e-mail address.
"""
_EPILOG = """\
examples:
  jupyter terra-env check
  WORKSPACE_NAME=Mine WORKSPACE_BUCKET=gs://my-bucket jupyter terra-env check --root ~
  jupyter terra-env check --json

Permissions are those for the whole bucket: 'no' may also mean that you have permissions for single folders only.

exit codes: 0 no problems, 1 problems were found (having no workspace is one), 2 a setting is wrong
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
    "The configuration sets another contents manager ({}), so workspace folders are not shown{}. "
    "Remove 'ServerApp.contents_manager_class' (or 'NotebookApp.contents_manager_class') from it."
)
_NO_START = ", and a server with a workspace does not start"

_REALTIME_COLLABORATION = {
    "off": "off: its shared documents do not work with a workspace",
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
        0 if there are no problems, 1 if there are.

    Raises:
        SettingsError: a setting is wrong.
    """
    report = _without_accounts(_report(arguments.root))
    say_json(report) if arguments.json else say(_text(report))
    return 0 if report["well"] else 1


def _report(root: Path | None) -> Report:
    # Jupyter and Google's client take a second to import.
    from jupyter_terra_env.autopause.unobservable import unobservable  # noqa: PLC0415
    from jupyter_terra_env.cli.bucket_probe import ask  # noqa: PLC0415
    from jupyter_terra_env.cli.server_comparison import look_at_servers  # noqa: PLC0415
    from jupyter_terra_env.cli.server_settings import load  # noqa: PLC0415
    from jupyter_terra_env.cli.software import software  # noqa: PLC0415
    from jupyter_terra_env.server.api.about import place_of  # noqa: PLC0415

    settings = load(root)
    _refuse_unusable_folders(settings)
    answers = ask(settings.workspaces, settings.connection)
    servers = look_at_servers(settings, map(place_of, settings.workspaces), __version__)
    troubles = _troubles_of_server(settings)
    troubles += [_trouble(*server.trouble) for server in servers if server.trouble is not None and server.is_checked]
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
        "software": software(),
        "configuration_files": list(settings.files),
        "state_directory": str(settings.state_directory),
        "servers": [_about_server(server) for server in servers],
        "troubles": troubles,
    }


def _refuse_unusable_folders(settings: "ServerSettings") -> None:
    """Check, without writing, that a starting server could create its folders.

    Raises:
        SettingsError: a folder could not be made or written to.
    """
    from jupyter_terra_env.cli.journal_queries import why_journal_not_usable  # noqa: PLC0415 - slow to import
    from jupyter_terra_env.environment.workspace_folders import refuse_links, why_not_usable  # noqa: PLC0415

    if not settings.workspaces or not settings.extension_enabled:
        return
    refuse_links(settings.root, settings.workspaces)
    why = why_not_usable(settings.state_directory) or why_journal_not_usable(settings.state_directory)
    if why is not None:
        raise SettingsError(f"state_directory: {settings.state_directory} cannot be used: {why}.")
    for workspace in settings.workspaces:
        for directory, _ in workspace.directories():
            why = why_not_usable(settings.root / directory)
            if why is not None:
                raise SettingsError(f"The workspace folder {settings.root / directory} cannot be used: {why}.")


def _about_server(server: "FoundServer") -> Report:
    return {
        "root": server.root,
        "url": server.url,
        "version": server.version,
        "trouble": None if server.trouble is None else server.trouble[1],
    }


def _troubles_of_server(settings: "ServerSettings") -> list[Report]:
    troubles = []
    if not settings.extension_enabled:
        troubles.append(_trouble("extension-disabled", _DISABLED))
    elif settings.contents_manager is not None:
        ends = "" if settings.may_be_other_manager else _NO_START
        troubles.append(_trouble("other-contents-manager", _OTHER_MANAGER.format(settings.contents_manager, ends)))
    troubles += [_trouble("ignored-setting", sentence) for sentence in settings.ignored]
    if not settings.workspaces:
        troubles.append(_trouble("no-workspace", _NO_WORKSPACE))
    return troubles


def _realtime_collaboration(settings: "ServerSettings") -> str:
    """``not installed``, ``on`` or ``off``: a workspace switches it off."""
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
    lines += [
        f"  software      {', '.join(f'{name} {version}' for name, version in report['software'].items())}",
        f"  settings from {', '.join(report['configuration_files']) or 'no file'}",
        f"  journal in    {report['state_directory']}",
        *(f"  runs          {server['url']} in {server['root']}{_remark(server)}" for server in report["servers"]),
    ]
    for workspace in report["workspaces"]:
        lines += ["", *_workspace_lines(workspace)]
    if report["well"]:
        return "\n".join([*lines, "", "No problems found."])
    lines += ["", "Problems:"]
    for trouble in report["troubles"]:
        where = f"{trouble['workspace']}: " if trouble["workspace"] else ""
        lines.append(f"  - {where}{trouble['message']}")
    return "\n".join(lines)


def _remark(server: Report) -> str:
    return f": {server['trouble']}" if server["trouble"] else f", version {server['version']}"


def _without_accounts(value: Any) -> Any:
    """Return the report without e-mail addresses, including those in paths, names and sentences."""
    match value:
        case str():
            return without_accounts(value)
        case dict():
            return {key: _without_accounts(each) for key, each in value.items()}
        case list():
            return [_without_accounts(each) for each in value]
        case _:
            return value


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
