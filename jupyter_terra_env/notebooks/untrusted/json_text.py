"""JSON, faster than the standard library and equal to it: what it reads, and the text that it writes."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

_LONG_CHARACTERS = 2_000
"""From here on, sparing ``json`` a string saves more than it costs."""
_GAP = '"a long string belongs here: '
_LINE_BREAKS = "\n\r\x0b\x0c\x1c\x1d\x1e"

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


def written(value: Any, write: Callable[[Any], str]) -> Iterator[bytes]:
    """What a function that uses ``json.dumps`` writes, in pieces: long lines of ASCII, as images are, go a faster way.

    Args:
        value: dictionaries and lists of strings, numbers and the like. It is used up: strings are taken out of it.
        write: turns the value into JSON; it may sort keys and split text into lines, but not change strings otherwise.
    """
    taken: list[_Taken] = []
    _take_out(value, taken)
    first, *others = write(value).split(_GAP)
    gaps = [other.split('"', maxsplit=1) for other in others]
    if sorted(number for number, _ in gaps) != sorted(str(number) for number in range(len(taken))):
        # A notebook that has this very string in it.
        for container, key, string in taken:
            container[key] = string
        first, gaps = write(value), []
    yield first.encode("utf-8")
    for number, rest in gaps:
        yield msgspec.json.encode(taken[int(number)][2])
        yield rest.encode("utf-8")


def _take_out(value: Any, taken: list[_Taken]) -> None:
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(item, str):
            if len(item) >= _LONG_CHARACTERS and _is_plain(item):
                value[key] = f"{_GAP[1:]}{len(taken)}"
                taken.append((value, key, item))
        elif isinstance(item, (dict, list)):
            _take_out(item, taken)


def _is_plain(string: str) -> bool:
    """Whether a string is one line that is written alike everywhere: ASCII without DEL, which ``json`` escapes."""
    return (
        string.isascii()
        and "\x7f" not in string
        and all(string.find(line_break, 0, len(string) - 1) < 0 for line_break in _LINE_BREAKS)
    )
