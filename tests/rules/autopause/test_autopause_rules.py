"""The pause machine: never while work or a person is there, always on time after the last of them."""

import datetime
import os
import time
from dataclasses import replace

import pytest
from autopause_kit import CELL, PAUSED_OR_PAUSING, FakeClocks, Simulation
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_terra_env.rules.autopause.clock_gaps import Moment
from jupyter_terra_env.rules.autopause.machine import due, step
from jupyter_terra_env.rules.autopause.messages import code, sentence
from jupyter_terra_env.rules.autopause.persistence import record_of, restored
from jupyter_terra_env.rules.autopause.state import (
    Abandon,
    Accepted,
    EndKeepAwake,
    Failure,
    Flushed,
    KeepAwake,
    KeepAwakeUntilJobsEnd,
    OnlyReported,
    PauseNow,
    PauseReason,
    PauseSettings,
    Phase,
    Rejected,
    Resume,
    StartFlush,
    StartPause,
)
from jupyter_terra_env.rules.errors import AutopauseRefusal, AutopauseRefused

HOUR, DAY = 3600.0, 86_400.0
RULES = PauseSettings()


def simulation(**changes):
    return Simulation(rules=replace(RULES, **changes))


class TestIdle:
    def test_a_quiet_machine_is_warned_and_paused_on_time(self):
        machine = simulation()
        assert machine.run(1500 - 15) == [Phase.ACTIVE, Phase.IDLE]
        assert machine.run(15) == [Phase.WARNING]
        assert machine.run(300 - 15) == [Phase.WARNING]
        machine.answers = False
        assert machine.run(15) == [Phase.FLUSHING]
        assert machine.state.reason is PauseReason.IDLE

    def test_the_idle_time_starts_at_the_end_of_the_last_work(self):
        machine = simulation()
        machine.work = (CELL,)
        machine.run(5 * HOUR)
        assert machine.phase is Phase.WORKING
        machine.work = ()
        assert 1800 - 15 <= machine.run_until(Phase.PAUSED, at_most=HOUR) <= 1800 + 15

    def test_a_cell_shorter_than_a_tick_counts(self):
        machine = simulation()
        machine.run(1790)
        machine.work_ended_at = machine.clocks.monotonic
        assert 1800 <= machine.run_until(Phase.PAUSED, at_most=HOUR) <= 1815

    def test_a_person_in_the_last_second_of_the_warning_stays(self):
        machine = simulation()
        machine.run(1785)
        assert machine.phase is Phase.WARNING
        machine.clocks.pass_(14)
        machine.human()
        machine.clocks.pass_(1)
        machine.tick()
        assert machine.phase is Phase.ACTIVE
        assert machine.left == 1799

    @pytest.mark.parametrize("off", [{"idle_timeout": 0}, {"enabled": False}])
    def test_off_means_never(self, off):
        machine = simulation(**off)
        assert not PAUSED_OR_PAUSING & set(machine.run(3 * DAY))
        assert machine.left is None

    def test_without_a_lead_there_is_no_warning(self):
        machine = simulation(warning_lead=0)
        assert Phase.WARNING not in machine.run(1785)
        machine.run(15)
        assert machine.phase is Phase.PAUSED


