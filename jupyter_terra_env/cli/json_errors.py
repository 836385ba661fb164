"""Errors of the command: one sentence on stderr, and with ``--json`` one form of report on stdout, in every verb."""

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from jupyter_terra_env.cli.output import complain, say_json
from jupyter_terra_env.rules.bucket_answers import without_accounts

SETTINGS = "settings"
USAGE = "usage"
REFUSED = "refused"


def failure(reason: str, message: str) -> dict[str, Any]:
    """The report of a command that did not do what was asked.

    Args:
        reason: machine code.
        message: one sentence.
    """
    return {"well": False, "message": message, "troubles": [trouble(reason, message)]}


def trouble(reason: str, message: str) -> dict[str, Any]:
    """A trouble that is not of one workspace, as reports list it.

    Args:
        reason: machine code.
        message: one sentence.
    """
    return {"workspace": None, "reason": reason, "message": message}


def print_failure(verb: str, reason: str, message: str, *, as_json: bool) -> None:
    """Print why a command did not do what was asked.

    Args:
        verb: the command's name, as it was typed.
        reason: machine code.
        message: one sentence; e-mail addresses in it are left out.
        as_json: whether the report goes to stdout, too.
    """
    message = without_accounts(message)
    if as_json:
        say_json(failure(reason, message))
    complain(f"{verb}: {message}")


class CommandParser(argparse.ArgumentParser):
    """A parser whose errors, and those of its subcommands' parsers, have this form."""

    asked_for_json = False
    """Whether ``--json`` is in what is being parsed: set on the class, for all parsers of one command line."""

    def error(self, message: str) -> NoReturn:
        """Exit with the usage on stderr."""
        if self.asked_for_json:
            say_json(failure(USAGE, message))
        super().error(message)


def asks_for_json(words: Sequence[str]) -> bool:
    """Whether ``--json`` is among a command's words; those after ``--while`` are another program's."""
    own = words[: words.index("--while")] if "--while" in words else words
    return "--json" in own
