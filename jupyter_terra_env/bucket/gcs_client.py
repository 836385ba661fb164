"""Clients of the storage library: of the embedded bucket, of an emulator, or of Cloud Storage."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import google.auth.exceptions
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from requests.adapters import HTTPAdapter

from jupyter_terra_env.bucket.clock import BucketClock
from jupyter_terra_env.bucket.connection import Connection
from jupyter_terra_env.bucket.gcs_errors import ours
from jupyter_terra_env.bucket.known_causes import with_known_cause
from jupyter_terra_env.rules.addresses import is_loopback_address
from jupyter_terra_env.rules.errors import BucketTrouble, BucketUnavailable
from jupyter_terra_env.safe_log import EMULATOR_VARIABLE


def connect(connection: Connection, clock: BucketClock | None = None) -> Any:
    """Make a client: of the embedded bucket, of an emulator, or of Cloud Storage.

    ``STORAGE_EMULATOR_HOST`` makes the client anonymous; otherwise Application Default Credentials are used.

    Raises:
        BucketRefused: there are no credentials.
        BucketUnavailable: the embedded bucket cannot be opened.
    """
    client = _client(connection)
    _set_by(client._http, clock)  # noqa: SLF001 - as below
    return client


def connect_as(token: str, pool: HTTPAdapter, clock: BucketClock | None = None) -> Any:
    """Make a client of Cloud Storage, or of an emulator, that uses a caller's token and no other credentials.

    It is quickly made (20 µs) and holds no connection of its own, so it need not outlive a request.

    Args:
        token: the caller's access token. An emulator gets it, too.
        pool: connections that callers share; see ``pool_for``.
        clock: takes the bucket's time from its answers.
    """
    _ask_only_what_is_asked()
    session = requests.Session()
    session.auth = _Bearer(token)
    session.trust_env = not is_loopback_address(os.environ.get(EMULATOR_VARIABLE, ""))
    session.mount("https://", pool)
    session.mount("http://", pool)
    _set_by(session, clock)
    # The client itself has no credentials: it could only try to refresh them.
    return storage.Client(project="none", credentials=AnonymousCredentials(), _http=session)


def pool_for(connection: Connection) -> HTTPAdapter:
    """Connections for all requests there can be at once."""
    # Not blocking: the threads bound the concurrency, and waiting for a connection has no time limit.
    return _Connections(pool_connections=connection.requests_at_once, pool_maxsize=connection.requests_at_once)


def _ask_only_what_is_asked() -> None:
    """Keep the client from asking for a bucket's metadata on its own, which costs a request that many roles may not."""
    os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "1")


def _set_by(session: requests.Session, clock: BucketClock | None) -> None:
    """Have a clock set by the answers of a session."""
    if clock is not None:
        session.hooks["response"].append(lambda response, *_, **__: clock.observe(response.headers.get("Date")))


class _Bearer(requests.auth.AuthBase):
    """Adds a token to requests; a redirect to another host loses it, as ``requests`` has it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _client(connection: Connection) -> Any:
    _ask_only_what_is_asked()
    if connection.embedded_directory is not None:
        return _embedded_client(connection.embedded_directory, connection.embedded_buckets)
    emulator = os.environ.get(EMULATOR_VARIABLE)
    if emulator:
        client = storage.Client(project="emulator", credentials=AnonymousCredentials())
        # Its address may hold a token, which is no proxy's business.
        client._http.trust_env = not is_loopback_address(emulator)  # noqa: SLF001 - as below
    else:
        try:
            client = storage.Client()
        except google.auth.exceptions.GoogleAuthError as error:
            raise with_known_cause(ours(error, "(all)"), os.environ) from error
        except OSError:
            # The project cannot be determined; objects do not need one.
            client = storage.Client(project="none")
    # Without this, .netrc would replace the token.
    client._http.auth = _as_it_is  # noqa: SLF001 - as below
    pool = pool_for(connection)
    # The client offers no public way to size its pool; a test pins this attribute.
    client._http.mount("https://", pool)  # noqa: SLF001
    client._http.mount("http://", pool)  # noqa: SLF001
    return client


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """The request with the credentials that it has."""
    return request


class _Connections(HTTPAdapter):
    """A pool to which the connections of failed downloads come back.

    The client streams downloads and drops error answers unread, which keeps their connections until the garbage
    collector finds them.
    """

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request; read an error's answer at once."""
        response = super().send(request, *args, **kwargs)
        if response.status_code >= 400:
            _ = response.content
        return response


def _embedded_client(directory: Path, buckets: Iterable[str]) -> Any:
    # Only when used: Cloud Storage itself needs none of this.
    from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME, EmbeddedBucket  # noqa: PLC0415
    from jupyter_terra_env.bucket.embedded.errors import DatabaseUnusableError  # noqa: PLC0415
    from jupyter_terra_env.bucket.embedded.first_use import make_first_buckets  # noqa: PLC0415
    from jupyter_terra_env.bucket.embedded.transport import ENDPOINT, EmbeddedAdapter  # noqa: PLC0415

    try:
        bucket = EmbeddedBucket(directory / DATABASE_NAME)
        make_first_buckets(bucket, buckets)
    except (DatabaseUnusableError, OSError) as error:
        raise BucketUnavailable(str(directory), BucketTrouble.UNREACHABLE, str(error)) from error
    client = storage.Client(
        project="embedded", credentials=AnonymousCredentials(), client_options={"api_endpoint": ENDPOINT}
    )
    adapter = EmbeddedAdapter(bucket)
    adapter.close = bucket.close  # type: ignore[method-assign]  # The client's end is the bucket's.
    client._http.mount(ENDPOINT, adapter)  # noqa: SLF001 - as in _client()
    return client