class TestLongestWork:
    def test_work_without_a_person_is_paused_after_the_longest_time(self):
        machine = simulation()
        machine.work = (CELL,)
        took = machine.run_until(Phase.PAUSED, at_most=2 * DAY)
        assert DAY <= took <= DAY + 2 * 15
        assert machine.state.reason is PauseReason.MAX_BUSY

    def test_breaks_do_not_start_it_anew_but_long_ones_do(self):
        machine = simulation(max_busy=HOUR)
        for _ in range(6):
            machine.work = (CELL,)
            machine.run(550)
            machine.work = ()
            machine.run(45)
        machine.work = (CELL,)
        machine.run(60)
        assert machine.phase in {Phase.PAUSED, Phase.WARNING}
        rested = simulation(max_busy=HOUR)
        for _ in range(6):
            rested.work = (CELL,)
            rested.run(550)
            rested.work = ()
            rested.run(330)
        assert rested.phase is Phase.IDLE

    def test_a_limit_that_is_near_when_it_is_first_seen_is_warned_of_in_full(self):
        machine = simulation(max_busy=HOUR)
        machine.work = (CELL,)
        machine.run(HOUR - 330)
        machine.work = ()
        machine.run(270)
        machine.work = (CELL,)
        machine.run(15)
        assert machine.phase is Phase.WARNING
        assert machine.left <= 60
        assert machine.run_until(Phase.PAUSED, at_most=HOUR) == 300

    def test_a_person_starts_it_anew(self):
        machine = simulation(max_busy=HOUR)
        machine.work = (CELL,)
        machine.run(HOUR - 60)
        assert machine.phase is Phase.WARNING
        machine.human()
        assert HOUR <= machine.run_until(Phase.PAUSED, at_most=2 * HOUR) <= HOUR + 30

    def test_what_cannot_be_flushed_does_not_keep_it_running_for_ever(self):
        machine = simulation(max_busy=HOUR)
        machine.unpaid, machine.work = 3, (CELL,)
        assert machine.run_until(Phase.PAUSED, at_most=2 * HOUR) <= HOUR + 30

    def test_the_end_of_the_work_in_the_warning_begins_the_idle_time(self):
        machine = simulation(max_busy=HOUR)
        machine.work = (CELL,)
        machine.run(HOUR - 60)
        machine.work = ()
        machine.run(15)
        assert machine.phase is Phase.IDLE
        assert machine.left == 1785

    @pytest.mark.parametrize("down", [5.0, 600.0, 1700.0])
    def test_a_restart_at_23_hours_does_not_start_a_new_day(self, down):
        machine = simulation()
        machine.work = (CELL,)
        machine.run(23 * HOUR)
        record = record_of(machine.state, "boot")
        machine.clocks.pass_(down)
        machine.state = restored(record, boot_id="boot", clocks=machine.clocks(), rules=machine.rules)
        took = machine.run_until(Phase.PAUSED, at_most=2 * DAY)
        assert HOUR - down <= took <= HOUR - down + 30

    def test_a_restart_of_the_machine_does(self):
        machine = simulation()
        machine.work = (CELL,)
        machine.run(23 * HOUR)
        record = record_of(machine.state, "boot")
        machine.state = restored(record, boot_id="next", clocks=machine.clocks(), rules=machine.rules)
        assert machine.run_until(Phase.PAUSED, at_most=2 * DAY) >= DAY


class TestKeepAwake:
    def test_asked_for_time_moves_the_deadline_exactly(self):
        machine = simulation()
        machine.run(1700)
        machine.tell(KeepAwake(seconds=3600))
        assert machine.left == 3600
        assert machine.phase is Phase.IDLE
        assert 3600 - 15 <= machine.run_until(Phase.PAUSED, at_most=2 * HOUR) <= 3600 + 15

    def test_it_is_bounded_until_the_next_human_act(self):
        machine = simulation()
        machine.run(1700)
        machine.tell(KeepAwake(seconds=3 * HOUR))
        machine.tell(KeepAwake(seconds=9 * HOUR))
        assert machine.left == 4 * HOUR
        with pytest.raises(AutopauseRefused) as refused:
            machine.tell(KeepAwake(seconds=9 * HOUR))
        assert refused.value.reason is AutopauseRefusal.SNOOZE_USED_UP
        machine.human()
        machine.run(15)
        machine.tell(KeepAwake(seconds=5 * HOUR))
        assert machine.left == pytest.approx(5 * HOUR)

    def test_asking_for_less_than_is_left_changes_nothing(self):
        machine = simulation()
        machine.run(1700)
        machine.tell(KeepAwake(seconds=3600))
        machine.tell(KeepAwake(seconds=60))
        assert machine.left == 3600
        assert machine.state.snoozed == 3600

    def test_time_given_back_brings_the_deadline_back(self):
        machine = simulation()
        machine.run(1700)
        machine.tell(KeepAwake(seconds=3600))
        machine.tell(EndKeepAwake())
        assert machine.phase is Phase.WARNING
        assert machine.left == 100
        assert machine.state.snoozed == 0

    def test_only_what_was_not_used_can_be_asked_for_again(self):
        machine = simulation()
        machine.run(1695)
        machine.tell(KeepAwake(seconds=3600))
        machine.run(600)
        machine.tell(EndKeepAwake())
        assert machine.state.snoozed == 600

    def test_time_given_back_after_a_human_act_is_not_counted_twice(self):
        machine = simulation()
        machine.tell(KeepAwake(seconds=3600))
        machine.run(15)
        machine.human()
        machine.run(15)
        machine.tell(EndKeepAwake())
        assert machine.state.snoozed == 0

    def test_it_does_not_move_the_end_of_the_longest_work(self):
        machine = simulation(max_busy=HOUR)
        machine.work = (CELL,)
        machine.run(HOUR - 60)
        with pytest.raises(AutopauseRefused) as refused:
            machine.tell(KeepAwake(seconds=3600))
        assert refused.value.reason is AutopauseRefusal.CAP
        machine.with_rules(snooze_may_exceed_cap=True).tell(KeepAwake(seconds=3600))
        assert machine.left == 3600

    def test_until_jobs_end_moves_it_by_the_longest_asked_for_time_at_most(self):
        machine = simulation(max_busy=HOUR)
        machine.work = (CELL,)
        machine.run(HOUR - 60)
        machine.tell(KeepAwakeUntilJobsEnd())
        assert machine.phase is Phase.WORKING
        assert machine.left == pytest.approx(4 * HOUR + 60, abs=15)
        machine.work = ()
        machine.run(15)
        assert not machine.state.until_jobs_end
        assert machine.left == 1785

    def test_there_must_be_jobs(self):
        with pytest.raises(AutopauseRefused) as refused:
            simulation().tell(KeepAwakeUntilJobsEnd())
        assert refused.value.reason is AutopauseRefusal.NO_JOBS

    @pytest.mark.parametrize("seconds", [0, -1])
    def test_the_time_is_positive(self, seconds):
        with pytest.raises(AutopauseRefused):
            simulation().tell(KeepAwake(seconds=seconds))


