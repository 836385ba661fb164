"""The lock's record and whose it is: Terra's vectors, malformed records, both sides of every limit, other clients."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_terra_env.rules.edit_lock import (
    ALLOWANCE_MS,
    ENVIRONMENT_KEY,
    EXPIRY_KEY,
    LONGEST_MS,
    OWNER_KEY,
    RENEWAL_MS,
    TTL_MS,
    Claim,
    EditLock,
    Holder,
    claim_of,
    held_until_ms,
    is_renewal_due,
    may_be_given_back,
    owner_hash,
    read_lock,
    record_of,
    released,
    taken,
)

NOW = 1_700_000_000_000
OWNER = "4af48213b034805aacef2309fe802d97f2fbbfcd2ea5a641988b015e9855f394"
OTHER = owner_hash("test-bucket", "bar@foo.com")
ME = Holder(owner=OWNER, environment="here")
ELSEWHERE = Holder(owner=OWNER, environment="there")
SOMEBODY = Holder(owner=OTHER, environment="here")

TIMES = st.integers(min_value=0, max_value=4_000_000_000_000)
HOLDERS = st.builds(
    Holder, owner=st.text("0123456789abcdef", min_size=64, max_size=64), environment=st.text(min_size=1, max_size=40)
)


def welders(owner, expires_at_ms):
    """What Welder and Terra UI write when they take or renew a lock: two keys, nothing else."""
    return {"lastLockedBy": owner, "lockExpiresAt": str(expires_at_ms)}


def is_locked_for_welder(metadata, now_ms):
    """Welder's rule: both keys are there, the expiry is a 64-bit integer, and later than now."""
    try:
        expiry = int(metadata.get("lockExpiresAt", ""))
    except ValueError:
        return False
    return "lastLockedBy" in metadata and -(2**63) <= expiry < 2**63 and now_ms < expiry


def is_locked_for_terra_ui(metadata, own_hash, now_ms):
    """Terra UI's rule for its preview page."""
    owner = metadata.get("lastLockedBy")
    return bool(owner) and owner != own_hash and float(metadata.get("lockExpiresAt", "nan")) > now_ms


class TestVectors:
    def test_the_owners_hash(self):
        assert owner_hash("test-bucket", "foo@bar.com") == OWNER

    def test_the_hash_is_case_sensitive(self):
        assert owner_hash("test-bucket", "Foo@bar.com") != OWNER

    def test_the_expiry(self):
        assert taken(ME, NOW)[EXPIRY_KEY] == "1700000180000"

    def test_the_whole_record(self):
        assert taken(ME, NOW) == {
            "lastLockedBy": OWNER,
            "lockExpiresAt": "1700000180000",
            "jupyterTerraEnvLockedIn": "here@1700000180000",
        }


