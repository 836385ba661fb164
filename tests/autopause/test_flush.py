"""One flush for all callers, within its deadline, with an honest report of what it could not do."""

import asyncio
import json
import logging
import os
import threading
import time

import pytest
from autopause_kit import Clock

from jupyter_terra_env.autopause.flush import FlushCause, Flusher, FlushResult, SafeFile, UnsafeFile
from jupyter_terra_env.autopause.front_ends import FRESH_SECONDS, FrontEnds

SAFE = FlushResult(safe=(SafeFile(path="w/edit/a.ipynb", generation="7"),))
UNSAFE = FlushResult(unsafe=(UnsafeFile(path="w/edit/b.ipynb", reason="remote-changed"),))


class Debts:
    """Whoever owes something, as a test says."""

    def __init__(self, paid=SAFE, seconds=0.0, error=None):
        self.paid, self.seconds, self.error = paid, seconds, error
        self.asked, self.released = [], 0

    async def pay(self, deadline_seconds):
        self.asked.append(deadline_seconds)
        await asyncio.sleep(self.seconds)
        if self.error:
            raise self.error
        return self.paid

    async def release_locks(self, deadline_seconds):
        self.released += 1
        await asyncio.sleep(self.seconds)


class Outputs:
    """Whoever has outputs to keep, as a test says."""

    def __init__(self, unkept=(), seconds=0.0, error=None):
        self.unkept, self.seconds, self.error = unkept, seconds, error
        self.asked = []

    async def keep(self, *, attended):
        self.asked.append(attended)
        await asyncio.sleep(self.seconds)
        if self.error:
            raise self.error
        return self.unkept


@pytest.fixture
def tabs():
    return FrontEnds(monotonic=time.monotonic, on_human=lambda ago: None)


@pytest.fixture
def made(tmp_path, tabs):
    """Make a flusher; announcements are collected."""

    def make(debts, manifest=tmp_path / "state" / "flush.json", client_save_seconds=0.5, outputs=None, kind=Flusher):
        asked = []
        flusher = kind(
            debts=debts,
            tabs=tabs,
            outputs=Outputs() if outputs is None else outputs,
            unsaved=tabs.not_saved,
            announce=asked.append,
            manifest=manifest,
            client_save_seconds=client_save_seconds,
            monotonic=time.monotonic,
            wall=lambda: 1_800_000_000.0,
            log=logging.getLogger("flush"),
        )
        return flusher, asked

    return make


async def test_everything_is_safe_and_the_manifest_says_so(made, tmp_path):
    flusher, asked = made(Debts())
    report = await flusher.flush(FlushCause.IDLE, 10, before_end=True)
    assert report.is_clean
    assert asked == [FlushCause.IDLE]
    assert json.loads((tmp_path / "state" / "flush.json").read_text()) == {
        "version": 1,
        "cause": "idle",
        "finished_at": "2027-01-15T08:00:00+00:00",
        "tabs_saved": True,
        "safe": [{"path": "w/edit/a.ipynb", "generation": "7"}],
        "unsafe": [],
    }


async def test_what_is_not_safe_is_named(made, tmp_path):
    flusher, _ = made(Debts(paid=UNSAFE))
    report = await flusher.flush(FlushCause.IDLE, 10, before_end=True)
    assert not report.is_clean
    manifest = json.loads((tmp_path / "state" / "flush.json").read_text())
    assert manifest["unsafe"] == [{"path": "w/edit/b.ipynb", "reason": "remote-changed"}]


@pytest.mark.parametrize(
    ("debts", "reason"),
    [
        (Debts(seconds=60), "timeout"),
        (Debts(error=RuntimeError("boom")), "error"),
        (Debts(error=OSError(28, "")), "error"),
    ],
    ids=["hangs", "fails", "disk full"],
)
async def test_nothing_counts_as_safe_if_anything_goes_wrong(made, debts, reason):
    flusher, _ = made(debts)
    began = time.monotonic()
    report = await flusher.flush(FlushCause.IDLE, 0.6, before_end=True)
    assert time.monotonic() - began < 1.2
    assert [(file.path, file.reason) for file in report.paid.unsafe] == [("*", reason)]


