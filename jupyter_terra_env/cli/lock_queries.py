"""The locks of the configured workspaces: who holds which notebook; gives back this person's."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum

from jupyter_terra_env.bucket.clock import BucketClock
from jupyter_terra_env.bucket.connection import Connection
from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.bucket.threaded import BucketThreads
from jupyter_terra_env.cli.embedded_folder import require_embedded_bucket
from jupyter_terra_env.environment.identity import Person
from jupyter_terra_env.notebooks.locks.bucket_locks import BucketLocks
from jupyter_terra_env.rules.edit_lock import Claim, EditLock, claim_of, read_lock
from jupyter_terra_env.rules.errors import LockHeldElsewhere
from jupyter_terra_env.rules.workspace import Workspace, is_notebook_name, join, why_not_shown

MAX_FOLDERS = 1000
"""The number of folders of a workspace that are searched at most."""
PATIENCE_SECONDS = 3.0
"""How long an unreachable bucket is retried: a person is waiting."""
_AT_ONCE = 8


class Whose(StrEnum):
    """The holder of a lock, as the report names it."""

    HERE = "you-here"
    ELSEWHERE = "you-elsewhere"
    OTHER_PERSON = "somebody-else"


_WHOSE = {Claim.MINE: Whose.HERE, Claim.MINE_ELSEWHERE: Whose.ELSEWHERE, Claim.OTHERS: Whose.OTHER_PERSON}


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLock:
    """A live lock.

    Attributes:
        workspace: the notebook's workspace.
        name: the notebook's path within the workspace.
        whose: who holds it.
        lock: the lock.
        left_ms: time until it expires, by the bucket's clock; may be slightly negative because of the clock allowance.
    """

    workspace: Workspace
    name: str
    whose: Whose
    lock: EditLock
    left_ms: int

    @property
    def path(self) -> str:
        """Where the notebook is in JupyterLab."""
        return join(self.workspace.edit_directory, self.name)


class LockQueries:
    """Asks the buckets about locks.

    Args:
        connection: how buckets are reached.
        person: who asks.
        clock: takes the buckets' time from their answers.
    """

    def __init__(self, connection: Connection, person: Person, clock: BucketClock) -> None:
        patience = min(PATIENCE_SECONDS, connection.retry_deadline_seconds)
        self._connection = replace(connection, retry_deadline_seconds=patience)
        self._person = person
        self._clock = clock
        self._threads = BucketThreads(self._connection, monotonic=time.monotonic, clock=clock)

    @classmethod
    @contextmanager
    def of(cls, connection: Connection, person: Person, clock: BucketClock) -> "Iterator[LockQueries]":
        """Return queries whose connections are closed at the end."""
        queries = cls(connection, person, clock)
        try:
            yield queries
        finally:
            queries._threads.close()

    async def all_of(self, workspace: Workspace, on_progress: Callable[[int], None]) -> tuple[list[FoundLock], bool]:
        """Walk the folders of a workspace.

        Args:
            workspace: the workspace.
            on_progress: called with the number of folders searched so far.

        Returns:
            The live locks by name, and whether every folder was searched.

        Raises:
            BucketUnavailable, BucketRefused: as the port says.
        """
        bucket = self._threads.bucket(workspace.bucket, workspace.user_project)
        require_embedded_bucket(self._connection, workspace.bucket)
        found: list[FoundLock] = []
        waiting, looked_into = [workspace.prefix], 0
        while waiting and looked_into < MAX_FOLDERS:
            level, waiting = waiting[: MAX_FOLDERS - looked_into], waiting[MAX_FOLDERS - looked_into :]
            for start in range(0, len(level), _AT_ONCE):
                prefixes = level[start : start + _AT_ONCE]
                listings = await asyncio.gather(*map(bucket.list, prefixes))
                looked_into += len(prefixes)
                on_progress(looked_into)
                for listing in listings:
                    found += self._live(workspace, listing.objects)
                    waiting += listing.prefixes
        return sorted(found, key=lambda lock: lock.name), not waiting

    async def named(self, workspace: Workspace, name: str) -> FoundLock | None:
        """The live lock of one notebook.

        Args:
            workspace: where to look.
            name: path within the workspace, or JupyterLab's path.

        Raises:
            BucketUnavailable, BucketRefused: as the port says.
        """
        require_embedded_bucket(self._connection, workspace.bucket)
        inside = name.removeprefix(f"{workspace.edit_directory}/") if workspace.edit_directory else name
        if why_not_shown(inside) is not None:
            return None
        version = await self._threads.bucket(workspace.bucket, workspace.user_project).stat(workspace.prefix + inside)
        return next(self._live(workspace, [] if version is None else [version]), None)

    async def give_back(self, lock: FoundLock) -> bool:
        """Give back a lock of this person: this environment's, or another's by taking it over first.

        Returns:
            False if another person holds it by now.

        Raises:
            ObjectNotFound, BucketUnavailable, BucketRefused: as the port says.
        """
        workspace = lock.workspace
        bucket = self._threads.bucket(workspace.bucket, workspace.user_project)
        locks = BucketLocks(bucket, me=self._person.holder_in(workspace), now_ms=self._clock.now_ms)
        object_name = workspace.prefix + lock.name
        if lock.whose is Whose.ELSEWHERE:
            try:
                await locks.take_over(object_name)
            except LockHeldElsewhere:
                return False
        await locks.release(object_name)
        return True

    def _live(self, workspace: Workspace, versions: Iterable[ObjectVersion]) -> Iterator[FoundLock]:
        me, now_ms = self._person.holder_in(workspace), self._clock.now_ms()
        for version in versions:
            name = version.name.removeprefix(workspace.prefix)
            # The report is read on a terminal: names with control characters are left out.
            if why_not_shown(name) is not None or not is_notebook_name(workspace, name.rpartition("/")[2]):
                continue
            whose, lock = _WHOSE.get(claim_of(version.metadata, me, now_ms)), read_lock(version.metadata)
            if whose is not None and lock is not None:
                left_ms = lock.expires_at_ms - now_ms
                yield FoundLock(workspace=workspace, name=name, whose=whose, lock=lock, left_ms=left_ms)
