"""Waits before a failed attempt is repeated."""

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 60.0
SPREAD = 0.25
"""Random part of a wait, longer or shorter, so that many clients do not return to a bucket at the same moment."""


def pause_seconds(failures: int, *, passing: bool, chance: float) -> float:
    """Return the wait before the next attempt (Cloud Storage: truncated exponential back-off with jitter).

    Args:
        failures: how many attempts have failed in a row, at least 1.
        passing: the trouble may end by itself; otherwise a person has to change something.
        chance: a random number, at least 0 and below 1.
    """
    # The exponent is bounded: a day of failures would overflow.
    grown = FIRST_SECONDS * 2 ** min(failures - 1, 10) if passing else LONGEST_SECONDS
    return min(grown, LONGEST_SECONDS) * (1 - SPREAD + 2 * SPREAD * chance)
