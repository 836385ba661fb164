"""Moves single objects by copying and deleting, if the bucket cannot rename or the target is another bucket.

Protocol: docs/protocol/journal.md, Moving by copy.
"""

from jupyter_terra_env.bucket.store import MatchVersion, ObjectVersion
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.rules.act_copies import is_own_copy, metadata_of_copy
from jupyter_terra_env.rules.errors import (
    BucketError,
    BucketRefused,
    BucketTrouble,
    BucketUnavailable,
    LeftUnfinished,
    ObjectNotFound,
    PreconditionFailed,
)
from jupyter_terra_env.rules.workspace import Location

_ROUNDS = 3
_NO_VERSION = MatchVersion(generation=1, metageneration=1)
_MAY_BE_COPIED = {BucketTrouble.NO_PERMISSION, BucketTrouble.NOT_OFFERED}


class MovesByCopy:
    """Copies exactly one version, never onto another object, then deletes that version.

    The copy carries the id of the move, which identifies it after a crash or a lost answer.

    Args:
        storage: buckets.
    """

    def __init__(self, storage: NotebookStorage) -> None:
        self._storage = storage
        self._do_not_rename: set[str] = set()
        self._let_delete: set[str] = set()

    async def move(self, old: Location, new: Location, version: MatchVersion, act_id: str) -> ObjectVersion:
        """Rename an object, by a copy if the bucket cannot rename.

        Raises:
            ObjectNotFound, PreconditionFailed, BucketUnavailable: see the port; the caller has to look.
            BucketRefused: see the port; everything is as it was.
            LeftUnfinished: the copy exists, and it is unknown whether the source was deleted.
        """
        bucket = old.workspace.bucket
        if new.workspace.bucket == bucket and bucket not in self._do_not_rename:
            try:
                return await self._storage.bucket(old).move(old.object_name, new.object_name, version)
            except BucketRefused as error:
                if error.trouble not in _MAY_BE_COPIED:
                    raise
            except ObjectNotFound:
                # A proxy or an emulator means the method, Cloud Storage means the object.
                found = await self._storage.stat(old)
                if found is None or found.precondition != version:
                    raise
        moved = await self._by_copy(old, new, version, act_id)
        if new.workspace.bucket == bucket:
            self._do_not_rename.add(bucket)
        return moved

    async def finish(self, old: Location, new: Location, copy: ObjectVersion, version: MatchVersion) -> ObjectVersion:
        """Delete the source of a copy. If the source has changed or cannot be deleted, the copy is deleted instead.

        Raises:
            PreconditionFailed: the source has changed.
            BucketRefused: the source may not be deleted.
            LeftUnfinished: it is unknown whether the source was deleted.
        """
        source, tries = self._storage.bucket(old), 0
        while True:
            tries += 1
            try:
                await source.delete(old.object_name, version)
            except ObjectNotFound:
                return copy
            except (PreconditionFailed, BucketRefused):
                await self.drop(new, copy)
                raise
            except BucketUnavailable as error:
                if tries == _ROUNDS:  # The deletion may arrive late: the copy must stay.
                    raise LeftUnfinished(error.bucket, error.trouble, str(error)) from error
            else:
                return copy

    async def drop(self, new: Location, copy: ObjectVersion) -> None:
        """Delete a copy, unless another person has changed it since.

        Raises:
            LeftUnfinished: the bucket does not answer.
        """
        try:
            await self._storage.bucket(new).delete(new.object_name, copy.precondition)
        except (ObjectNotFound, PreconditionFailed, BucketRefused):
            return
        except BucketUnavailable as error:
            raise LeftUnfinished(error.bucket, error.trouble, str(error)) from error

    async def _by_copy(self, old: Location, new: Location, version: MatchVersion, act_id: str) -> ObjectVersion:
        source = await self._storage.stat(old)
        if source is None:
            raise ObjectNotFound(old.api_path)
        if source.precondition != version:
            raise PreconditionFailed(old.api_path)
        try:
            await self._require_deletable(old)
        except BucketRefused:
            found = await self._storage.stat(new)
            if found is not None and is_own_copy(found, act_id):
                await self.drop(new, found)  # An earlier try made it, before the deletion was refused.
            raise
        moved = await self.finish(old, new, await self._copy(old, new, source, act_id), version)
        self._let_delete.add(old.workspace.bucket)
        return moved

    async def _copy(self, old: Location, new: Location, source: ObjectVersion, act_id: str) -> ObjectVersion:
        in_same_bucket = new.workspace.bucket == old.workspace.bucket
        try:
            return await self._storage.bucket(old).copy(
                old.object_name,
                new.object_name,
                source.precondition,
                metadata=metadata_of_copy(source, act_id, in_same_bucket=in_same_bucket),
                to_bucket=None if in_same_bucket else new.workspace.bucket,
            )
        except (PreconditionFailed, BucketUnavailable) as error:
            try:
                found = await self._storage.stat(new)
            except BucketError as second:
                if isinstance(error, BucketUnavailable):
                    raise LeftUnfinished(error.bucket, error.trouble, str(error)) from second
                raise
            if found is None or not is_own_copy(found, act_id):
                raise
            return found

    async def _require_deletable(self, old: Location) -> None:
        """Find out before the copy is made whether deletions are refused, by deleting a version that no object has.

        Raises:
            BucketRefused: the object may not be deleted.
        """
        if old.workspace.bucket in self._let_delete:
            return
        try:
            await self._storage.bucket(old).delete(old.object_name, _NO_VERSION)
        except PreconditionFailed:
            return
