"""Why the machine is still running, why it will be paused, and why it was not: one sentence each."""

from typing import assert_never

from jupyter_terra_env.rules.autopause.activity import Work
from jupyter_terra_env.rules.autopause.machine import due
from jupyter_terra_env.rules.autopause.state import Failure, PauseReason, PauseSettings, PauseState, Phase

_CONSTANT = {
    Phase.ACTIVE: "Someone is working here.",
    Phase.FLUSHING: "Saving everything before the pause.",
    Phase.PAUSING: "The environment is being paused.",
    Phase.PAUSED: "The environment is paused.",
    Phase.PAUSE_DUE: (
        "The environment should be paused now, but nothing that can pause it is configured (pause_chain)."
    ),
}

_BY_LEONARDO = {
    Phase.IDLE: (
        "No one is here and nothing is running; Leonardo pauses this environment, by its own clock and the autopause "
        "time that is set in Terra."
    ),
    Phase.PAUSE_DUE: (
        "No one has been here and nothing has been running for the idle time; Leonardo pauses this environment once "
        "no request has come through its proxy for the autopause time that is set in Terra, and no kernel is busy."
    ),
}


def sentence(state: PauseState, rules: PauseSettings) -> str:
    """Say why the machine is in this phase."""
    match state.phase:
        case Phase.WORKING:
            return f"Still running: {_named(state.signals.work)}."
        case Phase.IDLE | Phase.WARNING:
            return _quiet(state, rules)
        case Phase.PAUSE_FAILED:
            return _failed(state)
        case Phase.PAUSE_DUE if rules.leonardo_pauses:
            return _BY_LEONARDO[Phase.PAUSE_DUE]
        case Phase.ACTIVE | Phase.FLUSHING | Phase.PAUSING | Phase.PAUSED | Phase.PAUSE_DUE:
            return _CONSTANT[state.phase]
        case _:
            assert_never(state.phase)


def code(state: PauseState, rules: PauseSettings) -> str:
    """Stand for the sentence where it is put into another language; append only, never rename."""
    match state.phase:
        case Phase.IDLE | Phase.WARNING:
            return f"{Phase.IDLE.value}:{_why_quiet(state, rules)}"
        case Phase.PAUSE_DUE if rules.leonardo_pauses:
            return f"{state.phase.value}:leonardo"
        case Phase.PAUSE_FAILED:
            return f"{state.phase.value}:{state.failure.value}" if state.failure is not None else state.phase.value
        case _:
            return state.phase.value


def _why_quiet(state: PauseState, rules: PauseSettings) -> str:
    pause = due(state, rules)
    if pause is None:
        return "off"
    if pause.reason is PauseReason.MAX_BUSY:
        return "max-busy"
    if state.snooze_until is not None and pause.deadline == state.snooze_until:
        return "kept"
    if pause.deadline == state.grace_until:
        return "grace"
    return "leonardo" if rules.leonardo_pauses else "nobody"


def _quiet(state: PauseState, rules: PauseSettings) -> str:
    match _why_quiet(state, rules):
        case "off":
            return "No one is here and nothing is running; autopause is off."
        case "max-busy":
            return f"Unattended work may only run for a limited time (max_busy_seconds): {_named(state.signals.work)}."
        case "kept":
            return "Kept running because someone asked for it."
        case "grace":
            return "No one is here and nothing is running; extra time is granted because this server was away."
        case "leonardo":
            return _BY_LEONARDO[Phase.IDLE]
        case _:
            return "No one is here and nothing is running."


def _failed(state: PauseState) -> str:
    match state.failure:
        case Failure.UNFLUSHED:
            return (
                "Not paused: some files are not in the workspace yet, or not saved in a browser tab. "
                "It will be tried again."
            )
        case Failure.ACTUATORS:
            return "Not paused: no pause method succeeded. It will be tried again."
        case Failure.STILL_RUNNING:
            return "Not paused: the pause was accepted, but the environment is still running. It will be tried again."
        case None:
            return "Not paused."
        case _:
            assert_never(state.failure)


def _named(work: tuple[Work, ...]) -> str:
    if not work:
        return "a job that has just ended"
    first = work[0].detail.rstrip(".")
    return first if len(work) == 1 else f"{first}, and {len(work) - 1} more"
