"""Finds what is left of a move that an earlier run has begun, by looking at what bucket and disk hold now.

Protocol: docs/protocol/journal.md, Intents. What is left is decided in ``rules/recovery.py``.
"""

from dataclasses import dataclass, field
from typing import Self

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.moves.executor import Steps
from jupyter_terra_env.notebooks.moves.intents import ActiveMove, Intent, Outcome, PlannedObject
from jupyter_terra_env.notebooks.moves.object_writes import ObjectWrites
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.rules.act_copies import is_own_copy
from jupyter_terra_env.rules.errors import TerraEnvError
from jupyter_terra_env.rules.recovery import Act, Seen, Step, step_for
from jupyter_terra_env.rules.workspace import Location

Found = dict[str, ObjectVersion]


@dataclass(slots=True, kw_only=True)
class Work:
    """The state of a run.

    Attributes:
        left: the objects still to be moved or deleted, each with its version.
        outcome: the objects that this run or an earlier one moved or deleted.
        skipped: names of the objects that stay.
        is_begun: an earlier run has moved or deleted an object.
        failure: why the first run stopped.
    """

    left: Steps
    outcome: Outcome = field(default_factory=Outcome)
    skipped: set[str] = field(default_factory=set)
    is_begun: bool = False
    failure: TerraEnvError | None = None

    @property
    def has_done_nothing(self) -> bool:
        """Whether every object is where it was."""
        return not self.outcome.done and not self.is_begun

    @classmethod
    def planned(cls, intent: Intent) -> Self:
        """All the work of a move, on the versions that were planned for."""
        return cls(left=[(planned, planned) for planned in intent.objects])


class RemainingWork:
    """Finds what is left of moves.

    Args:
        storage: disk, buckets and journal.
        writes: recognises who holds the locks of objects, and removes copies that are not wanted any more.
    """

    def __init__(self, storage: NotebookStorage, writes: ObjectWrites) -> None:
        self._storage = storage
        self._writes = writes

    async def find(self, move: ActiveMove) -> Work:
        """Find what an earlier run has done, and what is left."""
        intent = move.intent
        at_old = await self._found(move, {planned.name for planned in intent.objects}, move.old)
        at_new: Found = {}
        if intent.act is Act.MOVE and move.new is not None:
            at_new = await self._found(move, {planned.new_name for planned in intent.objects}, move.new)
        left: list[tuple[PlannedObject, ObjectVersion]] = []
        work = Work(left=left)
        for planned in intent.objects:
            source = at_old.get(planned.name)
            target = None if planned.new_name is None else at_new.get(planned.new_name)
            step = await self._step(move, planned, source, target)
            if step is Step.DO and source is not None:
                left.append((planned, source))
            elif step is Step.DONE:
                work.is_begun = True
                if target is not None and await self._is_what_moved(move, planned, target):
                    work.outcome.done[planned.name] = target
            else:
                if step is Step.STAYS_WITHOUT_COPY and target is not None:
                    await self._writes.drop_copy(move.renamed(planned), target)
                work.skipped.add(planned.name)
        return work

    async def _is_what_moved(self, move: ActiveMove, planned: PlannedObject, target: ObjectVersion) -> bool:
        """Whether an object under a new name has the content that was moved there, and has not been changed since."""
        crc32c = planned.crc32c
        if crc32c is None:
            baseline = await self._storage.baseline(move.location(planned.name))
            crc32c = None if baseline is None else baseline.crc32c
        return crc32c is None or crc32c == target.crc32c

    async def _step(
        self, move: ActiveMove, planned: PlannedObject, found: ObjectVersion | None, target: ObjectVersion | None
    ) -> Step:
        old = move.location(planned.name)
        seen = None
        if found is not None:
            seen = Seen(generation=found.generation, is_free=self._writes.is_free(old, found))
        is_out = planned.name.endswith("/")  # A folder's marker has no file.
        if move.intent.act is Act.OUT and not is_out:
            is_out = await self._storage.copies.run(self._has_left, move, old)
        return step_for(
            move.intent.act,
            planned.generation,
            seen,
            new_exists=target is not None,
            is_out=is_out,
            is_own_copy=target is not None and is_own_copy(target, move.intent.act_id),
        )

    def _has_left(self, move: ActiveMove, old: Location) -> bool:
        out = self._storage.entry(move.new_path(old.api_path))
        return out.is_file() and not self._storage.entry(old.api_path).exists()

    async def _found(self, move: ActiveMove, names: set[str] | set[str | None], place: Location) -> Found:
        """The versions of those of these objects that exist."""
        if not move.intent.is_folder:
            looked = [await self._storage.stat(place)] if names else []
            return {version.name: version for version in looked if version is not None}
        if not names:
            return {}
        listed = await self._storage.bucket(place).list_all(place.object_prefix)
        return {version.name: version for version in listed if version.name in names}
