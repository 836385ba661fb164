"""The bucket port for the event loop: synchronous buckets on a thread pool, connected when first used."""

import asyncio
import contextlib
import importlib
import threading
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from jupyter_terra_env.bucket.clock import BucketClock
from jupyter_terra_env.bucket.connection import Connection
from jupyter_terra_env.bucket.object_fields import ObjectFields
from jupyter_terra_env.bucket.store import (
    BucketStore,
    Keeps,
    KeptVersion,
    Listing,
    MatchVersion,
    ObjectVersion,
    Precondition,
    SessionPlan,
    SupportsWrite,
)
from jupyter_terra_env.daemon_threads import DaemonThreads
from jupyter_terra_env.rules.errors import BucketError

if TYPE_CHECKING:
    from jupyter_terra_env.bucket.gcs import GcsBucket

T = TypeVar("T")

_FAILURE_REMEMBERED_SECONDS = 5.0


class Lane(StrEnum):
    """Requests of one kind, which wait for each other and for no others; the value names their threads.

    A person waits for questions; changes are small; uploads and downloads take as long as their size and the line make
    them; an edit lock that is not renewed in time is lost.
    """

    QUESTIONS = "questions"
    CHANGES = "changes"
    UPLOADS = "uploads"
    DOWNLOADS = "downloads"
    LOCKS = "locks"