class TestReading:
    @pytest.mark.parametrize(
        "metadata",
        [
            {},
            {OWNER_KEY: OWNER},
            {EXPIRY_KEY: str(NOW + TTL_MS)},
            {OWNER_KEY: "", EXPIRY_KEY: str(NOW + TTL_MS)},
            *(
                {OWNER_KEY: OTHER, EXPIRY_KEY: expiry}
                for expiry in (
                    "",
                    " ",
                    "-1",
                    f"-{NOW}",
                    f"+{NOW + TTL_MS}",
                    f"{NOW + TTL_MS}.0",
                    "1.7e12",
                    "1e15",
                    "NaN",
                    "Infinity",
                    "null",
                    "0x7fffffffffffffff",
                    "1_700_000_180_000",
                    f" {NOW + TTL_MS}",
                    f"{NOW + TTL_MS}\n",
                    "9" * 19,
                    "9" * 5000,
                    "١٧٠٠٠٠٠١٨٠٠٠٠",
                    "".join(chr(0xFF10 + int(digit)) for digit in str(NOW + TTL_MS)),
                    "²" * 13,
                )
            ),
        ],
        ids=lambda metadata: repr(metadata)[-40:],
    )
    def test_absent_and_malformed_records_are_no_lock(self, metadata):
        assert read_lock(metadata) is None
        assert claim_of(metadata, ME, NOW) is Claim.FREE
        assert not may_be_given_back(metadata, ME, NOW)

    @pytest.mark.parametrize(
        "mark", ["", "@", "here", "here@", "@1700000180000", "here@0", "here@01700000180000", "@@"]
    )
    def test_a_mark_that_is_not_of_this_expiry_names_no_environment(self, mark):
        metadata = {**welders(OWNER, NOW + TTL_MS), ENVIRONMENT_KEY: mark}
        assert read_lock(metadata) == EditLock(holder=Holder(owner=OWNER, environment=None), expires_at_ms=NOW + TTL_MS)

    @given(st.dictionaries(st.sampled_from([OWNER_KEY, EXPIRY_KEY, ENVIRONMENT_KEY, "x"]), st.text()), HOLDERS, TIMES)
    def test_any_metadata_gives_an_answer(self, metadata, me, now):
        claim = claim_of(metadata, me, now)
        assert (read_lock(metadata) is not None) or claim is Claim.FREE

    @given(HOLDERS, TIMES)
    def test_what_is_written_is_what_is_read(self, holder, expires):
        assert read_lock(record_of(holder, expires)) == EditLock(holder=holder, expires_at_ms=expires)

    @given(st.dictionaries(st.text(min_size=1), st.text()), HOLDERS, TIMES)
    def test_other_keys_are_kept_by_the_merge_and_do_not_matter(self, others, holder, now):
        merged = {**others, **taken(holder, now)}
        assert read_lock(merged) == EditLock(holder=holder, expires_at_ms=now + TTL_MS)
        ours = {OWNER_KEY, EXPIRY_KEY, ENVIRONMENT_KEY}
        assert {key: merged[key] for key in merged.keys() - ours} == {key: others[key] for key in others.keys() - ours}

    @pytest.mark.parametrize("environment", [None, ""])
    def test_no_lock_is_written_without_an_environment(self, environment):
        with pytest.raises(ValueError, match="environment"):
            taken(Holder(owner=OWNER, environment=environment), NOW)


