"""The monitor with clocks that only tests move, a real flush, and whatever pauses as a test says."""

import asyncio
import logging
import threading

import pytest
from autopause_kit import CELL, FakeClocks

from jupyter_terra_env.autopause.actuators.port import Result
from jupyter_terra_env.autopause.flush import FlushCause, FlushReport, FlushResult, UnsafeFile
from jupyter_terra_env.autopause.monitor import Hooks, Monitor
from jupyter_terra_env.autopause.observation import Observation, RateLimitedSource
from jupyter_terra_env.rules.autopause.state import Failure, KeepAwake, PauseReason, PauseSettings, Phase
from jupyter_terra_env.rules.errors import AutopauseRefused

RULES = PauseSettings(idle_timeout=600, warning_lead=60, max_busy=3600)


class Source:
    name = "test"

    def __init__(self):
        self.work, self.error = (), None

    async def look(self):
        if self.error:
            raise self.error
        return Observation(work=self.work)


class Flushes:
    def __init__(self):
        self.causes, self.released = [], 0
        self.unsafe = ()
        self.held = None

    async def flush(self, cause, deadline_seconds):
        self.causes.append(cause)
        if self.held is not None:
            await self.held.wait()
        return FlushReport(cause=cause, seconds=0.0, tabs_saved=True, paid=FlushResult(unsafe=self.unsafe))

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

    def __init__(self, tmp_path, *results, clocks=None, more_sources=()):
        self.clocks = clocks or FakeClocks()
        self.source, self.flushes, self.pauses = Source(), Flushes(), Pauses(*results)
        self.human_at = None
        self.announced, self.gaps = [], []
        self.memory = tmp_path / "memory.json"
        self.monitor = Monitor(
            rules=RULES,
            clocks=self.clocks,
            human_age=lambda: None if self.human_at is None else self.clocks.monotonic - self.human_at,
            sources=[self.source, *more_sources],
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
            patience_seconds=0.2,
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
    rig.monitor.request(KeepAwake(seconds=3600))
    rig.flushes.held.set()
    await settled()
    assert rig.phase is Phase.IDLE
    assert rig.pauses.reasons == []


async def test_a_failed_pause_is_reported_and_tried_again(tmp_path, caplog):
    rig = Rig(tmp_path, Result.UNAVAILABLE)
    await rig.run(600)
    assert (rig.phase, rig.monitor.state.failure) == (Phase.PAUSE_FAILED, Failure.ACTUATORS)
    assert rig.announced[-1] is Phase.PAUSE_FAILED
    assert any("could not be paused" in record.message for record in caplog.records)
    await rig.run(75)
    assert rig.phase is Phase.PAUSED


async def test_a_blind_eye_counts_as_work_and_is_reported_once(tmp_path, caplog):
    rig = Rig(tmp_path)
    rig.source.error = RuntimeError("no such thing")
    await rig.run(1200)
    assert rig.phase is Phase.WORKING
    assert rig.monitor.state.signals.work[0].kind == "unknown"
    assert sum("cannot observe" in record.message for record in caplog.records) == 1
    rig.source.error = None
    await rig.run(600)
    assert rig.phase is Phase.PAUSED


class HungSource(Source):
    """Does not come back before a test lets it; counts how often it was asked."""

    name = "graphics cards"

    def __init__(self):
        super().__init__()
        self.free, self.asked, self.under_way = asyncio.Event(), 0, 0

    async def look(self):
        self.asked += 1
        self.under_way += 1
        try:
            await self.free.wait()
        finally:
            self.under_way -= 1
        return await super().look()


class TestHungSource:
    async def test_it_is_named_and_the_cap_holds(self, tmp_path, caplog):
        hung = HungSource()
        rig = Rig(tmp_path, more_sources=[hung])
        await rig.run(3000)
        assert rig.phase is Phase.WORKING
        (work,) = rig.monitor.state.signals.work
        assert (work.kind, work.id) == ("unknown", "graphics cards")
        assert work.detail == "Cannot observe graphics cards: no answer."
        assert work.age_seconds == pytest.approx(2985)
        await rig.run(660)
        assert rig.pauses.reasons == [PauseReason.MAX_BUSY]
        assert (hung.asked, hung.under_way) == (1, 1), "never asked twice at once"
        assert sum("cannot observe" in record.message for record in caplog.records) == 1
        await rig.monitor.close()
        assert hung.under_way == 0

    async def test_the_other_sources_are_seen(self, tmp_path):
        rig = Rig(tmp_path, more_sources=[HungSource()])
        rig.source.work = (CELL,)
        await rig.run(15)
        assert {work.kind for work in rig.monitor.state.signals.work} == {CELL.kind, "unknown"}

    async def test_one_that_comes_back_is_believed_again(self, tmp_path):
        hung = HungSource()
        rig = Rig(tmp_path, more_sources=[hung])
        await rig.run(1200)
        assert rig.phase is Phase.WORKING
        hung.free.set()
        await settled()
        assert rig.phase is Phase.WORKING, "what it says late is dropped"
        await rig.run(600)
        assert rig.phase is Phase.PAUSED
        assert hung.asked > 1

    async def test_a_late_failure_is_no_failure_of_now(self, tmp_path, caplog):
        hung = HungSource()
        rig = Rig(tmp_path, more_sources=[hung])
        await rig.run(15)
        hung.error = OSError("the disk came back")
        hung.free.set()
        await settled()
        hung.error = None
        await rig.run(15)
        assert rig.monitor.state.signals.work == ()
        assert "never retrieved" not in caplog.text


async def test_a_disk_that_hangs_ends_no_tick_and_no_pause(tmp_path, monkeypatch):
    held = threading.Event()

    monkeypatch.setattr("os.fsync", lambda _: held.wait(60))
    rig = Rig(tmp_path)
    await rig.run(600)
    async with asyncio.timeout(20):
        while rig.phase is not Phase.PAUSED:
            await settled()
    held.set()


async def test_a_process_killed_between_flush_and_stop_starts_over(tmp_path):
    """The next server finds the same idle time, and stops the machine once."""
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
    """The state file keeps the length of the work across a restart."""
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


async def test_a_gap_is_reported(tmp_path):
    rig = Rig(tmp_path)
    await rig.run(60)
    rig.clocks.suspend(8 * 3600)
    await rig.run(15)
    assert rig.gaps == [pytest.approx(8 * 3600, abs=20)]


async def test_wishes_that_come_too_late_are_refused(tmp_path):
    rig = Rig(tmp_path)
    await rig.run(600)
    with pytest.raises(AutopauseRefused):
        rig.monitor.request(KeepAwake(seconds=1))


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
    spaced = RateLimitedSource(source, between_seconds=5, monotonic=lambda: clock[0])
    assert (await spaced.look()).work == ()
    source.work = (CELL,)
    assert (await spaced.look()).work == ()
    clock[0] = 5.0
    assert (await spaced.look()).work == (CELL,)
