"""How long to wait before what failed is tried again."""

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 60.0
SPREAD = 0.25
"""Up to so much longer or shorter at random: many who lost one bucket at once do not come back to it at once."""


def pause_seconds(failures: int, *, passing: bool, chance: float) -> float:
    """The pause before the next attempt (Cloud Storage: retry strategy; truncated exponential back-off with jitter).

    Args:
        failures: how many attempts have failed in a row, at least 1.
        passing: the trouble may end by itself; otherwise a person has to change something.
        chance: a random number, at least 0 and below 1.
    """
    # The exponent is bounded: a day of failures is no number to raise two to.
    grown = FIRST_SECONDS * 2 ** min(failures - 1, 10) if passing else LONGEST_SECONDS
    return min(grown, LONGEST_SECONDS) * (1 - SPREAD + 2 * SPREAD * chance)