class TestClaims:
    @pytest.mark.parametrize(
        ("holder", "left_ms", "claim"),
        [
            (ME, TTL_MS, Claim.MINE),
            (ME, ALLOWANCE_MS + 1, Claim.MINE),
            (ME, ALLOWANCE_MS, Claim.FREE),
            (ME, 0, Claim.FREE),
            (ME, -TTL_MS, Claim.FREE),
            *(
                case
                for holder, live in ((ELSEWHERE, Claim.MINE_ELSEWHERE), (SOMEBODY, Claim.OTHERS))
                for case in (
                    (holder, TTL_MS, live),
                    (holder, 0, live),
                    (holder, 1 - ALLOWANCE_MS, live),
                    (holder, -ALLOWANCE_MS, Claim.FREE),
                    (holder, -TTL_MS, Claim.FREE),
                )
            ),
        ],
    )
    def test_both_sides_of_every_limit(self, holder, left_ms, claim):
        assert claim_of(record_of(holder, NOW + left_ms), ME, NOW) is claim

    @given(HOLDERS, HOLDERS, TIMES, TIMES, st.integers(1 - 2 * ALLOWANCE_MS, 2 * ALLOWANCE_MS - 1))
    def test_two_whose_clocks_differ_by_less_than_both_allowances_never_both_have_it(
        self, one, two, expires, now, apart
    ):
        metadata = record_of(one, expires)
        if one != two and claim_of(metadata, one, now) is Claim.MINE:
            assert claim_of(metadata, two, now + apart) is not Claim.FREE

    @given(HOLDERS, HOLDERS, TIMES, TIMES, TIMES)
    def test_what_is_free_stays_free_as_time_goes_on(self, holder, me, expires, now, later):
        metadata = record_of(holder, expires)
        plausible = expires - min(now, later) <= LONGEST_MS - ALLOWANCE_MS
        if plausible and claim_of(metadata, me, min(now, later)) is Claim.FREE:
            assert claim_of(metadata, me, max(now, later)) is Claim.FREE

    @pytest.mark.parametrize("holder", [ME, ELSEWHERE, SOMEBODY])
    @pytest.mark.parametrize("expiry", [NOW * 1000, NOW + 1000 * 86_400_000, 10**17 - 1, 10**18 - 1])
    def test_an_expiry_no_client_can_have_meant_is_no_lock(self, holder, expiry):
        assert claim_of(welders(holder.owner, expiry), ME, NOW) is Claim.FREE
        assert claim_of(record_of(holder, expiry), ME, NOW) is Claim.FREE

    @pytest.mark.parametrize(
        ("holder", "left_ms", "claim"),
        [
            (SOMEBODY, LONGEST_MS + ALLOWANCE_MS, Claim.OTHERS),
            (SOMEBODY, LONGEST_MS + ALLOWANCE_MS + 1, Claim.FREE),
            (ME, LONGEST_MS - ALLOWANCE_MS, Claim.MINE),
            (ME, LONGEST_MS - ALLOWANCE_MS + 1, Claim.FREE),
        ],
    )
    def test_a_lock_of_a_day_is_the_longest(self, holder, left_ms, claim):
        assert claim_of(record_of(holder, NOW + left_ms), ME, NOW) is claim

    @given(HOLDERS, HOLDERS, TIMES)
    def test_a_live_lock_is_its_holders_alone(self, holder, me, now):
        claim = claim_of(taken(holder, now), me, now)
        assert (claim is Claim.MINE) == (holder == me)
        assert (claim is Claim.MINE_ELSEWHERE) == (holder != me and holder.owner == me.owner)

    @pytest.mark.parametrize(("passed_ms", "due"), [(0, False), (RENEWAL_MS - 1, False), (RENEWAL_MS, True)])
    def test_a_renewal_is_due_after_a_third(self, passed_ms, due):
        lock = read_lock(taken(ME, NOW))
        assert is_renewal_due(lock, NOW + passed_ms) is due

    @pytest.mark.parametrize(
        ("holder", "left_ms", "worth"),
        [
            (ME, TTL_MS, True),
            (ME, 1 - ALLOWANCE_MS, True),
            (ME, -ALLOWANCE_MS, False),
            (ELSEWHERE, TTL_MS, False),
            (SOMEBODY, TTL_MS, False),
        ],
    )
    def test_only_a_lock_that_others_wait_for_is_given_back(self, holder, left_ms, worth):
        assert may_be_given_back(record_of(holder, NOW + left_ms), ME, NOW) is worth


