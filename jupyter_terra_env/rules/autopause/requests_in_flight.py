"""HTTP requests that take long: which of them count as work while they run, and for how long.

A large file that comes in or goes out over a slow line is work until it has arrived; a request that hangs is not, or a
program that asks again and again would keep the machine running.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from jupyter_terra_env.rules.autopause.activity import is_act_of_people, is_opening, is_own_path

BRIEF_SECONDS = 2.0
"""What is answered sooner is seen at its end, or is an autosave."""
STALLED_SECONDS = 60.0
"""So long no byte may move in a transfer."""
HANDLED_SECONDS = 600.0
"""So long an act of a person may be handled, after all of it has arrived: a copy, a rename of a whole folder."""
_DOWNLOADS = re.compile(r"/(files|nbconvert)/.+")
_CONTENTS = "/api/contents/"
_WITH_BODY = {"POST", "PUT", "PATCH"}


class RequestKind(StrEnum):
    """What a request in flight is."""

    ACT = "act"
    DOWNLOAD = "download"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestInFlight:
    """A request that has begun and is not over.

    Attributes:
        kind: what it is.
        path: below the server's base URL.
        uploads: whether it saves a file.
        began_seconds: when its headers had come, by the observer's clock.
        moved_seconds: when bytes of it last came or went; None for a repeated reading of which nothing has gone out.
        has_arrived: whether all of its body has come.
    """

    kind: RequestKind
    path: str
    uploads: bool
    began_seconds: float
    moved_seconds: float | None
    has_arrived: bool = False


def request_in_flight(
    method: str, path: str, query: Mapping[str, str], *, is_repeated: bool, now: float
) -> RequestInFlight | None:
    """A request whose headers have come; None for this package's own, and for a question, which is no work.

    Args:
        method: HTTP verb.
        path: below the server's base URL, with a leading slash.
        query: the first value of each query argument.
        is_repeated: whether the same was read a while ago: a program reads again and again.
        now: the observer's clock, seconds.
    """
    kind = None if is_own_path(path) else _kind_of(method, path, query)
    if kind is None:
        return None
    return RequestInFlight(
        kind=kind,
        path=path,
        uploads=kind is RequestKind.ACT and method == "PUT",
        began_seconds=now,
        moved_seconds=None if is_repeated and kind is RequestKind.DOWNLOAD else now,
    )


def _kind_of(method: str, path: str, query: Mapping[str, str]) -> RequestKind | None:
    if method == "GET":
        return RequestKind.DOWNLOAD if is_opening(method, path, query) or _DOWNLOADS.fullmatch(path) else None
    saves = method == "PUT" and path.startswith(_CONTENTS)
    if saves or is_act_of_people(method, path):
        return RequestKind.ACT
    return RequestKind.OTHER if method in _WITH_BODY else None


def is_work_in_flight(request: RequestInFlight, now: float) -> bool:
    """Whether a request counts as work now.

    Args:
        request: what is known of it.
        now: the observer's clock, seconds.
    """
    if request.moved_seconds is None or now - request.began_seconds < BRIEF_SECONDS:
        return False
    still = now - request.moved_seconds
    match request.kind:
        case RequestKind.ACT:
            return still < (HANDLED_SECONDS if request.has_arrived else STALLED_SECONDS)
        case RequestKind.DOWNLOAD:
            return still < STALLED_SECONDS
        case RequestKind.OTHER:
            # What comes in slowly is an upload, wherever it goes; what is only waited for, or listened to, is none.
            return not request.has_arrived and still < STALLED_SECONDS


_FILE = re.compile(rb'(?<!\\)"type"\s*:\s*"file"')
_CHUNK = re.compile(rb'(?<!\\)"chunk"\s*:\s*(-?[1-9]\d*)')
_BASE64 = re.compile(rb'(?<!\\)"format"\s*:\s*"base64"')
_ENDS_BYTES = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file, or a part of one, that a person has uploaded.

    Attributes:
        is_unfinished: whether more parts have to come.
    """

    is_unfinished: bool


def upload_in(body: bytes) -> Upload | None:
    """The upload that the body of a ``PUT`` of contents is; None for a save, which editors do by themselves.

    Only a file that a person chooses comes in numbered chunks, or as base64. Its marks stand before or after the
    content; the content is not read.

    Args:
        body: JSON, as it was sent.
    """
    ends = body[:_ENDS_BYTES] + b"\n" + body[-_ENDS_BYTES:]
    if not _FILE.search(ends):
        return None
    chunk = _CHUNK.search(ends)
    if chunk is None and not _BASE64.search(ends):
        return None
    return Upload(is_unfinished=chunk is not None and chunk[1] != b"-1")
