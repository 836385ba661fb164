"""When Leonardo is notified of use it cannot see, and how without a memory."""

from dataclasses import replace

import pytest
from autopause_kit import FakeClocks
from hypothesis import given
from hypothesis import strategies as st

from jupyter_terra_env.rules.autopause.leonardo_bump import another_threshold, is_in_use, seconds_between
from jupyter_terra_env.rules.autopause.state import PauseState, Phase

QUIET = PauseState(clocks=FakeClocks()(), phase=Phase.IDLE)


@given(st.integers(1, 999))
def test_going_to_and_fro_never_switches_it_off_and_never_wanders(minutes):
    there = another_threshold(minutes)
    back = another_threshold(there)
    assert there != minutes
    assert min(there, back) > 0
    assert abs(back - minutes) <= 2
    assert another_threshold(back) == there


def test_what_is_off_stays_off():
    assert another_threshold(0) is None


@pytest.mark.parametrize(("minutes", "seconds"), [(30, 600), (10, 200), (3, 60), (999, 600)])
def test_it_is_reported_three_times_within_its_threshold(minutes, seconds):
    assert seconds_between(minutes) == seconds


@pytest.mark.parametrize("phase", Phase)
def test_what_is_in_use(phase):
    state = replace(QUIET, phase=phase)
    assert is_in_use(state) == (phase in {Phase.ACTIVE, Phase.WORKING})


def test_time_that_was_asked_for_is_use_until_it_is_over():
    assert is_in_use(replace(QUIET, snooze_until=QUIET.now + 1))
    assert is_in_use(replace(QUIET, until_jobs_end=True))
    assert not is_in_use(replace(QUIET, snooze_until=QUIET.now))
