"""Who shares what: where a file is, and what a deletion would remove for whom. Only looks; nothing changes."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.locks.lock_table import LockTable
from jupyter_terra_env.notebooks.moves.name_checks import is_folder_marker, name_below, not_shown
from jupyter_terra_env.notebooks.storage.durable_moves import files_below
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.rules.edit_lock import OWNER_KEY, Claim
from jupyter_terra_env.rules.errors import BucketError
from jupyter_terra_env.rules.workspace import Location

_OTHERS = (Claim.OTHERS, Claim.MINE_ELSEWHERE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """Where one file is.

    Attributes:
        on_disk: its path on the disk; None when the disk has no copy.
        updated: when the bucket was last given its content, UTC, aware; None when it has none.
        editor: the hash in the object's lock of the person who edited it last; None if the object names no one.
        trouble: why the bucket could not be asked; None when it was asked, or has nothing to do with the file.
    """

    on_disk: Path | None
    updated: datetime | None = None
    editor: str | None = None
    trouble: BucketError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A notebook that another person edits.

    Attributes:
        location: the notebook.
        owner: the hash in its lock.
        by_same_person: this person, in another environment.
    """

    location: Location
    owner: str
    by_same_person: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What a deletion would remove.

    Attributes:
        shared: names, below the folder or of the file itself, that go for everybody in the workspace.
        on_disk_only: names that only this disk has.
        hidden: names that the bucket has and no listing shows: the deletion is refused for them.
        held: notebooks that another person edits; they cannot be deleted.
        trouble: why the bucket could not be asked.
    """

    shared: tuple[str, ...] = ()
    on_disk_only: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    held: tuple[Held, ...] = ()
    trouble: BucketError | None = None


class Sharing:
    """Answers what a person asks before they delete, or where their work is.

    Args:
        storage: disk, buckets and journal.
        locks: whose a lock is.
    """

    def __init__(self, storage: NotebookStorage, locks: LockTable) -> None:
        self._storage = storage
        self._locks = locks

    async def whereabouts(self, location: Location) -> Whereabouts:
        """Where a file is. One request for what belongs in the bucket, none otherwise.

        Raises:
            OperationRefused: a link leads out of the workspace folder.
        """
        os_path = self._storage.os_path(location)
        on_disk = os_path if await self._storage.copies.run(os_path.is_file) else None
        if not location.is_delocalized:
            return Whereabouts(on_disk=on_disk)
        try:
            version = await self._storage.stat_soon(location)
        except BucketError as error:
            return Whereabouts(on_disk=on_disk, trouble=error)
        if version is None:
            return Whereabouts(on_disk=on_disk)
        return Whereabouts(on_disk=on_disk, updated=version.created, editor=version.metadata.get(OWNER_KEY) or None)

    async def removal(self, location: Location, *, is_folder: bool) -> Removal:
        """What deleting a file or folder would remove. One request, more for folders of thousands of objects."""
        on_disk = await self._storage.copies.run(self._names_on_disk, location, is_folder)
        if not location.is_edit or not (is_folder or location.is_delocalized):
            return Removal(on_disk_only=on_disk)
        try:
            versions = await self._objects(location, is_folder=is_folder)
        except BucketError as error:
            return Removal(on_disk_only=on_disk, trouble=error)
        hidden = not_shown(location, versions) if is_folder else ()
        shared = tuple(name for version in versions if (name := _name(location, version, is_folder)) not in hidden)
        return Removal(
            shared=shared,
            on_disk_only=tuple(name for name in on_disk if name not in shared),
            hidden=hidden,
            held=tuple(held for version in versions if (held := self._held(location, version)) is not None),
        )

    async def _objects(self, location: Location, *, is_folder: bool) -> Collection[ObjectVersion]:
        if not is_folder:
            version = await self._storage.stat_soon(location)
            return () if version is None else (version,)
        listed = await self._storage.bucket(location).list_all(location.object_prefix)
        return [version for version in listed if not is_folder_marker(version)]

    def _held(self, location: Location, version: ObjectVersion) -> Held | None:
        place = location.at(version.name)
        claim = self._locks.claim(place, version.metadata)
        if claim not in _OTHERS:
            return None
        owner = version.metadata.get(OWNER_KEY, "")
        return Held(location=place, owner=owner, by_same_person=claim is Claim.MINE_ELSEWHERE)

    def _names_on_disk(self, location: Location, is_folder: bool) -> tuple[str, ...]:  # noqa: FBT001 - runs on a thread
        entry = self._storage.entry(location.api_path)
        if not is_folder:
            return (location.name,) if entry.is_file() else ()
        names = (file.relative_to(entry) for file in files_below(entry))
        return tuple(sorted(name.as_posix() for name in names if not any(part.startswith(".") for part in name.parts)))


def _name(location: Location, version: ObjectVersion, is_folder: bool) -> str:  # noqa: FBT001
    return name_below(location, version) if is_folder else location.name