class TestPausing:
    def flushing(self, **changes):
        machine = simulation(**changes)
        machine.answers = False
        machine.run_until(Phase.FLUSHING, at_most=HOUR)
        return machine

    @pytest.mark.parametrize("what", ["person", "work", "short work"])
    def test_whoever_comes_while_files_are_flushed_ends_the_attempt(self, what):
        machine = self.flushing()
        machine.clocks.pass_(5)
        match what:
            case "person":
                machine.human()
            case "work":
                machine.work = (CELL,)
            case "short work":
                machine.work_ended_at = machine.clocks.monotonic
        machine.clocks.pass_(1)
        effects = machine.tick()
        assert Abandon(attempt=1) in effects
        assert machine.phase in {Phase.ACTIVE, Phase.WORKING, Phase.IDLE}
        machine.tell(Flushed(attempt=1, unpaid=0))
        assert machine.phase in {Phase.ACTIVE, Phase.WORKING, Phase.IDLE}
        assert not any(isinstance(effect, StartPause) for effect in machine.effects)

    def test_asking_for_time_while_files_are_flushed_ends_the_attempt(self):
        machine = self.flushing()
        assert Abandon(attempt=1) in machine.tell(KeepAwake(seconds=3600))
        assert machine.phase is Phase.IDLE
        assert machine.left == 3600

    def test_an_idle_pause_is_refused_while_something_is_unflushed(self):
        machine = self.flushing()
        machine.tell(Flushed(attempt=1, unpaid=1))
        assert machine.phase is Phase.PAUSE_FAILED
        assert machine.state.failure is Failure.UNFLUSHED
        assert "not in the workspace" in sentence(machine.state, machine.rules)
        assert machine.run_until(Phase.FLUSHING, at_most=120) in {60, 75}
        machine.tell(Flushed(attempt=2, unpaid=1))
        assert machine.run_until(Phase.FLUSHING, at_most=240) in {120, 135}
        machine.tell(Flushed(attempt=3, unpaid=0))
        assert machine.phase is Phase.PAUSING

    def test_the_refusal_ends_after_the_longest_work_because_everything_is_on_the_disk(self):
        machine = simulation(max_busy=2 * HOUR)
        machine.unpaid = 1
        machine.run_until(Phase.PAUSE_FAILED, at_most=HOUR)
        assert 2 * HOUR <= machine.run_until(Phase.PAUSED, at_most=3 * HOUR) <= 2 * HOUR + 930

    def test_retries_slow_down_to_a_quarter_of_an_hour(self):
        machine = self.flushing()
        for attempt in range(1, 12):
            machine.tell(Flushed(attempt=attempt, unpaid=1))
            took = machine.run_until(Phase.FLUSHING, at_most=1000)
        assert took in {900, 915}

    def test_a_failed_attempt_is_forgotten_when_someone_comes(self):
        machine = self.flushing()
        machine.tell(Flushed(attempt=1, unpaid=1))
        machine.clocks.pass_(10)
        machine.human()
        machine.run(15)
        assert machine.phase is Phase.ACTIVE
        assert machine.state.failures == 0
        assert machine.left == 1785

    def test_failed_actuators_are_visible_and_tried_again(self):
        machine = self.flushing()
        machine.tell(Flushed(attempt=1, unpaid=0))
        machine.tell(Rejected(attempt=1))
        assert (machine.phase, machine.state.failure) == (Phase.PAUSE_FAILED, Failure.ACTUATORS)
        assert machine.run_until(Phase.FLUSHING, at_most=120) in {60, 75}

    def test_a_machine_that_still_runs_after_its_pause_says_so(self):
        machine = self.flushing()
        machine.tell(Flushed(attempt=1, unpaid=0))
        machine.tell(Accepted(attempt=1))
        machine.run(585)
        assert machine.phase is Phase.PAUSED
        machine.run(15)
        assert (machine.phase, machine.state.failure) == (Phase.PAUSE_FAILED, Failure.STILL_RUNNING)

    def test_without_an_actuator_the_pause_stays_due(self):
        machine = self.flushing()
        machine.tell(Flushed(attempt=1, unpaid=0))
        machine.tell(OnlyReported(attempt=1))
        assert machine.run(10 * HOUR) == [Phase.PAUSE_DUE]
        machine.human()
        assert machine.run(15) == [Phase.ACTIVE]

    def test_where_leonardo_pauses_the_sentences_say_so(self):
        """Nothing that is configured here will do it: a person must not take that for "it runs for ever"."""
        machine = self.flushing()
        machine.rules = replace(machine.rules, leonardo_pauses=True)
        machine.tell(Flushed(attempt=1, unpaid=0))
        machine.tell(OnlyReported(attempt=1))
        assert code(machine.state, machine.rules) == "pause-due:leonardo"
        assert "Leonardo pauses this environment" in sentence(machine.state, machine.rules)
        machine.run(15)
        machine.human()
        machine.run(300)
        assert (machine.phase, code(machine.state, machine.rules)) == (Phase.IDLE, "idle:leonardo")
        assert "autopause time that is set in Terra" in sentence(machine.state, machine.rules)

    def test_pause_now_does_not_wait_and_is_not_stopped_by_work(self):
        machine = simulation()
        machine.answers = False
        machine.work = (CELL,)
        machine.run(60)
        assert StartFlush(attempt=1, reason=PauseReason.REQUESTED) in machine.tell(PauseNow(force=False))
        machine.human()
        machine.run(15)
        assert machine.phase is Phase.FLUSHING

    @pytest.mark.parametrize(("force", "phase"), [(False, Phase.PAUSE_FAILED), (True, Phase.PAUSING)])
    def test_pause_now_over_unflushed_files_has_to_be_forced(self, force, phase):
        machine = simulation()
        machine.answers = False
        machine.tell(PauseNow(force=force))
        machine.tell(Flushed(attempt=1, unpaid=1))
        assert machine.phase is phase

    @pytest.mark.parametrize("phase", [Phase.PAUSING, Phase.PAUSED])
    @pytest.mark.parametrize(
        "event", [KeepAwake(seconds=1), KeepAwakeUntilJobsEnd(), EndKeepAwake(), PauseNow(force=False)]
    )
    def test_wishes_that_come_too_late_change_nothing(self, phase, event):
        machine = simulation()
        state = replace(machine.state, phase=phase)
        with pytest.raises(AutopauseRefused) as refused:
            step(state, event, RULES)
        assert refused.value.reason is AutopauseRefusal.BEING_PAUSED

    @pytest.mark.parametrize("phase", list(Phase))
    @pytest.mark.parametrize("kind", [Accepted, Rejected, OnlyReported])
    def test_answers_of_an_attempt_that_is_over_change_nothing(self, phase, kind):
        state = replace(simulation().state, phase=phase, attempt=2, reason=PauseReason.IDLE)
        assert step(state, kind(attempt=1), RULES) == (state, ())
        assert step(state, Flushed(attempt=1, unpaid=0), RULES) == (state, ())


