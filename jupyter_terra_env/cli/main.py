"""The command `jupyter terra-env`: finds the verb, runs it, and says in one sentence what went wrong."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from jupyter_terra_env import __version__
from jupyter_terra_env.cli import autopause, bucket, check, demo, flush, locks
from jupyter_terra_env.cli.output import complain
from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.safe_log import keep_safe
from jupyter_terra_env.unsupported_system import why_unsupported

PROGRAM = "jupyter terra-env"
INTERRUPTED = 130
"""What shells report for a program that Ctrl-C ended."""

_VERBS: tuple[ModuleType, ...] = (demo, check, locks, flush, autopause, bucket)
_DESCRIPTION = """\
Terra's cloud environment for any Jupyter: notebooks of a workspace bucket, opened, edited and saved.

A Jupyter server needs no command to use it: it reads WORKSPACE_NAME, WORKSPACE_BUCKET and OWNER_EMAIL at its start.
The commands here are for trying it out, and for finding out why it does not work.
"""
_EPILOG = """\
examples:
  jupyter terra-env demo            JupyterLab on a workspace of made-up notebooks, without a cloud
  jupyter terra-env check           what is configured here, and whether the workspace bucket can be used
  jupyter terra-env VERB --help     more about one of them

exit codes: 0 done, 1 trouble was found, 2 the command could not run as asked
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: what follows the command's name; None for this process's arguments.

    Returns:
        The exit code.
    """
    unsupported = why_unsupported()
    if unsupported:
        print(f"{PROGRAM}: {unsupported}", file=sys.stderr)
        return 2
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.verb is None:
        parser.print_help(sys.stderr)
        return 2
    keep_safe(logging.getLogger("jupyter_terra_env"))
    verb = next(verb for verb in _VERBS if arguments.verb == verb.NAME)
    try:
        return int(verb.run(arguments))
    except SettingsError as error:
        complain(f"{PROGRAM} {verb.NAME}: {error}")
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has gone; Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description=_DESCRIPTION, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"jupyter_terra_env {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs")
    for verb in _VERBS:
        verb.configure(verbs.add_parser(verb.NAME, help=verb.HELP))
    return parser


if __name__ == "__main__":
    sys.exit(main())
