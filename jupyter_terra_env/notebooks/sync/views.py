"""What opening a notebook would show, without opening it: for downloads, and for hashes."""

import contextlib
from collections import OrderedDict
from dataclasses import dataclass

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.locks.lock_table import LockTable
from jupyter_terra_env.notebooks.storage.file_digests import FileDigest
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.storage.object_versions import as_remote
from jupyter_terra_env.notebooks.sync.unseen_edits import UnseenEdits
from jupyter_terra_env.rules.edit_lock import Claim
from jupyter_terra_env.rules.errors import BucketError, ObjectNotFound, OperationRefused, RefusalReason
from jupyter_terra_env.rules.sync import OpenStep, Standing, decide_open, has_unsaved_edits, standing
from jupyter_terra_env.rules.workspace import Location, Mode

_REMEMBERED = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownVersion:
    """A version in the bucket that was shown in the place of a working copy.

    Attributes:
        version: the version.
        sha256: of its content, lower-case hex.
    """

    version: ObjectVersion
    sha256: str


class Views:
    """Decides as opening does, and remembers what was shown last.

    Args:
        storage: disk, buckets and journal.
        locks: who edits.
        unseen_edits: knows which edits were not shown.
    """

    def __init__(self, storage: NotebookStorage, locks: LockTable, unseen_edits: UnseenEdits) -> None:
        self._storage = storage
        self._locks = locks
        self._unseen_edits = unseen_edits
        self._shown: OrderedDict[str, ShownVersion] = OrderedDict()

    async def now(self, location: Location) -> ObjectVersion | None:
        """What opening would show now. One request; takes no lock and leaves working copy and baseline alone.

        Returns:
            The version in the bucket; None for the working copy.

        Raises:
            ObjectNotFound: neither disk nor bucket has it.
            BucketUnavailable, BucketRefused: it is not on the disk and the bucket cannot be asked.
        """
        digest = await self._storage.digest(location)
        baseline = await self._storage.baseline(location)
        if location.mode is Mode.PLAYGROUND and digest is not None and has_unsaved_edits(baseline, digest.crc32c):
            return None
        try:
            version = await self._storage.stat(location)
        except BucketError:
            if digest is None:
                raise
            return None
        crc32c = None if digest is None else digest.crc32c
        remote = as_remote(version)
        step = decide_open(baseline, crc32c, remote)
        if step is OpenStep.NOT_FOUND:
            raise ObjectNotFound(f"{location.api_path} is neither on this disk nor in the workspace.")
        if version is not None and crc32c is not None and self._is_read_only(location, version):
            return None if standing(baseline, crc32c, remote) is Standing.EQUAL else version
        return version if step is OpenStep.DOWNLOAD else None

    def instead(self, location: Location) -> ShownVersion | None:
        """The version that was shown last in the place of a working copy; None for the working copy. No request."""
        return self._shown.get(location.api_path)

    def showed(self, location: Location, version: ObjectVersion, digest: FileDigest) -> None:
        """Remember that a version in the bucket is shown."""
        self._shown[location.api_path] = ShownVersion(version=version, sha256=digest.sha256)
        self._shown.move_to_end(location.api_path)
        while len(self._shown) > _REMEMBERED:
            self._shown.popitem(last=False)

    def shows_working_copy(self, location: Location) -> None:
        """Remember that the working copy is shown, or has just been saved."""
        self._shown.pop(location.api_path, None)

    async def mark_read(self, location: Location) -> None:
        """Remember that a person has read the working copy: what they save next replaces nothing unseen."""
        await self._unseen_edits.shown(location)
        self.shows_working_copy(location)

    async def mark_unread(self, location: Location) -> None:
        """Remember that no one has read what is in the working copy now: the next save keeps it in another file."""
        if location.is_delocalized:
            # A full disk does not prevent reading.
            with contextlib.suppress(OSError):
                await self._unseen_edits.mark_unseen(location)

    def forget_below(self, api_path: str) -> None:
        """Drop what was shown at or below a path: it is renamed or deleted."""
        for path in [path for path in self._shown if path == api_path or path.startswith(api_path + "/")]:
            del self._shown[path]

    def _is_read_only(self, location: Location, version: ObjectVersion) -> bool:
        claim = self._locks.claim(location, version.metadata)
        return location.is_delocalized and claim in {Claim.OTHERS, Claim.MINE_ELSEWHERE}


def refuse_too_large(location: Location, size_bytes: int, largest_bytes: int) -> None:
    """Refuse to show what is too large to look at.

    Raises:
        OperationRefused: it is larger than may be.
    """
    if size_bytes > largest_bytes:
        raise OperationRefused(
            RefusalReason.TOO_LARGE,
            f"{location.api_path} is too large to be opened here ({size_bytes // 2**20} MiB; at most "
            f"{largest_bytes // 2**20} MiB). Download it, or read it in a notebook or terminal.",
        )
