"""What a listing says of its notebooks beyond their names: who edits them, and what is not in the workspace yet."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.locks.lock_table import LockTable
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.sync.delocalizer import Delocalizer
from jupyter_terra_env.notebooks.sync.foreign_edits import ForeignEdits
from jupyter_terra_env.rules.edit_lock import read_lock
from jupyter_terra_env.rules.lock_view import WAITED_FOR, LockState, seen
from jupyter_terra_env.rules.status import Place
from jupyter_terra_env.rules.workspace import Location

_WORTH_A_MARK = frozenset({Place.CONFLICT, Place.LOCKED, Place.ON_DISK, Place.UPLOADING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What is worth saying of a notebook in a listing.

    Attributes:
        place: where its work is, when it is not where it should be.
        lock: who edits it, when it is another person.
    """

    place: Place | None = None
    lock: LockState | None = None


class ListingBadges:
    """Marks notebooks by the listing itself and the journal, without a request or a look at a file.

    Args:
        places: the journal.
        delocalizer: knows the last status of each notebook.
        locks: who takes part in locks.
        foreign_edits: what programs wrote.
    """

    def __init__(
        self, storage: NotebookStorage, delocalizer: Delocalizer, locks: LockTable, foreign_edits: ForeignEdits
    ) -> None:
        self._storage = storage
        self._delocalizer = delocalizer
        self._locks = locks
        self._foreign_edits = foreign_edits

    async def of(
        self, folder: Location, names: Collection[str], listed: Mapping[str, ObjectVersion]
    ) -> dict[str, Mark]:
        """The marks of a folder's notebooks, by name; without those that need none.

        Args:
            folder: an edit folder, or one in it.
            names: what it shows.
            listed: what the bucket has of it.
        """
        await self._foreign_edits.look_among(folder, names)
        owed = {debt.path for debt in await self._storage.debts()}
        owed |= {location.api_path for location in await self._foreign_edits.undelivered()}
        # Thousands of names take a while: not on the event loop.
        return await self._storage.copies.run(self._all, folder, names, listed, owed)

    def _all(
        self, folder: Location, names: Collection[str], listed: Mapping[str, ObjectVersion], owed: Collection[str]
    ) -> dict[str, Mark]:
        marks = {name: self._mark(folder.child(name), listed.get(name), owed) for name in names}
        return {name: mark for name, mark in marks.items() if mark != Mark()}

    def _mark(self, location: Location, version: ObjectVersion | None, owed: Collection[str]) -> Mark:
        if not location.is_delocalized:
            return Mark()
        last = self._delocalizer.last_status(location)
        place = None if last is None or last.place not in _WORTH_A_MARK else last.place
        if place is None and location.api_path in owed:
            place = Place.ON_DISK
        return Mark(place=place, lock=None if version is None else self._foreign(location, version))

    def _foreign(self, location: Location, version: ObjectVersion) -> LockState | None:
        claim = self._locks.claim(location, version.metadata)
        state = seen(claim, read_lock(version.metadata), before=None).state
        return state if state in WAITED_FOR else None
