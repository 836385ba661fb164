"""The monitor with clocks that only tests move, a real flush, and whatever pauses as a test says."""

import asyncio
import logging
import threading

import pytest
from autopause_kit import CELL, FakeClocks

from jupyter_terra_env.autopause import monitor
from jupyter_terra_env.autopause.actuators.port import Result
from jupyter_terra_env.autopause.flush import FlushCause, FlushReport, Paid, UnsafeFile
from jupyter_terra_env.autopause.monitor import Hooks, Monitor
from jupyter_terra_env.autopause.observation import Observation, Spaced
from jupyter_terra_env.rules.activity import WorkKind
from jupyter_terra_env.rules.errors import AutopauseRefused
from jupyter_terra_env.rules.pause_state import Failure, KeepAwake, PauseReason, PauseRules, Phase

RULES = PauseRules(idle_timeout=600, warning_lead=60, max_busy=3600)


class Source:
    name = "test"

    def __init__(self):
        self.work, self.error = (), None

    async def look(self):
        if self.error:
            raise self.error
        return Observation(work=self.work)


class Hanging:
    """A source that does not answer until it is let go."""

    name = "graphics cards"

    def __init__(self):
        self.asked, self.answer = 0, asyncio.Event()

    async def look(self):
        self.asked += 1
        await self.answer.wait()
        return Observation()


class Flushes:
    def __init__(self):
        self.causes, self.released = [], 0
        self.unsafe = ()
        self.held = None

    async def flush(self, cause, deadline_seconds):
        self.causes.append(cause)
        if self.held is not None:
            await self.held.wait()
        return FlushReport(cause=cause, seconds=0.0, tabs_saved=True, paid=Paid(unsafe=self.unsafe))

    async def release_locks(self, deadline_seconds):
        self.released += 1


class Pauses:
    def __init__(self, *results):
        self.results, self.reasons, self.last = list(results), [], ()

    async def pause(self, reason):
        self.reasons.append(reason)
        return self.results.pop(0) if self.results else Result.ACCEPTED


class Rig:
    """A monitor and everything around it."""

    def __init__(self, tmp_path, *results, clocks=None, sources=(), rules=RULES):
        self.clocks = clocks or FakeClocks()
        self.source, self.flushes, self.pauses = Source(), Flushes(), Pauses(*results)
        self.human_at = None
        self.announced, self.gaps = [], []
        self.memory = tmp_path / "memory.json"
        self.monitor = Monitor(
            rules=rules,
            clocks=self.clocks,
            human_age=lambda: None if self.human_at is None else self.clocks.monotonic - self.human_at,
            sources=[self.source, *sources],
            reported_busy=lambda: bool(self.source.work),
            flusher=self.flushes,
            chain=self.pauses,
            flush_seconds=30,
            memory=self.memory,
            boot_id="boot",
            hooks=Hooks(
                announce=lambda: self.announced.append(self.phase), ticked=lambda: None, resumed=self.gaps.append
            ),
            log=logging.getLogger("monitor"),
        )

    @property
    def phase(self):
        return self.monitor.state.phase

    async def run(self, seconds):
        for _ in range(0, seconds, 15):
            self.clocks.pass_(15)
            await self.monitor.tick()
            if self.phase in {Phase.FLUSHING, Phase.PAUSING}:
                await settled()


async def settled():
    """Let the attempt's tasks run: they go over a thread when they remember."""
    for _ in range(40):
        await asyncio.sleep(0.005)


async def test_from_idle_to_paused(tmp_path):
    rig = Rig(tmp_path)
    await rig.run(600)
    assert rig.phase is Phase.PAUSED
    assert rig.flushes.causes == [FlushCause.IDLE]
    assert rig.flushes.released == 1
    assert rig.pauses.reasons == [PauseReason.IDLE]
    assert rig.announced == [Phase.IDLE, Phase.WARNING, Phase.FLUSHING, Phase.PAUSING, Phase.PAUSED]


async def test_what_is_unsafe_keeps_it_from_being_paused_and_its_locks_held(tmp_path):
    rig = Rig(tmp_path)
    rig.flushes.unsafe = (UnsafeFile(path="a", reason="unreachable"),)
    await rig.run(630)
    assert (rig.phase, rig.monitor.state.failure) == (Phase.PAUSE_FAILED, Failure.UNFLUSHED)
    assert rig.flushes.released == 0
    assert rig.pauses.reasons == []
    rig.flushes.unsafe = ()
    await rig.run(90)
    assert rig.phase is Phase.PAUSED


