"""Carries an act on that was left halfway: looks at what bucket and disk hold now, and does what is left.

Protocol: docs/protocol/journal.md, Intents. Which acts, and when, is for ``begun_moves``.
"""

import contextlib
import errno
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.moves.executor import MoveExecutor, Steps
from jupyter_terra_env.notebooks.moves.intents import ActiveMove, Intent, Outcome, PlannedObject
from jupyter_terra_env.notebooks.moves.object_writes import ObjectWrites
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.rules.act_copies import is_own_copy
from jupyter_terra_env.rules.errors import BucketError, BucketTrouble, FilesStay, OperationRefused
from jupyter_terra_env.rules.recovery import Act, Seen, Step, step_for
from jupyter_terra_env.rules.workspace import Location

Found = dict[str, ObjectVersion]

_ABOUT_ONE_OBJECT = {
    BucketTrouble.NO_PERMISSION,
    BucketTrouble.BAD_REQUEST,
    BucketTrouble.NOT_OFFERED,
    BucketTrouble.OBJECT_HELD,
    BucketTrouble.RETENTION_POLICY,
}
"""What a bucket that answers refuses of one object (a hold, a role): as in the act itself, that object stays."""
_DISK_IS_AWAY = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS}


@dataclass(slots=True)
class _Work:
    """What is found of an act, and what becomes of it."""

    outcome: Outcome
    skipped: set[str]
    steps: dict[PlannedObject, Step]
    at_old: Found

    @property
    def has_done_nothing(self) -> bool:
        """Whether every object is where it was."""
        return not self.outcome.done and Step.DONE not in self.steps.values()


