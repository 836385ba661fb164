"""What clients ask of autopause: bodies of ``POST /terra-env/autopause``, checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Action(StrEnum):
    """What can be asked for; append only, never rename."""

    KEEP_AWAKE = "keep-awake"
    KEEP_AWAKE_UNTIL_JOBS_END = "keep-awake-until-jobs-end"
    END_KEEP_AWAKE = "end-keep-awake"
    PAUSE_NOW = "pause-now"
    HEARTBEAT = "heartbeat"
    SAVED = "saved"
    UNSAVED = "unsaved"
    LEAVE = "leave"
    TAKE_LEASE = "take-lease"
    RENEW_LEASE = "renew-lease"
    END_LEASE = "end-lease"
    FLUSH = "flush"


MOST_SECONDS = 31_536_000.0
"""A year: a request for more is a mistake."""
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_LABEL_LENGTH = 100
_MOST_PATHS = 200
_PATH_LENGTH = 4096
_FIELDS: Mapping[Action, frozenset[str]] = {
    Action.KEEP_AWAKE: frozenset({"seconds"}),
    Action.KEEP_AWAKE_UNTIL_JOBS_END: frozenset(),
    Action.END_KEEP_AWAKE: frozenset(),
    Action.PAUSE_NOW: frozenset({"force"}),
    Action.HEARTBEAT: frozenset({"tab", "visible", "last_input_age_seconds"}),
    Action.SAVED: frozenset({"tab"}),
    Action.UNSAVED: frozenset({"tab", "paths", "still_saving"}),
    Action.LEAVE: frozenset({"tab"}),
    Action.TAKE_LEASE: frozenset({"label", "seconds"}),
    Action.RENEW_LEASE: frozenset({"lease", "seconds"}),
    Action.END_LEASE: frozenset({"lease"}),
    Action.FLUSH: frozenset({"deadline_seconds", "before_end"}),
}


class InvalidRequest(Exception):
    """The body is no valid request; the message is a sentence for the caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AutopauseRequest:
    """A request to autopause.

    Attributes:
        action: what to do.
        fields: the rest of the body.
    """

    action: Action
    fields: Mapping[str, Any]

    def seconds(self, name: str, *, otherwise: float | None = None) -> float:
        """A number of seconds, at least 0.

        Raises:
            InvalidRequest: it is something else.
        """
        value = self.fields.get(name, otherwise)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_SECONDS:
            raise InvalidRequest(f"'{name}' must be a number of seconds, from 0 to {MOST_SECONDS:.0f}.")
        return float(value)

    def maybe_seconds(self, name: str) -> float | None:
        """A number of seconds, or None for null.

        Raises:
            InvalidRequest: it is something else.
        """
        return None if self.fields.get(name) is None else self.seconds(name)

    def flag(self, name: str, *, otherwise: bool | None = None) -> bool:
        """True or false.

        Raises:
            InvalidRequest: it is neither.
        """
        value = self.fields.get(name, otherwise)
        if not isinstance(value, bool):
            raise InvalidRequest(f"'{name}' must be true or false.")
        return value

    def name(self, name: str) -> str:
        """An id.

        Raises:
            InvalidRequest: it is none.
        """
        value = self.fields.get(name)
        if not isinstance(value, str) or not _ID.fullmatch(value):
            raise InvalidRequest(f"'{name}' must be 1 to 64 letters, digits or one of _ . : -.")
        return value

    def paths(self) -> tuple[str, ...]:
        """API paths.

        Raises:
            InvalidRequest: they are none, or too many.
        """
        value = self.fields.get("paths")
        if not isinstance(value, list) or not 0 < len(value) <= _MOST_PATHS or not all(map(_is_path, value)):
            raise InvalidRequest(f"'paths' must be 1 to {_MOST_PATHS} API paths.")
        return tuple(value)

    def label(self) -> str:
        """What to call a command.

        Raises:
            InvalidRequest: it is no text, or has control characters.
        """
        value = self.fields.get("label", "A command")
        if not isinstance(value, str) or not value.isprintable() or not 0 < len(value) <= _LABEL_LENGTH:
            raise InvalidRequest(f"'label' must be 1 to {_LABEL_LENGTH} printable characters.")
        return value


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _PATH_LENGTH


def read_request(body: Any) -> AutopauseRequest:
    """Read a body.

    Args:
        body: the JSON that was sent.

    Raises:
        InvalidRequest: it is no object with a known action, or has a field that the action does not have.
    """
    asked = body.get("action") if isinstance(body, dict) else None
    if not isinstance(asked, str) or asked not in set(Action):
        raise InvalidRequest(f"'action' must be one of {', '.join(Action)}.")
    action = Action(asked)
    fields = {key: value for key, value in body.items() if key != "action"}
    unknown = sorted(set(fields) - _FIELDS[action])
    if unknown:
        raise InvalidRequest(f"'{action}' has no field '{unknown[0]}'.")
    return AutopauseRequest(action=action, fields=fields)
