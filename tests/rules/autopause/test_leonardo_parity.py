"""With parity on, the pause machine decides as Leonardo does.

``Leonardo`` below is the algorithm as its source has it, in its own words and with its own minute sweeps. Deviations of
parity mode: it decides at every tick instead of once a minute, so it is up to a sweep earlier; and time that someone
asked for is honoured, which Leonardo has no means to ask for.
"""

from dataclasses import dataclass, replace

import pytest
from autopause_kit import Simulation
from hypothesis import given
from hypothesis import strategies as st

from jupyter_terra_env.rules.autopause.machine import due
from jupyter_terra_env.rules.autopause.state import KeepAwake, PauseSettings, Phase

RULES = PauseSettings(parity=True, tick=1, warning_lead=0)
MINUTE, HOUR, DAY = 60, 3600, 86_400


@dataclass
class Leonardo:
    """AutopauseMonitor and DateAccessedUpdater: times in seconds."""

    threshold_minutes: int = 30
    date_accessed: float = 0
    found_busy: float | None = None

    def access(self, now):
        self.date_accessed, self.found_busy = now, None

    def sweep(self, now, sessions):
        """Whether to pause; ``sessions`` are execution states, or None for a failed question."""
        if self.threshold_minutes == 0 or (now - self.date_accessed) // MINUTE < self.threshold_minutes:
            return False
        if sessions is None or all(state == "idle" for state in sessions):
            return True
        if self.found_busy is None:
            self.found_busy = self.date_accessed = now
            return False
        return now - self.found_busy > DAY


def reported_busy(sessions):
    return None if sessions is None else any(state != "idle" for state in sessions)


def parity(tick=1, **changes):
    return Simulation(rules=replace(RULES, tick=tick, **changes))


@pytest.mark.parametrize("sessions", [[], ["idle"], ["idle", "idle"], None])
def test_at_the_threshold_and_not_before(sessions):
    machine = parity()
    machine.reported_busy = reported_busy(sessions)
    machine.run(29 * MINUTE + 59)
    assert machine.phase is not Phase.PAUSED
    assert not Leonardo().sweep(29 * MINUTE + 59, sessions)
    machine.run(1)
    assert machine.phase is Phase.PAUSED
    assert Leonardo().sweep(30 * MINUTE, sessions)


@pytest.mark.parametrize("state", ["busy", "starting", "unknown", "dead"])
def test_every_state_but_idle_is_busy(state):
    machine = parity(tick=15)
    machine.reported_busy = reported_busy(["idle", state])
    machine.run(2 * HOUR)
    assert machine.phase is not Phase.PAUSED


def test_threshold_0_is_off():
    machine = parity(tick=15, idle_timeout=0)
    machine.run(3 * DAY)
    assert machine.phase is not Phase.PAUSED


def test_no_time_is_left_after_a_job():
    machine = parity(tick=15)
    machine.reported_busy = True
    machine.run(5 * HOUR)
    machine.reported_busy = False
    machine.run(15)
    assert machine.phase is Phase.PAUSED


@pytest.mark.parametrize(("after_found_busy", "paused"), [(DAY - 1, False), (DAY, False), (DAY + 1, True)])
def test_a_day_from_when_it_was_first_found_busy(after_found_busy, paused):
    machine = parity(tick=15)
    machine.reported_busy = True
    machine.run(30 * MINUTE)
    assert machine.state.found_busy == 30 * MINUTE
    machine.run(DAY - 60)
    machine.with_rules(tick=1).run(60 + after_found_busy - DAY)
    assert (machine.phase is Phase.PAUSED) == paused


def test_an_access_starts_everything_anew():
    machine = parity(tick=15)
    machine.reported_busy = True
    machine.run(12 * HOUR)
    machine.human()
    machine.run(15)
    assert machine.state.found_busy is None
    machine.run(DAY + 29 * MINUTE)
    assert machine.phase is not Phase.PAUSED


def test_time_that_was_asked_for_is_honoured():
    machine = parity(tick=15)
    machine.run(20 * MINUTE)
    machine.tell(KeepAwake(seconds=HOUR))
    assert due(machine.state, machine.rules).deadline == 20 * MINUTE + HOUR


STRETCHES = st.lists(
    st.tuples(
        st.integers(1, 40 * MINUTE),
        st.sampled_from([[], ["idle"], ["busy"], ["idle", "starting"], None]),
        st.booleans(),
    ),
    max_size=25,
)


@given(STRETCHES)
def test_the_same_decision_in_the_same_sweep(stretches):
    leonardo, machine = Leonardo(), parity(tick=MINUTE)
    now = 0
    for length, sessions, accesses in stretches:
        if accesses:
            leonardo.access(now)
            machine.human()
        machine.reported_busy = reported_busy(sessions)
        for _ in range(-(-length // MINUTE)):
            now += MINUTE
            machine.run(MINUTE)
            verdict = leonardo.sweep(now, sessions)
            assert (machine.phase is Phase.PAUSED) == verdict
            if verdict:
                return
