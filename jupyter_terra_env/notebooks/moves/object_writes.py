"""Move and delete single objects, conditionally; an act whose answer was lost is settled by looking (promise P4)."""

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
    """What names a version."""

    @property
    def precondition(self) -> MatchVersion:
        """Only this version."""

    @property
    def crc32c(self) -> str | None:
        """Base64 CRC32C of the content; None when it is not known."""


class ObjectWrites:
    """The conditional acts on one object. A name that no file can have is moved and deleted like any other.

    Args:
        storage: buckets and journal.
        locks: what somebody else edits stays where it is.
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
            act_id: of the act; where the bucket does not rename, the copy carries it.

        Returns:
            The version under the new name; None when somebody has made another of it already.

        Raises:
            OperationRefused: the new name exists.
            WorkspaceConflict: the object is not the one that was seen, or gone.
            LockHeldElsewhere: somebody else is editing it.
            LeftUnfinished: whether it was moved is not known.
            BucketUnavailable, BucketRefused: as the port says; it was not moved.
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
        """Take the copy of an act back that is not finished, unless somebody edits it; see ``MovesByCopy.drop``."""
        if self.is_free(new, copy):
            await self._by_copy.drop(new, copy)

    async def delete(self, location: Location, seen: Versioned) -> None:
        """Delete the object; one that is gone already is deleted.

        Raises:
            WorkspaceConflict: the object is not the one that was seen.
            LockHeldElsewhere: somebody else is editing it.
            LeftUnfinished: whether it was deleted is not known.
            BucketUnavailable, BucketRefused: as the port says; it was not deleted.
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
        """Let an act go on over a version that was just read.

        Args:
            location: the notebook, or another object of a folder.
            version: as it was read.
            named: tell which notebook it is: the user asked for something else.

        Raises:
            LockHeldElsewhere: the lock is not ours, nor free.
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
        """Take note of an object that was just made."""
        if location.is_delocalized:
            self._locks.record_version(location, version)

    def is_free(self, location: Location, version: ObjectVersion) -> bool:
        """Whether nobody else holds the lock of a version that was just read."""
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
        """The version to name in the next attempt: the same content with other metadata.

        Raises:
            WorkspaceConflict: the object holds other content than the one seen, or has gone.
            Exception: the error itself, when nothing has changed and trying again at once would not help.
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
    """The error of an act that goes on by itself."""
    return LeftUnfinished(error.bucket, error.trouble, str(error))