async def test_a_manifest_that_cannot_be_written_is_not_clean(made, tmp_path):
    (tmp_path / "file").write_text("")
    flusher, _ = made(Debts(), manifest=tmp_path / "file" / "flush.json")
    report = await flusher.flush(FlushCause.IDLE, 10, before_end=True)
    assert not report.is_clean
    assert not report.manifest_written


async def test_the_old_manifest_survives_a_failure_to_write(made, tmp_path, monkeypatch):
    flusher, _ = made(Debts())
    await flusher.flush(FlushCause.IDLE, 10, before_end=True)
    before = (tmp_path / "state" / "flush.json").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert not (await flusher.flush(FlushCause.REQUESTED, 10, before_end=True)).manifest_written
    assert (tmp_path / "state" / "flush.json").read_bytes() == before
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["flush.json"]


async def test_two_who_ask_at_once_get_one_flush(made):
    debts = Debts(seconds=0.3)
    flusher, asked = made(debts)
    first, second = await asyncio.gather(
        flusher.flush(FlushCause.IDLE, 10, before_end=True), flusher.flush(FlushCause.SERVER_STOP, 10, before_end=True)
    )
    assert first is second
    assert len(debts.asked) == len(asked) == 1


async def test_who_comes_second_with_less_time_does_not_wait_longer(made):
    flusher, _ = made(Debts(seconds=1.0))
    first = asyncio.ensure_future(flusher.flush(FlushCause.IDLE, 10, before_end=True))
    await asyncio.sleep(0.05)
    began = time.monotonic()
    second = await flusher.flush(FlushCause.PREEMPTED, 0.2, before_end=True)
    assert time.monotonic() - began < 0.5
    assert not second.is_clean
    assert (await first).is_clean


class SlowDisk:
    """Writing to the disk waits until it is let go; it tells when the first write has begun."""

    def __init__(self, monkeypatch):
        self.begun, self.go = threading.Event(), threading.Event()
        sync = os.fsync

        def slow(descriptor):
            self.begun.set()
            self.go.wait(20)
            sync(descriptor)

        monkeypatch.setattr("os.fsync", slow)

    async def until_begun(self):
        await asyncio.to_thread(self.begun.wait, 20)


class TestWhoComesWhileTheReportIsWritten:
    """Such a flush has looked for the last time: its report says nothing of what came since."""

    @pytest.fixture
    def disk(self, monkeypatch):
        disk = SlowDisk(monkeypatch)
        yield disk
        disk.go.set()

    async def test_gets_outputs_kept_before_the_kernels_end(self, made, disk):
        outputs = Outputs(unkept=LOST)
        flusher, _ = made(Debts(), outputs=outputs)
        asked = asyncio.create_task(flusher.flush(FlushCause.REQUESTED, 30, before_end=False))
        await disk.until_begun()
        pause = asyncio.create_task(flusher.flush(FlushCause.IDLE, 30, before_end=True))
        await asyncio.sleep(0)
        disk.go.set()
        assert (await asked).is_clean
        report = await pause
        assert (report.cause, report.paid.unsafe) == (FlushCause.IDLE, LOST)
        assert outputs.asked == [True]

    async def test_gets_what_was_saved_since_looked_at(self, made, disk):
        debts = Debts()
        flusher, announced = made(debts)
        first = asyncio.create_task(flusher.flush(FlushCause.REQUESTED, 30, before_end=False))
        await disk.until_begun()
        debts.paid = UNSAFE
        seconds = [asyncio.create_task(flusher.flush(FlushCause.IDLE, 30, before_end=False)) for _ in range(3)]
        await asyncio.sleep(0)
        disk.go.set()
        assert (await first).is_clean
        reports = [await second for second in seconds]
        assert all(report is reports[0] and not report.is_clean for report in reports)
        assert len(debts.asked) == len(announced) == 2, "the three of them get one flush"

    async def test_no_time_is_not_reported_as_all_being_well(self, made, disk):
        flusher, _ = made(Debts())
        first = asyncio.create_task(flusher.flush(FlushCause.REQUESTED, 30, before_end=False))
        await disk.until_begun()
        second = await flusher.flush(FlushCause.PREEMPTED, 0.05, before_end=True)
        assert [(file.path, file.reason) for file in second.paid.unsafe] == [("*", "timeout")]
        disk.go.set()
        assert (await first).is_clean


