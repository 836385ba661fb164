"""Printing for the commands: names may contain control sequences, which must not reach the terminal."""

import json
import os
import sys
from typing import Any

from jupyter_terra_env.rules.shown_names import shown_json, shown_lines
from jupyter_terra_env.safe_log import secrets_in, without


def say(text: str) -> None:
    """Print text."""
    print(shown_lines(_public(text)), flush=True)


def say_json(value: Any, *, indent: int | None = 2) -> None:
    """Print a value as JSON."""
    print(shown_json(_public(json.dumps(value, indent=indent, ensure_ascii=False))), flush=True)


def complain(text: str) -> None:
    """Print text to stderr."""
    print(shown_lines(_public(text)), file=sys.stderr, flush=True)


def _public(text: str) -> str:
    """Return a text without an emulator's token: output of commands is pasted into reports."""
    return without(secrets_in(os.environ), text)