class TestOtherClients:
    @pytest.mark.parametrize(("owner", "claim"), [(OWNER, Claim.MINE_ELSEWHERE), (OTHER, Claim.OTHERS)])
    def test_a_lock_welder_took_is_honoured(self, owner, claim):
        metadata = welders(owner, NOW + TTL_MS)
        assert claim_of(metadata, ME, NOW) is claim
        assert claim_of(metadata, ME, NOW + TTL_MS + ALLOWANCE_MS) is Claim.FREE

    @given(HOLDERS, TIMES)
    def test_ours_is_read_by_welder_and_terra_ui(self, holder, now):
        record = taken(holder, now)
        assert is_locked_for_welder(record, now)
        assert not is_locked_for_welder(record, now + TTL_MS)
        assert is_locked_for_terra_ui(record, "another", now)
        assert not is_locked_for_terra_ui(record, holder.owner, now)

    @given(HOLDERS, st.integers(min_value=ALLOWANCE_MS, max_value=4_000_000_000_000))
    def test_a_released_record_is_free_for_everybody(self, holder, now):
        record = released(holder)
        assert set(record) == {OWNER_KEY, EXPIRY_KEY, ENVIRONMENT_KEY}
        assert not is_locked_for_welder(record, now)
        assert not is_locked_for_terra_ui(record, "another", now)
        for other in (holder, SOMEBODY, Holder(owner=holder.owner, environment="new")):
            assert claim_of(record, other, now) is Claim.FREE
        assert not may_be_given_back(record, holder, now)

    @pytest.mark.parametrize(("owner", "claim"), [(OWNER, Claim.MINE_ELSEWHERE), (OTHER, Claim.OTHERS)])
    @pytest.mark.parametrize("later_ms", [1, 60_000])
    def test_a_patch_of_welder_that_leaves_our_mark_behind_voids_it(self, owner, claim, later_ms):
        patched = {**taken(ME, NOW), **welders(owner, NOW + later_ms + TTL_MS)}
        assert ENVIRONMENT_KEY in patched
        assert read_lock(patched).holder == Holder(owner=owner, environment=None)
        assert claim_of(patched, ME, NOW + later_ms) is claim

    def test_a_patch_by_another_person_with_our_very_expiry_is_theirs(self):
        patched = {**taken(ME, NOW), **welders(OTHER, NOW + TTL_MS)}
        assert claim_of(patched, ME, NOW) is Claim.OTHERS

    @pytest.mark.parametrize("expiry", ["", "0", str(NOW + TTL_MS)])
    def test_terra_uis_copy_is_locked_by_no_one(self, expiry):
        copied = {**taken(ME, NOW), "lastLockedBy": "", "lockExpiresAt": expiry}
        assert [claim_of(copied, holder, NOW) for holder in (ME, ELSEWHERE, SOMEBODY)] == [Claim.FREE] * 3

    def test_metadata_copied_to_another_bucket_matches_no_one_there(self):
        copied = record_of(Holder(owner=owner_hash("a", "foo@bar.com"), environment="here"), NOW + TTL_MS)
        me = Holder(owner=owner_hash("b", "foo@bar.com"), environment="here")
        assert claim_of(copied, me, NOW) is Claim.OTHERS

    def test_every_mix_of_keys_is_judged_as_welder_judges_it_outside_the_allowance(self):
        owners, expiries = (None, OTHER), (None, "x", "0", str(NOW - TTL_MS), str(NOW + TTL_MS))
        for owner, expiry in itertools.product(owners, expiries):
            metadata = {key: value for key, value in ((OWNER_KEY, owner), (EXPIRY_KEY, expiry)) if value is not None}
            assert (claim_of(metadata, ME, NOW) is not Claim.FREE) == is_locked_for_welder(metadata, NOW)


class TestALockOfAnotherClientForTheSamePerson:
    UNMARKED = {OWNER_KEY: OWNER, EXPIRY_KEY: str(NOW + TTL_MS)}  # noqa: RUF012 - read only

    def test_is_another_environments_by_default(self):
        assert claim_of(self.UNMARKED, ME, NOW) is Claim.MINE_ELSEWHERE

    def test_may_be_taken_where_a_welder_runs_beside(self):
        assert claim_of(self.UNMARKED, replace(ME, shares_unmarked=True), NOW) is Claim.FREE

    def test_no_other_record_may(self):
        theirs = {**self.UNMARKED, OWNER_KEY: OTHER}
        assert claim_of(theirs, replace(ME, shares_unmarked=True), NOW) is Claim.OTHERS

    def test_nor_that_of_another_environment_of_ours(self):
        elsewhere = taken(Holder(owner=OWNER, environment="another-one"), NOW)
        assert claim_of(elsewhere, replace(ME, shares_unmarked=True), NOW) is Claim.MINE_ELSEWHERE


class TestUntilWhenAnyoneHoldsIt:
    @given(HOLDERS, TIMES, st.sampled_from([-LONGEST_MS - ALLOWANCE_MS, -TTL_MS, 0, ALLOWANCE_MS]), st.integers(-1, 1))
    def test_as_long_as_others_may_not_take_it(self, holder, expires_at_ms, past_ms, step_ms):
        metadata, now_ms = welders(holder.owner, expires_at_ms), expires_at_ms + past_ms + step_ms
        stranger = Holder(owner="another", environment="here")
        is_held = claim_of(metadata, stranger, now_ms) is Claim.OTHERS
        assert held_until_ms(metadata, now_ms) == (expires_at_ms if is_held else None)

    @pytest.mark.parametrize("metadata", [{}, {OWNER_KEY: OTHER}, {EXPIRY_KEY: str(NOW + 1)}, released(ME)])
    def test_of_no_lock(self, metadata):
        assert held_until_ms(metadata, NOW) is None
