"""The single steps of a rename or deletion whose intent is in the journal: in the bucket, on the disk, in the journal.

Protocol: docs/protocol/journal.md, Intents. ``runner`` has their order.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.concurrency import for_each
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

Steps = Iterable[tuple[PlannedObject, Versioned]]


class MoveExecutor:
    """Does the steps of moves. Each step looks first, and is harmless when repeated.

    Args:
        storage: disk, buckets and journal.
        listings: forget the folders that change.
        delocalizer: forgets notebooks that have moved or gone, and uploads debts under their new names.
        locks: follow notebooks that have moved, and forget those that have gone.
        writes: moves and deletes single objects.
        bases: the base contents for merges, which move along.
        locate: returns the place of an API path.
        on_moved: called with the old and new place of each notebook.
    """

    def __init__(  # noqa: PLR0913 - six parts, a question and a listener, each by name
        self,
        storage: NotebookStorage,
        listings: BucketListings,
        delocalizer: Delocalizer,
        locks: LockTable,
        writes: ObjectWrites,
        bases: MergeBases,
        *,
        locate: Callable[[str], Location | None],
        on_moved: Callable[[Location, Location], None],
    ) -> None:
        self._storage = storage
        self._listings = listings
        self._delocalizer = delocalizer
        self._locks = locks
        self._writes = writes
        self._bases = bases
        self._locate = locate
        self._on_moved = on_moved
        self._rows = JournalRows(storage, locate)

    async def objects(self, move: ActiveMove, steps: Steps) -> Outcome:
        """Move or delete objects, several at once, until one fails."""
        outcome = Outcome()

        async def do(step: tuple[PlannedObject, Versioned]) -> None:
            planned, version = step
            if outcome.failed:
                outcome.not_tried.add(planned.name)
                return
            try:
                outcome.done[planned.name] = await self._do(move, planned, version)
            except TerraEnvError as error:
                outcome.failed[planned.name] = error

        await for_each(steps, do)
        return outcome

    async def files(self, api_path: str) -> tuple[tuple[str, str], ...]:
        """Return the files at or below a path with their signatures, for an intent to delete them."""
        found = await self._storage.copies.run(signatures, self._storage.entry(api_path))
        root = self._storage.entry("")
        return tuple((file.relative_to(root).as_posix(), signature) for file, signature in found.items())

    async def rename_on_disk(self, old_path: str, new_path: str, arriving: Collection[Location]) -> None:
        """Rename files that have no objects, and upload the debts that come with them.

        Raises:
            FileExistsError: the new name is taken.
            OSError: the disk refused.
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
        """Return the API path of a file, or those of the files of a folder. Blocks."""
        entry = self._storage.entry(api_path)
        if not entry.is_dir() or entry.is_symlink():
            return [api_path]
        return [f"{api_path}/{file.relative_to(entry).as_posix()}" for file in files_below(entry)]

    async def set_aside(self, move: ActiveMove) -> None:
        """Take the files of a deletion out of their place, reversibly.

        Raises:
            OSError: the disk refused; the files are in their place, unless ``has_aside``.
        """
        async with self._files_locked(move):
            await self._storage.copies.run(self._aside(move).take)

    async def bring_back(self, move: ActiveMove) -> None:
        """Put the files of a deletion back in their place.

        Raises:
            OSError: the disk refused.
        """
        async with self._files_locked(move):
            await self._storage.copies.run(self._aside(move).bring_back)

    async def leave(self, move: ActiveMove) -> None:
        """End a move of which nothing was done in the bucket, and leave everything as it was.

        Raises:
            OSError: the disk did not put the files back; the intent stays.
        """
        await self.bring_back(move)
        await self._storage.end(move.number, lambda: ([], []))

    async def has_aside(self, move: ActiveMove) -> bool:
        """Whether files of a deletion are out of their place."""
        return not await self._storage.copies.run(self._aside(move).is_empty)

    async def take_out(self, move: ActiveMove) -> None:
        """Move the files of an out-move to their new place.

        Raises:
            FileExistsError: the new name is taken.
            OSError: the disk refused.
        """
        old, new = self._entries(move)
        async with self._files_locked(move):
            await self._storage.copies.run(move_entry, old, new)

    async def put_back(self, move: ActiveMove, skipped: AbstractSet[str]) -> None:
        """Put back the files of an out-move whose objects stay."""
        whole = bool(skipped) and skipped >= {planned.name for planned in move.intent.objects}
        paths = [move.intent.path] if whole else [move.location(name).api_path for name in skipped]
        for path in paths:
            out, back = self._storage.entry(move.new_path(path)), self._storage.entry(path)
            await self._storage.copies.run(move_entry, out, back, onto_folder=True)

    async def end(
        self,
        move: ActiveMove,
        *,
        skipped: Collection[str],
        versions: Mapping[str, ObjectVersion],
        allow_existing: bool = False,
        refusal: OSError | None = None,
    ) -> None:
        """Move or remove the files, let the rows follow, and remove the intent.

        Args:
            move: the move.
            skipped: names of the objects that stay, as do their files.
            versions: the objects under their new names, by former name.
            allow_existing: whether the new folder may exist already.
            refusal: why the disk refused to remove the files of a deletion; None if it has not been asked yet.

        Raises:
            FileExistsError: the new name is taken; nothing was done.
            OSError: the disk refused; the intent stays.
            FilesStay: the objects were deleted, but the disk could not remove the files; the intent is gone.
        """
        intent = move.intent
        if intent.only_objects:
            await self._end_undoing(move, versions)
            return
        on_disk = await self._storage.copies.run(self.paths_at, intent.path)
        before = self._notebooks(move, {*on_disk, *(path for path, _ in intent.files)})
        kept = {self._storage.entry(move.location(name).api_path) for name in skipped}

        failure = refusal

        def follow() -> Rows:
            if intent.act is Act.MOVE:
                old, new = self._entries(move)
                move_entry(old, new, keep=kept, onto_folder=allow_existing)
            return self._rows.of(move, kept=kept, versions=versions, forgets=failure is not None)

        async with self._files_locked(move):
            if intent.act is Act.DELETE and failure is None:
                failure = await self._storage.copies.run(self._remove, move, kept)
            await self._storage.end(move.number, follow)
        await self._notify(move, [place for place in before if place.object_name not in skipped])
        if failure is not None:
            raise FilesStay(intent.path, failure.strerror or type(failure).__name__) from failure

    async def _end_undoing(self, move: ActiveMove, versions: Mapping[str, ObjectVersion]) -> None:
        """Let the rows of working copies that never moved follow the objects that came back."""
        await self._storage.end(move.number, lambda: self._rows.of_undone(move, versions))
        for planned in move.intent.objects:
            if planned.name in versions:
                self._writes.note(move.renamed(planned), versions[planned.name])
        self._forget_listings(move)

    async def _do(self, move: ActiveMove, planned: PlannedObject, version: Versioned) -> ObjectVersion | None:
        location = move.location(planned.name)
        if move.intent.act is Act.MOVE:
            return await self._writes.move(location, move.renamed(planned), version, move.intent.act_id)
        await self._writes.delete(location, version)
        return None

    def _aside(self, move: ActiveMove) -> Aside:
        intent = move.intent
        planned = {self._storage.entry(file): signature for file, signature in intent.files}
        return Aside(self._storage.entry(intent.path), intent.act_id or str(move.number), planned)

    def _remove(self, move: ActiveMove, kept: AbstractSet[Path]) -> OSError | None:
        """Remove the files that were there when the deletion began. Files saved since stay, without objects.

        Returns:
            Why the disk refused, with everything in its place; None if it did not.
        """
        aside = self._aside(move)
        aside.bring_back(kept)
        try:
            aside.discard(to_trash=move.intent.to_trash)
        except OSError as error:
            aside.bring_back()
            return error
        return None

    async def _notify(self, move: ActiveMove, notebooks: Iterable[Location]) -> None:
        """Notify the other parts of the notebooks that have moved or gone."""
        self._forget_listings(move)
        for old in notebooks:
            self._delocalizer.forget_status(old)
            new = None if move.intent.new_path is None else self._locate(move.new_path(old.api_path))
            if new is None:
                self._locks.forget(old)
                await self._storage.copies.run(self._bases.forget, old.api_path)
                continue
            await self._storage.copies.run(self._bases.move, old.api_path, new.api_path)
            if move.intent.act is Act.MOVE and move.intent.new_bucket is None:
                self._locks.moved(old, new)
            else:
                self._locks.forget(old)
            self._on_moved(old, new)
            self._delocalizer.forget_status(new)
            if new.is_delocalized and await self._storage.is_owed(new):
                self._delocalizer.start(new)

    def _forget_listings(self, move: ActiveMove) -> None:
        forget = self._listings.forget_below if move.intent.is_folder else self._listings.forget
        for place in (move.old, move.new):
            if place is not None:
                forget(place)

    def _entries(self, move: ActiveMove) -> tuple[Path, Path]:
        return self._storage.entry(move.intent.path), self._storage.entry(str(move.intent.new_path))

    def _notebooks(self, move: ActiveMove, paths: Iterable[str]) -> list[Location]:
        """Return every place that the move is about: files on the disk, and objects that are shown."""
        objects = (move.location(planned.name) for planned in move.intent.objects)
        on_disk = (place for path in paths if (place := self._locate(path)) is not None)
        places = {place.api_path: place for place in (*on_disk, *objects)}
        return [place for place in places.values() if place.belongs_in_bucket or not move.intent.is_folder]

    @contextlib.asynccontextmanager
    async def _files_locked(self, move: ActiveMove) -> AsyncIterator[None]:
        """Keep saves from replacing the files of a move: they wait until it is done."""
        async with self._locked(await self._storage.copies.run(self._files_of, move)):
            yield

    @contextlib.asynccontextmanager
    async def _paths_locked(self, old_path: str, new_path: str) -> AsyncIterator[None]:
        """Keep saves from replacing the files of a rename that has no intent."""
        async with self._locked(await self._storage.copies.run(self._files_at, old_path, new_path)):
            yield

    @contextlib.asynccontextmanager
    async def _locked(self, files: Iterable[Path]) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for file in files:
                await stack.enter_async_context(self._storage.copies.lock(file))
            yield

    def _files_of(self, move: ActiveMove) -> list[Path]:
        deleted = {self._storage.entry(path).resolve() for path, _ in move.intent.files}
        return sorted(deleted.union(self._files_at(move.intent.path, move.intent.new_path)))

    def _files_at(self, path: str, new_path: str | None) -> list[Path]:
        paths = self.paths_at(path)
        new_paths = [] if new_path is None else [new_path + one.removeprefix(path) for one in paths]
        return sorted({self._storage.entry(one).resolve() for one in (*paths, *new_paths)})