async def test_at_the_cap_it_is_paused_all_the_same(tmp_path):
    rig = Rig(tmp_path)
    rig.source.work = (CELL,)
    rig.flushes.unsafe = (UnsafeFile(path="a", reason="unreachable"),)
    await rig.run(3630)
    assert rig.phase is Phase.PAUSED
    assert rig.pauses.reasons == [PauseReason.MAX_BUSY]


@pytest.mark.parametrize("what", ["person", "work"])
async def test_whoever_comes_while_the_flush_runs_is_not_paused(tmp_path, what):
    rig = Rig(tmp_path)
    rig.flushes.held = asyncio.Event()
    await rig.run(600)
    assert rig.phase is Phase.FLUSHING
    rig.clocks.pass_(5)
    if what == "person":
        rig.human_at = rig.clocks.monotonic
    else:
        rig.source.work = (CELL,)
    # No tick comes between: the attempt looks for itself before it goes on.
    rig.flushes.held.set()
    await settled()
    assert rig.pauses.reasons == []
    assert rig.phase in {Phase.ACTIVE, Phase.WORKING}


async def test_asking_for_time_in_the_flush_calls_it_off(tmp_path):
    rig = Rig(tmp_path)
    rig.flushes.held = asyncio.Event()
    await rig.run(600)
    rig.monitor.wish(KeepAwake(seconds=3600))
    rig.flushes.held.set()
    await settled()
    assert rig.phase is Phase.IDLE
    assert rig.pauses.reasons == []


async def test_a_failed_pause_is_told_and_tried_again(tmp_path, caplog):
    rig = Rig(tmp_path, Result.UNAVAILABLE)
    await rig.run(600)
    assert (rig.phase, rig.monitor.state.failure) == (Phase.PAUSE_FAILED, Failure.ACTUATORS)
    assert rig.announced[-1] is Phase.PAUSE_FAILED
    assert any("could not be paused" in record.message for record in caplog.records)
    await rig.run(75)
    assert rig.phase is Phase.PAUSED


async def test_a_blind_eye_counts_as_work_and_is_told_once(tmp_path, caplog):
    rig = Rig(tmp_path)
    rig.source.error = RuntimeError("no such thing")
    await rig.run(1200)
    assert rig.phase is Phase.WORKING
    assert rig.monitor.state.signals.work[0].kind == "unknown"
    assert sum("cannot observe" in record.message for record in caplog.records) == 1
    rig.source.error = None
    await rig.run(600)
    assert rig.phase is Phase.PAUSED


async def test_a_process_killed_between_flush_and_stop_starts_over(tmp_path):
    """Row 15: the next server finds the same idle time, and stops the machine once."""
    rig = Rig(tmp_path)
    rig.flushes.held = asyncio.Event()
    await rig.run(600)
    assert rig.phase is Phase.FLUSHING
    for task in list(rig.monitor._tasks):
        task.cancel()
    again = Rig(tmp_path, clocks=rig.clocks)
    assert again.monitor.state.last_human == pytest.approx(-600, abs=61)
    await again.run(600)
    assert again.phase is Phase.PAUSED
    assert rig.pauses.reasons + again.pauses.reasons == [PauseReason.IDLE]


async def test_a_restart_at_nine_tenths_of_the_cap(tmp_path):
    """Row 18, over the file."""
    rig = Rig(tmp_path)
    rig.source.work = (CELL,)
    await rig.run(3240)
    await rig.monitor.close()
    again = Rig(tmp_path, clocks=rig.clocks)
    again.source.work = (CELL,)
    await again.run(600)
    assert again.phase is Phase.PAUSED


async def test_a_memory_that_is_no_memory(tmp_path):
    (tmp_path / "memory.json").write_bytes(b"\x00\xff")
    assert Rig(tmp_path).phase is Phase.ACTIVE


async def test_a_disk_that_is_full_does_not_stop_the_watch(tmp_path, caplog):
    rig = Rig(tmp_path)
    rig.monitor._memory = tmp_path / "memory.json" / "below-a-file"
    rig.memory.write_text("{}")
    await rig.run(600)
    assert rig.phase is Phase.PAUSED
    assert any("cannot remember" in record.message for record in caplog.records)


