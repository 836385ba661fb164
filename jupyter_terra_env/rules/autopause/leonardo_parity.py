"""Leonardo's own rule for pausing, for those who want no other (parity mode).

Source: DataBiosphere/leonardo, ``AutopauseMonitor.scala``, ``ClusterComponent.scala``, ``DateAccessedUpdater.scala``:
a runtime that was not accessed for the threshold is paused, unless a kernel is busy, and then for 24 hours at most from
when it was first found busy. Every access restarts both; a failed question counts as not busy.
"""

from dataclasses import replace

from jupyter_terra_env.rules.autopause.state import Due, PauseReason, PauseSettings, PauseState


def accessed(state: PauseState, at: float) -> PauseState:
    """Any request has arrived: ``dateAccessed`` is now, ``kernelFoundBusyDate`` is none."""
    return replace(state, accessed=at, found_busy=None) if at > state.accessed else state


def found(state: PauseState, rules: PauseSettings) -> PauseState:
    """A candidate that is found busy for the first time counts as accessed."""
    if not _is_candidate(state, rules) or not state.signals.reported_busy or state.found_busy is not None:
        return state
    return replace(state, found_busy=state.now, accessed=state.now)


def due(state: PauseState, rules: PauseSettings) -> Due:
    """When Leonardo would pause, going by what is known now."""
    at = state.accessed + rules.idle_timeout
    if not state.signals.reported_busy:
        return Due(deadline=at, reason=PauseReason.IDLE)
    since = at if state.found_busy is None else state.found_busy
    # Strictly more than the maximum, in a sweep after the threshold.
    return Due(deadline=max(at, since + rules.max_busy), reason=PauseReason.MAX_BUSY)


def is_over(state: PauseState, pause: Due) -> bool:
    """Whether the time has come: at the threshold for idle, after it for ``max_busy``."""
    return state.now > pause.deadline if pause.reason is PauseReason.MAX_BUSY else state.now >= pause.deadline


def _is_candidate(state: PauseState, rules: PauseSettings) -> bool:
    return rules.is_on and state.now - state.accessed >= rules.idle_timeout