class TestClocks:
    def almost_paused(self):
        machine = simulation()
        machine.run(1785)
        assert machine.phase is Phase.WARNING
        return machine

    @pytest.mark.parametrize(
        "jump",
        [
            lambda clocks: clocks.set_wall(8 * HOUR),
            lambda clocks: clocks.set_wall(-8 * HOUR),
            lambda clocks: clocks.suspend(8 * HOUR),
            lambda clocks: clocks.pass_(600),
        ],
        ids=["wall +8 h", "wall -8 h", "suspended 8 h", "stalled 10 min"],
    )
    def test_nothing_is_decided_over_a_stretch_no_one_watched(self, jump):
        machine = self.almost_paused()
        jump(machine.clocks)
        machine.clocks.pass_(15)
        effects = machine.tick()
        assert any(isinstance(effect, Resume) for effect in effects)
        assert machine.phase is Phase.IDLE
        assert machine.left == RULES.resume_grace
        assert 600 <= machine.run_until(Phase.PAUSED, at_most=HOUR) <= 615

    def test_a_suspended_machine_is_as_idle_as_it_was(self):
        machine = simulation()
        machine.run(600)
        machine.clocks.suspend(8 * HOUR)
        machine.clocks.pass_(15)
        machine.tick()
        assert machine.left == 1200

    @pytest.mark.parametrize("jitter", [-14, 14, 29])
    def test_ticks_that_come_a_little_late_or_early_are_no_gap(self, jitter):
        machine = self.almost_paused()
        machine.clocks.pass_(15 + jitter)
        assert not any(isinstance(effect, Resume) for effect in machine.tick())

    def test_a_machine_that_was_paused_and_comes_back_is_given_time(self):
        machine = simulation()
        machine.run_until(Phase.PAUSED, at_most=HOUR)
        machine.clocks.suspend(3 * DAY)
        machine.clocks.pass_(15)
        machine.tick()
        assert machine.phase is Phase.IDLE
        assert machine.left == RULES.resume_grace

    def test_a_gap_while_files_are_flushed_ends_the_attempt(self):
        machine = simulation()
        machine.answers = False
        machine.run_until(Phase.FLUSHING, at_most=HOUR)
        machine.clocks.suspend(HOUR)
        machine.clocks.pass_(15)
        assert Abandon(attempt=1) in machine.tick()

    @pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Los_Angeles", "Pacific/Chatham"])
    @pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25", "2026-11-01"])
    def test_time_zones_and_summer_time_change_no_decision(self, zone, day, monkeypatch):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        start = datetime.datetime.fromisoformat(f"{day}T00:45:00").timestamp()
        machine = Simulation(rules=RULES, clocks=FakeClocks(wall=start))
        took = machine.run_until(Phase.PAUSED, at_most=HOUR)
        del os.environ["TZ"]
        time.tzset()
        assert took == 1800


