"""Escapes names that others chose, so that they cannot control the log or terminal that shows them.

Sources: ECMA-48 (C0 and C1 controls steer terminals), Unicode Standard Annex 9 (bidirectional formatting reorders what
follows), Unicode Standard 23.2 and 23.8 (line separators, invisible formatting and tag characters).
"""

import re

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0, DEL, C1
    "\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"  # marks, separators, embeddings, overrides, isolates
    "\ud800-\udfff"  # surrogates: no stream accepts them
    "\ufff9-\ufffb\U000e0000-\U000e007f]"  # annotations, tags
)
_JOINERS = "\u200c\u200d"
"""Persian and Indic names, and emoji, contain them; they neither reorder text nor control a terminal."""


def shown(text: str) -> str:
    r"""Escape every character that could control a terminal, forge a line or reorder other characters.

    Args:
        text: a name, a path or a sentence with one in it.

    Returns:
        The same text, with such characters as ``\x9b`` or ``\u202e``.
    """
    return _UNSAFE.sub(lambda found: _escaped(found.group()), text)


def shown_lines(text: str) -> str:
    """Do the same as ``shown`` for a text of several lines, and keep line feeds."""
    return "\n".join(shown(line) for line in text.split("\n"))


def shown_json(text: str) -> str:
    """Escape such characters in a JSON text the way JSON does, and keep line feeds between its parts."""
    kept = "\n" + _JOINERS
    return _UNSAFE.sub(lambda found: found.group() if found.group() in kept else _as_json(found.group()), text)


def _as_json(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _escaped(character: str) -> str:
    if character in _JOINERS:
        return character
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
