"""The service of previews, in this process on a thread of its own, and readers who ask it as browsers do."""

import asyncio
import contextlib
import http.client
import logging
import os
import threading
from dataclasses import dataclass
from unittest import mock

from environments import directory_in_memory
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from workspace_kit import BUCKET, BucketBehind

from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME, EmbeddedBucket
from jupyter_terra_env.bucket.embedded.faults import FaultPlan
from jupyter_terra_env.bucket.embedded.http_front import EmbeddedServer
from jupyter_terra_env.wiring.preview_service import PreviewPlan, serve

LOG = "tests.previews"


@contextlib.contextmanager
def bucket_behind_a_token():
    """A bucket whose front accepts one token of readers; ``token`` is it."""
    faults = FaultPlan()
    with (
        directory_in_memory() as directory,
        EmbeddedBucket(directory / DATABASE_NAME) as engine,
        EmbeddedServer(engine, faults=faults) as front,
        EmbeddedServer(engine) as other,
    ):
        client = storage.Client(
            project="test", credentials=AnonymousCredentials(), client_options={"api_endpoint": other.url}
        )
        client.create_bucket(BUCKET)
        bucket = BucketBehind(client=client, faults=faults, front=front)
        yield bucket
        faults.release()
        client.close()


@dataclass
class Answer:
    """An answer, read whole."""

    code: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def page(self):
        return self.body.decode()


class Readers:
    """Asks a service, with exactly the path that is given: nothing is normalized."""

    def __init__(self, port, token):
        self.port = port
        self.token = token

    def ask(self, path, *, method="GET", token=None, **headers):
        """One request; the usual token unless another is given, none for an empty one."""
        token = self.token if token is None else token
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.putrequest(method, path, skip_host="Host" in sent)
            for name, value in sent.items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())

    def preview(self, name, **how):
        return self.ask(f"/preview/{BUCKET}/{name}", **how)


@contextlib.contextmanager
def running_service(bucket, *, emulator=None, **plan):
    """A running service; ``emulator`` is what STORAGE_EMULATOR_HOST says: the front without a token by default."""
    usual = {
        "buckets": frozenset({BUCKET}),
        "ip": "127.0.0.1",
        "port": 0,
        "cache_bytes": 64 << 20,
        "log": logging.getLogger(LOG),
    }
    started, ends = threading.Event(), []

    async def run():
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        ends.append(lambda: loop.call_soon_threadsafe(stop.set))

        def on_start(listener):
            ends.append(listener.port)
            started.set()

        await serve(PreviewPlan(**{**usual, **plan}), stop=stop, on_start=on_start)

    address = emulator or f"http://127.0.0.1:{bucket.front.port}"
    with mock.patch.dict(os.environ, {"STORAGE_EMULATOR_HOST": address}):
        thread = threading.Thread(target=asyncio.run, args=(run(),))
        thread.start()
        try:
            assert started.wait(30)
            yield Readers(ends[1], bucket.front.token)
        finally:
            bucket.faults.release()
            ends[0]()
            thread.join(30)
            assert not thread.is_alive()