class TestMemory:
    def test_time_that_was_asked_for_survives_a_restart(self):
        machine = simulation()
        machine.run(1700)
        machine.tell(KeepAwake(seconds=2 * HOUR))
        record = record_of(machine.state, "boot")
        machine.clocks.pass_(600)
        state = restored(record, boot_id="boot", clocks=machine.clocks(), rules=RULES)
        assert due(state, RULES).deadline == 2 * HOUR - 600
        assert state.snoozed == 2 * HOUR

    def test_a_restart_does_not_start_the_idle_time_anew(self):
        machine = simulation()
        machine.run(1700)
        record = record_of(machine.state, "boot")
        machine.state = restored(record, boot_id="boot", clocks=machine.clocks(), rules=RULES)
        assert machine.left == RULES.resume_grace
        assert machine.run_until(Phase.PAUSED, at_most=HOUR) <= RULES.resume_grace + 15

    @pytest.mark.parametrize(
        "damage",
        [
            {"version": 99},
            {"boot_id": "another"},
            {"monotonic_seconds": 1e12},
            {"human_age_seconds": -5},
            {"human_age_seconds": None},
            {"quiet_seconds": "x"},
            {"working_seconds": float("nan")},
        ],
    )
    def test_a_damaged_memory_is_none(self, damage):
        machine = simulation()
        machine.work = (CELL,)
        machine.run(HOUR)
        record = {**record_of(machine.state, "boot"), **damage}
        state = restored(record, boot_id="boot", clocks=machine.clocks(), rules=RULES)
        assert state.last_human == 0
        assert state.work_since is None

    def test_an_empty_memory_is_none(self):
        assert restored({}, boot_id="b", clocks=Moment(monotonic=1, boot=1, wall=1), rules=RULES).now == 0


# Signals at the time they are reported: a person at some seconds, work over some stretches.
STREAMS = st.lists(
    st.tuples(st.sampled_from(["human", "work", "quiet"]), st.integers(1, 4000), st.integers(0, 14)), max_size=30
)


