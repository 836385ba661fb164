"""A list of texts as a setting, in any of the spellings that people use on the command line."""

import ast
import json
from typing import Any

from traitlets import List, TraitError, Unicode


class TextList(List):  # type: ignore[type-arg]
    """A list of texts; one text such as ``['a', 'b']``, ``[a, b]`` or ``a,b`` is read as a list, too.

    A shell takes the quotes out of ``--Class.setting=['a']``; Traitlets then takes ``[a]`` for the only item.

    Args:
        default: the default value.
        splits: whether a comma separates items; not where an item may hold one.
    """

    def __init__(self, default: list[str], *, splits: bool = True, **kwargs: Any) -> None:
        self._splits = splits
        super().__init__(Unicode(), default, **kwargs)

    def from_string_list(self, s_list: list[str]) -> list[str] | None:
        """Read the value of the command line."""
        return [item for text in s_list for item in self._items(text)]

    def validate(self, obj: Any, value: Any) -> list[str]:
        """Refuse a text that begins and ends as a list but is not one.

        Raises:
            TraitError: see above, or not a list of texts.
        """
        # Not where the text is read: Traitlets takes an error there for a value that is no list.
        if not self._splits and isinstance(value, list) and len(value) == 1 and _looks_like_list(str(value[0])):
            raise TraitError(f"The '{self.name}' trait expects a list such as '[\"a\", \"b\"]', got {value[0]!r}.")
        return list(super().validate(obj, value) or ())

    def _items(self, text: str) -> list[str]:
        stripped = text.strip()
        if not _looks_like_list(stripped):
            return _split(text) if self._splits else [text]
        read = _read(stripped)
        if read is None:
            return _split(stripped[1:-1]) if self._splits else [text]
        return read


def _looks_like_list(text: str) -> bool:
    return len(text) > 1 and text[0] + text[-1] in {"[]", "()"}


def _read(text: str) -> list[str] | None:
    for parse in (json.loads, ast.literal_eval):
        try:
            found = parse(text)
        except (ValueError, SyntaxError):
            continue
        if isinstance(found, list | tuple) and all(isinstance(item, str) for item in found):
            return list(found)
    return None


def _split(text: str) -> list[str]:
    return [item for part in text.split(",") if (item := part.strip().strip("'\""))]
