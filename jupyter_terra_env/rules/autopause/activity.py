"""Activity signals: human acts and the noise of programs that only watch, and the kinds of work."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class ActivityClass(StrEnum):
    """What a signal says about the machine's use."""

    HUMAN = "human"
    NOISE = "noise"


class WorkKind(StrEnum):
    """What keeps a machine running; append only, never rename."""

    KERNEL = "kernel"
    KERNEL_BACKGROUND = "kernel-background"
    TERMINAL = "terminal"
    PROCESS = "process"
    GPU = "gpu"
    NETWORK = "network"
    COMMAND = "command"
    UNKNOWN = "unknown"
    REQUEST = "request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One thing that is working now.

    Attributes:
        kind: where it was seen.
        id: which one: a kernel's id, a terminal's name, a process id.
        detail: one sentence for the user.
        age_seconds: how long it has been seen.
    """

    kind: WorkKind
    id: str
    detail: str
    age_seconds: float = 0.0


_VERBS = {"POST", "PATCH", "DELETE"}
_VERBS_OF_PEOPLE = re.compile(r"/api/(sessions|kernels|terminals|contents)(/.*)?")
_CONTENTS = re.compile(r"/api/contents(/.*)?")
_CHECKPOINT = re.compile(r"/api/contents/.*/checkpoints")
_CREATED = 201
_OWN = "/terra-env"

_REPLIES = re.compile(r"(\x1b\[[?>=]?[\d;]*[cnRty]|\x1b\[[IO]|\x1b[\]P][^\x07\x1b]*(\x07|\x1b\\))+")
"""What terminals answer to programs that ask: attributes, status, position, size, colours; and that they have focus."""

_CLIENT_MESSAGES_OF_PEOPLE = {"execute_request", "input_reply"}

_IDLE_TALK = frozenset(
    {
        "",
        "comm_info_request",
        "create_subshell_request",
        "debug_request",
        "delete_subshell_request",
        "interrupt_request",
        "kernel_info_request",
        "list_subshell_request",
        "shutdown_request",
        "usage_request",
    }
)
"""Requests that a front end sends of its own accord, or that run beside the cells."""


def class_of_request(method: str, path: str, query: Mapping[str, str], status: int) -> ActivityClass:
    """Class of an HTTP request that the server has answered.

    Front ends poll, save and store their layout without a person being there. A person starts, stops, renames, deletes,
    creates, uploads (a save that created the file) and opens files.

    Args:
        method: HTTP verb.
        path: below the server's base URL, with a leading slash.
        query: the first value of each query argument.
        status: HTTP status of the answer; what was refused counts for nothing.
    """
    if status >= 400 or is_own_path(path):
        return ActivityClass.NOISE
    creates = method == "PUT" and status == _CREATED and _CONTENTS.fullmatch(path) is not None
    if creates or is_act_of_people(method, path) or is_opening(method, path, query):
        return ActivityClass.HUMAN
    return ActivityClass.NOISE


def is_own_path(path: str) -> bool:
    """Whether a path, below the server's base URL, is of this package's own endpoints."""
    return path == _OWN or path.startswith(_OWN + "/")


def is_act_of_people(method: str, path: str) -> bool:
    """Whether a verb and a path are those of a person who starts, stops, makes, renames or deletes something.

    Args:
        method: HTTP verb.
        path: below the server's base URL, with a leading slash.
    """
    if method == "POST" and _CHECKPOINT.fullmatch(path):
        # Editors make a checkpoint after a save of their own accord.
        return False
    return method in _VERBS and _VERBS_OF_PEOPLE.fullmatch(path) is not None


def is_opening(method: str, path: str, query: Mapping[str, str]) -> bool:
    """Whether a request reads a notebook's or a file's content.

    Args:
        method: HTTP verb.
        path: below the server's base URL, with a leading slash.
        query: the first value of each query argument.
    """
    reads = method == "GET" and _CONTENTS.fullmatch(path) is not None
    return reads and query.get("content") == "1" and query.get("type") in {"notebook", "file"}


def class_of_client_message(message_type: str, *, silent: bool) -> ActivityClass:
    """Class of a message that a front end sent to a kernel.

    Args:
        message_type: Jupyter's message type.
        silent: whether an ``execute_request`` asked for no outputs and no history, as inspecting extensions do.
    """
    return ActivityClass.HUMAN if message_type in _CLIENT_MESSAGES_OF_PEOPLE and not silent else ActivityClass.NOISE


def is_work(request_type: str) -> bool:
    """Whether a kernel that handles such a request is working.

    Args:
        request_type: message type of the request, empty for none.
    """
    return request_type not in _IDLE_TALK


def is_cell(request_type: str) -> bool:
    """Whether such a request is code that a person runs. Other requests are front ends' own, and sent at any rate.

    Args:
        request_type: message type of the request, empty for none.
    """
    return request_type == "execute_request"


def is_reply_of_terminal(typed: object) -> bool:
    """Whether a terminal in a browser sent this by itself, because a program in it asked.

    Args:
        typed: what came from the terminal.

    Source of the forms: the control sequences of xterm.
    """
    return isinstance(typed, str) and _REPLIES.fullmatch(typed) is not None