class TrueRun:
    """A machine beside what is true of it, to the second."""

    def __init__(self, machine):
        self.machine = machine
        self.last_human = self.last_signal = self.began_quiet = self.now
        self.work_began = None

    @property
    def now(self):
        return self.machine.clocks.monotonic

    def begin(self, kind, offset):
        self.machine.clocks.pass_(offset)
        self.began_quiet = self.now
        if kind == "human":
            self.machine.human()
            self.last_human = self.last_signal = self.now
        if kind == "work":
            if self.work_began is None or self.now - self.last_signal >= self.machine.rules.busy_gap:
                self.work_began = self.now
            self.machine.work = (CELL,)

    def goes_on(self, kind, seconds):
        """Let it go on; whether it ran to the end without a pause."""
        for _ in range(0, seconds, 15):
            self.machine.clocks.pass_(15)
            self.machine.tick()
            if kind == "work":
                self.last_signal = self.now
            if self.machine.phase is Phase.PAUSED:
                self.check(kind)
                return False
        return True

    def end(self, kind):
        if kind == "work":
            self.machine.work, self.machine.work_ended_at = (), self.now
            self.last_signal = self.now

    def check(self, kind):
        assert self.now - self.last_human >= self.machine.rules.idle_timeout
        if kind == "work":
            assert self.now - max(self.last_human, self.work_began) >= self.machine.rules.max_busy
        else:
            assert self.now - self.last_signal >= self.machine.rules.idle_timeout


class TestProperties:
    """Random streams of events, with short limits so that all of them are reached."""

    RULES = PauseSettings(idle_timeout=600, warning_lead=120, max_busy=3000, busy_gap=100, tick=15, resume_grace=200)

    @given(STREAMS)
    @settings(max_examples=300)
    def test_never_while_true_work_is_below_the_cap_or_a_person_was_just_there(self, stream):
        run = TrueRun(Simulation(rules=self.RULES))
        for kind, seconds, offset in stream:
            run.begin(kind, offset)
            if not run.goes_on(kind, min(seconds, 60) if kind == "human" else seconds):
                return
            run.end(kind)
        # Whatever went before, it is paused on time after the last signal.
        run.goes_on("quiet", 10_000)
        assert run.machine.phase is Phase.PAUSED
        late = run.now - max(run.last_signal, run.began_quiet)
        assert late <= self.RULES.idle_timeout + self.RULES.warning_lead + 2 * self.RULES.tick

    @given(st.lists(st.tuples(st.sampled_from(["pass", "suspend", "wall", "stall"]), st.integers(1, 50_000))))
    def test_no_pause_in_a_tick_over_a_gap(self, jumps):
        machine = Simulation(rules=self.RULES)
        for kind, size in jumps:
            machine.clocks.pass_(15)
            match kind:
                case "suspend":
                    machine.clocks.suspend(size)
                case "wall":
                    machine.clocks.set_wall(size - 25_000)
                case "stall":
                    machine.clocks.pass_(size)
            before = machine.phase
            effects = machine.tick()
            if any(isinstance(effect, Resume) for effect in effects):
                assert not any(isinstance(effect, StartFlush | StartPause) for effect in effects)
                assert machine.phase not in PAUSED_OR_PAUSING or before is Phase.PAUSING
            if machine.phase is Phase.PAUSED:
                return

    @given(
        st.lists(
            st.one_of(
                st.builds(KeepAwake, seconds=st.floats(-10, 1e6)),
                st.just(KeepAwakeUntilJobsEnd()),
                st.just(EndKeepAwake()),
                st.builds(PauseNow, force=st.booleans()),
                st.builds(Flushed, attempt=st.integers(0, 3), unpaid=st.integers(0, 2)),
                st.builds(Accepted, attempt=st.integers(0, 3)),
                st.builds(Rejected, attempt=st.integers(0, 3)),
                st.builds(OnlyReported, attempt=st.integers(0, 3)),
                st.tuples(st.integers(1, 40), st.booleans(), st.booleans()),
            ),
            max_size=60,
        )
    )
    def test_every_event_in_every_phase_is_handled_or_refused_and_time_asked_for_stays_bounded(self, events):
        machine = Simulation(rules=self.RULES, answers=False)
        for event in events:
            before = machine.state
            try:
                if isinstance(event, tuple):
                    seconds, working, human = event
                    machine.work = (CELL,) if working else ()
                    if human:
                        machine.human()
                    machine.clocks.pass_(seconds)
                    machine.tick()
                else:
                    machine.tell(event)
            except AutopauseRefused:
                assert machine.state == before
            assert 0 <= machine.state.snoozed <= self.RULES.max_snooze
            assert sentence(machine.state, machine.rules)
            if machine.phase is Phase.PAUSED and before.phase is not Phase.PAUSED:
                assert before.phase is Phase.PAUSING