class BucketThreads:
    """The threads on which all buckets of a server are used, and their one client.

    The client library costs 150 ms to import and may ask the network for credentials; both happen on a thread, when a
    bucket is first used. A failure to connect is remembered for some seconds, so that callers do not queue behind it.

    Args:
        connection: how to reach buckets.
        monotonic: seconds from some fixed point.
        clock: takes the bucket's time from its answers; None to do without.
    """

    def __init__(
        self, connection: Connection, *, monotonic: Callable[[], float], clock: BucketClock | None = None
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._monotonic = monotonic
        self._lanes = {lane: DaemonThreads(_threads_of(lane, connection), name=f"terra-env-{lane}") for lane in Lane}
        self._connecting = threading.Lock()
        self._client: Any = None
        self._pool: Any = None
        self._failure: tuple[float, BucketError] | None = None

    def bucket(
        self, bucket: str, user_project: str | None, *, urgent: bool = False, token: str | None = None
    ) -> "ThreadedBucket":
        """A bucket, not yet connected.

        Args:
            bucket: name without ``gs://``.
            user_project: project to bill, for requester-pays buckets.
            urgent: use threads of its own, for edit locks.
            token: a caller's access token, used instead of this process's credentials; None for those.
        """
        return ThreadedBucket(bucket, user_project, self, urgent=urgent, token=token)

    def close(self) -> None:
        """Let no new work begin; running requests end by their own time limits, or with the process."""
        self.end_threads(wait=False)
        for used in (self._client, self._pool):
            if used is not None:
                used.close()

    def end_threads(self, *, wait: bool) -> None:
        """Let no new work begin.

        Args:
            wait: until what runs has ended.
        """
        for threads in self._lanes.values():
            threads.shutdown(wait=wait, cancel_futures=True)

    async def run(
        self,
        bucket: str,
        user_project: str | None,
        work: "Callable[[GcsBucket], T]",
        *,
        lane: Lane,
        token: str | None = None,
    ) -> T:
        """Do ``work`` with the bucket on a thread; see ``bucket`` for the arguments."""

        def connected() -> T:
            # One handle per call: handles of the client library are mutable.
            gcs = importlib.import_module("jupyter_terra_env.bucket.gcs")
            clients = importlib.import_module("jupyter_terra_env.bucket.gcs_client")
            with _named(bucket):
                client = self._connected_client(clients) if token is None else self._callers_client(clients, token)
            return work(gcs.GcsBucket(client, bucket, user_project, self._connection))

        return await asyncio.get_running_loop().run_in_executor(self._lanes[lane], connected)

    def _callers_client(self, clients: Any, token: str) -> Any:
        with self._connecting:
            self._pool = self._pool or clients.pool_for(self._connection)
        return clients.connect_as(token, self._pool, self._clock)

    def _connected_client(self, clients: Any) -> Any:
        with self._connecting:
            if self._client is None:
                if self._failure and self._monotonic() - self._failure[0] < _FAILURE_REMEMBERED_SECONDS:
                    raise self._failure[1]
                try:
                    self._client = clients.connect(self._connection, self._clock)
                except BucketError as failure:
                    self._failure = (self._monotonic(), failure)
                    raise
            return self._client


class ThreadedBucket(BucketStore):
    """One bucket; see ``BucketStore`` for each method."""

    def __init__(
        self,
        bucket: str,
        user_project: str | None,
        threads: BucketThreads,
        *,
        urgent: bool = False,
        token: str | None = None,
    ) -> None:
        self._token = token
        self._bucket = bucket
        self._user_project = user_project
        self._threads = threads
        self._urgent = urgent

    @property
    def bucket(self) -> str:
        """Bucket name without ``gs://``."""
        return self._bucket

    async def stat(self, name: str) -> ObjectVersion | None:
        """See ``BucketStore.stat``."""
        return await self._run(Lane.QUESTIONS, lambda bucket: bucket.stat(name))

    async def list(self, prefix: str, progress: Callable[[], None] | None = None) -> Listing:
        """See ``BucketStore.list``."""
        return await self._run(Lane.QUESTIONS, lambda bucket: bucket.list(prefix, progress))

    async def list_all(self, prefix: str) -> tuple[ObjectVersion, ...]:
        """See ``BucketStore.list_all``."""
        return await self._run(Lane.QUESTIONS, lambda bucket: bucket.list_all(prefix))

    async def read_into(
        self, name: str, generation: int, file: BinaryIO, *, most_bytes: int | None = None, is_earlier: bool = False
    ) -> None:
        """See ``BucketStore.read_into``."""
        await self._run(
            Lane.DOWNLOADS,
            lambda bucket: bucket.read_into(name, generation, file, most_bytes=most_bytes, is_earlier=is_earlier),
        )

    async def write(
        self,
        name: str,
        file: BinaryIO,
        *,
        content_type: str,
        metadata: Mapping[str, str],
        precondition: Precondition,
        fields: ObjectFields | None = None,
    ) -> ObjectVersion:
        """See ``BucketStore.write``."""
        return await self._run(
            Lane.UPLOADS,
            lambda bucket: bucket.write(
                name, file, content_type=content_type, metadata=metadata, precondition=precondition, fields=fields
            ),
        )

    async def begin_session(self, name: str, plan: SessionPlan) -> str:
        """See ``BucketStore.begin_session``."""
        return await self._run(Lane.CHANGES, lambda bucket: bucket.begin_session(name, plan))

    async def finish_session(
        self, address: str, file: BinaryIO, plan: SessionPlan, progress: Callable[[int], None]
    ) -> ObjectVersion:
        """See ``BucketStore.finish_session``."""
        return await self._run(Lane.UPLOADS, lambda bucket: bucket.finish_session(address, file, plan, progress))

    async def read_from(self, name: str, generation: int, start: int, file: SupportsWrite) -> None:
        """See ``BucketStore.read_from``."""
        await self._run(Lane.DOWNLOADS, lambda bucket: bucket.read_from(name, generation, start, file))

    async def patch_metadata(
        self, name: str, metadata: Mapping[str, str | None], precondition: MatchVersion
    ) -> ObjectVersion:
        """See ``BucketStore.patch_metadata``."""
        return await self._run(Lane.CHANGES, lambda bucket: bucket.patch_metadata(name, metadata, precondition))

    async def delete(self, name: str, precondition: MatchVersion) -> None:
        """See ``BucketStore.delete``."""
        await self._run(Lane.CHANGES, lambda bucket: bucket.delete(name, precondition))

    async def copy(
        self,
        name: str,
        new_name: str,
        precondition: MatchVersion,
        *,
        metadata: Mapping[str, str],
        to_bucket: str | None = None,
        onto: Precondition | None = None,
    ) -> ObjectVersion:
        """See ``BucketStore.copy``."""
        return await self._run(
            Lane.CHANGES,
            lambda bucket: bucket.copy(name, new_name, precondition, metadata=metadata, to_bucket=to_bucket, onto=onto),
        )

    async def move(self, name: str, new_name: str, precondition: MatchVersion) -> ObjectVersion:
        """See ``BucketStore.move``."""
        return await self._run(Lane.CHANGES, lambda bucket: bucket.move(name, new_name, precondition))

    async def history(self, prefix: str, *, exactly: bool) -> tuple[KeptVersion, ...]:
        """See ``BucketStore.history``."""
        return await self._run(Lane.QUESTIONS, lambda bucket: bucket.history(prefix, exactly=exactly))

    async def keeps(self) -> Keeps:
        """See ``BucketStore.keeps``."""
        return await self._run(Lane.QUESTIONS, lambda bucket: bucket.keeps())

    async def restore(
        self, kept: KeptVersion, precondition: Precondition, *, metadata: Mapping[str, str]
    ) -> ObjectVersion:
        """See ``BucketStore.restore``."""
        return await self._run(Lane.CHANGES, lambda bucket: bucket.restore(kept, precondition, metadata=metadata))

    async def _run(self, lane: Lane, work: "Callable[[GcsBucket], T]") -> T:
        lane = Lane.LOCKS if self._urgent else lane
        return await self._threads.run(self._bucket, self._user_project, work, lane=lane, token=self._token)


def _threads_of(lane: Lane, connection: Connection) -> int:
    transfers = lane in {Lane.UPLOADS, Lane.DOWNLOADS}
    return connection.transfers_each_way if transfers else connection.concurrency


@contextlib.contextmanager
def _named(bucket: str) -> Iterator[None]:
    """Give a failure to connect the name of the bucket it was needed for."""
    try:
        yield
    except BucketError as failure:
        raise failure.about(bucket, str(failure.__cause__ or failure)) from failure