async def test_after_the_end_nothing_is_reported_as_done_that_was_not(made):
    outputs = Outputs()
    flusher, _ = made(Debts(), outputs=outputs)
    await flusher.flush(FlushCause.REQUESTED, 10, before_end=False)
    await flusher.close(FlushCause.SERVER_STOP)
    assert not (await flusher.flush(FlushCause.REQUESTED, 10, before_end=False)).is_clean
    assert not (await flusher.flush(FlushCause.IDLE, 10, before_end=True)).is_clean
    assert outputs.asked == []


async def test_the_next_flush_is_a_new_one(made):
    debts = Debts()
    flusher, _ = made(debts)
    await flusher.flush(FlushCause.IDLE, 10, before_end=True)
    await flusher.flush(FlushCause.IDLE, 10, before_end=True)
    assert len(debts.asked) == 2


class SlowManifest(Flusher):
    """A flusher whose manifest takes as long to write as a test wants."""

    def hold(self):
        self.writing, self.free = threading.Event(), threading.Event()
        return self

    def _write(self, manifest, report):
        self.writing.set()
        assert self.free.wait(20)
        return super()._write(manifest, report)


async def ending(flusher, **asked):
    """A flush that has looked at everything, and is writing its manifest."""
    first = asyncio.ensure_future(flusher.flush(FlushCause.REQUESTED, 20, **asked))
    await asyncio.to_thread(flusher.writing.wait, 20)
    return first


async def test_who_joins_a_flush_that_is_ending_gets_the_outputs_kept(made):
    outputs = Outputs()
    flusher, _ = made(Debts(), outputs=outputs, kind=SlowManifest)
    first = await ending(flusher.hold(), before_end=False)
    second = asyncio.ensure_future(flusher.flush(FlushCause.IDLE, 20, before_end=True))
    await asyncio.sleep(0)
    flusher.free.set()
    assert (await second, outputs.asked) == (flusher.last, [True])
    assert flusher.last.cause is FlushCause.IDLE
    assert (await first).cause is FlushCause.REQUESTED


async def test_who_joins_a_flush_that_is_ending_gets_what_was_saved_since(made):
    debts = Debts()
    flusher, _ = made(debts, kind=SlowManifest)
    first = await ending(flusher.hold(), before_end=True)
    debts.paid = UNSAFE
    others = [asyncio.ensure_future(flusher.flush(FlushCause.IDLE, 20, before_end=each)) for each in (True, False)]
    await asyncio.sleep(0)
    flusher.free.set()
    assert (await first).is_clean
    assert [(await other).paid.unsafe for other in others] == [UNSAFE.unsafe] * 2
    assert len(debts.asked) == 2, "one flush for both"


class HeldDebts(Debts):
    """Pays what is owed when it is asked, and says so when the test lets it."""

    def __init__(self):
        super().__init__()
        self.begun, self.free = asyncio.Event(), asyncio.Event()

    async def pay(self, deadline_seconds):
        paid = await super().pay(deadline_seconds)
        self.begun.set()
        await self.free.wait()
        return paid


async def test_who_joins_while_debts_are_paid_gets_what_was_saved_since(made):
    debts = HeldDebts()
    flusher, asked = made(debts)
    first = asyncio.ensure_future(flusher.flush(FlushCause.IDLE, 20, before_end=False))
    await debts.begun.wait()
    debts.paid = UNSAFE
    second = asyncio.ensure_future(flusher.flush(FlushCause.IDLE, 20, before_end=False))
    await asyncio.sleep(0)
    debts.free.set()
    assert await first is await second
    assert (await second).paid == FlushResult(safe=SAFE.safe, unsafe=UNSAFE.unsafe)
    assert len(asked) == 1