async def test_a_gap_is_told(tmp_path):
    rig = Rig(tmp_path)
    await rig.run(60)
    rig.clocks.suspend(8 * 3600)
    await rig.run(15)
    assert rig.gaps == [pytest.approx(8 * 3600, abs=20)]


async def test_wishes_that_come_too_late_are_refused(tmp_path):
    rig = Rig(tmp_path)
    await rig.run(600)
    with pytest.raises(AutopauseRefused):
        rig.monitor.wish(KeepAwake(seconds=1))


async def test_the_task_ticks_and_ends(tmp_path):
    rig = Rig(tmp_path)
    rig.monitor.start()
    await settled()
    assert rig.memory.exists()
    await rig.monitor.close()
    assert not rig.monitor._tasks


async def test_a_source_is_not_asked_more_often_than_it_bears():
    clock = [0.0]
    source = Source()
    spaced = Spaced(source, between_seconds=5, monotonic=lambda: clock[0])
    assert (await spaced.look()).work == ()
    source.work = (CELL,)
    assert (await spaced.look()).work == ()
    clock[0] = 5.0
    assert (await spaced.look()).work == (CELL,)


HASTY = PauseRules(idle_timeout=60, warning_lead=5, max_busy=120, tick=1)


class TestASourceThatHangs:
    @pytest.fixture
    def hanging(self):
        return Hanging()

    @pytest.fixture
    def rig(self, tmp_path, hanging, jp_asyncio_loop):
        rig = Rig(tmp_path, sources=[hanging], rules=HASTY)
        yield rig
        jp_asyncio_loop.run_until_complete(rig.monitor.close())

    async def test_ends_no_ticks_and_the_cap_holds(self, rig, hanging):
        for _ in range(140):
            rig.clocks.pass_(1)
            await rig.monitor.tick()
            if rig.phase in {Phase.FLUSHING, Phase.PAUSING}:
                await settled()
        assert rig.phase is Phase.PAUSED
        assert rig.pauses.reasons == [PauseReason.MAX_BUSY]
        assert hanging.asked == 1, "a question that is still open is not asked again"

    async def test_is_named_in_the_report_as_unknown_beside_what_others_see(self, rig, hanging):
        rig.source.work = (CELL,)
        await rig.monitor.tick()
        rig.clocks.pass_(1)
        await rig.monitor.tick()
        assert [(work.kind, work.id) for work in rig.monitor.state.signals.work] == [
            (CELL.kind, CELL.id),
            (WorkKind.UNKNOWN, "graphics cards"),
        ]
        assert "looking at them has not ended yet" in rig.monitor.state.signals.work[1].detail
        assert rig.monitor.state.signals.work[1].age_seconds == 1

    async def test_is_believed_again_when_it_answers(self, rig, hanging):
        await rig.monitor.tick()
        assert rig.monitor.state.signals.work
        hanging.answer.set()
        await settled()
        rig.clocks.pass_(1)
        await rig.monitor.tick()
        assert rig.monitor.state.signals.work == ()
        await rig.monitor.tick()
        assert hanging.asked == 2

    async def test_holds_up_no_end_of_the_server(self, tmp_path):
        class Stubborn(Hanging):
            async def look(self):
                while not self.answer.is_set():
                    try:
                        await self.answer.wait()
                    except asyncio.CancelledError:
                        continue  # as a program in uninterruptible sleep, which is waited for
                return Observation()

        stubborn = Stubborn()
        rig = Rig(tmp_path, sources=[stubborn], rules=HASTY)
        rig.monitor.start()
        await settled()
        await rig.monitor.close()
        assert not stubborn.answer.is_set()
        stubborn.answer.set()
        await settled()


async def test_a_memory_that_cannot_be_written_for_hanging_ends_no_ticks(tmp_path, monkeypatch):
    let_go, begun = threading.Event(), []

    def hangs(*_):
        begun.append(1)
        let_go.wait()

    monkeypatch.setattr(monitor, "_REMEMBERING_SECONDS", 0.05)
    monkeypatch.setattr("os.fsync", hangs)
    rig = Rig(tmp_path)
    try:
        await rig.run(600)
        assert rig.phase is Phase.PAUSED
        assert len(begun) == 1
    finally:
        let_go.set()
        await rig.monitor.close()
