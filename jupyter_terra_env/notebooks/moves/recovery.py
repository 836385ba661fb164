"""Decides which moves run, and when: new ones at once, interrupted ones in the background and at the next start.

Protocol: docs/protocol/journal.md, Intents. ``runner`` has the steps of a run.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, replace

from jupyter_terra_env.notebooks.moves.act_owners import ActOwners
from jupyter_terra_env.notebooks.moves.executor import MoveExecutor
from jupyter_terra_env.notebooks.moves.intents import ActiveMove, Intent, Intents
from jupyter_terra_env.notebooks.moves.name_checks import under_way_elsewhere
from jupyter_terra_env.notebooks.moves.object_writes import ObjectWrites
from jupyter_terra_env.notebooks.moves.runner import MoveRunner, RunResult, name_of
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.rules.errors import BucketError, BucketUnavailable, OperationRefused
from jupyter_terra_env.rules.recovery import Act
from jupyter_terra_env.rules.workspace import Location


@dataclass(frozen=True, slots=True, kw_only=True)
class _Left:
    """An intent that this server is not running.

    Attributes:
        number: its number.
        text: the text that the journal stores.
        intent: the intent.
        is_elsewhere: whether another server is running it.
    """

    number: int
    text: str
    intent: Intent
    is_elsewhere: bool


class MoveRecovery:
    """Runs moves, and completes those in the journal that no living server is running.

    Args:
        storage: disk, buckets and journal.
        intents: the journal's intents.
        owners: knows which servers are alive.
        executor: does the steps of moves.
        writes: recognises who holds the locks of objects.
        locate: returns the place of an API path.
        pause_seconds: returns the wait before the next try, from the number of failures and whether their cause may
            pass by itself.
        log: receives what could not be completed, and why.
    """

    def __init__(  # noqa: PLR0913 - five parts, two functions and a log
        self,
        storage: NotebookStorage,
        intents: Intents,
        owners: ActOwners,
        executor: MoveExecutor,
        writes: ObjectWrites,
        *,
        locate: Callable[[str], Location | None],
        pause_seconds: Callable[[int, bool], float],
        log: logging.Logger | logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._storage = storage
        self._intents = intents
        self._owners = owners
        self._locate = locate
        self._pause_seconds = pause_seconds
        self._log = log
        self._runner = MoveRunner(storage, intents, executor, writes, log=log)
        self._at_work: set[int] = set()
        self._finishing = asyncio.Lock()
        self._later: asyncio.Task[None] | None = None
        self._closed = False

    @contextlib.asynccontextmanager
    async def begin(self, intent: Intent) -> AsyncIterator[ActiveMove]:
        """Record an intent, and keep other runs away from it within the context. It is removed by its run."""
        owner = await self._storage.copies.run(self._owners.me)
        number, known = await self._storage.copies.run(self._intents.add, replace(intent, owner=owner))
        self._at_work.add(number)
        try:
            yield self._placed(number, known)
        finally:
            self._at_work.discard(number)
            self._give_back()

    async def run(self, intent: Intent) -> None:
        """Record an intent and run it. The caller has the turns of its notebooks.

        Raises:
            LeftUnfinished: the bucket stopped answering halfway; the move goes on in the background.
            TerraEnvError, OSError: the move was not completed; see ``MoveRunner.run``.
        """
        async with self.begin(intent) as move:
            try:
                result = await self._runner.run(move, is_first=True)
            except Exception:
                self.later()
                raise
            if result.unfinished is not None:
                self.later()
            if result.error is not None:
                raise result.error

    async def finish(self) -> None:
        """Complete every move; those that cannot be completed yet are tried again in the background. Never raises."""
        if await self._try_all():
            self.later()

    async def settle(self, *paths: str) -> None:
        """Complete the moves that would overlap with a move of these API paths.

        Raises:
            OperationRefused: another server on this disk is running one of them.
            BucketUnavailable, BucketRefused: see the port; one of them is not complete.
        """
        for left in await self._left():
            if any(left.intent.touches(path) for path in paths):
                if left.is_elsewhere:
                    raise under_way_elsewhere(left.intent.path)
                await self._finish(left)

    def later(self) -> None:
        """Try again in the background until every move is complete."""
        if not self._closed and (self._later is None or self._later.done()):
            self._later = asyncio.create_task(self._keep_trying(), name="complete interrupted moves")

    async def close(self) -> None:
        """Stop trying; the journal keeps the intents for the next start."""
        self._closed = True
        if self._later is not None:
            self._later.cancel()
            await asyncio.gather(self._later, return_exceptions=True)
        self._give_back()

    @contextlib.asynccontextmanager
    async def turns(self, places: Iterable[Location]) -> AsyncIterator[None]:
        """Hold the right to write, move or delete the objects of these notebooks."""
        async with contextlib.AsyncExitStack() as stack:
            for place in sorted({place.api_path: place for place in places}.values(), key=lambda one: one.api_path):
                await stack.enter_async_context(self._storage.writes.turn(place))
            yield

    async def _keep_trying(self) -> None:
        failures, passing = 1, True
        while True:
            await asyncio.sleep(self._pause_seconds(failures, passing))
            error = await self._try_all()
            if error is None:
                return
            failures, passing = failures + 1, isinstance(error, BucketUnavailable)

    async def _try_all(self) -> Exception | None:
        """Try once to complete every move.

        Returns:
            The last error that prevented it; None if all are complete.
        """
        last: Exception | None = None
        for left in await self._left():
            if left.is_elsewhere:
                last = under_way_elsewhere(left.intent.path)  # Its server may die: try again later.
                continue
            try:
                await self._finish(left)
            except (BucketError, OperationRefused) as error:
                last = error
                self._log.warning("%s was interrupted and is not complete yet: %s", name_of(left.intent), error)
            except Exception as error:  # noqa: BLE001 - a server must start with any disk
                last = error
                self._log.exception("%s was interrupted and could not be completed.", name_of(left.intent))
        return last

    async def _left(self) -> list[_Left]:
        """Return the intents that this server is not running.

        Intents that another version wrote, or that are about another bucket, are left alone.
        """
        left = []
        for number, text in await self._storage.copies.run(self._intents.all):
            try:
                intent = Intent.from_json(text)
            except ValueError:
                self._log.warning("The journal holds an intent that this version cannot read; it is ignored.")
                continue
            if number not in self._at_work and self._is_about_these_buckets(intent):
                is_elsewhere = await self._storage.copies.run(self._owners.is_alive, intent.owner)
                left.append(_Left(number=number, text=text, intent=intent, is_elsewhere=is_elsewhere))
        return left

    def _is_about_these_buckets(self, intent: Intent) -> bool:
        old = self._locate(intent.path)
        if old is None or old.workspace.bucket != intent.bucket:
            return False
        if intent.act is not Act.MOVE or intent.new_path is None:
            return True
        new = self._locate(intent.new_path)
        return new is not None and new.workspace.bucket == (intent.new_bucket or intent.bucket)

    def _give_back(self) -> None:
        """Let other servers complete the moves of this one, once it is closed and runs none any more."""
        if self._closed and not self._at_work:
            self._owners.close()

    def _placed(self, number: int, intent: Intent) -> ActiveMove:
        old = self._locate(intent.path)
        if old is None:
            raise ValueError("the intent is not about a workspace folder")
        new = None if intent.new_path is None else self._locate(intent.new_path)
        return ActiveMove(number=number, intent=intent, old=old, new=new)

    async def _finish(self, left: _Left) -> None:
        async with self._finishing:
            me = await self._storage.copies.run(self._owners.me)
            if left.number in self._at_work or not await self._storage.copies.run(
                self._intents.claim, left.number, left.text, me
            ):
                return  # Another run has completed it meanwhile, or is running.
            move = self._placed(left.number, replace(left.intent, owner=me))
            self._at_work.add(left.number)
            try:
                objects = [move.location(planned.name) for planned in move.intent.objects]
                async with self.turns([move.old, *([] if move.new is None else [move.new]), *objects]):
                    result = await self._runner.run(move, is_first=False)
                self._report(move, result)
            finally:
                self._at_work.discard(left.number)
                self._give_back()

    def _report(self, move: ActiveMove, result: RunResult) -> None:
        """Log the result of a later run.

        Raises:
            BucketUnavailable: the move is not complete yet.
        """
        if result.unfinished is not None:
            raise result.unfinished
        if result.error is not None:
            self._log.warning("%s was not completed: %s", name_of(move.intent), result.error)
        elif not result.staying:
            self._log.info("%s was completed.", name_of(move.intent))
        for path in result.staying:
            self._log.warning(
                "%s stays: another person has changed or locked it, its new name is taken, or the bucket refuses.", path
            )
