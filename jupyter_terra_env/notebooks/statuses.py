"""What is known of a notebook without asking the bucket: where its work is, who edits it, what others see."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.locks.lock_table import LockTable
from jupyter_terra_env.notebooks.storage.bucket_listings import BucketListings
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.sync.delocalizer import Delocalizer
from jupyter_terra_env.notebooks.sync.resolution import name_of
from jupyter_terra_env.rules import status
from jupyter_terra_env.rules.errors import ObjectNotFound, OperationRefused
from jupyter_terra_env.rules.gone import Gone
from jupyter_terra_env.rules.lock_view import READ_ONLY, LockView
from jupyter_terra_env.rules.status import Place, WorkStatus
from jupyter_terra_env.rules.workspace import Location, Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenVersion:
    """The content of an object, as it was last seen.

    Attributes:
        name: names it; opaque.
        saved_at: when the bucket was given it.
    """

    name: str
    saved_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookStatus:
    """What is known of a notebook.

    Attributes:
        location: the notebook.
        work: where its work is.
        lock: who edits it.
        saved_at: when the bucket was given the content that the working copy last equalled; None when not known.
        seen: the object as it was last read or written; None when there is none, or it is not known.
        gone: what became of the object, if it was there and is not any more.
    """

    location: Location
    work: WorkStatus
    lock: LockView
    saved_at: datetime | None
    seen: SeenVersion | None = None
    gone: Gone | None = None

    @property
    def is_writable(self) -> bool:
        """Whether it may be edited here."""
        return self.lock.state not in READ_ONLY


class Statuses:
    """Returns the status of notebooks.

    Args:
        storage: the journal.
        locks: who edits what.
        delocalizer: knows where the work of each notebook is.
        listings: know which notebooks only the bucket has.
        email_of: the address behind the hash in a workspace's lock, when it may be shown.
        log: where unexpected failures go.
    """

    def __init__(
        self,
        storage: NotebookStorage,
        locks: LockTable,
        delocalizer: Delocalizer,
        listings: BucketListings,
        *,
        email_of: Callable[[Workspace, str], str | None],
        log: logging.Logger | logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._storage = storage
        self._locks = locks
        self._delocalizer = delocalizer
        self._listings = listings
        self._email_of = email_of
        self._log = log

    async def of(self, location: Location, work: WorkStatus | None = None) -> NotebookStatus:
        """What is known of a notebook.

        Args:
            location: the notebook.
            work: where its work is, when that is known already.

        Raises:
            ObjectNotFound: there is no such file on the disk, nor in a listing of the edit folder.
        """
        if work is None:
            work = await self._work_of(location)
        version = self._locks.last_version(location) if location.is_delocalized else None
        baseline = None if version is None else await self._storage.baseline(location)
        stored = version is not None and baseline is not None and version.generation == baseline.generation
        gone = self._locks.gone(location) if location.is_delocalized else None
        if gone is not None and work.place is Place.IN_WORKSPACE:
            work = status.gone(gone.how, is_on_disk=work != status.not_on_this_disk())
        return NotebookStatus(
            location=location,
            work=work,
            seen=None if version is None else SeenVersion(name=name_of(version), saved_at=version.created),
            gone=gone,
            lock=self.lock_of(location),
            saved_at=version.created if version is not None and stored else None,
        )

    async def of_debt(self, location: Location) -> NotebookStatus:
        """What is known of a notebook that owes something to the bucket, even if its file has gone.

        Never raises: one that cannot be looked at says so itself, and does not keep others from being named.
        """
        try:
            return await self.of(location)
        except OperationRefused as refused:
            work = status.not_to_be_read(refused)
        except ObjectNotFound:
            last = self._delocalizer.last_status(location)
            is_known = last is not None and last.place is Place.ON_DISK and last.reason is not None
            work = last if last is not None and is_known else status.gone_from_disk()
        except Exception:  # noqa: BLE001 - one that cannot be looked at must not hide the others
            self._log.exception("A notebook that is not in the workspace cannot be looked at.")
            work = status.disk_unreadable()
        return NotebookStatus(location=location, work=work, lock=self.lock_of(location), saved_at=None)

    def lock_of(self, location: Location) -> LockView:
        """Who edits a notebook, as far as it is known."""
        return self._locks.view(location)

    def is_read_only(self, location: Location) -> bool:
        """Whether a notebook may be looked at only, as far as it is known."""
        return self.lock_of(location).state in READ_ONLY

    def email_of_holder(self, location: Location) -> str | None:
        """The address of the holder of a notebook's lock, when it may be shown."""
        lock = self.lock_of(location).lock
        return None if lock is None else self.email_of(location, lock.holder.owner)

    def email_of(self, location: Location, owner: str | None) -> str | None:
        """The address behind the hash in a lock of the notebook's workspace, when it may be shown."""
        return None if owner is None else self._email_of(location.workspace, owner)

    async def shown_version(self, location: Location, instead: ObjectVersion | None) -> str | None:
        """Names the version that was shown to the person who has just read a notebook, as ``NotebookStatus.seen`` does.

        Args:
            location: the notebook.
            instead: the version in the bucket that was shown in the place of the working copy; None for that itself.

        Returns:
            What the working copy last equalled, where that was shown; None when nothing is known.
        """
        if instead is not None:
            return name_of(instead)
        baseline = await self._storage.baseline(location) if location.is_delocalized else None
        return None if baseline is None or baseline.crc32c is None else str(baseline.generation)

    async def _work_of(self, location: Location) -> WorkStatus:
        try:
            return await self._delocalizer.current_status(location)
        except ObjectNotFound:
            if location.is_delocalized and self._listings.is_listed(location):
                return status.not_on_this_disk()
            raise
