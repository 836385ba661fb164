"""What the commands print: names that others chose are in it, and a terminal must not obey them."""

import json
import sys
from typing import Any

from jupyter_terra_env.rules.shown_names import shown_json, shown_lines


def say(text: str) -> None:
    """Print text."""
    print(shown_lines(text), flush=True)


def say_json(value: Any, *, indent: int | None = 2) -> None:
    """Print a value as JSON."""
    print(shown_json(json.dumps(value, indent=indent, ensure_ascii=False)), flush=True)


def complain(text: str) -> None:
    """Print text to the terminal of whoever typed the command."""
    print(shown_lines(text), file=sys.stderr, flush=True)
