"""HTTP requests from their first byte to their last: an upload or a download is not paused in the middle.

Which requests count, and for how long, is decided in `rules/autopause/requests_in_flight.py`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from tornado import httputil

from jupyter_terra_env.autopause.flush import UnsafeFile
from jupyter_terra_env.autopause.observation import Observation
from jupyter_terra_env.rules.autopause.activity import Work, WorkKind, is_opening
from jupyter_terra_env.rules.autopause.requests_in_flight import (
    STALLED_SECONDS,
    RequestInFlight,
    RequestKind,
    is_work_in_flight,
    request_in_flight,
    upload_in,
)

UPLOADING = "upload-under-way"
_READ_AGAIN_SECONDS = 3600.0
"""A client that reads a file again within an hour may be a program that watches it."""
_MOST_READ = 1000
_MOST_UNFINISHED = 1000
_CONTENTS = "/api/contents/"


@dataclass(slots=True)
class _Flight:
    """A request, and how far its answer has gone out.

    Attributes:
        known: what is known of it.
        stream: the connection's stream, or None.
        sent: bytes that had gone out over it when it was last looked at.
        is_answered: whether all of the answer was handed over to the connection.
    """

    known: RequestInFlight
    stream: Any
    sent: int
    is_answered: bool = False

    def look(self, now: float) -> None:
        sent = _sent_by(self.stream)
        if sent != self.sent:
            self.sent = sent
            self.known = replace(self.known, moved_seconds=now)

    @property
    def is_over(self) -> bool:
        if not self.is_answered:
            return False
        return self.stream is None or self.stream.closed() or not self.stream.writing()


class RequestsInFlight:
    """The requests that a server is at, as a source of work.

    Args:
        monotonic: a clock, in seconds.
    """

    name = "uploads and downloads"

    def __init__(self, *, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._flights: dict[Any, _Flight] = {}
        self._read: dict[str, float] = {}
        self._unfinished: dict[str, float] = {}
        self._ended: float | None = None

    def watch(self, application: Any) -> None:
        """See every request to a web application from when its headers have come.

        Args:
            application: Tornado's.
        """
        find_handler: Callable[..., Any] = application.find_handler
        base_url = application.settings.get("base_url", "/").rstrip("/")

        def found(request: Any, **kwargs: Any) -> Any:
            delegate = find_handler(request, **kwargs)
            return _Watched(delegate, request, self) if self._begin(request, base_url) else delegate

        application.find_handler = found

    async def look(self) -> Observation:
        """The requests that count as work."""
        now = self._monotonic()
        for request, flight in list(self._flights.items()):
            flight.look(now)
            if flight.is_over:
                self._end(request)
        work = tuple(
            Work(
                kind=WorkKind.REQUEST,
                id=flight.known.path,
                detail=_sentence(flight.known),
                age_seconds=now - flight.known.began_seconds,
            )
            for flight in self._flights.values()
            if is_work_in_flight(flight.known, now)
        )
        return Observation(work=work, work_age=None if self._ended is None else now - self._ended)

    def not_saved(self) -> tuple[UnsafeFile, ...]:
        """Files of which a part has come, and the rest is on its way."""
        now = self._monotonic()
        in_flight = [
            flight.known.path
            for flight in self._flights.values()
            if flight.known.uploads and not flight.is_answered and is_work_in_flight(flight.known, now)
        ]
        in_parts = [path for path, at in self._unfinished.items() if now - at < STALLED_SECONDS]
        paths = dict.fromkeys(unquote(path.removeprefix(_CONTENTS)) for path in (*in_flight, *in_parts))
        return tuple(UnsafeFile(path=path, reason=UPLOADING) for path in paths)

    def answered(self, request: Any, path: str, status: int) -> bool:
        """A request was answered, though its answer may still have to go out.

        Args:
            request: Tornado's.
            path: below the server's base URL.
            status: HTTP status of the answer.

        Returns:
            Whether it is a person's act that its verb does not show: an upload of a file, or of a part of one.
        """
        flight = self._flights.get(request)
        if flight is not None:
            flight.is_answered = True
            if flight.is_over:
                self._end(request)
        if request.method != "PUT" or not path.startswith(_CONTENTS):
            return False
        upload = upload_in(request.body or b"")
        self._unfinished.pop(path, None)
        if upload is None or status >= 400:
            return False
        if upload.is_unfinished and len(self._unfinished) < _MOST_UNFINISHED:
            self._unfinished[path] = self._monotonic()
        return True

    def was_read_before(self, request: Any) -> bool:
        """Whether what a request reads was read within the last hour, too."""
        return getattr(request, _REPEATED, False) is True

    def moved(self, request: Any, *, has_arrived: bool = False) -> None:
        """Some of a request's body has come, or its end."""
        flight = self._flights.get(request)
        if flight is not None:
            known = flight.known
            flight.known = replace(
                known,
                moved_seconds=known.moved_seconds if has_arrived else self._monotonic(),
                has_arrived=has_arrived or known.has_arrived,
            )

    def gone(self, request: Any) -> None:
        """The client of a request does not wait for its answer any more."""
        self._end(request)

    def _begin(self, request: Any, base_url: str) -> bool:
        now, path = self._monotonic(), request.path.removeprefix(base_url)
        query = first_values(request)
        is_repeated = self._is_read_again(request.method, path, query, now)
        if is_repeated:
            setattr(request, _REPEATED, True)
        known = request_in_flight(request.method, path, query, is_repeated=is_repeated, now=now)
        if known is None:
            return False
        stream = getattr(request.connection, "stream", None)
        self._flights[request] = _Flight(known, stream, _sent_by(stream))
        return True

    def _end(self, request: Any) -> None:
        flight = self._flights.pop(request, None)
        now = self._monotonic()
        if flight is not None and is_work_in_flight(flight.known, now):
            self._ended = now

    def _is_read_again(self, method: str, path: str, query: dict[str, str], now: float) -> bool:
        if not is_opening(method, path, query) and not path.startswith("/files/"):
            return False
        before = self._read.pop(path, None)
        self._read[path] = now
        if len(self._read) > _MOST_READ:
            del self._read[next(iter(self._read))]
        return before is not None and now - before < _READ_AGAIN_SECONDS


