"""What the pause machine remembers over a restart of the server: a crash starts neither a new day nor a new hour."""

from collections.abc import Mapping
from typing import Any

from jupyter_terra_env.rules.autopause.clock_gaps import Moment
from jupyter_terra_env.rules.autopause.state import PauseSettings, PauseState

VERSION = 1


def fresh(clocks: Moment) -> PauseState:
    """The state of a machine that was just started: a person did that."""
    return PauseState(clocks=clocks)


def record_of(state: PauseState, boot_id: str) -> dict[str, Any]:
    """What to keep on the disk.

    Args:
        state: where the machine is.
        boot_id: identifies this start of the machine; the monotonic clock means nothing across them.
    """
    return {
        "version": VERSION,
        "boot_id": boot_id,
        "monotonic_seconds": state.clocks.monotonic,
        "human_age_seconds": state.now - state.last_human,
        "quiet_seconds": state.now - max(state.last_human, state.last_work),
        "working_seconds": None if state.work_since is None else state.now - state.work_since,
        "snooze_left_seconds": None if state.snooze_until is None else state.snooze_until - state.now,
        "snoozed_seconds": state.snoozed,
        "until_jobs_end": state.until_jobs_end,
        "found_busy_seconds": None if state.found_busy is None else state.now - state.found_busy,
        "access_age_seconds": state.now - state.accessed,
    }


def restored(record: Mapping[str, Any], *, boot_id: str, clocks: Moment, rules: PauseSettings) -> PauseState:
    """The state after a restart: as if the server had not been away, and with time granted to come back to it.

    What was running before counts as running in the meantime: no one looked, and at the cap the benefit of doubt has
    ended.

    Args:
        record: what ``record_of`` gave.
        boot_id: this start of the machine.
        clocks: the clocks now.
        rules: the settings.

    Returns:
        A fresh state where the record is of another start of the machine, or damaged.
    """
    try:
        if record["version"] != VERSION or record["boot_id"] != boot_id:
            return fresh(clocks)
        away = clocks.monotonic - float(record["monotonic_seconds"])
        if away < 0:
            return fresh(clocks)
        working, snooze_left, found_busy = (
            _seconds(record[key]) for key in ("working_seconds", "snooze_left_seconds", "found_busy_seconds")
        )
        quiet_since = -_since(record["quiet_seconds"], away)
        still_snoozed = snooze_left is not None and snooze_left > away
        return PauseState(
            clocks=clocks,
            last_human=-_since(record["human_age_seconds"], away),
            last_work=quiet_since if working is None else 0.0,
            work_since=None if working is None else -_since(working, away),
            grace_until=rules.resume_grace,
            snooze_until=snooze_left - away if still_snoozed and snooze_left is not None else None,
            snoozed=float(record["snoozed_seconds"]),
            until_jobs_end=record["until_jobs_end"] is True,
            found_busy=None if found_busy is None else -_since(found_busy, away),
            accessed=-_since(record["access_age_seconds"], away),
        )
    except (KeyError, TypeError, ValueError):
        return fresh(clocks)


def _seconds(value: Any) -> float | None:
    return None if value is None else float(value)


def _since(age: Any, away: float) -> float:
    """An age that grew while nothing was observed.

    Raises:
        ValueError: it is no age.
    """
    seconds = float(age)
    if not seconds >= 0:
        raise ValueError("an age is not negative")
    return seconds + away
