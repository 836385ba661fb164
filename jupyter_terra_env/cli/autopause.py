"""`jupyter terra-env autopause`: shows why this environment runs and when it pauses; keeps it running, or pauses it."""

import argparse
import contextlib
import re
import subprocess
from typing import Any

from jupyter_terra_env.cli.awake import awake
from jupyter_terra_env.cli.json_errors import REFUSED, failure
from jupyter_terra_env.cli.output import say, say_json
from jupyter_terra_env.cli.running_server import RunningServer, ServerRefused, find
from jupyter_terra_env.rules.errors import SettingsError

NAME = "autopause"
HELP = "show why this environment is still running and when it will be paused; keep it running, or pause it"

Report = dict[str, Any]
"""What is printed as JSON."""

_DESCRIPTION = """\
Show why this environment is still running, when it will be paused and what it costs; keep it running, or pause it.

The command asks the Jupyter server whose terminal it runs in; elsewhere, the only Jupyter server of this machine.
"""
_EPILOG = """\
examples:
  jupyter terra-env autopause                            why it is still running, when it will be paused
  jupyter terra-env autopause keep-awake 2h              not before two hours from now
  jupyter terra-env autopause keep-awake --while make all    not before the command has ended
  jupyter terra-env autopause keep-awake --until-jobs-end
  jupyter terra-env autopause pause-now                  save everything, then pause

exit codes: 0 done (keep-awake --while COMMAND: the command's own), 1 the server refused,
2 there is no server to ask
"""
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?:in)?)?(?:(\d+)s)?")
_REPORT = {
    "state": str,
    "message": str,
    "blockers": list,
    "waits": list,
    "keep_awake": dict,
    "attempts": list,
    "cost": dict,
    "enabled": bool,
    "pauses_by": list,
}
"""The fields of a report that are shown, with their types."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    _common(parser, default=None)
    acts = parser.add_subparsers(dest="act", metavar="ACT", title="acts (default: status)")
    _act(acts, "status", "why it is still running, when it will be paused, what it costs")
    keep = _act(acts, "keep-awake", "keep it running for a time, while a command runs, or until all jobs have ended")
    keep.add_argument("--until-jobs-end", action="store_true", help="until no job runs any more")
    keep.add_argument("duration", nargs="?", metavar="DURATION", help="as 2h, 90m or 1h30m (default: 2h)")
    keep.add_argument(
        "--while",
        dest="command",
        nargs=argparse.REMAINDER,
        metavar="COMMAND",
        help="run a command, and keep the environment running until it ends; everything after --while is the command",
    )
    _act(acts, "end-keep-awake", "end keep-awake early")
    pause = _act(acts, "pause-now", "save everything, then pause")
    pause.add_argument(
        "--force", action="store_true", help="pause even if something could not be saved to the workspace"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    Returns:
        0 when it was done, 1 when it was refused, or the exit code of the command that was run.

    Raises:
        SettingsError: there is no server to ask, or the duration is malformed.
    """
    server = find(arguments.port)
    try:
        return _do(server, arguments)
    except ServerRefused as refused:
        say_json(failure(REFUSED, str(refused))) if arguments.json else say(f"refused: {refused}")
        return 1


def _do(server: RunningServer, arguments: argparse.Namespace) -> int:
    match arguments.act:
        case "keep-awake" if arguments.until_jobs_end:
            return _print_report(_request(server, "keep-awake-until-jobs-end"), arguments)
        case "keep-awake" if arguments.command is not None:
            return _run_awake(server, arguments.command)
        case "keep-awake":
            seconds = _seconds("2h" if arguments.duration is None else arguments.duration)
            return _print_report(_request(server, "keep-awake", seconds=seconds), arguments)
        case "end-keep-awake":
            return _print_report(_request(server, "end-keep-awake"), arguments)
        case "pause-now":
            return _print_report(_request(server, "pause-now", force=arguments.force), arguments)
        case _:
            return _print_report(server.ask("GET", "terra-env/autopause"), arguments)