class Finishing:
    """Finishes one act after another; each step looks first, and is harmless when repeated.

    Args:
        storage: disk, buckets and journal.
        carrier: does what is left.
        acts: tells whose locks objects carry.
        undo: moves objects back, and ends the intent; gives the names of those that could not be.
        log: told what stays, and why.
    """

    def __init__(
        self,
        storage: NotebookStorage,
        executor: MoveExecutor,
        acts: ObjectWrites,
        *,
        undo: Callable[[ActiveMove, Outcome], Awaitable[Collection[str]]],
        log: logging.Logger | logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._storage = storage
        self._executor = executor
        self._acts = acts
        self._undo = undo
        self._log = log

    async def carry_on(self, begun: ActiveMove) -> None:
        """Do what is left of an act. The caller has the turns of its notebooks.

        Raises:
            BucketUnavailable, BucketRefused: as the port says; the rest is left for later.
            OSError: the disk is full, read-only or failing; likewise.
        """
        refusal = await self._disk_first(begun)
        try:
            work = await self._look(begun)
            if refusal is None or begun.intent.act is not Act.DELETE:
                left = [(planned, work.at_old[planned.name]) for planned, step in work.steps.items() if step is Step.DO]
                work.skipped |= await self._do_all(begun, left, work.outcome)
            else:
                work.skipped |= {planned.name for planned, step in work.steps.items() if step is Step.DO}
        except BucketError:
            with contextlib.suppress(OSError):
                await self._executor.bring_back(begun)  # Until the bucket answers: an outage may be long.
            raise
        await self._end(begun, work, refusal)
        for name in sorted(work.skipped):
            self._log.warning(
                "%s stays: somebody has changed or locked it, its new name is taken, or the bucket refuses.",
                begun.location(name).api_path,
            )

    async def _disk_first(self, begun: ActiveMove) -> OSError | None:
        """Do the part of the disk that comes before the bucket's.

        Returns:
            Why the disk does not do it: everything is in its place.
        """
        try:
            if begun.intent.act is Act.OUT:
                with contextlib.suppress(FileExistsError, OperationRefused):
                    await self._executor.take_out(begun)
            elif begun.intent.act is Act.DELETE:
                await self._executor.set_aside(begun)
        except OSError as error:
            if await self._executor.has_aside(begun):
                raise
            return error
        return None

    async def _look(self, begun: ActiveMove) -> _Work:
        intent = begun.intent
        at_old = await self._found(begun, {planned.name for planned in intent.objects}, begun.old)
        at_new: Found = {}
        if intent.act is Act.MOVE and begun.new is not None:
            at_new = await self._found(begun, {planned.new_name for planned in intent.objects}, begun.new)
        work = _Work(outcome=Outcome(), skipped=set(), steps={}, at_old=at_old)
        for planned in intent.objects:
            target = None if planned.new_name is None else at_new.get(planned.new_name)
            step = work.steps[planned] = await self._step(begun, planned, at_old.get(planned.name), target)
            if step is Step.STAYS_WITHOUT_COPY and target is not None:
                await self._acts.drop_copy(begun.renamed(planned), target)
            if step in {Step.STAYS, Step.STAYS_WITHOUT_COPY}:
                work.skipped.add(planned.name)
            elif step is Step.DONE and target is not None and await self._is_what_moved(begun, planned, target):
                work.outcome.done[planned.name] = target
        return work

    async def _is_what_moved(self, begun: ActiveMove, planned: PlannedObject, target: ObjectVersion) -> bool:
        """Whether what is under a new name is what was moved there, and not what somebody has made of it since."""
        crc32c = planned.crc32c
        if crc32c is None:
            baseline = await self._storage.baseline(begun.location(planned.name))
            crc32c = None if baseline is None else baseline.crc32c
        return crc32c is None or crc32c == target.crc32c

    async def _do_all(self, begun: ActiveMove, steps: Steps, outcome: Outcome) -> set[str]:
        """Do the steps one and all.

        Returns:
            The objects that stay after all.

        Raises:
            BucketUnavailable, BucketRefused: as the port says; the rest is left for later.
        """
        skipped: set[str] = set()
        left = list(steps)
        while left:
            done = await self._executor.objects(begun, left)
            outcome.done.update(done.done)
            for error in done.failed.values():
                if isinstance(error, BucketError) and error.trouble not in _ABOUT_ONE_OBJECT:
                    raise error
            skipped |= done.failed.keys()
            left = [step for step in left if step[0].name in done.not_tried]
        return skipped

    async def _end(self, begun: ActiveMove, work: _Work, refusal: OSError | None) -> None:
        intent = begun.intent
        try:
            if (work.skipped or refusal) and work.has_done_nothing and await self._is_in_its_place(begun):
                await self._executor.leave(begun)
                return
            if intent.act is Act.OUT:
                await self._put_back(begun, work.skipped)
            deletes = intent.act is Act.DELETE
            await self._executor.end(
                begun,
                skipped=work.skipped,
                versions=work.outcome.moved,
                allow_existing=True,
                refusal=refusal if deletes else None,
            )
        except FilesStay as told:
            self._log.warning("%s", told)
        except (OSError, OperationRefused) as error:
            if intent.act is not Act.MOVE or intent.only_objects or getattr(error, "errno", None) in _DISK_IS_AWAY:
                raise
            # The disk will not do it next time either: as in the act itself, the objects go back.
            self._log.warning("%s is not renamed: the disk does not do it (%s).", intent.path, error)
            work.skipped |= set(await self._undo(begun, work.outcome))
        else:
            self._log.info("%s was finished.", name_of(intent))

    async def _put_back(self, begun: ActiveMove, skipped: Collection[str]) -> None:
        try:
            await self._executor.put_back(begun, set(skipped))
        except (OSError, OperationRefused) as error:
            # The file is where the act has brought it, and the object where it was: nothing is lost.
            self._log.warning("Files of %s stay at %s (%s).", begun.intent.path, begun.intent.new_path, error)

    async def _is_in_its_place(self, begun: ActiveMove) -> bool:
        """Whether an act of which nothing is done can be given up: as in the act itself, all stays as it was."""
        match begun.intent.act:
            case Act.DELETE:
                return True
            case Act.MOVE:
                entry = self._storage.entry(begun.intent.path)
                return begun.intent.only_objects or await self._storage.copies.run(entry.exists)
            case Act.OUT:
                return False

    async def _step(
        self, begun: ActiveMove, planned: PlannedObject, found: ObjectVersion | None, target: ObjectVersion | None
    ) -> Step:
        old = begun.location(planned.name)
        seen = None
        if found is not None:
            seen = Seen(generation=found.generation, is_free=self._acts.is_free(old, found))
        is_out = planned.name.endswith("/")  # A folder's marker has no file.
        if begun.intent.act is Act.OUT and not is_out:
            is_out = await self._storage.copies.run(self._has_left, begun, old)
        return step_for(
            begun.intent.act,
            planned.generation,
            seen,
            new_exists=target is not None,
            is_out=is_out,
            is_own_copy=target is not None and is_own_copy(target, begun.intent.act_id),
        )

    def _has_left(self, begun: ActiveMove, old: Location) -> bool:
        out = self._storage.entry(begun.new_path(old.api_path))
        return out.is_file() and not self._storage.entry(old.api_path).exists()

    async def _found(self, begun: ActiveMove, names: set[str] | set[str | None], place: Location) -> Found:
        """Which of these objects there are, and at which version."""
        if not begun.intent.is_folder:
            looked = [await self._storage.stat(place)] if names else []
            return {version.name: version for version in looked if version is not None}
        if not names:
            return {}
        listed = await self._storage.bucket(place).list_all(place.object_prefix)
        return {version.name: version for version in listed if version.name in names}


def name_of(intent: Intent) -> str:
    """An act in words, for the log."""
    what = "The folder" if intent.is_folder else "The notebook"
    if intent.act is Act.DELETE:
        return f"Deleting {what.lower()} {intent.path}"
    return f"Renaming {what.lower()} {intent.path} to {intent.new_path}"
