"""Opening and saving, decided: all combinations of small domains, held against the promises."""

import itertools

import pytest

from jupyter_terra_env.rules.errors import ConflictReason
from jupyter_terra_env.rules.readback import WRITE_ID_KEY, WriteAttempt, is_own_write, with_write_id, write_id
from jupyter_terra_env.rules.sync import (
    ABSENT_GENERATION,
    Baseline,
    OpenStep,
    Remote,
    Standing,
    adopted_checksum,
    conflict_between,
    decide_open,
    has_unsaved_edits,
    is_at,
    is_same_content,
    is_settled,
    may_still_change,
    standing,
)

SUMS = ("A", "B", "C")


def attempt(name="ours", crc32c="B"):
    return WriteAttempt(id=name, crc32c=crc32c)


def base(generation=1, metageneration=1, crc32c="A", attempts=()):
    return Baseline(
        generation=generation, metageneration=metageneration, crc32c=crc32c, row_token="token", attempts=attempts
    )


def remote(generation=1, metageneration=1, crc32c="A", mark=None):
    return Remote(
        generation=generation,
        metageneration=metageneration,
        crc32c=crc32c,
        metadata={} if mark is None else {WRITE_ID_KEY: mark},
    )


SENT = (attempt("ours", "C"),)
ATTEMPTS = [(), (attempt(),), (attempt("ours", "C"), attempt("again", "B"))]
BASELINES = [
    None,
    *(
        found
        for attempts in ATTEMPTS
        for found in (
            base(ABSENT_GENERATION, 0, None, attempts),
            *(base(1, metageneration, crc32c, attempts) for metageneration in (1, 2) for crc32c in ("A", "B")),
        )
    ),
]
LOCALS = [None, *SUMS]
MARKS = [None, *(write_id(attempt(name, crc32c)) for name in ("ours", "other") for crc32c in SUMS)]
REMOTES = [
    None,
    *(
        remote(generation, metageneration, crc32c, mark)
        for generation in (1, 2)
        for metageneration in (1, 2)
        for crc32c in SUMS
        for mark in MARKS
    ),
]
# One generation has one content; where the disk and the bucket name the same, their checksums agree …
CASES = [
    (baseline, local, found)
    for baseline, local, found in itertools.product(BASELINES, LOCALS, REMOTES)
    if not (baseline and found and baseline.generation == found.generation and baseline.crc32c != found.crc32c)
]
# … except for objects stored compressed, whose checksum is of other bytes.
COMPRESSED = [
    (base(1, metageneration, "A"), local, remote(1, other, "Z"))
    for metageneration in (1, 2)
    for other in (1, 2)
    for local in LOCALS
]


def ours(baseline, found):
    return baseline is not None and found is not None and is_own_write(found, baseline.attempts)


def test_there_are_enough_cases():
    assert len(CASES) > 1000


@pytest.mark.parametrize("cases", [CASES, COMPRESSED], ids=["plain", "compressed"])
class TestOpening:
    def test_never_discards_an_edit(self, cases):
        """P6: what is downloaded over was seen in the bucket before."""
        for baseline, local, found in cases:
            if local is not None and decide_open(baseline, local, found) is OpenStep.DOWNLOAD:
                assert baseline is not None
                assert baseline.crc32c == local
                assert baseline.generation != ABSENT_GENERATION

    def test_shows_the_newest_when_there_are_no_edits(self, cases):
        for baseline, local, found in cases:
            unedited = local is None or not has_unsaved_edits(baseline, local)
            newer = found is not None and found.crc32c != local and not is_same_content(baseline, found)
            if (found is not None and local is None) or (unedited and newer):
                assert decide_open(baseline, local, found) is OpenStep.DOWNLOAD

    def test_keeps_the_working_copy_of_what_is_gone(self, cases):
        for baseline, local, found in cases:
            if found is None:
                expected = OpenStep.NOT_FOUND if local is None else OpenStep.KEEP
                assert decide_open(baseline, local, found) is expected

    def test_adopts_only_what_loses_nothing(self, cases):
        """ADOPT makes the version the baseline of the next upload: it must be equal, our own, or what was edited."""
        for baseline, local, found in cases:
            if decide_open(baseline, local, found) is OpenStep.ADOPT:
                same_generation = baseline is not None and baseline.generation == found.generation
                assert local == found.crc32c or same_generation or ours(baseline, found)

    def test_after_adopting_edits_still_count_as_edits(self, cases):
        for baseline, local, found in cases:
            if decide_open(baseline, local, found) is not OpenStep.ADOPT:
                continue
            adopted = base(found.generation, found.metageneration, adopted_checksum(baseline, found))
            was_equal = local == found.crc32c or (
                baseline is not None and baseline.generation == found.generation and baseline.crc32c == local
            )
            assert has_unsaved_edits(adopted, local) is not was_equal

    def test_is_done_after_one_step(self, cases):
        """Deciding again on what the step leaves behind changes nothing more."""
        for baseline, local, found in cases:
            match decide_open(baseline, local, found):
                case OpenStep.DOWNLOAD:
                    after = base(found.generation, found.metageneration, found.crc32c)
                    assert decide_open(after, found.crc32c, found) is OpenStep.KEEP
                case OpenStep.ADOPT:
                    after = base(found.generation, found.metageneration, adopted_checksum(baseline, found))
                    assert decide_open(after, local, found) is OpenStep.KEEP

    def test_agrees_with_the_standing(self, cases):
        for baseline, local, found in cases:
            if local is None:
                continue
            step, stands = decide_open(baseline, local, found), standing(baseline, local, found)
            if step is OpenStep.ADOPT:
                assert stands in {Standing.EQUAL, Standing.OWED}
            if stands is Standing.OWED:
                assert step in {OpenStep.ADOPT, OpenStep.KEEP}