def _act(acts: Any, name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = acts.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    # A value given before the act's name is not to be replaced by a default after it.
    _common(parser, default=argparse.SUPPRESS)
    return parser


def _common(parser: argparse.ArgumentParser, default: Any) -> None:
    parser.add_argument("--port", type=int, default=default, metavar="N", help="the server's port, where several run")
    json_default = False if default is None else default
    parser.add_argument("--json", action="store_true", default=json_default, help="print the report as JSON")


def _request(server: RunningServer, action: str, **fields: Any) -> Report:
    return server.ask("POST", "terra-env/autopause", {"action": action, **fields})


def _run_awake(server: RunningServer, command: list[str]) -> int:
    if not command:
        raise SettingsError("--while needs a command to run.")
    with awake(server, " ".join(command)):
        try:
            process = subprocess.Popen(command)  # noqa: S603 - running it is what was asked for
        except OSError as error:
            raise SettingsError(f"{command[0]}: it cannot be run ({error.strerror}).") from error
        while True:
            # Ctrl-C also reaches the command, which decides what to do.
            with contextlib.suppress(KeyboardInterrupt):
                code = process.wait()
                return code if code >= 0 else 128 - code


def _print_report(report: Report, arguments: argparse.Namespace) -> int:
    if not all(isinstance(report.get(field), kind) for field, kind in _REPORT.items()):
        raise SettingsError("The answer is not a report of this extension: the server may run another version.")
    say_json(report) if arguments.json else say(_text(report))
    return 0


def _text(report: Report) -> str:
    lines = [f"{report['state']}: {report['message']}"]
    lines += [f"  {work['detail']} (since {_clock(work['since'])})" for work in report["blockers"]]
    lines += [f"  waits for a person: {work['detail']}" for work in report["waits"]]
    lines.append(_when(report))
    if report["keep_awake"]["until"]:
        lines.append(f"kept running until {_clock(report['keep_awake']['until'])} on request")
    if report["keep_awake"]["until_jobs_end"]:
        lines.append("kept running until all jobs have ended on request")
    lines += [f"tried to pause by {each['actuator']}: {each['detail']}" for each in report["attempts"]]
    if report.get("not_observed"):
        lines.append(f"not observed on this system: {', '.join(report['not_observed'])}")
    cost = report["cost"]
    lines.append(f"costs {cost['running_shown']} per hour running, {cost['paused_shown']} paused, data disks apart")
    return "\n".join(lines)


def _when(report: Report) -> str:
    if not report["enabled"]:
        return "autopause is off"
    if report["deadline"] is None:
        return f"tried again at {_clock(report['retry_at'])}" if report["retry_at"] else "no pause is scheduled"
    paused = "paused" if report["pauses_by"] else "should be paused (nothing here can, see pause_chain)"
    if str(report.get("code")).endswith(":leonardo"):
        paused = "idle long enough (Leonardo pauses it, by the autopause time set in Terra)"
    if report["reason"] == "max-busy":
        return f"{paused} at {_clock(report['deadline'])} at the latest: work without a person is limited"
    return f"{paused} at {_clock(report['deadline'])} if there is no activity"


def _clock(moment: str | None) -> str:
    return "an unknown time" if moment is None else moment.replace("T", " ").replace("Z", " UTC")


def _seconds(text: str) -> int:
    """Parse a duration such as ``1h30m``; a number alone is seconds.

    Raises:
        SettingsError: it is not a duration.
    """
    if text.isascii() and text.isdigit():
        return int(text)
    matched = _DURATION.fullmatch(text)
    if not text or matched is None:
        raise SettingsError(f"{text!r} is not a duration: write 2h, 90m or 1h30m.")
    return sum(int(part or 0) * unit for part, unit in zip(matched.groups(), (3600, 60, 1), strict=True))
