"""Runs the steps of a move in their order: for the first time, and again after a crash or an outage.

Protocol: docs/protocol/journal.md, Intents. ``recovery`` decides which moves run, and when.
"""

import contextlib
import errno
import logging
from collections.abc import Collection
from dataclasses import dataclass

from jupyter_terra_env.notebooks.moves.executor import MoveExecutor
from jupyter_terra_env.notebooks.moves.intents import ActiveMove, Intent, Intents
from jupyter_terra_env.notebooks.moves.name_checks import refused_by_disk
from jupyter_terra_env.notebooks.moves.object_writes import ObjectWrites, left_unfinished
from jupyter_terra_env.notebooks.moves.remaining_work import RemainingWork, Work
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.rules.errors import (
    BucketError,
    BucketTrouble,
    BucketUnavailable,
    ConflictReason,
    FilesStay,
    OperationRefused,
    WorkspaceConflict,
)
from jupyter_terra_env.rules.recovery import Act

_ABOUT_ONE_OBJECT = {
    BucketTrouble.NO_PERMISSION,
    BucketTrouble.BAD_REQUEST,
    BucketTrouble.NOT_OFFERED,
    BucketTrouble.OBJECT_HELD,
    BucketTrouble.RETENTION_POLICY,
}
"""Refusals that concern one object (a hold, a role) of a bucket that does answer: only that object stays."""
_DISK_IS_AWAY = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """The result of a run that has ended.

    Attributes:
        error: why the move was not completed; None if it was, or if only single objects stay.
        staying: API paths of the objects that were not moved, moved back or deleted.
        unfinished: why objects could not be moved back yet; the intent to do so stays in the journal.
    """

    error: Exception | None = None
    staying: tuple[str, ...] = ()
    unfinished: BucketUnavailable | None = None