async def test_who_has_more_time_than_the_flush_that_failed_tries_again(made):
    debts = Debts(paid=UNSAFE)
    flusher, _ = made(debts, kind=SlowManifest)
    first = asyncio.ensure_future(flusher.hold().flush(FlushCause.REQUESTED, 2, before_end=True))
    second = asyncio.ensure_future(flusher.flush(FlushCause.IDLE, 20, before_end=True))
    await asyncio.to_thread(flusher.writing.wait, 20)
    debts.paid = SAFE
    flusher.free.set()
    assert not (await first).is_clean
    assert (await second).is_clean


async def test_giving_back_locks_that_hangs_is_cut_short(made):
    flusher, _ = made(Debts(seconds=60))
    began = time.monotonic()
    await flusher.release_locks(0.2)
    assert time.monotonic() - began < 1


LOST = (UnsafeFile(path="w/edit/c.ipynb", reason="outputs-not-kept"),)


class TestOutputs:
    async def test_are_kept_before_debts_are_paid_when_kernels_may_end(self, made):
        debts, outputs = Debts(), Outputs()
        flusher, _ = made(debts, outputs=outputs)
        await flusher.flush(FlushCause.IDLE, 10, before_end=True)
        assert (outputs.asked, len(debts.asked)) == ([True], 1)
        await flusher.flush(FlushCause.REQUESTED, 10, before_end=False)
        assert (outputs.asked, len(debts.asked)) == ([True], 2)

    async def test_someone_who_says_so_later_is_in_time(self, made):
        debts, outputs = Debts(seconds=0.3), Outputs()
        flusher, asked = made(debts, outputs=outputs)
        first = asyncio.ensure_future(flusher.flush(FlushCause.REQUESTED, 10, before_end=False))
        await asyncio.sleep(0.1)
        second = await flusher.flush(FlushCause.SERVER_STOP, 10, before_end=True)
        assert second is await first
        assert (len(outputs.asked), len(debts.asked), len(asked)) == (1, 2, 1)
        assert second.paid.safe == SAFE.safe

    @pytest.mark.parametrize(
        ("outputs", "unsafe"),
        [
            (Outputs(unkept=LOST), [("w/edit/c.ipynb", "outputs-not-kept")]),
            (Outputs(seconds=60), [("*", "timeout")]),
            (Outputs(error=RuntimeError("boom")), [("*", "error")]),
        ],
        ids=["lost", "hangs", "fails"],
    )
    async def test_what_could_not_be_kept_is_not_safe_and_holds_nothing_up(self, made, outputs, unsafe):
        debts = Debts()
        flusher, _ = made(debts, outputs=outputs)
        report = await flusher.flush(FlushCause.IDLE, 2, before_end=True)
        assert [(file.path, file.reason) for file in report.paid.unsafe] == unsafe
        assert report.paid.safe == SAFE.safe
        assert len(debts.asked) == 1


def named(report):
    return [(file.path, file.reason.value) for file in report.paid.unsafe]


