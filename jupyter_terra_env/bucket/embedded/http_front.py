"""The embedded bucket behind HTTP/1.1 on the loopback interface.

Every request needs the token of this start, as a Bearer token or as the first piece of the path, so that
`STORAGE_EMULATOR_HOST=http://127.0.0.1:PORT/TOKEN` is all that an unmodified client needs.
"""

import contextlib
import hmac
import re
import socket
import struct
import sys
import threading
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer
from types import TracebackType
from typing import Self, cast

from jupyter_terra_env.bucket.embedded.ambient import random_id
from jupyter_terra_env.bucket.embedded.api import EmbeddedBucket
from jupyter_terra_env.bucket.embedded.errors import error_response
from jupyter_terra_env.bucket.embedded.faults import Delivery, FaultPlan, exchange
from jupyter_terra_env.bucket.embedded.http_body import BodyRefusedError, read_body
from jupyter_terra_env.bucket.embedded.messages import Request, Response

LOOPBACK = "127.0.0.1"
_LOCAL_HOST_HEADER = re.compile(r"(127\.0\.0\.1|localhost)(:\d{1,5})?")
MOST_CONNECTIONS = 200
"""At once: each has a thread."""
IDLE_SECONDS = 120.0
"""How long a connection may say nothing, and a client not take what it is sent."""
_SENT_AT_ONCE_BYTES = 64 * 1024
_GRACE_SECONDS = 5.0
_POLL_SECONDS = 0.02
_MOST_DRAINED_BYTES = 256 * 1024 * 1024


class EmbeddedServer:
    """A server for one embedded bucket. As a context manager it serves in the background until it is left."""

    def __init__(
        self,
        bucket: EmbeddedBucket,
        *,
        port: int = 0,
        host: str = LOOPBACK,
        token: str | None = None,
        open_to_all_local_users: bool = False,
        faults: FaultPlan | None = None,
    ) -> None:
        """Take the port; nothing is answered before `start` or `serve_forever`.

        Args:
            bucket: Answers the requests.
            port: 0 takes any free one.
            host: "127.0.0.1", nothing else.
            token: What callers must know; None makes one up.
            open_to_all_local_users: Ask for no token.
            faults: The faults that tests plan.

        Raises:
            ValueError: Another host is asked for.
            OSError: The port cannot be taken.
        """
        if host != LOOPBACK:
            raise ValueError(f"The embedded bucket listens on {LOOPBACK} only, not on {host}.")
        self.token = None if open_to_all_local_users else token or random_id()
        self._faults = faults
        self._stopped = threading.Event()
        self._server = _Server((host, port), bucket, self.token, faults)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_SECONDS,), daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The value of STORAGE_EMULATOR_HOST for this front; it holds the token."""
        return f"http://{LOOPBACK}:{self.port}" + (f"/{self.token}" if self.token else "")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Serve in the background."""
        self._thread.start()

    def serve_forever(self) -> None:
        """Serve until `request_stop`, then close."""
        self.start()
        self._stopped.wait()
        self.close()

    def request_stop(self) -> None:
        """Let `serve_forever` end. May be called in a signal handler."""
        self._stopped.set()

    def close(self) -> None:
        """Stop listening, let go of what hangs, and let requests under way finish, for some seconds."""
        if self._faults:
            self._faults.release()
        if self._thread.ident is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.close_connections()


class _TooManyConnectionsError(Exception):
    """Every connection is in use: one more is closed at once."""


