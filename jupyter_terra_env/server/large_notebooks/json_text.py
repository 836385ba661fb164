"""JSON, faster than the standard library and equal to it: what it reads, and the text that it writes."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

_LONG_CHARACTERS = 2_000
"""From here on, leaving a string out of the ``json`` module's work saves more than it costs."""
_GAP = "a long string belongs here"

_Taken = tuple[Any, Any, str]
"""The dictionary or list a string was taken out of, its key there, and the string."""


def parse(text: bytes | memoryview) -> Any:
    """What ``json.loads`` makes of UTF-8 text.

    ``msgspec`` reads several times faster, and refuses what Python's ``json`` allows beyond the standard (``NaN``, lone
    surrogates); that is read by ``json`` itself.

    Raises:
        ValueError: this is no JSON, or no UTF-8.
        RecursionError: it is nested too deeply.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError):
        return json.loads(bytes(text).decode("utf-8"))


def serialised(value: Any) -> Iterator[bytes]:
    """What ``json.dumps`` makes of a value, in pieces. Long strings of ASCII, as images are, go a faster way.

    Args:
        value: what ``parse`` returned, or made of such things. It is used up: long strings are taken out of it.
    """
    taken: list[_Taken] = []
    _take_out(value, taken)
    pieces = json.dumps(value).split(f'"{_GAP}"')
    if len(pieces) != len(taken) + 1:
        # Somebody's notebook has this very string in it.
        for container, key, string in taken:
            container[key] = string
        pieces, taken = [json.dumps(value)], []
    yield pieces[0].encode("ascii")
    for (_, _, string), piece in zip(taken, pieces[1:], strict=True):
        yield msgspec.json.encode(string)
        yield piece.encode("ascii")


def _take_out(value: Any, taken: list[_Taken]) -> None:
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(item, str):
            if len(item) >= _LONG_CHARACTERS and _is_written_alike(item):
                taken.append((value, key, item))
                value[key] = _GAP
        elif isinstance(item, (dict, list)):
            _take_out(item, taken)


def _is_written_alike(string: str) -> bool:
    """Whether both libraries write a string alike: ``json`` escapes all but printable ASCII, ``msgspec`` less."""
    return string.isascii() and "\x7f" not in string
