"""A machine of clocks that only tests move, and the pause machine run on it."""

from dataclasses import dataclass, field, replace

from jupyter_terra_env.rules.autopause.activity import Work, WorkKind
from jupyter_terra_env.rules.autopause.clock_gaps import Moment
from jupyter_terra_env.rules.autopause.machine import due, step
from jupyter_terra_env.rules.autopause.persistence import fresh
from jupyter_terra_env.rules.autopause.state import (
    Accepted,
    Announce,
    Flushed,
    PauseSettings,
    Phase,
    Signals,
    StartFlush,
    StartPause,
    Tick,
)

CELL = Work(kind=WorkKind.KERNEL, id="k1", detail="A cell runs.")
UPTIME = 1000.0
EPOCH = 1_800_000_000.0


class Clock:
    """A clock that only tests move."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@dataclass
class FakeClocks:
    """The three clocks of a machine; tests move them together or apart."""

    monotonic: float = UPTIME
    boot: float = UPTIME
    wall: float = EPOCH

    def __call__(self):
        return Moment(monotonic=self.monotonic, boot=self.boot, wall=self.wall)

    def pass_(self, seconds):
        self.monotonic += seconds
        self.boot += seconds
        self.wall += seconds

    def suspend(self, seconds):
        self.boot += seconds
        self.wall += seconds

    def set_wall(self, by):
        self.wall += by


@dataclass
class Simulation:
    """The pause machine with an owner that flushes and pauses at once, unless told otherwise."""

    rules: PauseSettings = field(default_factory=PauseSettings)
    clocks: FakeClocks = field(default_factory=FakeClocks)
    unpaid: int = 0
    answers: bool = True
    effects: list = field(default_factory=list)
    human_at: float | None = None
    work: tuple = ()
    waits: tuple = ()
    work_ended_at: float | None = None
    reported_busy: bool | None = False

    def __post_init__(self):
        self.state = fresh(self.clocks())

    @property
    def phase(self):
        return self.state.phase

    @property
    def left(self):
        """Seconds to the deadline, or None."""
        pause = due(self.state, self.rules)
        return None if pause is None else pause.deadline - self.state.now

    def human(self):
        self.human_at = self.clocks.monotonic

    def signals(self):
        age = None if self.human_at is None else self.clocks.monotonic - self.human_at
        work_age = None if self.work_ended_at is None else self.clocks.monotonic - self.work_ended_at
        return Signals(
            human_age=age, work=self.work, work_age=work_age, waits=self.waits, reported_busy=self.reported_busy
        )

    def tell(self, event):
        self.state, effects = step(self.state, event, self.rules)
        self.effects += effects
        if self.answers:
            self._answer(effects)
        return effects

    def tick(self):
        return self.tell(Tick(clocks=self.clocks(), signals=self.signals()))

    def run(self, seconds):
        """Let time pass, tick by tick; return the phases entered on the way."""
        phases, left = [], seconds
        while left > 0:
            passing = min(left, self.rules.tick)
            self.clocks.pass_(passing)
            left -= passing
            self.tick()
            if not phases or phases[-1] is not self.phase:
                phases.append(self.phase)
        return phases

    def run_until(self, *phases, at_most):
        """Let time pass until a phase is entered; return the seconds it took."""
        start = self.clocks.monotonic
        while self.phase not in phases:
            assert self.clocks.monotonic - start < at_most, f"still {self.phase} after {at_most} s"
            self.clocks.pass_(self.rules.tick)
            self.tick()
        return self.clocks.monotonic - start

    def with_rules(self, **changes):
        self.rules = replace(self.rules, **changes)
        return self

    def _answer(self, effects):
        for effect in effects:
            if isinstance(effect, StartFlush):
                self.tell(Flushed(attempt=effect.attempt, unpaid=self.unpaid))
            elif isinstance(effect, StartPause):
                self.tell(Accepted(attempt=effect.attempt))

    def announced(self):
        return sum(isinstance(effect, Announce) for effect in self.effects)


PAUSED_OR_PAUSING = {Phase.FLUSHING, Phase.PAUSING, Phase.PAUSED}
