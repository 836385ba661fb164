"""Whether a contents manager is this package's as it stands here, or one that other code has changed.

Stand-ins go through many of Jupyter's methods. An override, by a class derived from ours or put into a class or an
instance at runtime, expects notebooks in their place: then it gets notebooks.
"""

from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any

_OWN_PACKAGES = frozenset({"jupyter_server", "jupyter_terra_env"})
_MAY_DIFFER = frozenset({"__init__"})


def has_only_own_methods(manager: object) -> bool:
    """Whether all methods of a contents manager are Jupyter's or this package's.

    Args:
        manager: a contents manager.
    """
    found: dict[str, Any] = {}
    for owner in reversed(type(manager).__mro__):
        found.update(vars(owner))
    names = set(_own_method_names(type(manager)))
    return names.isdisjoint(vars(manager)) and all(_is_own(found[name]) for name in names)


def _own_method_names(manager_class: type) -> Iterator[str]:
    for owner in manager_class.__mro__:
        if _is_of_own_package(owner.__module__):
            yield from _method_names(vars(owner))


def _method_names(namespace: Mapping[str, Any]) -> Iterator[str]:
    for name, value in namespace.items():
        if isinstance(_function(value), FunctionType) and name not in _MAY_DIFFER:
            yield name


def _is_own(value: Any) -> bool:
    function = _function(value)
    # Where the code is, not what it says it wraps: functools.wraps copies names.
    return isinstance(function, FunctionType) and _is_of_own_package(function.__globals__["__name__"])


def _function(value: Any) -> Any:
    function = value.__func__ if isinstance(value, staticmethod | classmethod) else value
    if isinstance(function, FunctionType) and function.__globals__["__name__"] == "contextlib":
        return getattr(function, "__wrapped__", function)
    return function


def _is_of_own_package(module: str) -> bool:
    return module.partition(".")[0] in _OWN_PACKAGES
