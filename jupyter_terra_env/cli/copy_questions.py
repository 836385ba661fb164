"""Asks a person about targets that exist and differ, before anything is copied."""

import sys
from collections.abc import Sequence

from jupyter_terra_env.cli.output import complain
from jupyter_terra_env.rules.copy_decisions import CopyReason
from jupyter_terra_env.transfers.copier import Copied
from jupyter_terra_env.transfers.items import Item
from jupyter_terra_env.transfers.plan import left_out

_QUESTION = "{} exists and differs. Replace it? [y]es, [n]o, [a]ll, [s]kip all, [q]uit: "


def decided(items: Sequence[Item], copied: Copied) -> list[Item]:
    """Ask about each, until one answer is for all.

    Args:
        items: whose targets exist and differ.
        copied: takes those that are skipped.

    Returns:
        Those that are to be replaced.

    Raises:
        KeyboardInterrupt: the person wants none of it.
    """
    chosen: list[Item] = []
    answer = ""
    for item in items:
        if answer not in {"a", "s"}:
            answer = _answer(item)
        if answer in {"y", "a"}:
            chosen.append(item)
        else:
            copied.outcomes.append(left_out(item, CopyReason.EXISTS))
    return chosen


def _answer(item: Item) -> str:
    while True:
        complain(_QUESTION.format(item.shown_target))
        answer = sys.stdin.readline()
        letter = answer.strip().lower()[:1]
        if letter == "q" or not answer:
            raise KeyboardInterrupt
        if letter in {"y", "n", "a", "s"}:
            return letter
