"""The real client on the embedded bucket, in the process and over HTTP: what holds on one must hold on the other."""

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME, EmbeddedBucket
from jupyter_terra_env.bucket.embedded.faults import FaultPlan
from jupyter_terra_env.bucket.embedded.http_front import EmbeddedServer
from jupyter_terra_env.bucket.embedded.transport import ENDPOINT, EmbeddedAdapter

BUCKET = "a-bucket"
START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@dataclass
class Clock:
    """A clock that moves a millisecond each time it is read, and wherever a test puts it."""

    now: datetime = START
    step: timedelta = field(default=timedelta(milliseconds=1))

    def __call__(self) -> datetime:
        self.now += self.step
        return self.now


@dataclass
class Served:
    """A running embedded bucket with one bucket in it."""

    executor: str
    client: storage.Client
    session: requests.Session
    base_url: str
    embedded: EmbeddedBucket
    clock: Clock
    faults: FaultPlan

    @property
    def bucket(self):
        return self.client.bucket(BUCKET)

    def call(self, method, path, **options):
        options.setdefault("timeout", 10)
        return self.session.request(method, self.base_url + path, **options)

    def object_call(self, method, name, after="", **options):
        return self.call(method, f"/storage/v1/b/{BUCKET}/o/{quote(name, safe='')}{after}", **options)

    def put(self, name, data=b"x", **params):
        """Upload in one request and return the resource."""
        params = {"uploadType": "media", "name": name, **params}
        response = self.call("POST", f"/upload/storage/v1/b/{BUCKET}/o", params=params, data=data)
        assert response.status_code == 200, response.text
        return response.json()

    def content(self, name):
        return self.object_call("GET", name, params={"alt": "media"}).content


@pytest.fixture(autouse=True)
def _no_hidden_requests(monkeypatch):
    monkeypatch.setenv("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "1")
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def faults() -> FaultPlan:
    return FaultPlan()


@pytest.fixture
def database() -> Iterator[Path]:
    """A place for a database, in memory where there is such a folder: these tests are not about power cuts."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder) / "data" / DATABASE_NAME


@pytest.fixture
def connected() -> Iterator[Callable[..., storage.Client]]:
    """Make clients: of an address, or of an embedded bucket in this process. They are closed after the test."""
    clients: list[storage.Client] = []

    def connect(endpoint, embedded=None, faults=None):
        client = storage.Client(
            project="p", credentials=AnonymousCredentials(), client_options={"api_endpoint": endpoint}
        )
        if embedded:
            client._http.mount(endpoint, EmbeddedAdapter(embedded, faults=faults))
        clients.append(client)
        return client

    yield connect
    for client in clients:
        client.close()
        client._http.close()


@pytest.fixture(params=["in_process", "http"])
def served(request, connected, database, clock, faults) -> Iterator[Served]:
    with EmbeddedBucket(database, clock=clock) as embedded, requests.Session() as session:
        if request.param == "in_process":
            session.mount(ENDPOINT, EmbeddedAdapter(embedded, faults=faults))
            client = connected(ENDPOINT, embedded, faults)
            yield _prepared(Served(request.param, client, session, ENDPOINT, embedded, clock, faults))
        else:
            with EmbeddedServer(embedded, faults=faults) as front:
                client = connected(front.url)
                yield _prepared(Served(request.param, client, session, front.url, embedded, clock, faults))
                client._http.close()


def _prepared(served: Served) -> Served:
    served.client.create_bucket(BUCKET)
    served.faults.clear()
    return served