@pytest.mark.parametrize("cases", [CASES, COMPRESSED], ids=["plain", "compressed"])
class TestStanding:
    def test_equal_bytes_are_never_a_conflict(self, cases):
        for baseline, local, found in cases:
            if found is not None and local == found.crc32c:
                settled = not may_still_change(baseline, found)
                assert standing(baseline, local, found) is (Standing.EQUAL if settled else Standing.OWED)

    def test_an_own_write_is_never_a_conflict(self, cases):
        for baseline, local, found in cases:
            if local is not None and ours(baseline, found):
                assert standing(baseline, local, found) in {Standing.EQUAL, Standing.OWED}

    def test_moved_metadata_is_never_a_conflict(self, cases):
        for baseline, local, found in cases:
            if local and baseline and found and baseline.generation == found.generation:
                assert standing(baseline, local, found) in {Standing.EQUAL, Standing.OWED}

    def test_equal_is_said_only_when_nothing_is_owed(self, cases):
        for baseline, local, found in cases:
            if local is not None and standing(baseline, local, found) is Standing.EQUAL:
                unedited = baseline is not None and baseline.generation == found.generation and baseline.crc32c == local
                assert local == found.crc32c or unedited

    def test_owed_only_on_what_the_edits_stand_on(self, cases):
        """OWED starts an upload: the object must be the one that was edited, or our own."""
        for baseline, local, found in cases:
            if local is None or standing(baseline, local, found) is not Standing.OWED:
                continue
            absent = baseline is not None and baseline.generation == ABSENT_GENERATION and found is None
            assert absent or is_same_content(baseline, found)

    def test_never_stored_only_when_nothing_is_known_anywhere(self, cases):
        for baseline, local, found in cases:
            if local is not None:
                expected = baseline is None and found is None
                assert (standing(baseline, local, found) is Standing.NEVER_STORED) is expected


@pytest.mark.parametrize(
    ("baseline", "found", "expected"),
    [
        (None, None, None),
        (None, remote(1), ConflictReason.NAME_TAKEN),
        (base(ABSENT_GENERATION, 0, None), None, None),
        (base(ABSENT_GENERATION, 0, None), remote(1), ConflictReason.NAME_TAKEN),
        (base(1), None, ConflictReason.REMOTE_DELETED),
        (base(1), remote(1), None),
        (base(1), remote(1, 5), None),
        (base(1), remote(2), ConflictReason.REMOTE_CHANGED),
        (base(2), remote(1), ConflictReason.REMOTE_CHANGED),
    ],
)
def test_conflict_between(baseline, found, expected):
    assert conflict_between(baseline, found) is expected


