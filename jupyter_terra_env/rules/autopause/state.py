"""The nouns of the pause machine: its settings, states, events and effects. The transitions are in `machine.py`."""

from dataclasses import dataclass
from enum import StrEnum

from jupyter_terra_env.rules.autopause.activity import Work
from jupyter_terra_env.rules.autopause.clock_gaps import Moment


class Phase(StrEnum):
    """Where the pause machine is; append only, never rename."""

    ACTIVE = "active"
    WORKING = "working"
    IDLE = "idle"
    WARNING = "warning"
    FLUSHING = "flushing"
    PAUSING = "pausing"
    PAUSED = "paused"
    PAUSE_FAILED = "pause-failed"
    PAUSE_DUE = "pause-due"


class PauseReason(StrEnum):
    """Why the machine is paused; append only, never rename."""

    IDLE = "idle"
    MAX_BUSY = "max-busy"
    REQUESTED = "requested"


class StopMode(StrEnum):
    """How Compute Engine pauses a machine."""

    STOP = "stop"
    SUSPEND = "suspend"


class Failure(StrEnum):
    """Why a pause failed; append only, never rename."""

    UNFLUSHED = "unflushed"
    ACTUATORS = "actuators"
    STILL_RUNNING = "still-running"


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseSettings:
    """Settings of the pause machine, all times in seconds.

    Attributes:
        enabled: whether the machine is ever paused.
        idle_timeout: from the last human act or the end of the last work to the pause; 0 for never.
        tick: time between two ticks.
        warning_lead: how long before a pause it is announced.
        max_busy: longest unattended work; also how long unflushed files delay a pause.
        busy_gap: a shorter break between two pieces of work does not begin a new stretch.
        resume_grace: time granted after a stretch that was not observed.
        max_snooze: time that can be asked for in all until the next human act.
        snooze_may_exceed_cap: whether asked-for time also extends ``max_busy``.
        presence: how long after a human act the person counts as present.
        confirm: how long an accepted pause may take before it counts as failed.
        parity: decide as Leonardo does, see ``leonardo_parity.py``; no warning, no grace.
        leonardo_pauses: whether nothing here pauses the machine, and Leonardo does, by what its proxy sees.
    """

    enabled: bool = True
    idle_timeout: float = 1800
    tick: float = 15
    warning_lead: float = 300
    max_busy: float = 86_400
    busy_gap: float = 300
    resume_grace: float = 600
    max_snooze: float = 14_400
    snooze_may_exceed_cap: bool = False
    presence: float = 60
    confirm: float = 600
    parity: bool = False
    leonardo_pauses: bool = False

    @property
    def is_on(self) -> bool:
        """Whether idle time ever leads to a pause."""
        return self.enabled and self.idle_timeout > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What was observed up to a tick.

    Attributes:
        human_age: seconds since the last human act; None when there was none yet.
        work: what is running now.
        work_age: seconds since the last piece of work ended, for pieces shorter than a tick; None when there was none.
        waits: what would be work if it did not wait for a person.
        reported_busy: whether Leonardo would see a busy kernel; None when it could not ask. For parity only.
    """

    human_age: float | None = None
    work: tuple[Work, ...] = ()
    work_age: float | None = None
    waits: tuple[Work, ...] = ()
    reported_busy: bool | None = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseState:
    """The pause machine. Times are on its own axis of counted seconds, see ``clock_gaps.py``.

    Attributes:
        phase: where it is.
        clocks: the clocks at the last tick.
        now: counted seconds.
        since: when the phase began.
        last_human: the last human act.
        last_work: the end of the last work seen.
        work_since: start of the stretch of work, breaks shorter than ``busy_gap`` included; None for none.
        grace_until: nothing is paused before.
        snooze_until: asked-for time ends here; None for none.
        snoozed: asked-for seconds since the last human act.
        until_jobs_end: keep running until nothing runs or waits.
        signals: what the last tick saw.
        attempt: number of the last attempt to pause.
        reason: why that attempt pauses.
        forced: whether it pauses even if something could not be flushed.
        attempt_since: when it began.
        failures: failed attempts in a row.
        failure: why the last one failed; None when none did.
        retry_at: when the next one begins; None for none.
        unflushed_since: since when pauses are refused for what could not be flushed; None when they are not.
        found_busy: Leonardo's ``kernelFoundBusyDate``, for parity.
        accessed: Leonardo's ``dateAccessed``, for parity.
    """

    clocks: Moment
    phase: Phase = Phase.ACTIVE
    now: float = 0.0
    since: float = 0.0
    last_human: float = 0.0
    last_work: float = float("-inf")
    work_since: float | None = None
    grace_until: float = float("-inf")
    snooze_until: float | None = None
    snoozed: float = 0.0
    until_jobs_end: bool = False
    signals: Signals = Signals()
    attempt: int = 0
    reason: PauseReason | None = None
    forced: bool = False
    attempt_since: float = 0.0
    failures: int = 0
    failure: Failure | None = None
    retry_at: float | None = None
    unflushed_since: float | None = None
    found_busy: float | None = None
    accessed: float = 0.0


# Events


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Time has passed and signals were read."""

    clocks: Moment
    signals: Signals


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepAwake:
    """A request for time."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepAwakeUntilJobsEnd:
    """A request to wait until jobs end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndKeepAwake:
    """Ends the time that was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseNow:
    """A request to pause now; with ``force`` even if something cannot be flushed."""

    force: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Flushed:
    """The flush of an attempt has ended; ``unpaid`` files could not be brought to safety."""

    attempt: int
    unpaid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """An actuator has confirmed that the machine is being paused."""

    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlyReported:
    """No actuator that can pause this machine is configured."""

    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """Every actuator has failed."""

    attempt: int


Event = (
    Tick | KeepAwake | KeepAwakeUntilJobsEnd | EndKeepAwake | PauseNow | Flushed | Accepted | OnlyReported | Rejected
)

# Effects


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """Notify listeners of the machine's state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartFlush:
    """Bring everything to safety."""

    attempt: int
    reason: PauseReason


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPause:
    """Give back the locks and pause the machine."""

    attempt: int
    reason: PauseReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Abandon:
    """Someone is here, or work has begun: the attempt is over."""

    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """A stretch of time that was not observed is over: everything may have changed."""

    gap_seconds: float


Effect = Announce | StartFlush | StartPause | Abandon | Resume


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """When the machine will be paused, on the machine's own axis, and why."""

    deadline: float
    reason: PauseReason
