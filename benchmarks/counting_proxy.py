"""A loopback HTTP/1.1 proxy that counts requests and bytes, and makes each request as slow as a distant bucket.

It keeps connections alive, passes bodies on as they come, and leaves the Host header alone, so that links in answers
lead back through it.
"""

import contextlib
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import BinaryIO, Self

_LOOPBACK = "127.0.0.1"
_PIECE_BYTES = 64 * 1024
_API = re.compile(r"/(?:upload/|download/)?storage/v1/b(?=[/?]|$)")


@dataclass(slots=True)
class Tally:
    """What went through since the last tally.

    Attributes:
        kinds: requests by method and kind, e.g. ``"GET stat"``.
        bytes_up: heads and bodies of requests.
        bytes_down: heads and bodies of answers.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    bytes_up: int = 0
    bytes_down: int = 0

    @property
    def requests(self) -> int:
        """All requests."""
        return self.kinds.total()


class CountingProxy:
    """Stands before one HTTP server of this machine. As a context manager it serves until it is left."""

    def __init__(self, upstream_port: int, *, latency_ms: float, upload_mb_per_second: float | None = None) -> None:
        """Take a free port.

        Args:
            upstream_port: the server on the loopback interface that answers.
            latency_ms: how long each request is held back.
            upload_mb_per_second: how fast bodies of requests go through; None for as fast as they can.
        """
        self.seconds_per_byte = 0.0 if upload_mb_per_second is None else 1e-6 / upload_mb_per_second
        self.upstream_port = upstream_port
        self.latency_seconds = latency_ms / 1000
        self._guard = threading.Lock()
        self._tally = Tally()
        self._in_flight = 0
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        """The port to connect to."""
        return int(self._server.server_address[1])

    @property
    def in_flight(self) -> int:
        """Requests that are not answered yet."""
        with self._guard:
            return self._in_flight

    def take(self) -> Tally:
        """Return what was counted, and count anew."""
        with self._guard:
            taken, self._tally = self._tally, Tally()
        return taken

    @contextlib.contextmanager
    def counted(self, request_line: bytes) -> Iterator[None]:
        """Count one request; it is in flight until this is left."""
        with self._guard:
            self._tally.kinds[kind_of(request_line)] += 1
            self._in_flight += 1
        try:
            yield
        finally:
            with self._guard:
                self._in_flight -= 1

    def add_bytes(self, *, up: int = 0, down: int = 0) -> None:
        """Count bytes."""
        with self._guard:
            self._tally.bytes_up += up
            self._tally.bytes_down += down


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, proxy: CountingProxy) -> None:
        self.proxy = proxy
        super().__init__((_LOOPBACK, 0), _Connection)


class _Connection(StreamRequestHandler):
    """One client connection and, behind it, one to the server."""

    disable_nagle_algorithm = True
    server: _Server

    def handle(self) -> None:
        with (
            contextlib.suppress(OSError),
            socket.create_connection((_LOOPBACK, self.server.proxy.upstream_port)) as upstream,
            upstream.makefile("rb") as answers,
        ):
            upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while request := _read_head(self.rfile):
                with self.server.proxy.counted(request.start_line):
                    time.sleep(self.server.proxy.latency_seconds)
                    for piece in _message(request, self.rfile):
                        upstream.sendall(piece)
                        time.sleep(len(piece) * self.server.proxy.seconds_per_byte)
                        self.server.proxy.add_bytes(up=len(piece))
                    goes_on = self._answer(request, answers)
                if not goes_on:
                    return

    def _answer(self, request: "_Head", answers: BinaryIO) -> bool:
        """Pass on the answer to one request.

        Returns:
            Whether the connection can carry another.
        """
        while True:
            head = _read_head(answers)
            if head is None:
                return False
            for piece in _message(head, answers, answers_method=request.method):
                self.wfile.write(piece)
                self.server.proxy.add_bytes(down=len(piece))
            if not head.is_interim:
                return not head.ends_connection


@dataclass(frozen=True, slots=True)
class _Head:
    """The head of a message, as it was on the wire, and what frames the body."""

    raw: bytes
    fields: dict[bytes, bytes]

    @property
    def start_line(self) -> bytes:
        return self.raw.split(b"\r\n", 1)[0]

    @property
    def method(self) -> bytes:
        return self.raw.split(b" ", 1)[0]

    @property
    def status(self) -> int:
        return int(self.raw.split(b" ", 2)[1])

    @property
    def is_interim(self) -> bool:
        return 100 <= self.status < 200

    @property
    def is_chunked(self) -> bool:
        return self.fields.get(b"transfer-encoding", b"").lower() == b"chunked"

    @property
    def length(self) -> int | None:
        length = self.fields.get(b"content-length")
        return None if length is None else int(length)

    @property
    def ends_connection(self) -> bool:
        return self.fields.get(b"connection", b"").lower() == b"close" or not (
            self.is_chunked or self.length is not None or self.status in {204, 304}
        )


def kind_of(request_line: bytes) -> str:
    """Name a request of the JSON API in two words: the method, and what it asks for."""
    method, target, _ = request_line.decode("latin-1").split(" ", 2)
    api = _API.search(target)
    if api is None:
        return f"{method} other"
    path = target[api.end() :].partition("?")[0]
    is_object = re.match(r"/[^/]+/o/.", path) is not None
    return f"{method} {_noun(api.group(), path, is_object=is_object)}"


def _noun(api: str, path: str, *, is_object: bool) -> str:
    if api.startswith("/upload"):
        return "upload"
    if api.startswith("/download"):
        return "download"
    for verb in ("moveTo", "rewriteTo", "copyTo"):
        if f"/{verb}/" in path:
            return verb
    if is_object:
        return "object"
    return "list" if path.endswith("/o") else "bucket"


def _read_head(stream: BinaryIO) -> _Head | None:
    """Read up to and with the empty line; None at the end of the connection."""
    lines = []
    while (line := stream.readline(_PIECE_BYTES)) not in {b"\r\n", b""}:
        lines.append(line)
    if not lines or not line:
        return None
    fields = dict(_field(line) for line in lines[1:])
    return _Head(b"".join(lines) + line, fields)


def _field(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name.strip().lower(), value.strip()


def _message(head: _Head, stream: BinaryIO, *, answers_method: bytes | None = None) -> Iterable[bytes]:
    """Yield a message as it was on the wire: the head, and the body in pieces."""
    yield head.raw
    if answers_method is not None and (answers_method == b"HEAD" or head.is_interim or head.status in {204, 304}):
        return
    if head.is_chunked:
        yield from _chunks(stream)
    elif head.length is not None:
        yield from _exactly(stream, head.length)
    elif answers_method is not None:
        yield from iter(lambda: stream.read(_PIECE_BYTES), b"")


def _exactly(stream: BinaryIO, length: int) -> Iterator[bytes]:
    while length:
        piece = stream.read(min(length, _PIECE_BYTES))
        if not piece:
            raise ConnectionResetError("the connection ended within a body")
        length -= len(piece)
        yield piece


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while True:
        line = stream.readline(_PIECE_BYTES)
        yield line
        size = int(line.partition(b";")[0], 16)
        if size == 0:
            break
        yield from _exactly(stream, size + 2)
    while (line := stream.readline(_PIECE_BYTES)) not in {b"\r\n", b""}:
        yield line
    yield line