class _Server(TCPServer):
    """Accepts connections, each with a thread of its own."""

    allow_reuse_address = True
    request_queue_size = 256

    def __init__(
        self, address: tuple[str, int], bucket: EmbeddedBucket, token: str | None, faults: FaultPlan | None
    ) -> None:
        self.bucket = bucket
        self.token = token
        self.faults = faults
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._idle: dict[socket.socket, None] = {}  # the longest first
        self._guard = threading.Lock()
        super().__init__(address, _Handler)

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        connection = cast("socket.socket", request)
        if len(self._connections) >= MOST_CONNECTIONS:
            self._end_longest_idle()
        thread = threading.Thread(target=self._serve, args=(connection, client_address), daemon=True)
        with self._guard:
            self._connections[connection] = thread
            self._idle[connection] = None
        thread.start()

    def working(self, connection: socket.socket) -> None:
        """A request has come over a connection."""
        with self._guard:
            self._idle.pop(connection, None)

    def idle(self, connection: socket.socket) -> None:
        """A request was answered; the next one is waited for."""
        with self._guard:
            if connection in self._connections:
                self._idle[connection] = None

    def _end_longest_idle(self) -> None:
        """Make room for a new connection: the one that has been idle longest ends; clients open another."""
        with self._guard:
            longest = next(iter(self._idle), None)
            if longest is None:
                raise _TooManyConnectionsError
            del self._idle[longest]
            del self._connections[longest]
        with contextlib.suppress(OSError):
            longest.shutdown(socket.SHUT_RDWR)

    def close_connections(self) -> None:
        """End every connection and wait for its thread."""
        with self._guard:
            connections = dict(self._connections)
        threads = list(connections.values())
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RD)
            except OSError:
                continue
        for thread in threads:
            thread.join(_GRACE_SECONDS)

    def handle_error(self, request: object, client_address: object) -> None:
        """Pass over clients that went away; report anything else."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError | _TooManyConnectionsError):
            super().handle_error(cast("socket.socket", request), client_address)

    def _serve(self, connection: socket.socket, client_address: object) -> None:
        try:
            self.finish_request(connection, client_address)
        except Exception:  # noqa: BLE001 - one connection's end is not the server's
            self.handle_error(connection, client_address)
        finally:
            with self._guard:
                self._connections.pop(connection, None)
                self._idle.pop(connection, None)
            connection.close()


class _Handler(BaseHTTPRequestHandler):
    """Reads requests off one connection and writes the answers."""

    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True

    def answer(self) -> None:
        """Answer one request; its connection is not idle meanwhile."""
        self.server.working(self.connection)
        try:
            self._answer()
        finally:
            self.server.idle(self.connection)

    def _answer(self) -> None:
        """Answer one request. Its body is read before anything is judged, but not before the token is."""
        target, host = self.requestline.split(" ")[1], self.headers.get("Host")
        if host is None or not _LOCAL_HOST_HEADER.fullmatch(host):
            self._refuse(403, "forbidden", "The embedded bucket is reached as 127.0.0.1 or localhost only.")
            return
        if not _is_own_page(self.headers, f"http://{host}"):
            self._refuse(403, "forbidden", "The embedded bucket answers programs, and no page of another site.")
            return
        target, base_url = self._past_token(target, f"http://{host}")
        if base_url is None:
            self._refuse(401, "authError", "The token of this embedded bucket is missing or wrong.")
            return
        try:
            body = read_body(self.rfile, self.headers)
        except BodyRefusedError as refusal:
            self._refuse(400, "invalid", str(refusal))
            return
        if body is None:
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(method=self.command, target=target, headers=headers, body=body, base_url=base_url)
        self._deliver(exchange(self.server.bucket, request, self.server.faults))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815 - http.server's names

    def _past_token(self, target: str, base_url: str) -> tuple[str, str | None]:
        """Return the target without the token and what links begin with, or None for a wrong token."""
        token = self.server.token
        if token is None:
            return target, base_url
        scheme, _, bearer = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _same(bearer.strip(), token):
            return target, base_url
        first, slash, rest = target.removeprefix("/").partition("/")
        return f"{slash}{rest}", f"{base_url}/{token}" if slash and _same(first, token) else None

    def _refuse(self, status: int, reason: str, message: str) -> None:
        """Answer without having kept the body: the connection cannot be used again."""
        self.close_connection = True
        self._write(self.server.bucket.dated(error_response(status, reason, message)))
        self._drain()

    def _drain(self) -> None:
        """Read what a refused client still sends, for a while: closing on it would take the answer away from it."""
        self.connection.settimeout(_GRACE_SECONDS)
        try:
            self.connection.shutdown(socket.SHUT_WR)
            for _ in range(_MOST_DRAINED_BYTES // _SENT_AT_ONCE_BYTES):
                if not self.connection.recv(_SENT_AT_ONCE_BYTES):
                    return
        except OSError:
            return

    def _deliver(self, delivery: Delivery) -> None:
        if delivery.response is None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
        else:
            self._write(delivery.response, delivery.cut_after_bytes)

    def _write(self, response: Response, cut_after_bytes: int | None = None) -> None:
        lines = response.header_lines()
        body = response.body[:cut_after_bytes] if cut_after_bytes is not None else response.body
        if cut_after_bytes is not None or self.close_connection:
            self.close_connection = True
            lines["Connection"] = "close"
        phrase = HTTPStatus(response.status).phrase if response.status in _KNOWN_STATUSES else "Status"
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        start = f"HTTP/1.1 {response.status} {phrase}\r\n{head}\r\n".encode()
        if len(body) <= _SENT_AT_ONCE_BYTES:
            self.wfile.write(start + body)
        else:
            self.wfile.write(start)
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a request that is not HTTP in the API's own shape."""
        self._refuse(code, "invalid", message or explain or HTTPStatus(code).phrase)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Keep quiet: targets may hold the token."""


def _is_own_page(headers: Message, own: str) -> bool:
    """Whether a request is a program's, or a page's that this front has served; browsers say where a page is from.

    Sources: Fetch Metadata (``Sec-Fetch-Site``, which no page can set); RFC 6454 (``Origin``).
    """
    if headers.get("Sec-Fetch-Site", "none").lower() not in {"none", "same-origin"}:
        return False
    origin, referer = headers.get("Origin"), headers.get("Referer")
    if origin is not None and origin.lower() != own:
        return False
    return referer is None or referer.lower() == own or referer.lower().startswith(f"{own}/")


_KNOWN_STATUSES = frozenset(status.value for status in HTTPStatus)


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode("latin-1", "replace"), token.encode())


LoopbackFront = EmbeddedServer
"""The class's former name, which scripts that start an embedded bucket import."""
