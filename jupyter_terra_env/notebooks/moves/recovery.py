"""Renames and deletions that have begun: whose they are, and finished when a server which died left them halfway.

Protocol: docs/protocol/journal.md, Intents. How one is finished is in ``finishing``.
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
    """An intent that this server is not at work on.

    Attributes:
        number: its number.
        text: as the journal has it.
        intent: what it says.
        is_elsewhere: another server, which lives, carries it out.
    """

    number: int
    text: str
    intent: Intent
    is_elsewhere: bool


class MoveRecovery:
    """Knows the intents of the journal, and finishes those that nobody is at work on.

    Args:
        storage: disk, buckets and journal.
        intents: the journal's.
        owners: tells which servers live.
        carrier: does what is left.
        acts: tells whose locks objects carry.
        locate: the place an API path is.
        pause_seconds: how long to wait after so many failures, and whether their cause may pass by itself.
        log: told what could not be finished, and why.
    """

    def __init__(  # noqa: PLR0913 - six parts, a question, a time and a log, each by name
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
        """Write an intent down, and keep others from it meanwhile. Who began it ends it, or leaves it for later."""
        owner = await self._storage.copies.run(self._owners.me)
        number, known = await self._storage.copies.run(self._intents.add, replace(intent, owner=owner))
        self._at_work.add(number)
        try:
            yield self._placed(number, known)
        finally:
            self._at_work.discard(number)
            self._give_back()

    async def run(self, intent: Intent) -> None:
        """Write an intent down and run it. The caller has the turns of its notebooks.

        Raises:
            LeftUnfinished: the bucket stopped answering halfway; it goes on in the background.
            TerraEnvError, OSError: it was not done, or not wholly; see ``MoveRunner.run``.
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
        """Finish everything; what the bucket keeps from it is tried again in the background. Never raises."""
        if await self._try_all():
            self.later()

    async def settle(self, *paths: str) -> None:
        """Finish what was begun and would be met by an act on these API paths.

        Raises:
            OperationRefused: another server on this disk is at work on it.
            BucketUnavailable, BucketRefused: as the port says; it is not finished.
        """
        for left in await self._left():
            if any(left.intent.touches(path) for path in paths):
                if left.is_elsewhere:
                    raise under_way_elsewhere(left.intent.path)
                await self._finish(left)

    def later(self) -> None:
        """Try again in the background until everything is finished."""
        if not self._closed and (self._later is None or self._later.done()):
            self._later = asyncio.create_task(self._keep_trying(), name="finish begun moves")

    async def close(self) -> None:
        """Stop trying; the journal keeps what is left for the next start."""
        self._closed = True
        if self._later is not None:
            self._later.cancel()
            await asyncio.gather(self._later, return_exceptions=True)
        self._give_back()

    @contextlib.asynccontextmanager
    async def turns(self, places: Iterable[Location]) -> AsyncIterator[None]:
        """Be the only one who writes, moves or deletes the objects of these notebooks."""
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
        """Try once.

        Returns:
            The last thing that kept an intent from being finished.
        """
        last: Exception | None = None
        for left in await self._left():
            if left.is_elsewhere:
                last = under_way_elsewhere(left.intent.path)  # Its server may die: look again.
                continue
            try:
                await self._finish(left)
            except (BucketError, OperationRefused) as error:
                last = error
                self._log.warning("%s has begun and is not finished yet: %s", name_of(left.intent), error)
            except Exception as error:  # noqa: BLE001 - a server starts whatever a disk has come to
                last = error
                self._log.exception("%s has begun and could not be finished.", name_of(left.intent))
        return last

    async def _left(self) -> list[_Left]:
        """The intents that this server is not at work on.

        What another version wrote, or for another bucket, is left alone.
        """
        left = []
        for number, text in await self._storage.copies.run(self._intents.all):
            try:
                intent = Intent.from_json(text)
            except ValueError:
                self._log.warning("The journal holds an intent that this version cannot read; it is left alone.")
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
        """Let other servers finish what this one has left, once it is closed and at no act any more."""
        if self._closed and not self._at_work:
            self._owners.close()

    def _placed(self, number: int, intent: Intent) -> ActiveMove:
        old = self._locate(intent.path)
        if old is None:
            raise ValueError("an intent is about a workspace folder")
        new = None if intent.new_path is None else self._locate(intent.new_path)
        return ActiveMove(number=number, intent=intent, old=old, new=new)

    async def _finish(self, left: _Left) -> None:
        async with self._finishing:
            me = await self._storage.copies.run(self._owners.me)
            if left.number in self._at_work or not await self._storage.copies.run(
                self._intents.claim, left.number, left.text, me
            ):
                return  # Somebody else has finished it meanwhile, or is at it.
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
            BucketUnavailable: it is not finished.
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