class MoveRunner:
    """Runs moves whose intents are in the journal. Each step looks first, and is harmless when repeated.

    Args:
        storage: disk, buckets and journal.
        intents: the journal's intents.
        executor: does the single steps.
        writes: recognises who holds the locks of objects.
        log: receives what stays, and why.
    """

    def __init__(
        self,
        storage: NotebookStorage,
        intents: Intents,
        executor: MoveExecutor,
        writes: ObjectWrites,
        *,
        log: logging.Logger | logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._storage = storage
        self._intents = intents
        self._executor = executor
        self._remaining = RemainingWork(storage, writes)
        self._log = log

    async def run(self, move: ActiveMove, *, is_first: bool) -> RunResult:
        """Run what is left of a move: files that go before their objects, then objects, then the rest and the rows.

        The first run takes the planned versions as they are, stops at the first failure, and undoes a rename that it
        cannot complete. A later run looks at what bucket and disk hold now, and leaves out single objects that it
        cannot move or delete.

        Args:
            move: the move; the caller has the turns of its notebooks.
            is_first: whether its intent was just written down.

        Returns:
            The result: the intent is gone, unless the result is unfinished.

        Raises:
            LeftUnfinished: the bucket stopped answering after the first object; the intent stays.
            BucketUnavailable, BucketRefused: the bucket cannot be asked; the intent stays.
            OSError: the disk is full, read-only or failing; the intent stays.
        """
        refusal = await self._take_files(move, is_first=is_first)
        if refusal is not None and is_first:
            return await self._give_up(move, _refused(move, refusal))
        work = await self._write_objects(move, refusal, is_first=is_first)
        if work.failure is not None and move.intent.act is Act.MOVE:
            return await self._move_back(move, work, work.failure)
        return await self._end(move, work, refusal, is_first=is_first)

    async def _take_files(self, move: ActiveMove, *, is_first: bool) -> OSError | OperationRefused | None:
        """Take the files away whose objects are to be deleted.

        Returns:
            Why the disk refused; everything is in its place then.
        """
        is_out = move.intent.act is Act.OUT
        try:
            if is_out:
                await self._executor.take_out(move)
            elif move.intent.act is Act.DELETE:
                await self._executor.set_aside(move)
        except (OSError, OperationRefused) as error:
            if await self._executor.has_aside(move):
                raise
            if is_out and not is_first and isinstance(error, FileExistsError | OperationRefused):
                return None  # An earlier run has taken it out.
            return error
        return None

    async def _write_objects(
        self, move: ActiveMove, refusal: OSError | OperationRefused | None, *, is_first: bool
    ) -> Work:
        try:
            work = Work.planned(move.intent) if is_first else await self._remaining.find(move)
            if refusal is not None and move.intent.act is Act.DELETE:
                work.skipped |= {planned.name for planned, _ in work.left}
            elif is_first:
                await self._try_once(move, work)
            else:
                await self._try_each(move, work)
        except BucketError:
            with contextlib.suppress(OSError):
                await self._executor.bring_back(move)  # Until the bucket answers: an outage may be long.
            raise
        return work

    async def _try_once(self, move: ActiveMove, work: Work) -> None:
        """Move or delete the objects until one fails.

        Raises:
            LeftUnfinished: the bucket stopped answering after the first object.
        """
        tried = await self._executor.objects(move, work.left)
        error = tried.unclear or tried.failure
        if isinstance(error, BucketUnavailable) and (tried.done or tried.unclear):
            raise left_unfinished(error) from error
        work.outcome, work.skipped, work.failure = tried, tried.skipped, tried.failure

    async def _try_each(self, move: ActiveMove, work: Work) -> None:
        """Move or delete the objects, and leave out those that fail.

        Raises:
            BucketUnavailable, BucketRefused: the bucket cannot be asked; the rest is left for later.
        """
        left = list(work.left)
        while left:
            tried = await self._executor.objects(move, left)
            work.outcome.done.update(tried.done)
            for error in tried.failed.values():
                if isinstance(error, BucketError) and error.trouble not in _ABOUT_ONE_OBJECT:
                    raise error
            work.skipped |= tried.failed.keys()
            left = [step for step in left if step[0].name in tried.not_tried]

    async def _end(
        self, move: ActiveMove, work: Work, refusal: OSError | OperationRefused | None, *, is_first: bool
    ) -> RunResult:
        act = move.intent.act
        staying = tuple(sorted(move.location(name).api_path for name in work.skipped))
        try:
            if (work.skipped or refusal) and work.has_done_nothing and await self._is_in_its_place(move):
                await self._executor.leave(move)
                return RunResult(error=work.failure or refusal, staying=staying)
            if act is Act.OUT:
                await self._put_back(move, work.skipped)
            await self._executor.end(
                move,
                skipped=work.skipped,
                versions=work.outcome.moved,
                allow_existing=not is_first,
                refusal=refusal if act is Act.DELETE and isinstance(refusal, OSError) else None,
            )
        except FilesStay as error:
            return RunResult(error=error, staying=staying)
        except (OSError, OperationRefused) as error:
            waits = not is_first and getattr(error, "errno", None) in _DISK_IS_AWAY
            if act is not Act.MOVE or move.intent.only_objects or waits:
                raise
            return await self._move_back(move, work, _refused(move, error))
        return RunResult(error=work.failure or refusal, staying=staying)

    async def _give_up(self, move: ActiveMove, error: Exception) -> RunResult:
        """End a move of which nothing was done."""
        await self._storage.copies.run(self._intents.remove, move.number)
        return RunResult(error=error)

    async def _move_back(self, move: ActiveMove, work: Work, error: Exception) -> RunResult:
        """Undo a rename: move objects back, each with the version its move made, as an intent of its own."""
        if not work.outcome.moved:
            return await self._give_up(move, error)
        undoing = move.undone(work.outcome.moved)
        await self._storage.copies.run(self._intents.replace, undoing.number, undoing.intent)
        back = await self._executor.objects(undoing, Work.planned(undoing.intent).left)
        if isinstance(back.failure, BucketUnavailable):
            return RunResult(error=error, unfinished=back.failure)
        await self._executor.end(undoing, skipped=back.skipped, versions=back.moved)
        staying = tuple(sorted(undoing.location(name).api_path for name in back.skipped))
        if staying:
            conflict = WorkspaceConflict(ConflictReason.REMOTE_CHANGED, about=", ".join(staying))
            conflict.__cause__ = error
            return RunResult(error=conflict, staying=staying)
        return RunResult(error=error)

    async def _put_back(self, move: ActiveMove, skipped: Collection[str]) -> None:
        try:
            await self._executor.put_back(move, set(skipped))
        except (OSError, OperationRefused) as error:
            # The file is where the move has brought it, and the object where it was: nothing is lost.
            self._log.warning("Files of %s stay at %s (%s).", move.intent.path, move.intent.new_path, error)

    async def _is_in_its_place(self, move: ActiveMove) -> bool:
        """Whether a move of which nothing is done in the bucket can be given up: everything is as it was."""
        match move.intent.act:
            case Act.DELETE:
                return True
            case Act.MOVE:
                entry = self._storage.entry(move.intent.path)
                return move.intent.only_objects or await self._storage.copies.run(entry.exists)
            case Act.OUT:
                return False


def name_of(intent: Intent) -> str:
    """A move in words, for the log."""
    what = "The folder" if intent.is_folder else "The notebook"
    if intent.act is Act.DELETE:
        return f"Deleting {what.lower()} {intent.path}"
    return f"Renaming {what.lower()} {intent.path} to {intent.new_path}"


def _refused(move: ActiveMove, error: OSError | OperationRefused) -> Exception:
    refusal = refused_by_disk(move.intent.path, error, move.intent.new_path or "")
    if refusal is not error:
        refusal.__cause__ = error
    return refusal
