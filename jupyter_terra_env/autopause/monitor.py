"""Runs the pause machine: reads the signals, lets it decide, and performs the effects.

One task ticks; an attempt to pause is a task of its own, so that ticks go on meanwhile and can end it.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from jupyter_terra_env.autopause.actuators.chain import Tried
from jupyter_terra_env.autopause.actuators.port import Result
from jupyter_terra_env.autopause.flush import FlushCause, FlushReport
from jupyter_terra_env.autopause.observation import Observation, WorkSource
from jupyter_terra_env.autopause.patient_call import Late, PatientCall
from jupyter_terra_env.autopause.state_file import read_json, write_json
from jupyter_terra_env.daemon_threads import on_daemon_thread
from jupyter_terra_env.rules.autopause.activity import Work, WorkKind
from jupyter_terra_env.rules.autopause.clock_gaps import Moment
from jupyter_terra_env.rules.autopause.machine import step
from jupyter_terra_env.rules.autopause.persistence import record_of, restored
from jupyter_terra_env.rules.autopause.state import (
    Abandon,
    Accepted,
    Announce,
    Effect,
    Event,
    Flushed,
    OnlyReported,
    PauseReason,
    PauseSettings,
    PauseState,
    Rejected,
    Resume,
    Signals,
    StartFlush,
    StartPause,
    Tick,
)

_MEMORY_SECONDS = 60.0
_LOCKS_SECONDS = 10.0
_PATIENCE_SECONDS = (1.0, 10.0)
"""At least, so that a busy machine is not a blind one; at most, so that two that hang make no tick three ticks late."""
_CAUSES = {
    PauseReason.IDLE: FlushCause.IDLE,
    PauseReason.MAX_BUSY: FlushCause.MAX_BUSY,
    PauseReason.REQUESTED: FlushCause.REQUESTED,
}


class Flushes(Protocol):
    """The port to what brings everything to safety."""

    async def flush(self, cause: FlushCause, deadline_seconds: float) -> FlushReport:
        """Flush, and return by the deadline."""

    async def release_locks(self, deadline_seconds: float) -> None:
        """Give the edit locks back."""


class Pauses(Protocol):
    """The port to the configured actuators."""

    last: tuple[Tried, ...]

    async def pause(self, reason: PauseReason) -> Result:
        """Pause the machine with the first actuator that succeeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Callbacks of the monitor.

    Attributes:
        announce: the phase, the deadline, or the failure has changed.
        ticked: a tick is over.
        resumed: a stretch of time that was not observed is over; its length in seconds.
    """

    announce: Callable[[], None]
    ticked: Callable[[], None]
    resumed: Callable[[float], None]


class Monitor:
    """Runs the pause machine.

    Args:
        rules: its settings.
        clocks: reads the machine's clocks.
        human_age: seconds since the last human act, or None.
        sources: the sources of work.
        reported_busy: whether Leonardo would see a busy kernel; None when that cannot be read.
        flusher: brings everything to safety.
        chain: pauses the machine.
        flush_seconds: how long an attempt may flush.
        memory: the file that keeps the state over a restart.
        boot_id: which start of the machine this is.
        hooks: called when something has changed.
        log: where trouble is logged.
        patience_seconds: how long a source, or the disk, is waited for; None for about as long as a tick.
    """

    def __init__(  # noqa: PLR0913 - the one place where everything meets, each by name
        self,
        *,
        rules: PauseSettings,
        clocks: Callable[[], Moment],
        human_age: Callable[[], float | None],
        sources: Sequence[WorkSource],
        reported_busy: Callable[[], bool | None],
        flusher: Flushes,
        chain: Pauses,
        flush_seconds: float,
        memory: Path,
        boot_id: str,
        hooks: Hooks,
        log: logging.Logger | logging.LoggerAdapter[Any],
        patience_seconds: float | None = None,
    ) -> None:
        self.rules = rules
        self._clocks = clocks
        self._human_age = human_age
        least, most = _PATIENCE_SECONDS
        patience = min(max(rules.tick, least), most) if patience_seconds is None else patience_seconds
        self._sources = tuple(
            (source, PatientCall(source.look, patience_seconds=patience, name=f"autopause looks at {source.name}"))
            for source in sources
        )
        self._writing = PatientCall(self._write_memory, patience_seconds=patience, name="autopause remembers")
        self._late_since: dict[str, float] = {}
        self._reported_busy = reported_busy
        self._flusher = flusher
        self._chain = chain
        self._flush_seconds = flush_seconds
        self._memory = memory
        self._boot_id = boot_id
        self._hooks = hooks
        self._log = log
        self._tasks: set[asyncio.Task[None]] = set()
        self._ticking = asyncio.Lock()
        self._remembered = float("-inf")
        self._troubled: set[str] = set()
        self._state = restored(read_json(memory), boot_id=boot_id, clocks=clocks(), rules=rules)

    @property
    def state(self) -> PauseState:
        """Where the pause machine is."""
        return self._state

    def start(self) -> None:
        """Begin to tick."""
        self._own(self._tick_on(), "autopause ticks")

    async def close(self) -> None:
        """Stop ticking and give up an attempt under way; remember where the machine was."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(call.close() for _, call in self._sources))
        await self._remember()
        await self._writing.close()

    def request(self, event: Event) -> None:
        """A person or a program asks for something.

        Raises:
            AutopauseRefused: it cannot be granted; nothing has changed.
        """
        self._decide(event)

    async def tick(self) -> None:
        """Read the signals and let the machine decide."""
        async with self._ticking:
            signals = await self._look()
            before = self._state.phase
            self._decide(Tick(clocks=self._clocks(), signals=signals))
            due = self._state.clocks.monotonic - self._remembered >= _MEMORY_SECONDS
            if due or self._state.phase is not before:
                await self._remember()
        self._hooks.ticked()

    # Seeing

    async def _look(self) -> Signals:
        seen = await asyncio.gather(*(self._look_at(source, call) for source, call in self._sources))
        ages = [observation.work_age for observation in seen if observation.work_age is not None]
        return Signals(
            human_age=self._human_age(),
            work=tuple(work for observation in seen for work in observation.work),
            waits=tuple(work for observation in seen for work in observation.waits),
            work_age=min(ages, default=None),
            reported_busy=self._reported_busy(),
        )

    async def _look_at(self, source: WorkSource, call: PatientCall[Observation]) -> Observation:
        asked = self._clocks().monotonic
        try:
            observation = await call.result()
        except Late:
            since = self._late_since.setdefault(source.name, asked)
            self._note_trouble(source, "it does not answer.")
            return self._unseen(source, "no answer", age_seconds=max(0.0, self._clocks().monotonic - since))
        except Exception as error:  # noqa: BLE001 - one blind eye must not stop the watch; what is unseen counts as work
            self._late_since.pop(source.name, None)
            self._note_trouble(source, "looking failed.", error)
            return self._unseen(source, "an error")
        self._late_since.pop(source.name, None)
        self._troubled.discard(source.name)
        return observation

    def _note_trouble(self, source: WorkSource, what: str, error: Exception | None = None) -> None:
        """Log that a source is blind, once each time it begins."""
        if source.name not in self._troubled:
            self._troubled.add(source.name)
            self._log.error("Autopause cannot observe: %s: %s", source.name, what, exc_info=error)

    def _unseen(self, source: WorkSource, why: str, *, age_seconds: float = 0.0) -> Observation:
        detail = f"Cannot observe {source.name}: {why}."
        work = Work(kind=WorkKind.UNKNOWN, id=source.name, detail=detail, age_seconds=age_seconds)
        return Observation(work=(work,))

    # Doing

    def _decide(self, event: Event) -> None:
        before = self._state.phase
        self._state, effects = step(self._state, event, self.rules)
        if self._state.phase is not before:
            self._log.info("Autopause: %s, was %s.", self._state.phase.value, before.value)
        for effect in effects:
            self._do(effect)

    def _do(self, effect: Effect) -> None:
        match effect:
            case Announce():
                self._hooks.announce()
            case StartFlush():
                self._own(self._flush(effect), f"autopause flush {effect.attempt}")
            case StartPause():
                self._own(self._pause(effect), f"autopause pause {effect.attempt}")
            case Abandon():
                # What is being flushed may as well be finished; its answer comes too late to pause.
                self._log.info("Autopause: the pause was called off.")
            case Resume():
                self._log.info("Autopause: nothing was observed for %.0f seconds.", effect.gap_seconds)
                self._hooks.resumed(effect.gap_seconds)

    async def _flush(self, effect: StartFlush) -> None:
        unpaid = 1
        try:
            report = await self._flusher.flush(_CAUSES[effect.reason], self._flush_seconds)
            # A person or work that has come in the meantime is seen before anything is paused.
            await self.tick()
            unpaid = 0 if report.is_clean else max(1, len(report.paid.unsafe))
        finally:
            self._decide(Flushed(attempt=effect.attempt, unpaid=unpaid))

    async def _pause(self, effect: StartPause) -> None:
        answer: Event = Rejected(attempt=effect.attempt)
        try:
            await self._remember()
            await self._flusher.release_locks(_LOCKS_SECONDS)
            answer = self._answer(await self._chain.pause(effect.reason), effect.attempt)
        finally:
            self._decide(answer)

    def _answer(self, result: Result, attempt: int) -> Event:
        match result:
            case Result.ACCEPTED:
                return Accepted(attempt=attempt)
            case Result.REPORTED:
                return OnlyReported(attempt=attempt)
            case _:
                tried = "; ".join(f"{each.actuator}: {each.outcome.detail}" for each in self._chain.last)
                self._log.error("Autopause: this machine could not be paused: %s", tried)
                return Rejected(attempt=attempt)

    async def _tick_on(self) -> None:
        while True:
            try:
                await self.tick()
            except Exception:  # noqa: BLE001 - the task's boundary: a watch that has ended would pause nothing
                self._log.exception("An autopause tick failed.")
            await asyncio.sleep(self.rules.tick)

    async def _remember(self) -> None:
        self._remembered = self._state.clocks.monotonic
        try:
            await self._writing.result()
        except (OSError, Late) as error:
            why = "the disk does not answer" if isinstance(error, Late) else error
            self._log.warning("Autopause cannot remember its state in %s: %s", self._memory, why)

    async def _write_memory(self) -> None:
        record = record_of(self._state, self._boot_id)
        await on_daemon_thread(write_json, self._memory, record)

    def _own(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._log.error("Autopause: %s failed.", task.get_name(), exc_info=task.exception())
