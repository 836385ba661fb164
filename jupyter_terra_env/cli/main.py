# PYTHON_ARGCOMPLETE_OK
"""The command `jupyter terra-env`: finds the verb, runs it, and reports errors in one sentence."""

import argparse
import importlib.util
import logging
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from jupyter_terra_env import __version__
from jupyter_terra_env.cli import (
    all_settings,
    autopause,
    bucket,
    check,
    completion,
    copy,
    demo,
    flush,
    locks,
    packages,
    preview,
    versions,
)
from jupyter_terra_env.cli.json_errors import SETTINGS, CommandParser, asks_for_json, print_failure
from jupyter_terra_env.rules.errors import BucketError, ObjectNotFound, OperationRefused, SettingsError, TerraEnvError
from jupyter_terra_env.safe_log import keep_safe
from jupyter_terra_env.unsupported_system import why_unsupported

PROGRAM = "jupyter terra-env"
INTERRUPTED = 130
"""The exit code of a program that Ctrl-C ended."""

_VERBS: tuple[ModuleType, ...] = (
    demo,
    check,
    locks,
    versions,
    preview,
    copy,
    packages,
    flush,
    autopause,
    bucket,
    completion,
)
_DESCRIPTION = """\
Terra's cloud environment for any Jupyter: notebooks of a workspace bucket, opened, edited and saved.

A Jupyter server needs none of these commands: it reads WORKSPACE_NAME, WORKSPACE_BUCKET and OWNER_EMAIL at its start.
The commands are for trying it out, and for finding out why something does not work.
"""
_EPILOG = """\
examples:
  jupyter terra-env demo            JupyterLab on a workspace of made-up notebooks, without a cloud
  jupyter terra-env check           the configuration, and whether the workspace bucket can be used
  jupyter terra-env VERB --help     more about one verb
  jupyter terra-env --help-all      every setting, with its default

exit codes: 0 done, 1 a problem was found, 2 the command could not run as asked
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: the arguments after the command's name; None for those of this process.

    Returns:
        The exit code.
    """
    unsupported = why_unsupported()
    if unsupported:
        print(f"{PROGRAM}: {unsupported}", file=sys.stderr)
        return 2
    keep_safe(logging.getLogger("jupyter_terra_env"))
    words = sys.argv[1:] if argv is None else list(argv)
    CommandParser.asked_for_json = asks_for_json(words)
    parser = _parser()
    completion.complete(parser)
    arguments = parser.parse_args(words)
    name = PROGRAM if arguments.verb is None else f"{PROGRAM} {arguments.verb}"
    as_json = getattr(arguments, "json", False)
    try:
        return _run(parser, arguments)
    except SettingsError as error:
        print_failure(name, SETTINGS, str(error), as_json=as_json)
        return 2
    except TerraEnvError as error:
        reason, sentence = _reason_and_sentence(error)
        print_failure(name, reason, sentence, as_json=as_json)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the output has gone; Python would report it again when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _reason_and_sentence(error: TerraEnvError) -> tuple[str, str]:
    match error:
        case BucketError():
            return error.trouble.value, error.sentence
        case OperationRefused():
            return error.reason.value, str(error)
        case ObjectNotFound():
            return "not-found", str(error)
        case _:
            return "failed", str(error)


def _run(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    if arguments.help_all:
        parser.print_help()
        print(all_settings.text())
        return 0
    if arguments.generate_config:
        print(f"Every setting is in {all_settings.write()}, as a comment with its default.")
        return 0
    if arguments.verb is None:
        parser.print_help(sys.stderr)
        return 2
    verb = next(verb for verb in _VERBS if arguments.verb == verb.NAME)
    if verb is demo and importlib.util.find_spec("jupyterlab") is None:
        raise SettingsError("The demo needs JupyterLab: install it with \"pip install 'jupyter_terra_env[lab]'\".")
    return int(verb.run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog=PROGRAM, description=_DESCRIPTION, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"jupyter_terra_env {__version__}")
    parser.add_argument("--help-all", action="store_true", help="show this help and every setting, then exit")
    parser.add_argument(
        "--generate-config",
        action="store_true",
        help="write a file of all settings, as comments, into Jupyter's configuration folder, then exit",
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs")
    for verb in _VERBS:
        verb.configure(verbs.add_parser(verb.NAME, help=verb.HELP))
    return parser


if __name__ == "__main__":
    sys.exit(main())
