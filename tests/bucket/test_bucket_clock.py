"""The bucket's time: taken from its answers, carried on by a local clock that may be wrong, jump or drift."""

import logging
import threading
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jupyter_terra_env.bucket.clock import BucketClock, machine_clock
from jupyter_terra_env.bucket.connection import Connection
from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME, EmbeddedBucket
from jupyter_terra_env.bucket.embedded.messages import http_date
from jupyter_terra_env.bucket.embedded.times import rfc3339
from jupyter_terra_env.bucket.gcs import GcsBucket
from jupyter_terra_env.bucket.gcs_client import connect
from jupyter_terra_env.rules.edit_lock import ALLOWANCE_MS
from jupyter_terra_env.rules.errors import BucketRefused

TOLD = "Mon, 23 Nov 2026 12:00:00 GMT"
TOLD_MS = 1_795_435_200_000


class Local:
    def __init__(self, now_ms=TOLD_MS):
        self.now_ms = now_ms

    def __call__(self):
        return self.now_ms


@pytest.fixture
def local():
    return Local()


@pytest.fixture
def clock(local):
    return BucketClock(local_ms=local, log=logging.getLogger("clock"))


def test_before_the_first_answer_it_is_this_machines_time(clock, local):
    local.now_ms = 5
    assert clock.now_ms() == 5


@pytest.mark.parametrize("off_ms", [0, 1000, -1000, 6 * 3_600_000, -6 * 3_600_000, 10**12])
def test_the_bucket_is_believed_over_the_machines_clock(clock, local, off_ms):
    local.now_ms = TOLD_MS + off_ms
    clock.observe(TOLD)
    assert clock.now_ms() == TOLD_MS + 500
    local.now_ms += 90_000
    assert clock.now_ms() == TOLD_MS + 90_500


def test_a_clock_that_was_set_meanwhile_is_corrected_by_the_next_answer(clock, local):
    clock.observe(TOLD)
    local.now_ms -= 3_600_000
    clock.observe("Mon, 23 Nov 2026 12:00:07 GMT")
    assert clock.now_ms() == TOLD_MS + 7_500


@pytest.mark.parametrize(
    "header", [None, "", "now", "0", "Mon, 99 Nov 2026 12:00:00 GMT", "Mon, 23 Nov 99999 12:00:00 GMT", "é", "\0"]
)
def test_what_is_no_date_is_ignored(clock, local, header):
    clock.observe(TOLD)
    local.now_ms += 1
    clock.observe(header)
    assert clock.now_ms() == TOLD_MS + 501


@given(st.text(max_size=60))
@example("2200000000")
def test_no_header_makes_it_fail(header):
    clock = BucketClock(local_ms=lambda: TOLD_MS, log=logging.getLogger("clock"))
    clock.observe(header)
    clock.observe(f"Mon, 23 Nov {header} 12:00:00 GMT")
    clock.observe(f"Mon, 23 Nov 2026 12:00:00 {header}")
    clock.now_ms()


@pytest.fixture
def zone_far_away(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("zone_far_away")
@pytest.mark.parametrize("zone", ["GMT", "+0000", "-0000", ""])
def test_a_date_without_a_zone_is_not_read_in_this_machines(clock, zone):
    clock.observe(f"Mon, 23 Nov 2026 12:00:00 {zone}".strip())
    assert clock.now_ms() == TOLD_MS + 500


@given(
    travel_ms=st.integers(0, 3000), moment_ms=st.integers(TOLD_MS, TOLD_MS + 10**9), off_ms=st.integers(-(10**9), 10**9)
)
def test_it_is_never_further_off_than_the_allowance(travel_ms, moment_ms, off_ms):
    clock = BucketClock(local_ms=lambda: moment_ms + travel_ms + off_ms, log=logging.getLogger("clock"))
    clock.observe(http_date(_moment(moment_ms)))
    error_ms = clock.now_ms() - (moment_ms + travel_ms)
    assert -ALLOWANCE_MS < -travel_ms - 500 <= error_ms <= 500 - travel_ms


def _moment(ms):
    from datetime import datetime

    return datetime.fromisoformat(rfc3339(ms * 1000))


@pytest.mark.parametrize(("off_ms", "told"), [(59_000, 0), (-59_000, 0), (7_200_000, 1), (-7_200_000, 1)])
def test_a_wrong_clock_is_reported_once(clock, local, caplog, off_ms, told):
    local.now_ms += off_ms
    with caplog.at_level(logging.WARNING, "clock"):
        for _ in range(3):
            clock.observe(TOLD)
    assert len(caplog.records) == told
    if told:
        assert str(off_ms // 1000)[:3] in caplog.messages[0] or "7199 s" in caplog.messages[0]


def test_the_machines_clock_is_not_moved_by_setting_the_wall_clock(monkeypatch):
    now_ms = machine_clock()
    before = now_ms()
    assert abs(before - time.time() * 1000) < 1000
    monkeypatch.setattr("time.time_ns", lambda: 0)
    if hasattr(time, "CLOCK_BOOTTIME"):
        assert 0 <= now_ms() - before < 10_000
    monkeypatch.undo()
    monkeypatch.delattr("time.CLOCK_BOOTTIME", raising=False)
    assert abs(machine_clock()() - time.time() * 1000) < 1000


def test_many_threads_report_a_wrong_clock_once(local, caplog):
    clock = BucketClock(local_ms=lambda: TOLD_MS - 3_600_000, log=logging.getLogger("clock"))
    threads = [threading.Thread(target=clock.observe, args=(TOLD,)) for _ in range(20)]
    with caplog.at_level(logging.WARNING, "clock"):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(caplog.records) == 1


def test_every_answer_of_the_real_client_reports_the_time_even_a_refusal(clock, local, tmp_path):
    with EmbeddedBucket(tmp_path / DATABASE_NAME):
        pass
    connection = Connection(embedded_directory=tmp_path)
    client = connect(connection, clock)
    local.now_ms = 0
    try:
        with pytest.raises(BucketRefused):
            GcsBucket(client, "no-such-bucket", None, connection).list("")
        assert abs(clock.now_ms() - time.time() * 1000) < 2_000
    finally:
        client.close()
        client._http.close()
