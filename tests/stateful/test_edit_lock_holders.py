"""Holders with drifting clocks, lost requests, lost answers, crashes, pauses, and disks that go back in time or exist
twice: who may write, and when.
"""

import contextlib
import itertools
import os

from environments import BUCKET
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from lock_kit import WRITER_KEY, check_account, world

from jupyter_terra_env.rules.edit_lock import ALLOWANCE_MS, EXPIRY_KEY, OWNER_KEY, TTL_MS, owner_hash
from jupyter_terra_env.rules.errors import BucketUnavailable, LockHeldElsewhere, WorkspaceConflict

EXAMPLES = int(os.environ.get("LOCK_EXAMPLES", "150"))
EMAILS = ("ann@example.org", "ann@example.org", "bob@example.org")
HOLDERS = st.integers(0, len(EMAILS) - 1)
TROUBLE = st.sampled_from([None, None, None, "lost", "answer lost", "late"])
TRAVEL = st.sampled_from([0.0, 0.0, 0.3, 2.0])
ACTS = st.sampled_from(
    ["acquire", "save", "release", "take over", "welder", "pause", "crash", "snapshot", "restore", "clone"]
)
MEDDLING = st.one_of(st.none(), st.none(), st.tuples(HOLDERS, ACTS))


class Drift:
    """A machine's clock: hours off, and a little fast or slow. No one sets it while the machine runs."""

    def __init__(self, bucket_time):
        self.bucket_time = bucket_time
        self.set(0, 0)

    def set(self, offset_ms, ppm):
        self.start_ms, self.offset_ms, self.ppm = self.bucket_time.ms, offset_ms, ppm

    def __call__(self):
        passed = self.bucket_time.ms - self.start_ms
        return self.start_ms + self.offset_ms + passed + passed * self.ppm // 1_000_000


class Holders(RuleBasedStateMachine):
    """Two environments of one person, one of another, and Welder, on one notebook."""

    numbers = itertools.count()

    def __init__(self, place, parties):
        super().__init__()
        self.place, self.parties = place, parties
        self.name = f"notebooks/{next(self.numbers)}.ipynb"
        self.held = [None] * len(parties)
        self.snapshots = [None] * len(parties)
        self.marks = itertools.count()
        self.acknowledged, self.took_over, self.lives = [], set(), itertools.count()
        place.put(self.name)
        for party in parties:
            self.reborn(party)

    def reborn(self, party):
        party.become(f"{self.name}/{next(self.lives)}")
        party.wire.late.clear()
        party.wire.trouble = party.wire.meddle = None
        party.wire.travel = lambda: None

    # One act each; what may fail in the open is caught, whatever else fails the test.

    def act(self, index, what):  # noqa: C901 - one act a case
        party = self.parties[index]
        with contextlib.suppress(LockHeldElsewhere, BucketUnavailable, WorkspaceConflict):
            match what:
                case "acquire":
                    self.take(index, party.acquire(self.name))
                case "take over":
                    self.took_over.add(party.environment)
                    self.take(index, party.take_over(self.name))
                case "release":
                    self.held[index] = None
                    party.release(self.name)
                case "save":
                    self.save(index)
                case "welder":
                    email = EMAILS[index]
                    record = {OWNER_KEY: owner_hash(BUCKET, email), EXPIRY_KEY: str(self.place.time.ms + TTL_MS)}
                    self.place.patch(self.name, record)
                case "pause":
                    self.place.time.move(200)
                case "snapshot":
                    self.snapshots[index] = (party.environment, self.held[index])
                case "restore" if self.snapshots[index] is not None:
                    # What the disk remembers of a version, and its environment id, are those of then.
                    environment, self.held[index] = self.snapshots[index]
                    party.become(environment)
                    party.start_anew()
                case "clone" if EMAILS[index] == EMAILS[0] and index != 0:
                    # Two machines with one environment id; each goes on from what the disk remembered.
                    self.held[index] = self.held[0]
                    party.become(self.parties[0].environment)
                case "crash":
                    late = list(party.wire.late)
                    self.held[index] = None
                    self.reborn(party)
                    party.wire.late += late

    def take(self, index, held):
        # Who has the lock shows the notebook as it is now: that is the version seen.
        self.held[index] = held.version

    def save(self, index):
        if self.held[index] is None:
            return
        party, mark = self.parties[index], next(self.marks)
        try:
            self.held[index] = party.save(self.held[index], mark)
        except (LockHeldElsewhere, WorkspaceConflict):
            self.held[index] = None
            raise
        self.acknowledged.append(f"{party.me.owner}/{party.me.environment}/{mark}")

    @rule(index=HOLDERS, what=ACTS, trouble=TROUBLE, travel=TRAVEL, meddling=MEDDLING)
    def somebody_acts(self, index, what, trouble, travel, meddling):
        wire = self.parties[index].wire
        wire.trouble = trouble
        wire.travel = lambda: self.place.time.move(travel)
        if meddling is not None and meddling[0] != index:
            wire.meddle = lambda: self.act(*meddling)
        self.act(index, what)
        wire.trouble = wire.meddle = None

    @rule(index=HOLDERS)
    def holds_on_and_saves(self, index):
        self.act(index, "acquire")
        self.act(index, "save")

    @rule(seconds=st.sampled_from([0.001, 1, 59, 170, 176, 180, 184.9, 185.1, 186, 400]))
    def time_passes(self, seconds):
        self.place.time.move(seconds)

    @rule(index=HOLDERS, offset_hours=st.integers(-30, 30), ppm=st.integers(-300, 300))
    def a_machine_starts_anew(self, index, offset_hours, ppm):
        self.parties[index].local_ms.set(offset_hours * 3_600_000, ppm)
        self.parties[index].start_anew()
        self.act(index, "crash")

    @rule(index=HOLDERS)
    def what_was_late_arrives(self, index):
        self.parties[index].wire.deliver()

    def teardown(self):
        entries = self.place.account(self.name)
        check_account(entries, self.took_over)
        uploads = [entry.metadata[WRITER_KEY] for entry in entries if entry.is_upload and WRITER_KEY in entry.metadata]
        assert len(uploads) == len(set(uploads)), "a save took effect twice"
        assert set(self.acknowledged) <= set(uploads), "an acknowledged save is not in the history"
        versions = self.place.outsider.client.list_blobs(BUCKET, prefix=self.name, versions=True)
        assert len(list(versions)) == len(uploads) + 1
        # However it ended: no one is locked out for longer than the time of a lock.
        self.place.time.move((TTL_MS + 2 * ALLOWANCE_MS) / 1000 + 1)
        last = self.parties[-1]
        last.wire.trouble = last.wire.meddle = None
        assert last.acquire(self.name).lock.holder == last.me


def test_only_the_holder_writes_and_only_over_what_it_has_seen():
    with world() as place:
        parties = [place.party(email, f"e{index}", Drift(place.time)) for index, email in enumerate(EMAILS)]
        run_state_machine_as_test(
            lambda: Holders(place, parties),
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
