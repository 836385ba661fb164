"""The answer to *why is this still running* and *why will it be paused*, ready for JSON."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from jupyter_terra_env.autopause.actuators.chain import PauseChain
from jupyter_terra_env.autopause.flush import FlushReport, as_json
from jupyter_terra_env.rules.autopause.activity import Work
from jupyter_terra_env.rules.autopause.cost import Cost, in_dollars
from jupyter_terra_env.rules.autopause.machine import due
from jupyter_terra_env.rules.autopause.messages import code, sentence
from jupyter_terra_env.rules.autopause.state import PauseReason, PauseSettings, PauseState, Phase

_EXACT = Decimal("0.000001")
_WAITING_FOR_THE_DEADLINE = {Phase.ACTIVE, Phase.WORKING, Phase.IDLE, Phase.WARNING}


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineCost:
    """What the machine costs.

    Attributes:
        cost: per hour.
        dated: when the prices were read.
    """

    cost: Cost
    dated: str


def event_payload(state: PauseState, rules: PauseSettings, priced: MachineCost) -> dict[str, Any]:
    """The payload of the event, without ``save``.

    Args:
        state: where the pause machine is.
        rules: its settings.
        priced: what the machine costs.
    """
    pause = due(state, rules)
    waiting = state.phase in _WAITING_FOR_THE_DEADLINE and pause is not None
    reason: PauseReason | None = state.reason
    if state.phase in _WAITING_FOR_THE_DEADLINE:
        reason = None if pause is None else pause.reason
    return {
        "state": state.phase.value,
        "since": _moment(state, state.since),
        "deadline": _moment(state, pause.deadline) if waiting and pause is not None else None,
        "reason": None if reason is None else reason.value,
        "failure": None if state.failure is None else state.failure.value,
        "message": sentence(state, rules),
        "code": code(state, rules),
        "blockers": [_blocker(state, work) for work in state.signals.work],
        "cost_per_hour": _exact(priced.cost.running),
    }


def report(
    state: PauseState,
    rules: PauseSettings,
    priced: MachineCost,
    *,
    kernels: list[dict[str, Any]],
    chain: PauseChain,
    flush: FlushReport | None,
) -> dict[str, Any]:
    """The full report.

    Args:
        state: where the pause machine is.
        rules: its settings.
        priced: what the machine costs.
        kernels: what is known of each kernel; ages are turned into moments.
        chain: what can pause the machine.
        flush: the last flush.
    """
    return {
        **event_payload(state, rules, priced),
        "enabled": rules.is_on,
        "idle_seconds": round(0.0 if state.signals.work else state.now - max(state.last_human, state.last_work), 1),
        "idle_timeout_seconds": rules.idle_timeout,
        "retry_at": _moment(state, state.retry_at),
        "last_human": _moment(state, state.last_human),
        "waits": [_blocker(state, work) for work in state.signals.waits],
        "max_busy": _max_busy(state, rules),
        "keep_awake": {
            "until": _moment(state, state.snooze_until),
            "until_jobs_end": state.until_jobs_end,
            "seconds_left_to_ask_for": max(0.0, rules.max_snooze - state.snoozed),
        },
        "kernels": [_kernel(state, kernel) for kernel in kernels],
        "cost": {
            "currency": "USD",
            "running_per_hour": _exact(priced.cost.running),
            "running_shown": in_dollars(priced.cost.running),
            "paused_per_hour": _exact(priced.cost.paused),
            "paused_shown": in_dollars(priced.cost.paused),
            "prices_of": priced.dated,
        },
        "pauses_by": list(chain.that_pause),
        "attempts": [
            {"actuator": each.actuator, "result": each.outcome.result.value, "detail": each.outcome.detail}
            for each in chain.last
        ],
        "flush": None if flush is None else flush_json(flush),
    }


def flush_json(flush: FlushReport) -> dict[str, Any]:
    """A flush's report, ready for JSON."""
    return {
        "cause": flush.cause.value,
        "seconds": round(flush.seconds, 3),
        "tabs_saved": flush.tabs_saved,
        "manifest_written": flush.manifest_written,
        "clean": flush.is_clean,
        "safe": len(flush.paid.safe),
        "unsafe": as_json(flush.paid.unsafe),
    }


def _max_busy(state: PauseState, rules: PauseSettings) -> dict[str, Any]:
    if state.work_since is None:
        return {"working_seconds": None, "seconds_left": None}
    start = max(state.last_human, state.work_since)
    return {
        "working_seconds": round(state.now - state.work_since, 1),
        "seconds_left": round(start + rules.max_busy - state.now, 1),
    }


def _blocker(state: PauseState, work: Work) -> dict[str, Any]:
    return {
        "kind": work.kind.value,
        "id": work.id,
        "detail": work.detail,
        "since": _moment(state, state.now - work.age_seconds),
    }


def _kernel(state: PauseState, kernel: dict[str, Any]) -> dict[str, Any]:
    ages = {"busy_seconds": "busy_since", "waits_for_input_seconds": "waits_for_input_since"}
    plain = {key: value for key, value in kernel.items() if key not in ages}
    moments = {
        name: None if kernel[key] is None else _moment(state, state.now - kernel[key]) for key, name in ages.items()
    }
    return {**plain, **moments}


def _moment(state: PauseState, at: float | None) -> str | None:
    """A point on the machine's own axis as a moment in UTC; None for none, and for one beyond the calendar."""
    if at is None:
        return None
    try:
        moment = datetime.fromtimestamp(0, UTC) + timedelta(seconds=state.clocks.wall + at - state.now)
    except (OverflowError, ValueError):
        return None
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _exact(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount.quantize(_EXACT))
