"""Carries out a rename or deletion whose intent is in the journal: bucket, disk and rows, in this order.

Protocol: docs/protocol/journal.md, Intents. What is left to do after a restart is found by ``begun_moves``.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.locks.lock_table import LockTable
from jupyter_terra_env.notebooks.moves.aside import Aside
from jupyter_terra_env.notebooks.moves.intents import ActiveMove, Outcome, PlannedObject
from jupyter_terra_env.notebooks.moves.journal_rows import JournalRows, Rows
from jupyter_terra_env.notebooks.moves.object_writes import ObjectWrites, Versioned
from jupyter_terra_env.notebooks.storage.bucket_listings import BucketListings
from jupyter_terra_env.notebooks.storage.durable_moves import files_below, move_entry, signatures
from jupyter_terra_env.notebooks.storage.merge_bases import MergeBases
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.sync.delocalizer import Delocalizer
from jupyter_terra_env.rules.errors import FilesStay, TerraEnvError
from jupyter_terra_env.rules.recovery import Act
from jupyter_terra_env.rules.workspace import Location

AT_ONCE = 8

Steps = Iterable[tuple[PlannedObject, Versioned]]


class MoveExecutor:
    """Does the steps of intents. Each looks first, and is harmless when repeated.

    Args:
        storage: disk, buckets and journal.
        folders: told of every change.
        delocalizer: told of notebooks that have gone, and starts on what is owed under a new name.
        locks: told likewise.
        acts: the acts on single objects.
        bases: the content that merges stand on goes along.
        locate: the place an API path is.
        on_moved: called with the old and new place of each notebook.
    """

    def __init__(  # noqa: PLR0913 - six parts, a question and a listener, each by name
        self,
        storage: NotebookStorage,
        listings: BucketListings,
        delocalizer: Delocalizer,
        locks: LockTable,
        acts: ObjectWrites,
        bases: MergeBases,
        *,
        locate: Callable[[str], Location | None],
        on_moved: Callable[[Location, Location], None],
    ) -> None:
        self._storage = storage
        self._listings = listings
        self._delocalizer = delocalizer
        self._locks = locks
        self._acts = acts
        self._bases = bases
        self._locate = locate
        self._on_moved = on_moved
        self._rows = JournalRows(storage, locate)

    async def objects(self, begun: ActiveMove, steps: Steps) -> Outcome:
        """Move or delete objects, several at once, until one fails."""
        outcome, slots = Outcome(), asyncio.Semaphore(AT_ONCE)

        async def do(planned: PlannedObject, version: Versioned) -> None:
            async with slots:
                if outcome.failed:
                    outcome.not_tried.add(planned.name)
                    return
                try:
                    outcome.done[planned.name] = await self._do(begun, planned, version)
                except TerraEnvError as error:
                    outcome.failed[planned.name] = error

        await asyncio.gather(*(do(planned, version) for planned, version in steps))
        return outcome

    async def files(self, api_path: str) -> tuple[tuple[str, str], ...]:
        """The files at or below a path, with their signatures, for an intent to delete them."""
        found = await self._storage.copies.run(signatures, self._storage.entry(api_path))
        root = self._storage.entry("")
        return tuple((file.relative_to(root).as_posix(), signature) for file, signature in found.items())

    async def rename_on_disk(self, old_path: str, new_path: str, arriving: Collection[Location]) -> None:
        """Rename what no object belongs to, and start on what is owed then.

        Raises:
            FileExistsError: the new name is taken.
            OSError: the disk did not do it.
        """
        copies = self._storage.copies
        old, new = self._storage.entry(old_path), self._storage.entry(new_path)
        async with self._paths_locked(old_path, new_path):
            paths = await copies.run(self.paths_at, old_path)
            await copies.run(move_entry, old, new)
        for path in await self._storage.known_below(old_path):
            if (place := self._locate(path)) is not None:
                await self._storage.forget(place)
        for path in paths:
            before, after = self._locate(path), self._locate(new_path + path.removeprefix(old_path))
            if before is not None and after is not None:
                self._on_moved(before, after)
        for place in arriving:
            self._delocalizer.start(place)

    def paths_at(self, api_path: str) -> list[str]:
        """API paths of a file, or of the files of a folder. Blocks."""
        entry = self._storage.entry(api_path)
        if not entry.is_dir() or entry.is_symlink():
            return [api_path]
        return [f"{api_path}/{file.relative_to(entry).as_posix()}" for file in files_below(entry)]

    async def set_aside(self, begun: ActiveMove) -> None:
        """Take the files of a deletion out of their place, reversibly.

        Raises:
            OSError: the disk does not do it; they are in their place.
        """
        async with self._files_locked(begun):
            await self._storage.copies.run(self._aside(begun).take)

    async def bring_back(self, begun: ActiveMove) -> None:
        """Put the files of a deletion back in their place.

        Raises:
            OSError: the disk does not do it.
        """
        async with self._files_locked(begun):
            await self._storage.copies.run(self._aside(begun).bring_back)

    async def leave(self, begun: ActiveMove) -> None:
        """End an act of which nothing was done in the bucket: everything is as it was.

        Raises:
            OSError: the disk does not put the files back; the intent stays.
        """
        await self.bring_back(begun)
        await self._storage.end(begun.number, lambda: ([], []))

    async def has_aside(self, begun: ActiveMove) -> bool:
        """Whether files of a deletion are out of their place."""
        return not await self._storage.copies.run(self._aside(begun).is_empty)

    async def take_out(self, begun: ActiveMove) -> None:
        """Bring the files of an out-move to their new place.

        Raises:
            FileExistsError: the new name is taken.
            OSError: the disk did not do it.
        """
        old, new = self._entries(begun)
        async with self._files_locked(begun):
            await self._storage.copies.run(move_entry, old, new)

    async def put_back(self, begun: ActiveMove, skipped: AbstractSet[str]) -> None:
        """Bring files of an out-move back whose objects stay."""
        whole = bool(skipped) and skipped >= {planned.name for planned in begun.intent.objects}
        paths = [begun.intent.path] if whole else [begun.location(name).api_path for name in skipped]
        for path in paths:
            out, back = self._storage.entry(begun.new_path(path)), self._storage.entry(path)
            await self._storage.copies.run(move_entry, out, back, onto_folder=True)

    async def end(
        self,
        begun: ActiveMove,
        *,
        skipped: Collection[str],
        versions: Mapping[str, ObjectVersion],
        allow_existing: bool = False,
        refusal: OSError | None = None,
    ) -> None:
        """Do the disk's part and the rows', and end the intent.

        Args:
            begun: the intent.
            skipped: names of objects that are not moved or deleted: neither are their files.
            versions: by former name, the objects under their new names.
            allow_existing: the new folder may be there already.
            refusal: why the disk does not let the files of a deletion go; None when that is still to be seen.

        Raises:
            FileExistsError: the new name is taken; nothing was done.
            OSError: the disk did not do it; the intent stays.
            FilesStay: the objects have gone, and the disk keeps the files after all; the intent is over.
        """
        intent = begun.intent
        if intent.only_objects:
            await self._end_undoing(begun, versions)
            return
        on_disk = await self._storage.copies.run(self.paths_at, intent.path)
        before = self._notebooks(begun, {*on_disk, *(path for path, _ in intent.files)})
        kept = {self._storage.entry(begun.location(name).api_path) for name in skipped}

        failure = refusal

        def follow() -> Rows:
            if intent.act is Act.MOVE:
                old, new = self._entries(begun)
                move_entry(old, new, keep=kept, onto_folder=allow_existing)
            return self._rows.of(begun, kept=kept, versions=versions, forgets=failure is not None)

        async with self._files_locked(begun):
            if intent.act is Act.DELETE and failure is None:
                failure = await self._storage.copies.run(self._remove, begun, kept)
            await self._storage.end(begun.number, follow)
        await self._tell(begun, [place for place in before if place.object_name not in skipped])
        if failure is not None:
            raise FilesStay(intent.path, failure.strerror or type(failure).__name__) from failure

    async def _end_undoing(self, begun: ActiveMove, versions: Mapping[str, ObjectVersion]) -> None:
        """Let the rows of working copies that never moved follow the objects that came back."""
        await self._storage.end(begun.number, lambda: self._rows.of_undone(begun, versions))
        for planned in begun.intent.objects:
            if planned.name in versions:
                self._acts.note(begun.renamed(planned), versions[planned.name])
        self._forget_listings(begun)

    async def _do(self, begun: ActiveMove, planned: PlannedObject, version: Versioned) -> ObjectVersion | None:
        location = begun.location(planned.name)
        if begun.intent.act is Act.MOVE:
            return await self._acts.move(location, begun.renamed(planned), version, begun.intent.act_id)
        await self._acts.delete(location, version)
        return None

    def _aside(self, begun: ActiveMove) -> Aside:
        intent = begun.intent
        planned = {self._storage.entry(file): signature for file, signature in intent.files}
        return Aside(self._storage.entry(intent.path), intent.act_id or str(begun.number), planned)

    def _remove(self, begun: ActiveMove, kept: AbstractSet[Path]) -> OSError | None:
        """Remove what was there when the deletion began. What was saved since stays, as a file the bucket has not.

        Returns:
            Why the disk did not do it: everything is in its place then.
        """
        aside = self._aside(begun)
        aside.bring_back(kept)
        try:
            aside.discard(to_trash=begun.intent.to_trash)
        except OSError as error:
            aside.bring_back()
            return error
        return None

    async def _tell(self, begun: ActiveMove, notebooks: Iterable[Location]) -> None:
        """Let every part know what has moved or gone."""
        self._forget_listings(begun)
        for old in notebooks:
            self._delocalizer.forget_status(old)
            new = None if begun.intent.new_path is None else self._locate(begun.new_path(old.api_path))
            if new is None:
                self._locks.forget(old)
                await self._storage.copies.run(self._bases.forget, old.api_path)
                continue
            await self._storage.copies.run(self._bases.move, old.api_path, new.api_path)
            if begun.intent.act is Act.MOVE and begun.intent.new_bucket is None:
                self._locks.moved(old, new)
            else:
                self._locks.forget(old)
            self._on_moved(old, new)
            self._delocalizer.forget_status(new)
            if new.is_delocalized and await self._storage.is_owed(new):
                self._delocalizer.start(new)

    def _forget_listings(self, begun: ActiveMove) -> None:
        forget = self._listings.forget_below if begun.intent.is_folder else self._listings.forget
        for place in (begun.old, begun.new):
            if place is not None:
                forget(place)

    def _entries(self, begun: ActiveMove) -> tuple[Path, Path]:
        return self._storage.entry(begun.intent.path), self._storage.entry(str(begun.intent.new_path))

    def _notebooks(self, begun: ActiveMove, paths: Iterable[str]) -> list[Location]:
        """Every place the act is about: files on the disk, and objects that can be shown."""
        objects = (begun.location(planned.name) for planned in begun.intent.objects)
        on_disk = (place for path in paths if (place := self._locate(path)) is not None)
        places = {place.api_path: place for place in (*on_disk, *objects)}
        return [place for place in places.values() if place.belongs_in_bucket or not begun.intent.is_folder]

    @contextlib.asynccontextmanager
    async def _files_locked(self, begun: ActiveMove) -> AsyncIterator[None]:
        """No save replaces a file while it moves: it waits, and finds the folder as it is then."""
        async with self._locked(await self._storage.copies.run(self._files_of, begun)):
            yield

    @contextlib.asynccontextmanager
    async def _paths_locked(self, old_path: str, new_path: str) -> AsyncIterator[None]:
        """Likewise, of a rename that has no intent."""
        async with self._locked(await self._storage.copies.run(self._files_at, old_path, new_path)):
            yield

    @contextlib.asynccontextmanager
    async def _locked(self, files: Iterable[Path]) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for file in files:
                await stack.enter_async_context(self._storage.copies.lock(file))
            yield

    def _files_of(self, begun: ActiveMove) -> list[Path]:
        deleted = {self._storage.entry(path).resolve() for path, _ in begun.intent.files}
        return sorted(deleted.union(self._files_at(begun.intent.path, begun.intent.new_path)))

    def _files_at(self, path: str, new_path: str | None) -> list[Path]:
        paths = self.paths_at(path)
        new_paths = [] if new_path is None else [new_path + one.removeprefix(path) for one in paths]
        return sorted({self._storage.entry(one).resolve() for one in (*paths, *new_paths)})
