"""Finds names of settings that do not exist, and suggests those that were probably meant."""

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_LIKENESS = 0.7
_OWN_NAMES = re.compile(r"terra|terra_?env.*|.*auto_?pause.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownName:
    """A name of no setting.

    Attributes:
        name: the name as written: ``CLASS``, ``CLASS.setting`` or a variable.
        suggestion: the name that was probably meant, in the same form; None if none is similar.
    """

    name: str
    suggestion: str | None

    @property
    def sentence(self) -> str:
        """One sentence for the person who wrote it."""
        hint = f" Did you mean {self.suggestion}?" if self.suggestion else ""
        return f"{self.name}: there is no such setting; it is ignored.{hint}"


def unknown_settings(
    configured: Mapping[str, Any], known: Mapping[str, Collection[str]], *, other_classes: Collection[str] = ()
) -> tuple[UnknownName, ...]:
    """Find configured settings that do not exist.

    Args:
        configured: the configuration, by class and setting.
        known: this package's classes, and the names of their settings.
        other_classes: classes of other packages, which may have similar names.
    """
    found: list[UnknownName] = []
    for section, values in configured.items():
        if section in known:
            names = values if isinstance(values, Mapping) else ()
            found += [_unknown(section, name, known[section]) for name in names if name not in known[section]]
        elif section not in other_classes:
            meant = _class_like(section, known)
            if meant is not None:
                found.append(UnknownName(name=section, suggestion=meant))
    return tuple(found)


def unknown_variables(names: Iterable[str], known: Collection[str], *, prefix: str) -> tuple[UnknownName, ...]:
    """Find environment variables with this package's prefix that resemble one of its own but do not exist."""
    others = [name for name in sorted(names) if name.startswith(prefix) and name not in known]
    meant = {name: _nearest(name, known) for name in others}
    return tuple(UnknownName(name=name, suggestion=near) for name, near in meant.items() if near is not None)


def _unknown(section: str, name: str, known: Collection[str]) -> UnknownName:
    meant = _nearest(name, known)
    return UnknownName(name=f"{section}.{name}", suggestion=None if meant is None else f"{section}.{meant}")


def _class_like(section: str, known: Collection[str]) -> str | None:
    """Return the class that was probably meant; None if the name does not resemble one of ours."""
    lowered = {name.lower(): name for name in known}
    near = _nearest(section.lower(), lowered)
    if near is not None:
        return lowered[near]
    if not _OWN_NAMES.fullmatch(section.lower()):
        return None
    return lowered[max(lowered, key=lambda name: difflib.SequenceMatcher(None, section.lower(), name).ratio())]


def _nearest(name: str, known: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=_LIKENESS)), None)