@pytest.mark.parametrize(
    ("baseline", "local", "found", "step", "stands"),
    [
        (None, None, None, OpenStep.NOT_FOUND, None),
        (None, None, remote(), OpenStep.DOWNLOAD, None),
        (base(), None, remote(), OpenStep.DOWNLOAD, None),
        (base(), None, None, OpenStep.NOT_FOUND, None),
        (None, "B", None, OpenStep.KEEP, Standing.NEVER_STORED),
        (None, "B", remote(), OpenStep.KEEP, ConflictReason.NAME_TAKEN),
        (None, "A", remote(), OpenStep.ADOPT, Standing.EQUAL),
        (base(), "A", remote(), OpenStep.KEEP, Standing.EQUAL),
        (base(), "B", remote(), OpenStep.KEEP, Standing.OWED),
        (base(), "A", remote(1, 2), OpenStep.ADOPT, Standing.EQUAL),
        (base(), "B", remote(1, 2), OpenStep.ADOPT, Standing.OWED),
        (base(), "A", remote(2, 1, "C"), OpenStep.DOWNLOAD, ConflictReason.REMOTE_CHANGED),
        (base(), "B", remote(2, 1, "C"), OpenStep.KEEP, ConflictReason.REMOTE_CHANGED),
        (base(attempts=SENT), "B", remote(2, 1, "C", "ours:C"), OpenStep.ADOPT, Standing.OWED),
        (base(), "B", remote(2, 1, "C", "ours:C"), OpenStep.KEEP, ConflictReason.REMOTE_CHANGED),
        (base(attempts=SENT), "B", remote(2, 1, "C", "other:C"), OpenStep.KEEP, ConflictReason.REMOTE_CHANGED),
        (base(attempts=SENT), "B", remote(2, 1, "C", "ours:B"), OpenStep.KEEP, ConflictReason.REMOTE_CHANGED),
        (base(), "C", remote(2, 1, "C"), OpenStep.ADOPT, Standing.EQUAL),
        (base(), "B", None, OpenStep.KEEP, ConflictReason.REMOTE_DELETED),
        (base(ABSENT_GENERATION, 0, None), "B", None, OpenStep.KEEP, Standing.OWED),
        (base(ABSENT_GENERATION, 0, None, SENT), "B", remote(1, 1, "C", "ours:C"), OpenStep.ADOPT, Standing.OWED),
    ],
)
def test_the_table(baseline, local, found, step, stands):
    assert decide_open(baseline, local, found) is step
    if local is not None:
        assert standing(baseline, local, found) is stands


def test_is_at_wants_both_numbers():
    assert is_at(base(1, 1), remote(1, 1))
    assert not is_at(base(1, 1), remote(1, 2))
    assert not is_at(base(1, 1), remote(2, 1))
    assert not is_at(None, remote())


class TestReadback:
    def test_a_mark_is_id_and_checksum(self):
        assert write_id(attempt("t", "4waSgw==")) == "t:4waSgw=="

    def test_the_mark_the_attempt_and_the_content_must_agree(self):
        mine = [attempt("ours", "A"), attempt("again", "B")]
        assert is_own_write(remote(crc32c="A", mark="ours:A"), mine)
        assert is_own_write(remote(crc32c="B", mark="again:B"), mine)
        assert not is_own_write(remote(crc32c="B", mark="ours:A"), mine)
        assert not is_own_write(remote(crc32c="B", mark="ours:B"), mine)
        assert not is_own_write(remote(crc32c="A", mark="other:A"), mine)
        assert not is_own_write(remote(crc32c="A"), mine)
        assert not is_own_write(remote(crc32c="A", mark=""), mine)

    def test_a_journal_that_knows_of_no_attempt_recognises_nothing(self):
        """A disk that went back in time, or was cloned: everything in the bucket was written by another machine."""
        for mark in MARKS:
            assert not is_own_write(remote(crc32c="A", mark=mark), ())

    def test_others_metadata_is_kept_and_an_old_mark_replaced(self):
        theirs = {"lastLockedBy": "x", WRITE_ID_KEY: "old:A"}
        assert with_write_id(theirs, attempt("new", "B")) == {"lastLockedBy": "x", WRITE_ID_KEY: "new:B"}
        assert theirs[WRITE_ID_KEY] == "old:A"

    def test_the_key_is_stored_in_buckets_and_so_never_changes(self):
        assert WRITE_ID_KEY == "jupyterTerraEnvWriteId"


class TestOpenAttempts:
    """An upload whose outcome is not known: what the bucket holds is not known either."""

    def test_nothing_is_settled_while_one_is_open(self):
        assert is_settled(base(crc32c="A"), "A")
        assert not is_settled(base(crc32c="A", attempts=(attempt(),)), "A")
        assert not is_settled(base(crc32c="A"), "B")
        assert not is_settled(None, "A")

    def test_what_equals_the_object_is_owed_while_the_upload_may_still_arrive(self):
        assert standing(base(attempts=(attempt(),)), "A", remote()) is Standing.OWED

    def test_another_metageneration_keeps_it_out(self):
        mine = base(attempts=(attempt(),))
        assert may_still_change(mine, remote(1, 1))
        assert not may_still_change(mine, remote(1, 2))
        assert not may_still_change(base(), remote(1, 1))
        assert standing(mine, "A", remote(1, 2)) is Standing.EQUAL

    def test_they_keep_no_newer_version_from_being_shown(self):
        theirs = remote(2, 1, "C")
        assert decide_open(base(attempts=(attempt(),)), "A", theirs) is OpenStep.DOWNLOAD

    def test_what_one_of_them_made_is_the_new_baseline_and_an_undone_edit_is_owed(self):
        mine, made = base(attempts=(attempt(),)), remote(2, 1, "B", mark="ours:B")
        assert decide_open(mine, "A", made) is OpenStep.ADOPT
        assert standing(mine, "A", made) is Standing.OWED