class TestTabs:
    def test_a_tab_that_sleeps_is_no_one(self):
        """A laptop that sleeps sends no heartbeat."""
        clock, human = Clock(), []
        tabs = FrontEnds(monotonic=clock, on_human=human.append)
        tabs.heartbeat("a", visible=True, last_input_age=10.0)
        assert human == [10.0]
        assert tabs.count == 1
        clock.now += FRESH_SECONDS
        assert tabs.count == 0

    async def test_all_open_tabs_are_waited_for(self, made, tabs):
        flusher, _ = made(Debts(), client_save_seconds=5.0)
        for tab in ("a", "b"):
            tabs.heartbeat(tab, visible=False, last_input_age=None)
        flush = asyncio.ensure_future(flusher.flush(FlushCause.IDLE, 20, before_end=True))
        await asyncio.sleep(0.1)
        tabs.saved("a")
        await asyncio.sleep(0.1)
        assert not flush.done()
        tabs.saved("b")
        assert (await asyncio.wait_for(flush, 1)).tabs_saved

    async def test_a_tab_that_is_closed_is_not_waited_for(self, made, tabs):
        flusher, _ = made(Debts(), client_save_seconds=5.0)
        for tab in ("a", "b"):
            tabs.heartbeat(tab, visible=True, last_input_age=None)
        tabs.left("a")
        tabs.heartbeat("a", visible=True, last_input_age=None)
        assert tabs.count == 1, "its last heartbeat was slower than its farewell"
        flush = asyncio.ensure_future(flusher.flush(FlushCause.SERVER_STOP, 20, before_end=True))
        await asyncio.sleep(0.1)
        tabs.left("b")
        assert (await asyncio.wait_for(flush, 1)).tabs_saved

    async def test_a_tab_that_does_not_answer_does_not_hold_the_flush(self, made, tabs):
        flusher, _ = made(Debts(), client_save_seconds=0.3)
        tabs.heartbeat("a", visible=True, last_input_age=None)
        report = await flusher.flush(FlushCause.IDLE, 20, before_end=True)
        assert not report.tabs_saved
        assert report.paid.safe == SAFE.safe
        assert named(report) == [("browser tab", "tab-does-not-answer")]

    async def test_a_tab_that_cannot_save_is_named_with_what_it_holds(self, made, tabs):
        flusher, _ = made(Debts(), client_save_seconds=5.0)
        for tab in ("a", "b"):
            tabs.heartbeat(tab, visible=True, last_input_age=None)
        flush = asyncio.ensure_future(flusher.flush(FlushCause.REQUESTED, 20, before_end=True))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        tabs.unsaved("a", ["w/edit/a.ipynb", "w/edit/b.ipynb"], still_saving=True)
        tabs.unsaved("a", ["w/edit/a.ipynb"], still_saving=False)
        tabs.saved("b")
        report = await asyncio.wait_for(flush, 4)
        assert (report.tabs_saved, report.is_clean) == (False, False)
        assert named(report) == [("w/edit/a.ipynb", "tab-cannot-save")]

    async def test_a_tab_that_is_still_saving_is_named_with_what_it_holds(self, made, tabs):
        flusher, _ = made(Debts(), client_save_seconds=0.3)
        flush = asyncio.ensure_future(flusher.flush(FlushCause.REQUESTED, 20, before_end=True))
        tabs.heartbeat("a", visible=True, last_input_age=None)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        tabs.unsaved("a", ["w/edit/a.ipynb"], still_saving=True)
        assert named(await flush) == [("w/edit/a.ipynb", "tab-still-saving")]

    async def test_what_it_saves_later_or_someone_closes_does_not_count_any_more(self, made, tabs):
        flusher, _ = made(Debts(), client_save_seconds=0.1)
        for tab in ("a", "b"):
            tabs.unsaved(tab, ["w/edit/a.ipynb"], still_saving=False)
            tabs.heartbeat(tab, visible=True, last_input_age=None)
        assert named(await flusher.flush(FlushCause.REQUESTED, 20, before_end=True)) != []
        tabs.saved("a")
        tabs.left("b")
        assert tabs.not_saved() == ()
        tabs.left("a")
        assert (await flusher.flush(FlushCause.REQUESTED, 20, before_end=True)).is_clean

    async def test_tabs_get_half_of_a_short_time_at_most(self, made, tabs):
        debts = Debts()
        flusher, _ = made(debts, client_save_seconds=60)
        tabs.heartbeat("a", visible=True, last_input_age=None)
        await flusher.flush(FlushCause.PREEMPTED, 0.6, before_end=True)
        assert debts.asked[0] == pytest.approx(0.6 / 2 - 2 * 0.06, abs=0.1)

    async def test_debts_are_given_time_to_say_what_is_left(self, made):
        debts = Debts(paid=UNSAFE)
        flusher, _ = made(debts)
        await flusher.flush(FlushCause.IDLE, 20, before_end=True)
        assert debts.asked[0] == pytest.approx(18, abs=0.1)

    def test_tabs_beyond_reason_are_not_kept(self):
        tabs = FrontEnds(monotonic=Clock(), on_human=lambda ago: None)
        for number in range(1000):
            tabs.heartbeat(str(number), visible=False, last_input_age=None)
        assert tabs.count == 200
