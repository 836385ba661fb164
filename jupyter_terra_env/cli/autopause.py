"""`jupyter terra-env autopause`: why this environment still runs, when it will be paused, and saying otherwise."""

import argparse
import contextlib
import re
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

from jupyter_terra_env.cli.json_errors import REFUSED, failure
from jupyter_terra_env.cli.output import complain, say, say_json
from jupyter_terra_env.cli.running_server import RunningServer, ServerRefused, find
from jupyter_terra_env.rules.errors import SettingsError

NAME = "autopause"
HELP = "say why this environment is still running and when it will be paused; keep it running, or pause it"

Report = dict[str, Any]
"""What is printed as JSON."""

_DESCRIPTION = """\
Say why this environment is still running, when it will be paused and what it costs; keep it running, or pause it.

The Jupyter server of this machine is asked: in one of its terminals, or wherever it is the only one.
"""
_EPILOG = """\
examples:
  jupyter terra-env autopause                            why it is still running, when it will be paused
  jupyter terra-env autopause keep-awake 2h              not before two hours from now
  jupyter terra-env autopause keep-awake --while make all    not before this command has ended
  jupyter terra-env autopause keep-awake --until-jobs-end
  jupyter terra-env autopause pause-now                  save everything, then pause

exit codes: 0 done (keep-awake --while COMMAND: the command's own), 1 it was refused,
2 there is no server to ask
"""
_LEASE_SECONDS = 180
_RENEW_SECONDS = 60.0
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?:in)?)?(?:(\d+)s)?")
_LABEL_LENGTH = 100
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
"""Fields of a report that are shown, and what they are."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    _common(parser, default=None)
    acts = parser.add_subparsers(dest="act", metavar="ACT", title="acts (default: status)")
    _act(acts, "status", "why it is still running, when it will be paused, what it costs")
    keep = _act(acts, "keep-awake", "keep it running for a time, while a command runs, or until all jobs have ended")
    keep.add_argument("--until-jobs-end", action="store_true", help="until nothing works any more")
    keep.add_argument("duration", nargs="?", metavar="TIME", help="as 2h, 90m or 1h30m (default: 2h)")
    keep.add_argument(
        "--while",
        dest="command",
        nargs=argparse.REMAINDER,
        metavar="COMMAND",
        help="run a command, and keep the environment running for it; all that follows is the command's",
    )
    _act(acts, "end-keep-awake", "give back the time that was asked for")
    pause = _act(acts, "pause-now", "save everything, then pause")
    pause.add_argument("--force", action="store_true", help="also when something could not be saved to the workspace")


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked.

    Returns:
        0 when it was done, 1 when it was refused, or the exit code of the command that was run.

    Raises:
        SettingsError: there is no server to ask, or the time is no time.
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
            return _tell(_wish(server, "keep-awake-until-jobs-end"), arguments)
        case "keep-awake" if arguments.command is not None:
            return _run_awake(server, arguments.command)
        case "keep-awake":
            seconds = _seconds("2h" if arguments.duration is None else arguments.duration)
            return _tell(_wish(server, "keep-awake", seconds=seconds), arguments)
        case "end-keep-awake":
            return _tell(_wish(server, "end-keep-awake"), arguments)
        case "pause-now":
            return _tell(_wish(server, "pause-now", force=arguments.force), arguments)
        case _:
            return _tell(server.ask("GET", "terra-env/autopause"), arguments)


def _act(acts: Any, name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = acts.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    # A value given before the act's name is not to be replaced by a default after it.
    _common(parser, default=argparse.SUPPRESS)
    return parser


def _common(parser: argparse.ArgumentParser, default: Any) -> None:
    parser.add_argument("--port", type=int, default=default, metavar="N", help="the server's port, where several run")
    json_default = False if default is None else default
    parser.add_argument("--json", action="store_true", default=json_default, help="print the report as JSON")


def _wish(server: RunningServer, action: str, **fields: Any) -> Report:
    return server.ask("POST", "terra-env/autopause", {"action": action, **fields})


def _take_lease(server: RunningServer, label: str) -> str:
    lease = _wish(server, "take-lease", label=label, seconds=_LEASE_SECONDS).get("lease")
    if not isinstance(lease, str):
        raise SettingsError("What answered is not a lease of this extension: the server may be of another version.")
    return lease


def _run_awake(server: RunningServer, command: list[str]) -> int:
    if not command:
        raise SettingsError("--while needs a command to run.")
    with _awake(server, " ".join(command)):
        try:
            process = subprocess.Popen(command)  # noqa: S603 - running it is what was asked for
        except OSError as error:
            raise SettingsError(f"{command[0]}: it cannot be run ({error.strerror}).") from error
        while True:
            # Ctrl-C reaches the command as well; what it makes of it is its own affair.
            with contextlib.suppress(KeyboardInterrupt):
                code = process.wait()
                return code if code >= 0 else 128 - code


@contextlib.contextmanager
def _awake(server: RunningServer, label: str) -> Iterator[None]:
    """Hold a lease, renewed on a thread; if this process is killed, it ends by itself."""
    label = "".join(character for character in label if character.isprintable())[:_LABEL_LENGTH] or "A command"
    lease = _take_lease(server, label)
    ended = threading.Event()

    def renew() -> None:
        current = lease
        while not ended.wait(_RENEW_SECONDS):
            try:
                _wish(server, "renew-lease", lease=current, seconds=_LEASE_SECONDS)
            except ServerRefused:
                # The server was started anew: it knows nothing of the old lease.
                with contextlib.suppress(ServerRefused, SettingsError):
                    current = _take_lease(server, label)
            except SettingsError as error:
                complain(f"autopause: {error}")

    renewing = threading.Thread(target=renew, daemon=True)
    renewing.start()
    try:
        yield
    finally:
        ended.set()
        with contextlib.suppress(ServerRefused, SettingsError):
            _wish(server, "end-lease", lease=lease)


def _tell(report: Report, arguments: argparse.Namespace) -> int:
    if not all(isinstance(report.get(field), kind) for field, kind in _REPORT.items()):
        raise SettingsError("What answered is not a report of this extension: the server may be of another version.")
    say_json(report) if arguments.json else say(_text(report))
    return 0


def _text(report: Report) -> str:
    lines = [f"{report['state']}: {report['message']}"]
    lines += [f"  {work['detail']} (since {_clock(work['since'])})" for work in report["blockers"]]
    lines += [f"  waits for somebody: {work['detail']}" for work in report["waits"]]
    lines.append(_when(report))
    if report["keep_awake"]["until"]:
        lines.append(f"kept running until {_clock(report['keep_awake']['until'])} because somebody asked for it")
    if report["keep_awake"]["until_jobs_end"]:
        lines.append("kept running until all jobs have ended because somebody asked for it")
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
        return f"tried again at {_clock(report['retry_at'])}" if report["retry_at"] else "no pause is due"
    paused = "paused" if report["pauses_by"] else "should be paused (nothing here can, see pause_chain)"
    if str(report.get("code")).endswith(":leonardo"):
        paused = "idle long enough (Leonardo pauses it, by the autopause time set in Terra)"
    if report["reason"] == "max-busy":
        return f"{paused} at {_clock(report['deadline'])} at the latest: work without a person may take only so long"
    return f"{paused} at {_clock(report['deadline'])} if nothing happens"


def _clock(moment: str | None) -> str:
    return "an unknown time" if moment is None else moment.replace("T", " ").replace("Z", " UTC")


def _seconds(text: str) -> int:
    """A time as people write it; a number alone is seconds.

    Raises:
        SettingsError: it is none.
    """
    if text.isascii() and text.isdigit():
        return int(text)
    matched = _DURATION.fullmatch(text)
    if not text or matched is None:
        raise SettingsError(f"{text!r} is no time: write 2h, 90m or 1h30m.")
    return sum(int(part or 0) * unit for part, unit in zip(matched.groups(), (3600, 60, 1), strict=True))
