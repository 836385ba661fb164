"""Carries on renames and deletions that a server which died, or trouble with the bucket, left halfway.

Protocol: docs/protocol/journal.md, Intents.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.begun_act import Begun, Outcome
from jupyter_terra_env.notebooks.carrier import Carrier, Steps
from jupyter_terra_env.notebooks.delocalizer import Delocalizer
from jupyter_terra_env.notebooks.intents import Intent, Intents, PlannedObject
from jupyter_terra_env.notebooks.object_acts import ObjectActs
from jupyter_terra_env.notebooks.places import Places
from jupyter_terra_env.rules.errors import BucketError, BucketUnavailable
from jupyter_terra_env.rules.recovery import Act, Seen, Step, step_for
from jupyter_terra_env.rules.workspace import Location

Found = dict[str, ObjectVersion]


class BegunMoves:
    """Knows the intents of the journal, and finishes those that nobody is at work on.

    Args:
        places: disk, buckets and journal.
        intents: the journal's.
        carrier: does what is left.
        acts: tells whose locks objects carry.
        delocalizer: gives the turns.
        locate: the place an API path is.
        pause_seconds: how long to wait after so many failures, and whether their cause may pass by itself.
        log: told what could not be finished, and why.
    """

    def __init__(  # noqa: PLR0913 - five parts, a question, a time and a log, each by name
        self,
        places: Places,
        intents: Intents,
        carrier: Carrier,
        acts: ObjectActs,
        delocalizer: Delocalizer,
        *,
        locate: Callable[[str], Location | None],
        pause_seconds: Callable[[int, bool], float],
        log: logging.Logger | logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._places = places
        self._intents = intents
        self._carrier = carrier
        self._acts = acts
        self._delocalizer = delocalizer
        self._locate = locate
        self._pause_seconds = pause_seconds
        self._log = log
        self._at_work: set[int] = set()
        self._finishing = asyncio.Lock()
        self._later: asyncio.Task[None] | None = None
        self._closed = False

    @contextlib.asynccontextmanager
    async def begin(self, intent: Intent) -> AsyncIterator[Begun]:
        """Write an intent down, and keep others from it meanwhile. Who began it ends it, or leaves it for later."""
        number = await self._places.copies.run(self._intents.add, intent)
        self._at_work.add(number)
        try:
            yield self._placed(number, intent)
        finally:
            self._at_work.discard(number)

    async def replace(self, begun: Begun, intent: Intent) -> Begun:
        """Put another intent in the place of one."""
        await self._places.copies.run(self._intents.replace, begun.number, intent)
        return self._placed(begun.number, intent)

    async def give_up(self, begun: Begun) -> None:
        """End an intent of which nothing was done."""
        await self._places.copies.run(self._intents.remove, begun.number)

    async def finish(self) -> None:
        """Finish everything; what the bucket keeps from it is tried again in the background. Never raises."""
        if await self._try_all():
            self.later()

    async def settle(self, *paths: str) -> None:
        """Finish what was begun and would be met by an act on these API paths.

        Raises:
            BucketUnavailable, BucketRefused: as the port says; it is not finished.
        """
        for number, intent in await self._left():
            if any(intent.touches(path) for path in paths):
                await self._finish(number, intent)

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

    @contextlib.asynccontextmanager
    async def turns(self, places: Iterable[Location]) -> AsyncIterator[None]:
        """Be the only one who writes, moves or deletes the objects of these notebooks."""
        async with contextlib.AsyncExitStack() as stack:
            for place in sorted({place.api_path: place for place in places}.values(), key=lambda one: one.api_path):
                await stack.enter_async_context(self._delocalizer.turn(place))
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
        for number, intent in await self._left():
            try:
                await self._finish(number, intent)
            except BucketError as error:
                last = error
                self._log.warning("%s has begun and is not finished yet: %s", _name(intent), error)
            except Exception as error:  # noqa: BLE001 - a server starts whatever a disk has come to
                last = error
                self._log.exception("%s has begun and could not be finished.", _name(intent))
        return last

    async def _left(self) -> list[tuple[int, Intent]]:
        """The intents that nobody is at work on; what another version wrote, or for another bucket, is left alone."""
        left = []
        for number, text in await self._places.copies.run(self._intents.all):
            try:
                intent = Intent.from_json(text)
            except ValueError:
                self._log.warning("The journal holds an intent that this version cannot read; it is left alone.")
                continue
            old = self._locate(intent.path)
            if number not in self._at_work and old is not None and (old.workspace.bucket == intent.bucket):
                left.append((number, intent))
        return left

    def _placed(self, number: int, intent: Intent) -> Begun:
        old = self._locate(intent.path)
        if old is None:
            raise ValueError("an intent is about a workspace folder")
        new = None if intent.new_path is None else self._locate(intent.new_path)
        return Begun(number=number, intent=intent, old=old, new=new)

    async def _finish(self, number: int, intent: Intent) -> None:
        begun = self._placed(number, intent)
        async with self._finishing:
            if number not in {left for left, _ in await self._left()}:
                return  # Somebody else has finished it meanwhile.
            objects = [begun.location(planned.name) for planned in intent.objects]
            async with self.turns([begun.old, *([] if begun.new is None else [begun.new]), *objects]):
                await self._carry_on(begun)

    async def _carry_on(self, begun: Begun) -> None:
        intent = begun.intent
        if intent.act is Act.OUT:
            with contextlib.suppress(FileExistsError):
                await self._carrier.take_out(begun)
        at_old = await self._found(begun, {planned.name for planned in intent.objects}, begun.old)
        at_new: Found = {}
        if intent.act is Act.MOVE and begun.new is not None:
            at_new = await self._found(begun, {planned.new_name for planned in intent.objects}, begun.new)
        steps = {planned: await self._step(begun, planned, at_old, at_new) for planned in intent.objects}
        outcome = Outcome()
        for planned in intent.objects:
            if steps[planned] is Step.DONE and planned.new_name in at_new:
                outcome.done[planned.name] = at_new[planned.new_name]
        left = [(planned, at_old[planned.name]) for planned, step in steps.items() if step is Step.DO]
        stays = {planned.name for planned, step in steps.items() if step is Step.STAYS}
        stays |= await self._do_all(begun, left, outcome)
        if intent.act is Act.OUT:
            await self._carrier.put_back(begun, stays)
        await self._carrier.end(begun, stays=stays, versions=outcome.moved, joins=True)
        self._log.info("%s was finished.", _name(intent))
        for name in sorted(stays):
            self._log.warning(
                "%s stays: somebody has changed or locked it, or its new name is taken.", begun.location(name).api_path
            )

    async def _do_all(self, begun: Begun, steps: Steps, outcome: Outcome) -> set[str]:
        """Do the steps one and all.

        Returns:
            The objects that stay after all.

        Raises:
            BucketUnavailable, BucketRefused: as the port says; the rest is left for later.
        """
        stays: set[str] = set()
        left = list(steps)
        while left:
            done = await self._carrier.objects(begun, left)
            outcome.done.update(done.done)
            for error in done.failed.values():
                if isinstance(error, BucketError):
                    raise error
            stays |= done.failed.keys()
            left = [step for step in left if step[0].name in done.not_tried]
        return stays

    async def _step(self, begun: Begun, planned: PlannedObject, at_old: Found, at_new: Found) -> Step:
        found = at_old.get(planned.name)
        old = begun.location(planned.name)
        seen = None
        if found is not None:
            seen = Seen(generation=found.generation, is_free=self._acts.is_free(old, found))
        is_out = planned.name.endswith("/")  # A folder's marker has no file.
        if begun.intent.act is Act.OUT and not is_out:
            is_out = await self._places.copies.run(self._has_left, begun, old)
        return step_for(
            begun.intent.act, planned.generation, seen, new_exists=planned.new_name in at_new, is_out=is_out
        )

    def _has_left(self, begun: Begun, old: Location) -> bool:
        out = self._places.entry(begun.new_path(old.api_path))
        return out.is_file() and not self._places.entry(old.api_path).exists()

    async def _found(self, begun: Begun, names: set[str] | set[str | None], place: Location) -> Found:
        """Which of these objects there are, and at which version."""
        if not begun.intent.is_folder:
            looked = [await self._places.stat(place)] if names else []
            return {version.name: version for version in looked if version is not None}
        if not names:
            return {}
        listed = await self._places.bucket(place).list_all(place.object_prefix)
        return {version.name: version for version in listed if version.name in names}


def _name(intent: Intent) -> str:
    """An act in words, for the log."""
    what = "The folder" if intent.is_folder else "The notebook"
    if intent.act is Act.DELETE:
        return f"Deleting {what.lower()} {intent.path}"
    return f"Renaming {what.lower()} {intent.path} to {intent.new_path}"
