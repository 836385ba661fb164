"""When Leonardo, which sees kernels and requests only, is notified that an environment is in use, and how.

It counts idle time from ``dateAccessed``, which a change of the threshold sets to now; there is no other endpoint for
it (Leonardo's ``ClusterComponent.scala``).
"""

from jupyter_terra_env.rules.autopause.state import PauseState, Phase

_OFF_MINUTES = 0
_LONGEST_SECONDS = 600.0
_SECONDS_PER_MINUTE = 60.0


def is_in_use(state: PauseState) -> bool:
    """Whether the environment is in use: someone is here, something is running, or time was asked for."""
    match state.phase:
        case Phase.ACTIVE | Phase.WORKING:
            return True
        case Phase.IDLE:
            return state.until_jobs_end or (state.snooze_until is not None and state.snooze_until > state.now)
        case _:
            return False


def another_threshold(minutes: int) -> int | None:
    """A threshold a minute away, to go to and come back from without remembering which was the first.

    Args:
        minutes: the present one; 0 for off.

    Returns:
        The other of the pair 2 and 3, 4 and 5, …; None when Leonardo pauses nothing. Never 0, which means off.
    """
    if minutes <= _OFF_MINUTES:
        return None
    return minutes + 1 if minutes % 2 == 0 or minutes == 1 else minutes - 1


def seconds_between(minutes: int) -> float:
    """Seconds between two notifications: three within its threshold, and every ten minutes at least."""
    return min(_LONGEST_SECONDS, minutes * _SECONDS_PER_MINUTE / 3)