_REPEATED = "_jupyter_terra_env_repeated"


class _Watched(httputil.HTTPMessageDelegate):
    """A handler's delegate, with an observer."""

    def __init__(self, delegate: Any, request: Any, requests: RequestsInFlight) -> None:
        self._delegate = delegate
        self._request = request
        self._requests = requests

    def headers_received(self, start_line: Any, headers: httputil.HTTPHeaders) -> Awaitable[None] | None:
        """The request begins."""
        result: Awaitable[None] | None = self._delegate.headers_received(start_line, headers)
        return result

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Some of its body has come."""
        self._requests.moved(self._request)
        result: Awaitable[None] | None = self._delegate.data_received(chunk)
        return result

    def finish(self) -> None:
        """All of it has come."""
        self._requests.moved(self._request, has_arrived=True)
        self._delegate.finish()

    def on_connection_close(self) -> None:
        """The client has gone."""
        self._requests.gone(self._request)
        self._delegate.on_connection_close()


def first_values(request: Any) -> dict[str, str]:
    """The first value of each query argument of a request."""
    return {name: values[0].decode("utf-8", "replace") for name, values in request.query_arguments.items()}


def _sent_by(stream: Any) -> int:
    """Bytes that have gone out; 0 where Tornado does not count them any more: then nothing is seen to move."""
    sent = getattr(stream, "_total_write_done_index", 0)
    return sent if isinstance(sent, int) else 0


def _sentence(request: RequestInFlight) -> str:
    name = unquote(request.path.rstrip("/").rpartition("/")[2])
    if request.uploads:
        return f"{name} is being uploaded."
    if request.kind is RequestKind.DOWNLOAD:
        return f"{name} is being downloaded."
    return "Something is being uploaded." if not request.has_arrived else "A request to this server takes long."
