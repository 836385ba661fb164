"""What a workspace folder shows: the bucket's objects and the disk's files, as one list."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from jupyter_terra_env.bucket.store import Listing, ObjectVersion
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.storage.patience import no_answer
from jupyter_terra_env.rules.errors import BucketError
from jupyter_terra_env.rules.workspace import Location, is_notebook_name, why_not_shown


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketFolder:
    """One folder as the bucket has it.

    Attributes:
        notebooks: objects that can be opened, by file name.
        folders: names of the folders below.
        doubled: names of which the bucket has an object, and objects below it as well. A notebook is shown then, and
            not the folder; any other object gives way to the folder.
        exists: whether the bucket has anything in it, openable or not.
        trouble: why the bucket could not be asked; then nothing else is known.
    """

    notebooks: Mapping[str, ObjectVersion] = field(default_factory=dict)
    folders: frozenset[str] = frozenset()
    doubled: frozenset[str] = frozenset()
    exists: bool = False
    trouble: BucketError | None = None

    @property
    def names(self) -> frozenset[str]:
        """All names in the folder."""
        return self.folders | self.notebooks.keys()


class Kind(Enum):
    """What the bucket shows at a place."""

    FILE = auto()
    FOLDER = auto()
    NOTHING = auto()


@dataclass(slots=True, kw_only=True)
class _Remembered:
    since: float
    folder: "asyncio.Task[BucketFolder]"
    parts: list[None]
    """One for each part of the listing that has arrived."""


class BucketListings:
    """Lists folders of the bucket and remembers them for a few seconds.

    Callers that come together share one request. What this server changes itself is forgotten at once.

    Args:
        storage: disk, buckets and journal.
        max_age_seconds: how long a listing is remembered.
        monotonic: seconds from some fixed point.
        log: where objects that cannot be shown are named, once each.
    """

    def __init__(
        self,
        storage: NotebookStorage,
        *,
        max_age_seconds: float,
        monotonic: Callable[[], float],
        log: logging.Logger | logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._storage = storage
        self._max_age_seconds = max_age_seconds
        self._monotonic = monotonic
        self._log = log
        self._remembered: dict[tuple[str, str, str, str | None], _Remembered] = {}
        self._named: set[tuple[str, str]] = set()
        self._troubled: dict[str, str] = {}

    async def bucket_folder(self, location: Location) -> BucketFolder:
        """The bucket's side of a folder; never raises for trouble with the bucket.

        A bucket that hangs is trouble after some seconds; the listing goes on, and counts for who asks later. One that
        arrives part by part is waited for.
        """
        key = _key(location)
        known = self._remembered.get(key)
        if known is None or self._is_stale(known):
            parts: list[None] = []
            listing = asyncio.create_task(self._list(location, parts), name=f"list {location.api_path}")
            known = self._remembered[key] = _Remembered(since=self._monotonic(), folder=listing, parts=parts)
            self._drop_stale()
        while True:
            arrived, seconds = len(known.parts), self._storage.patience_seconds
            done, _ = await asyncio.wait({known.folder}, timeout=seconds)
            if done:
                return known.folder.result()
            if len(known.parts) == arrived:
                return BucketFolder(trouble=no_answer(location.workspace.bucket, seconds))

    async def fresh_bucket_folder(self, location: Location) -> BucketFolder:
        """The bucket's side of a folder, asked for now."""
        self._remembered.pop(_key(location), None)
        return await self.bucket_folder(location)

    async def has_notebook(self, location: Location) -> bool:
        """Whether the bucket has an object for this place: from a fresh listing, else by one request.

        Raises:
            BucketUnavailable, BucketRefused: as the port says.
        """
        if not location.belongs_in_bucket:
            return False
        folder = self._fresh(location.parent)
        if folder is not None:
            return location.name in folder.notebooks
        return await self._storage.stat(location) is not None

    async def kind(self, location: Location) -> Kind:
        """What the bucket shows at a place: from a fresh listing, else by one or two requests.

        Raises:
            BucketUnavailable, BucketRefused: as the port says.
        """
        parent = self._fresh(location.parent) if location.relative_path else None
        if parent is not None:
            if location.name in parent.folders:
                return Kind.FOLDER
            return Kind.FILE if location.name in parent.notebooks else Kind.NOTHING
        if location.is_notebook and await self.has_notebook(location):
            return Kind.FILE
        if await self.has_folder(location):
            return Kind.FOLDER
        return Kind.FILE if not location.is_notebook and await self.has_notebook(location) else Kind.NOTHING

    async def is_folder(self, location: Location) -> bool:
        """Whether the bucket shows a folder at this place, under any name; False when it cannot be asked."""
        if not location.is_notebook or not location.belongs_in_bucket:
            return await self.has_folder(location)
        try:
            return await self.kind(location) is Kind.FOLDER
        except BucketError:
            return False

    def is_listed(self, location: Location) -> bool:
        """Whether a listing that is still remembered has this notebook. Sends no request."""
        known = self._remembered.get(_key(location.parent))
        return known is not None and known.folder.done() and location.name in known.folder.result().notebooks

    async def has_folder(self, location: Location) -> bool:
        """Whether the bucket has anything below this place; False when it cannot be asked."""
        if why_not_shown(location.relative_path) is not None:
            return False
        parent = self._fresh(location.parent)
        if parent is not None:
            return location.name in parent.folders | parent.doubled
        return (await self.bucket_folder(location)).exists

    def forget(self, location: Location) -> None:
        """Forget the listings that a change at this place has made untrue."""
        place = location
        while place.relative_path:
            place = place.parent
            self._remembered.pop(_key(place), None)

    def forget_below(self, location: Location) -> None:
        """Forget the listings that a change of a whole folder has made untrue."""
        self.forget(location)
        bucket, prefix, *_ = _key(location)
        for key in [key for key in self._remembered if key[0] == bucket and key[1].startswith(prefix)]:
            del self._remembered[key]

    async def close(self) -> None:
        """Give up listings in flight; their requests end by their own time limits."""
        running = [known.folder for known in self._remembered.values() if not known.folder.done()]
        for listing in running:
            listing.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _list(self, location: Location, parts: list[None]) -> BucketFolder:
        bucket = location.workspace.bucket
        try:
            listing = await self._storage.bucket(location).list(
                location.object_prefix, progress=lambda: parts.append(None)
            )
        except BucketError as error:
            if self._troubled.get(bucket) != error.trouble:
                self._troubled[bucket] = error.trouble
                self._log.warning("%s", error)
            return BucketFolder(trouble=error)
        if self._troubled.pop(bucket, None) is not None:
            self._log.info("The workspace bucket %s answers again.", bucket)
        return self._shown(location, listing)

    def _fresh(self, location: Location) -> BucketFolder | None:
        """A folder as it was listed a moment ago; None when it has to be asked for."""
        known = self._remembered.get(_key(location))
        if known is None or not known.folder.done() or self._is_stale(known):
            return None
        folder = known.folder.result()
        return folder if folder.trouble is None else None

    def _shown(self, location: Location, listing: Listing) -> BucketFolder:
        start = len(location.object_prefix)
        notebooks = {
            version.name[start:]: version
            for version in listing.objects
            if version.name != location.object_prefix  # the marker some tools make for a folder
            and self._can_show(location, version.name)
            and is_notebook_name(location.workspace, version.name[start:])
        }
        folders = {prefix[start:-1] for prefix in listing.prefixes if self._can_show(location, prefix[:-1])}
        doubled = frozenset(folders & notebooks.keys())
        for name in doubled:
            if location.child(name).is_notebook:
                self._name_once(location, f"{location.object_prefix}{name}/", _FOLDER_GIVES_WAY)
                folders.discard(name)
            else:
                self._name_once(location, f"{location.object_prefix}{name}", _FILE_GIVES_WAY)
                del notebooks[name]
        return BucketFolder(
            notebooks=notebooks,
            folders=frozenset(folders),
            doubled=doubled,
            exists=bool(listing.objects or listing.prefixes),
        )

    def _can_show(self, location: Location, object_name: str) -> bool:
        reason = why_not_shown(object_name[len(location.workspace.prefix) :])
        if reason is not None:
            self._name_once(location, object_name, reason)
        return reason is None

    def _name_once(self, location: Location, object_name: str, reason: str) -> None:
        key = (location.workspace.bucket, object_name)
        if key not in self._named:
            self._named.add(key)
            self._log.warning("Not shown: gs://%s/%r, because %s.", *key, reason)

    def _is_stale(self, known: _Remembered) -> bool:
        return known.folder.done() and self._monotonic() - known.since > self._max_age_seconds

    def _drop_stale(self) -> None:
        for key in [key for key, known in self._remembered.items() if self._is_stale(known)]:
            del self._remembered[key]


_FOLDER_GIVES_WAY = "a folder cannot have a notebook's name beside that notebook; rename the notebook to see it"
_FILE_GIVES_WAY = "a folder has the name of this file; rename the folder to see it"


def _key(location: Location) -> tuple[str, str, str, str | None]:
    # Two workspaces may show one prefix through different patterns, and bill different projects.
    workspace = location.workspace
    return workspace.bucket, location.object_prefix, workspace.pattern.pattern, workspace.user_project
