"""Autopause in numbers, at Jupyter's own ``/metrics``."""

from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from jupyter_terra_env.rules.autopause.machine import due
from jupyter_terra_env.rules.autopause.state import PauseSettings, PauseState, Phase

STATE = Gauge("terra_env_state", "1 for the state autopause is in", ["state"])
IDLE = Gauge("terra_env_idle_seconds", "Time since the last human act or work")
BUSY = Gauge("terra_env_busy_seconds", "Length of the present stretch of work")
DEADLINE = Gauge("terra_env_pause_deadline_timestamp_seconds", "When the environment will be paused; 0 for never")
LAST_ACTIVITY = Gauge("terra_env_last_activity_timestamp_seconds", "The last activity of a class", ["class"])
CORRECTIONS = Counter("terra_env_state_corrections", "Execution states that were corrected", ["state"])
ATTEMPTS = Counter("terra_env_pause_attempts", "Tries to pause the environment", ["actuator", "result", "reason"])
FLUSH_SECONDS = Histogram("terra_env_flush_seconds", "How long bringing everything to safety took", ["cause"])
FLUSH_PENDING = Gauge("terra_env_flush_pending_files", "Files that the last flush could not bring to safety")
GAPS = Counter("terra_env_clock_gaps", "Stretches of time that were not observed")
COST = Gauge("terra_env_vm_cost_usd_per_hour", "Cost of the machine; absent when it is not known", ["state"])


def observe(state: PauseState, rules: PauseSettings) -> None:
    """Take over what the pause machine knows."""
    for phase in Phase:
        STATE.labels(phase.value).set(1 if phase is state.phase else 0)
    IDLE.set(0 if state.signals.work else state.now - max(state.last_human, state.last_work))
    BUSY.set(0 if state.work_since is None else state.now - state.work_since)
    pause = due(state, rules)
    DEADLINE.set(0 if pause is None else _wall(state, pause.deadline))
    LAST_ACTIVITY.labels("human").set(_wall(state, state.last_human))
    if state.last_work > float("-inf"):
        LAST_ACTIVITY.labels("work").set(_wall(state, state.last_work))


def observe_cost(cost: Any) -> None:
    """Take over what the machine costs."""
    for name, amount in (("running", cost.running), ("paused", cost.paused)):
        if amount is not None:
            COST.labels(name).set(float(amount))


def _wall(state: PauseState, at: float) -> float:
    return state.clocks.wall + at - state.now
