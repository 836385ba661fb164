"""The tables of settings in reference.md, made from the settings themselves.

``python docs/settings_tables.py`` writes them between the markers; a test checks that they are up to date.
"""

import re
from pathlib import Path

from traitlets import Bool, Dict, Enum, Float, Int, List, TraitType, Unicode
from traitlets.config import Configurable

from jupyter_terra_env.app import TerraEnvApp
from jupyter_terra_env.server.autopause.settings import AutopauseSettings

REFERENCE = Path(__file__).parent / "reference.md"
CLASSES = (TerraEnvApp, AutopauseSettings)


def with_tables(text: str) -> str:
    """A document with its tables made anew.

    Args:
        text: the document; for each class it has the markers ``<!-- settings: CLASS -->`` and ``<!-- end -->``.

    Raises:
        ValueError: a marker is missing.
    """
    for kind in CLASSES:
        start = f"<!-- settings: {kind.__name__} -->\n"
        before, found, rest = text.partition(start)
        _, end, after = rest.partition("<!-- end -->\n")
        if not found or not end:
            raise ValueError(f"No markers for {kind.__name__}.")
        text = f"{before}{start}{_table(kind)}{end}{after}"
    return text


def _table(kind: type[Configurable]) -> str:
    lines = [f"| `c.{kind.__name__}.…` | type | default | meaning |", "|---|---|---|---|"]
    for name, trait in sorted(kind.class_own_traits(config=True).items()):
        meaning = _code_of_names(str(trait.help)).replace("|", r"\|")
        lines.append(f"| `{name}` | {_type(trait)} | `{_literal(trait.default())}` | {meaning} |")
    return "\n".join(lines) + "\n"


def _type(trait: TraitType) -> str:
    match trait:
        case Enum():
            return ", ".join(f"`{value}`" for value in trait.values)
        case Bool():
            return "bool"
        case Int():
            return "int"
        case Float():
            return "float"
        case Unicode():
            return "str"
        case List():
            return "list of dict" if isinstance(trait._trait, Dict) else "list of str"  # noqa: SLF001 - it has no other name
        case _:
            raise TypeError(type(trait).__name__)


def _literal(value: object) -> str:
    """A value as a configuration file has it."""
    if not isinstance(value, str):
        return repr(value).replace("'", '"')
    return f'r"{value}"' if "\\" in value else f'"{value}"'


def _code_of_names(text: str) -> str:
    """A help text with settings and variables marked as code."""
    names = {name for each in CLASSES for name in each.class_own_traits(config=True) if "_" in name}
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(
        part
        if part.startswith("`")
        else re.sub(r"\b[A-Za-z]+(?:_[A-Za-z]+)+\b", lambda m: _marked(m.group(), names), part)
        for part in parts
    )


def _marked(word: str, names: set[str]) -> str:
    return f"`{word}`" if word in names or word.isupper() else word


if __name__ == "__main__":
    REFERENCE.write_text(with_tables(REFERENCE.read_text(encoding="utf-8")), encoding="utf-8")
