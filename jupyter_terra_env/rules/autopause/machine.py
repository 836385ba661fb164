"""The pause machine: ``step(state, event, rules)`` returns the next state and the effects to perform.

The table at the end says which event is handled how in which phase. An event without an entry is refused and changes
nothing. Protocol: docs/protocol/autopause.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from jupyter_terra_env.rules.autopause import leonardo_parity
from jupyter_terra_env.rules.autopause.clock_gaps import passed
from jupyter_terra_env.rules.autopause.state import (
    Abandon,
    Accepted,
    Announce,
    Due,
    Effect,
    EndKeepAwake,
    Event,
    Failure,
    Flushed,
    KeepAwake,
    KeepAwakeUntilJobsEnd,
    OnlyReported,
    PauseNow,
    PauseReason,
    PauseSettings,
    PauseState,
    Phase,
    Rejected,
    Resume,
    Signals,
    StartFlush,
    StartPause,
    Tick,
)
from jupyter_terra_env.rules.errors import AutopauseRefusal, AutopauseRefused

Step = tuple[PauseState, tuple[Effect, ...]]
_FIRST_RETRY = 60.0
_LAST_RETRY = 900.0
_ANNOUNCED = (Announce(),)


def step(state: PauseState, event: Event, rules: PauseSettings) -> Step:
    """Apply an event.

    Args:
        state: where the machine is.
        event: what happened.
        rules: the settings.

    Returns:
        The next state, and the effects that its owner has to perform, in order.

    Raises:
        AutopauseRefused: the event is not allowed in this phase, or its request cannot be granted.
    """
    return _TABLE[state.phase][type(event)](state, event, rules)


def due(state: PauseState, rules: PauseSettings) -> Due | None:
    """When the machine will be paused if nothing changes, and why; None for never."""
    if not rules.is_on:
        return None
    if rules.parity:
        pause = leonardo_parity.due(state, rules)
        return replace(pause, deadline=max(pause.deadline, _snoozed_until(state)))
    if not state.signals.work and not (state.until_jobs_end and state.signals.waits):
        at = max(_last_signal(state) + rules.idle_timeout, state.grace_until, _snoozed_until(state))
        return Due(deadline=at, reason=PauseReason.IDLE)
    start = state.last_human if state.work_since is None else max(state.last_human, state.work_since)
    at = max(start + rules.max_busy, state.grace_until)
    if rules.snooze_may_exceed_cap:
        at = max(at, _snoozed_until(state))
    if state.until_jobs_end:
        at += rules.max_snooze - state.snoozed
    return Due(deadline=at, reason=PauseReason.MAX_BUSY)


# While nothing is being paused


def _watch(state: PauseState, event: Tick, rules: PauseSettings) -> Step:
    state, gap = _observed(state, event, rules)
    if gap is not None:
        return _resumed(state, rules, gap)
    pause = due(state, rules)
    if state.phase in {Phase.PAUSE_FAILED, Phase.PAUSE_DUE} and not _was_interrupted(state):
        if state.retry_at is not None and state.now >= state.retry_at and state.reason is not None:
            return _begin(state, state.reason, forced=state.forced)
        return state, ()
    if pause is not None and _is_over(state, pause, rules):
        return _begin(state, pause.reason, forced=False)
    return _enter(state, _watching_phase(state, pause, rules))


def _watching_phase(state: PauseState, pause: Due | None, rules: PauseSettings) -> Phase:
    if pause is not None and not rules.parity and pause.deadline - state.now <= rules.warning_lead:
        return Phase.WARNING
    if state.now - state.last_human < rules.presence:
        return Phase.ACTIVE
    return Phase.WORKING if state.signals.work else Phase.IDLE


def _is_over(state: PauseState, pause: Due, rules: PauseSettings) -> bool:
    if rules.parity:
        return leonardo_parity.is_over(state, pause)
    # A deadline can already be past when it is first seen; no pause comes without the warning.
    warned = rules.warning_lead == 0 or (state.phase is Phase.WARNING and state.now - state.since >= rules.warning_lead)
    return state.now >= pause.deadline and warned


def _keep_awake(state: PauseState, event: KeepAwake, rules: PauseSettings) -> Step:
    if event.seconds <= 0:
        raise AutopauseRefused(AutopauseRefusal.NOT_A_TIME)
    pause = due(state, rules)
    if pause is not None and pause.reason is PauseReason.MAX_BUSY and not rules.snooze_may_exceed_cap:
        raise AutopauseRefused(AutopauseRefusal.CAP)
    begins = max(state.now, _snoozed_until(state))
    added = min(state.now + event.seconds - begins, rules.max_snooze - state.snoozed)
    if state.now + event.seconds <= begins:
        return state, ()
    if added <= 0:
        raise AutopauseRefused(AutopauseRefusal.SNOOZE_USED_UP)
    state = replace(state, snooze_until=begins + added, snoozed=state.snoozed + added)
    return _look_again(state, rules)


def _keep_until_jobs_end(state: PauseState, _event: KeepAwakeUntilJobsEnd, rules: PauseSettings) -> Step:
    if not state.signals.work and not state.signals.waits:
        raise AutopauseRefused(AutopauseRefusal.NO_JOBS)
    return _look_again(replace(state, until_jobs_end=True), rules)


def _end_keep_awake(state: PauseState, _event: EndKeepAwake, rules: PauseSettings) -> Step:
    # What was asked for and not used can be asked for again; a human act has forgiven it already.
    snoozed = max(0.0, state.snoozed - max(0.0, _snoozed_until(state) - state.now))
    return _look_again(replace(state, snooze_until=None, until_jobs_end=False, snoozed=snoozed), rules)


def _pause_now(state: PauseState, event: PauseNow, _rules: PauseSettings) -> Step:
    return _begin(replace(state, failures=0), PauseReason.REQUESTED, forced=event.force)


# While it is being paused


def _while_flushing(state: PauseState, event: Tick, rules: PauseSettings) -> Step:
    state, gap = _observed(state, event, rules)
    if gap is not None:
        state, effects = _resumed(state, rules, gap)
        return state, (Abandon(attempt=state.attempt), *effects)
    if _was_interrupted(state):
        return _abandoned(state, rules)
    return state, ()


def _flushed(state: PauseState, event: Flushed, rules: PauseSettings) -> Step:
    if event.attempt != state.attempt or state.reason is None:
        return state, ()
    if event.unpaid > 0 and not _goes_on_unflushed(state, rules):
        since = state.now if state.unflushed_since is None else state.unflushed_since
        return _failed(replace(state, unflushed_since=since), Failure.UNFLUSHED)
    paused, effects = _enter(state, Phase.PAUSING)
    return paused, (*effects, StartPause(attempt=state.attempt, reason=state.reason))


def _goes_on_unflushed(state: PauseState, rules: PauseSettings) -> bool:
    """Whether the machine is paused over what could not be flushed. It is on the disk, and the manifest names it.

    At the cap the machine has run for a day; and an unresolved conflict must not keep it running for ever.
    """
    refused = 0.0 if state.unflushed_since is None else state.now - state.unflushed_since
    return state.forced or state.reason is PauseReason.MAX_BUSY or refused >= rules.max_busy


def _keep_awake_instead(state: PauseState, event: Any, rules: PauseSettings) -> Step:
    """A request for time while files are being flushed is granted, and ends the attempt."""
    watching = _WATCHING[type(event)](replace(state, phase=Phase.IDLE), event, rules)[0]
    return _abandoned(replace(watching, phase=state.phase), rules)


def _while_pausing(state: PauseState, event: Tick, rules: PauseSettings) -> Step:
    state, gap = _observed(state, event, rules)
    if gap is not None and state.phase is Phase.PAUSED:
        return _resumed(state, rules, gap)
    if state.phase is Phase.PAUSED and state.now - state.since >= rules.confirm:
        return _failed(state, Failure.STILL_RUNNING)
    return state, ()


def _accepted(state: PauseState, event: Accepted, _rules: PauseSettings) -> Step:
    return _enter(state, Phase.PAUSED) if event.attempt == state.attempt else (state, ())


def _only_reported(state: PauseState, event: OnlyReported, _rules: PauseSettings) -> Step:
    if event.attempt != state.attempt:
        return state, ()
    return _enter(replace(state, retry_at=None, attempt_since=state.now), Phase.PAUSE_DUE)


def _rejected(state: PauseState, event: Rejected, _rules: PauseSettings) -> Step:
    return _failed(state, Failure.ACTUATORS) if event.attempt == state.attempt else (state, ())


# What several of them do


def _observed(state: PauseState, event: Tick, rules: PauseSettings) -> tuple[PauseState, float | None]:
    """Let time pass and take in the signals."""
    time = passed(state.clocks, event.clocks, tick_seconds=rules.tick)
    now = state.now + time.counted_seconds
    signals = event.signals
    state = replace(state, clocks=event.clocks, now=now, signals=signals)
    if signals.human_age is not None and now - signals.human_age > state.last_human:
        state = replace(state, last_human=now - signals.human_age, snoozed=0.0)
        state = leonardo_parity.accessed(state, state.last_human)
    if not signals.work and not signals.waits:
        state = replace(state, until_jobs_end=False)
    if state.snooze_until is not None and state.snooze_until <= now:
        state = replace(state, snooze_until=None)
    state = _with_work(state, signals, rules)
    return leonardo_parity.found(state, rules) if rules.parity else state, time.gap_seconds


def _with_work(state: PauseState, signals: Signals, rules: PauseSettings) -> PauseState:
    """Where the stretch of work begins and ends."""
    ended = state.now if signals.work else _ended_at(state, signals)
    if ended <= state.last_work:
        over = state.now - state.last_work >= rules.busy_gap
        return replace(state, work_since=None) if over else state
    goes_on = state.work_since is not None and ended - state.last_work < rules.busy_gap
    return replace(state, last_work=ended, work_since=state.work_since if goes_on else ended)


def _ended_at(state: PauseState, signals: Signals) -> float:
    return float("-inf") if signals.work_age is None else state.now - signals.work_age


def _resumed(state: PauseState, rules: PauseSettings, gap_seconds: float) -> Step:
    state = replace(state, grace_until=state.now + rules.resume_grace)
    if state.phase in {Phase.WARNING, Phase.FLUSHING, Phase.PAUSED}:
        state, _ = _enter(state, Phase.IDLE)
    return state, (Resume(gap_seconds=gap_seconds), Announce())


def _was_interrupted(state: PauseState) -> bool:
    """Whether someone has come, or work has begun that the attempt does not override."""
    if state.reason is PauseReason.REQUESTED and state.phase is Phase.FLUSHING:
        return False
    came = state.last_human > state.attempt_since
    works = state.reason is PauseReason.IDLE and (bool(state.signals.work) or state.last_work > state.attempt_since)
    ended = state.reason is PauseReason.MAX_BUSY and not state.signals.work
    return came or works or (ended and state.phase is not Phase.FLUSHING)


def _abandoned(state: PauseState, rules: PauseSettings) -> Step:
    state = _without_attempt(state)
    watching, effects = _enter(state, _watching_phase(state, due(state, rules), rules))
    return watching, (Abandon(attempt=state.attempt), *effects)


def _begin(state: PauseState, reason: PauseReason, *, forced: bool) -> Step:
    state = replace(
        state, attempt=state.attempt + 1, reason=reason, forced=forced, attempt_since=state.now, retry_at=None
    )
    flushing, effects = _enter(state, Phase.FLUSHING)
    return flushing, (*effects, StartFlush(attempt=state.attempt, reason=reason))


def _failed(state: PauseState, failure: Failure) -> Step:
    wait = min(_FIRST_RETRY * 2**state.failures, _LAST_RETRY)
    state = replace(
        state, failures=state.failures + 1, failure=failure, retry_at=state.now + wait, attempt_since=state.now
    )
    return _enter(state, Phase.PAUSE_FAILED)


def _enter(state: PauseState, phase: Phase) -> Step:
    if phase is state.phase:
        return state, ()
    if phase in {Phase.ACTIVE, Phase.WORKING, Phase.IDLE, Phase.WARNING}:
        state = _without_attempt(state)
    return replace(state, phase=phase, since=state.now), _ANNOUNCED


def _without_attempt(state: PauseState) -> PauseState:
    return replace(state, failures=0, failure=None, retry_at=None, reason=None, unflushed_since=None)


def _look_again(state: PauseState, rules: PauseSettings) -> Step:
    """A promise was made or taken back: what is shown changes at once, also if the phase does not."""
    state, _ = _enter(state, _watching_phase(state, due(state, rules), rules))
    return state, _ANNOUNCED


def _last_signal(state: PauseState) -> float:
    return max(state.last_human, state.last_work)


def _snoozed_until(state: PauseState) -> float:
    return float("-inf") if state.snooze_until is None else state.snooze_until


def _stale(state: PauseState, _event: Event, _rules: PauseSettings) -> Step:
    """The answer of an attempt that is over."""
    return state, ()


def _too_late(_state: PauseState, _event: Event, _rules: PauseSettings) -> Step:
    raise AutopauseRefused(AutopauseRefusal.BEING_PAUSED)


_Handler = Callable[[PauseState, Any, PauseSettings], Step]
_ANSWERS: Mapping[type, _Handler] = {Flushed: _stale, Accepted: _stale, OnlyReported: _stale, Rejected: _stale}
_WATCHING: Mapping[type, _Handler] = {
    **_ANSWERS,
    Tick: _watch,
    KeepAwake: _keep_awake,
    KeepAwakeUntilJobsEnd: _keep_until_jobs_end,
    EndKeepAwake: _end_keep_awake,
    PauseNow: _pause_now,
}
_TABLE: Mapping[Phase, Mapping[type, _Handler]] = {
    Phase.ACTIVE: _WATCHING,
    Phase.WORKING: _WATCHING,
    Phase.IDLE: _WATCHING,
    Phase.WARNING: _WATCHING,
    Phase.PAUSE_FAILED: _WATCHING,
    Phase.PAUSE_DUE: _WATCHING,
    Phase.FLUSHING: {
        **_ANSWERS,
        Tick: _while_flushing,
        Flushed: _flushed,
        KeepAwake: _keep_awake_instead,
        KeepAwakeUntilJobsEnd: _keep_awake_instead,
        EndKeepAwake: _too_late,
        PauseNow: _too_late,
    },
    Phase.PAUSING: {
        **_ANSWERS,
        Tick: _while_pausing,
        Accepted: _accepted,
        OnlyReported: _only_reported,
        Rejected: _rejected,
        KeepAwake: _too_late,
        KeepAwakeUntilJobsEnd: _too_late,
        EndKeepAwake: _too_late,
        PauseNow: _too_late,
    },
    Phase.PAUSED: {
        **_ANSWERS,
        Tick: _while_pausing,
        KeepAwake: _too_late,
        KeepAwakeUntilJobsEnd: _too_late,
        EndKeepAwake: _too_late,
        PauseNow: _too_late,
    },
}
