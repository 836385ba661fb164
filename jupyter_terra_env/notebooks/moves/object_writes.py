"""Moves and deletes single objects conditionally; a request whose answer was lost is settled by looking."""

from typing import Protocol

from jupyter_terra_env.bucket.store import MatchVersion, ObjectVersion
from jupyter_terra_env.notebooks.locks.lock_table import LockTable
from jupyter_terra_env.notebooks.moves.moves_by_copy import MovesByCopy
from jupyter_terra_env.notebooks.moves.name_checks import name_exists
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.storage.object_versions import Rounds
from jupyter_terra_env.rules.act_copies import is_own_copy
from jupyter_terra_env.rules.edit_lock import Claim, read_lock
from jupyter_terra_env.rules.errors import (
    BucketError,
    BucketUnavailable,
    ConflictReason,
    LeftUnfinished,
    LockHeldElsewhere,
    ObjectNotFound,
    PreconditionFailed,
    WorkspaceConflict,
)
from jupyter_terra_env.rules.workspace import Location

_OTHERS = {Claim.OTHERS, Claim.MINE_ELSEWHERE}


class Versioned(Protocol):
    """A version of an object that can be named in a request."""

    @property
    def precondition(self) -> MatchVersion:
        """The precondition that matches this version only."""

    @property
    def crc32c(self) -> str | None:
        """Base64 CRC32C of the content; None if unknown."""


class ObjectWrites:
    """Moves and deletes one object at a time, including objects whose names no file can have.

    Args:
        storage: buckets and journal.
        locks: knows who holds the edit lock of an object.
    """

    def __init__(self, storage: NotebookStorage, locks: LockTable) -> None:
        self._storage = storage
        self._locks = locks
        self._by_copy = MovesByCopy(storage)

    async def move(self, old: Location, new: Location, seen: Versioned, act_id: str = "") -> ObjectVersion | None:
        """Move the object to its new name, never onto another.

        Args:
            old: its place.
            new: its new place.
            seen: the version that is moved.
            act_id: id of the move; a copy carries it if the bucket cannot rename.

        Returns:
            The version under the new name; None if another person has changed it there already.

        Raises:
            OperationRefused: the new name exists.
            WorkspaceConflict: the object has changed since it was seen, or is gone.
            LockHeldElsewhere: another person is editing it.
            LeftUnfinished: it is unknown whether it was moved.
            BucketUnavailable, BucketRefused: see the port; it was not moved.
        """
        version = seen.precondition
        rounds = Rounds(old)
        while True:
            rounds.begin()
            try:
                return await self._by_copy.move(old, new, version, act_id)
            except LeftUnfinished:
                raise
            except (ObjectNotFound, PreconditionFailed, BucketUnavailable) as error:
                target = await self._look(new, error)
                current = await self._look(old, error)
                is_ours = target is not None and is_own_copy(target, act_id)
                if target is not None and current is None and (is_ours or isinstance(error, BucketUnavailable)):
                    # It was moved; only the answer was lost.
                    return target if target.crc32c == seen.crc32c else None
                if target is not None and not is_ours:
                    raise name_exists(new) from error
                if target is not None and current is not None and current.precondition == version:
                    return await self._by_copy.finish(old, new, target, version)
                if target is not None:
                    await self.drop_copy(new, target)
                version = self._still(old, current, version, error)

    async def drop_copy(self, new: Location, copy: ObjectVersion) -> None:
        """Delete the copy of an incomplete move, unless another person is editing it; see ``MovesByCopy.drop``."""
        if self.is_free(new, copy):
            await self._by_copy.drop(new, copy)

    async def delete(self, location: Location, seen: Versioned) -> None:
        """Delete the object. An object that is gone already counts as deleted.

        Raises:
            WorkspaceConflict: the object has changed since it was seen.
            LockHeldElsewhere: another person is editing it.
            LeftUnfinished: it is unknown whether it was deleted.
            BucketUnavailable, BucketRefused: see the port; it was not deleted.
        """
        bucket, version = self._storage.bucket(location), seen.precondition
        rounds = Rounds(location)
        while True:
            rounds.begin()
            try:
                await bucket.delete(location.object_name, version)
            except ObjectNotFound:
                return
            except (PreconditionFailed, BucketUnavailable) as error:
                current = await self._look(location, error)
                if current is None:
                    return
                version = self._still(location, current, version, error)
            else:
                return

    def require_free(self, location: Location, version: ObjectVersion, *, named: bool) -> None:
        """Refuse to move or delete an object that another person is editing.

        Args:
            location: the notebook, or another object of a folder.
            version: the version that was just read.
            named: whether the error names the notebook, because the request was about its folder.

        Raises:
            LockHeldElsewhere: its lock is neither ours nor free.
        """
        saw = self._locks.record_version if location.is_delocalized else self._claim
        claim = saw(location, version)
        if claim in _OTHERS:
            raise LockHeldElsewhere(
                read_lock(version.metadata),
                by_same_person=claim is Claim.MINE_ELSEWHERE,
                about=location.api_path if named else "",
            )

    def note(self, location: Location, version: ObjectVersion) -> None:
        """Record the lock of an object that was just written."""
        if location.is_delocalized:
            self._locks.record_version(location, version)

    def is_free(self, location: Location, version: ObjectVersion) -> bool:
        """Whether no one else holds the lock of a version that was just read."""
        return self._claim(location, version) not in _OTHERS

    def _claim(self, location: Location, version: ObjectVersion) -> Claim:
        return self._locks.claim(location, version.metadata)

    async def _look(self, location: Location, after: Exception) -> ObjectVersion | None:
        try:
            return await self._storage.stat(location)
        except BucketError as error:
            if isinstance(after, BucketUnavailable):
                raise left_unfinished(after) from error
            raise

    def _still(
        self, location: Location, current: ObjectVersion | None, seen: MatchVersion, error: Exception
    ) -> MatchVersion:
        """Return the version to name in the next attempt, which has the same content and other metadata.

        Raises:
            WorkspaceConflict: the content of the object has changed since it was seen, or it is gone.
            Exception: the error itself, if nothing has changed and trying again at once would not help.
        """
        if current is None:
            raise WorkspaceConflict(ConflictReason.REMOTE_DELETED, about=location.api_path) from error
        if current.generation != seen.generation:
            raise WorkspaceConflict(ConflictReason.REMOTE_CHANGED, about=location.api_path) from error
        self.require_free(location, current, named=True)
        if current.precondition == seen:
            raise error
        return current.precondition


def left_unfinished(error: BucketError) -> LeftUnfinished:
    """Return the error of a move that goes on in the background."""
    return LeftUnfinished(error.bucket, error.trouble, str(error))
