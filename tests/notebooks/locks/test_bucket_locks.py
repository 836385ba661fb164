"""Locks on the embedded bucket through the real client: what is sent, what is settled, and who wins."""

import asyncio
import threading

import pytest
from environments import BUCKET
from lock_kit import world

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault, ResetConnection
from jupyter_terra_env.notebooks.locks.bucket_locks import BucketLocks
from jupyter_terra_env.rules.edit_lock import (
    ALLOWANCE_MS,
    ENVIRONMENT_KEY,
    EXPIRY_KEY,
    OWNER_KEY,
    TTL_MS,
    Holder,
    owner_hash,
    read_lock,
    taken,
)
from jupyter_terra_env.rules.errors import (
    BucketRefused,
    BucketTrouble,
    BucketUnavailable,
    LockHeldElsewhere,
    ObjectNotFound,
    PreconditionFailed,
)

ANN, BOB = "ann@example.org", "bob@example.org"
NAME = "notebooks/a.ipynb"
GET, PATCH = "objects.get", "objects.patch"
FORBIDDEN = AnswerWith(status=403, reason="forbidden", message="Access denied.")


@pytest.fixture
def place():
    with world() as place:
        place.put(NAME, {"keep": "this", "ü": "é"})
        yield place


@pytest.fixture
def ann(place):
    return place.party(ANN, "ann-1")


@pytest.fixture
def ann_elsewhere(place):
    return place.party(ANN, "ann-2")


@pytest.fixture
def bob(place):
    return place.party(BOB, "bob-1")


def foreign(place, email, seconds=180):
    """A record as Welder writes it."""
    return {OWNER_KEY: owner_hash(BUCKET, email), EXPIRY_KEY: str(place.time.ms + seconds * 1000)}


def after_each_read(party, act):
    """Let something happen right after each read, so that the write that follows meets it."""
    send = party.wire.send

    def sending(request, **options):
        answer = send(request, **options)
        if request.method == "GET":
            act()
        return answer

    party.wire.send = sending


class TestAcquire:
    def test_a_free_lock(self, place, ann):
        held = ann.acquire(NAME)
        assert held.lock == read_lock(place.metadata(NAME))
        assert held.lock.holder == ann.me
        assert abs(held.lock.expires_at_ms - (place.time.ms + TTL_MS)) <= 500
        assert ann.operations == [GET, PATCH]
        assert held.version == ann.stat(NAME)

    def test_what_was_just_read_is_not_read_again(self, ann):
        seen = ann.stat(NAME)
        ann.faults.clear()
        held = ann.acquire(NAME, seen)
        assert ann.operations == [PATCH]
        assert (held.version.generation, held.version.metageneration) == (seen.generation, seen.metageneration + 1)

    def test_both_preconditions_are_sent(self, ann):
        seen = ann.stat(NAME)
        ann.wire.targets.clear()
        ann.acquire(NAME, seen)
        [(method, target)] = ann.wire.targets
        assert method == "PATCH"
        assert f"ifGenerationMatch={seen.generation}" in target
        assert f"ifMetagenerationMatch={seen.metageneration}" in target

    def test_a_lock_of_ours_is_renewed(self, place, ann):
        first = ann.acquire(NAME)
        place.time.move(60)
        again = ann.acquire(NAME, first.version)
        assert again.lock.expires_at_ms == first.lock.expires_at_ms + 60_000

    def test_other_metadata_is_kept(self, place, ann):
        ann.acquire(NAME)
        ann.release(NAME)
        assert {key: place.metadata(NAME)[key] for key in ("keep", "ü")} == {"keep": "this", "ü": "é"}

    def test_the_content_is_not_touched(self, place, ann):
        before = ann.stat(NAME)
        after = ann.acquire(NAME).version
        assert (after.generation, after.crc32c, after.size_bytes) == (before.generation, before.crc32c, 2)

    @pytest.mark.parametrize("seconds", [180, 0, -4])
    def test_another_persons_is_refused_up_to_the_allowance(self, place, ann, seconds):
        place.patch(NAME, foreign(place, BOB, seconds))
        before = place.metadata(NAME)
        with pytest.raises(LockHeldElsewhere) as refusal:
            ann.acquire(NAME)
        assert refusal.value.lock == read_lock(before)
        assert not refusal.value.by_same_person
        assert place.metadata(NAME) == before
        assert ann.operations == [GET]

    def test_a_dead_one_is_taken(self, place, ann, bob):
        bob.acquire(NAME)
        place.time.move((TTL_MS + ALLOWANCE_MS) / 1000 + 1)
        assert ann.acquire(NAME).lock.holder == ann.me

    def test_the_same_person_elsewhere_is_refused_with_the_reason(self, ann, ann_elsewhere):
        ann.acquire(NAME)
        with pytest.raises(LockHeldElsewhere) as refusal:
            ann_elsewhere.acquire(NAME)
        assert refusal.value.by_same_person

    def test_our_own_expired_lock_is_taken_again(self, place, ann):
        held = ann.acquire(NAME)
        place.time.move(86_400)
        assert ann.acquire(NAME, held.version).lock.holder == ann.me

    def test_of_nothing(self, ann):
        for verb in (ann.acquire, ann.take_over):
            with pytest.raises(ObjectNotFound):
                verb("notebooks/none.ipynb")
        ann.release("notebooks/none.ipynb")

    def test_an_object_deleted_in_between_is_not_found(self, place, ann):
        seen = ann.stat(NAME)
        place.outsider.bucket.blob(NAME).delete()
        with pytest.raises(ObjectNotFound):
            ann.acquire(NAME, seen)

    @pytest.mark.parametrize("off_hours", [-30, -1, 1, 30])
    def test_a_clock_hours_off_neither_steals_a_live_lock_nor_honours_a_dead_one(self, place, bob, off_hours):
        wrong = place.party(ANN, "ann-9", local_ms=lambda: place.time.ms + off_hours * 3_600_000)
        bob.acquire(NAME)
        with pytest.raises(LockHeldElsewhere):
            wrong.acquire(NAME)
        place.time.move(190)
        held = wrong.acquire(NAME)
        assert abs(held.lock.expires_at_ms - (place.time.ms + TTL_MS)) <= 500


class TestTakeOver:
    def test_from_another_environment_of_the_same_person(self, ann, ann_elsewhere):
        held = ann.acquire(NAME)
        assert ann_elsewhere.take_over(NAME).lock.holder == ann_elsewhere.me
        with pytest.raises(PreconditionFailed):
            ann.upload(held.version, b"mine")
        with pytest.raises(LockHeldElsewhere):
            ann.acquire(NAME, held.version)

    def test_from_welder(self, place, ann):
        place.patch(NAME, foreign(place, ANN))
        assert ann.take_over(NAME).lock.holder == ann.me

    def test_never_from_another_person(self, ann, bob):
        bob.acquire(NAME)
        with pytest.raises(LockHeldElsewhere) as refusal:
            ann.take_over(NAME)
        assert not refusal.value.by_same_person

    def test_never_from_someone_who_came_in_between(self, place, ann, ann_elsewhere):
        ann_elsewhere.acquire(NAME)
        after_each_read(ann, lambda: place.patch(NAME, foreign(place, BOB)))
        with pytest.raises(LockHeldElsewhere) as refusal:
            ann.take_over(NAME)
        assert not refusal.value.by_same_person


class TestRelease:
    def test_leaves_an_expired_record(self, place, ann, bob):
        ann.acquire(NAME)
        ann.faults.clear()
        ann.release(NAME)
        assert ann.operations == [GET, PATCH]
        record = place.metadata(NAME)
        assert (record[OWNER_KEY], record[EXPIRY_KEY]) == (ann.me.owner, "0")
        assert ENVIRONMENT_KEY in record
        assert bob.acquire(NAME).lock.holder == bob.me

    @pytest.mark.parametrize("who", ["nobody", "bob", "elsewhere"])
    def test_leaves_what_is_not_ours(self, place, ann, ann_elsewhere, bob, who):
        if who != "nobody":
            {"bob": bob, "elsewhere": ann_elsewhere}[who].acquire(NAME)
        before = ann.stat(NAME)
        ann.faults.clear()
        ann.release(NAME)
        assert ann.operations == [GET]
        assert ann.stat(NAME) == before

    def test_a_released_or_long_expired_lock_is_not_released_again(self, place, ann):
        ann.acquire(NAME)
        ann.release(NAME)
        ann.faults.clear()
        ann.release(NAME)
        assert ann.operations == [GET]
        ann.acquire(NAME)
        place.time.move(200)
        ann.faults.clear()
        ann.release(NAME)
        assert ann.operations == [GET]

    def test_leaves_a_lock_that_someone_took_in_between(self, place, ann):
        ann.acquire(NAME)
        theirs = foreign(place, BOB)
        after_each_read(ann, lambda: place.patch(NAME, theirs))
        ann.release(NAME)
        assert read_lock(place.metadata(NAME)).holder.owner == theirs[OWNER_KEY]

    def test_before_and_after_its_effect_a_lost_answer_is_settled(self, place, ann):
        for after_effect, operations in ((False, [GET, PATCH, GET, PATCH]), (True, [GET, PATCH, GET])):
            ann.acquire(NAME)
            ann.faults.clear()
            ann.faults.add(Fault(operation=PATCH, action=ResetConnection(), after_effect=after_effect))
            ann.release(NAME)
            assert ann.operations == operations
            assert place.metadata(NAME)[EXPIRY_KEY] == "0"

    def test_without_any_answer_it_gives_up(self, ann):
        ann.acquire(NAME)
        ann.faults.clear()
        ann.faults.add(Fault(operation=PATCH, action=ResetConnection(), times=99))
        with pytest.raises(BucketUnavailable):
            ann.release(NAME)
        assert ann.operations.count(PATCH) == 2


class TestSomethingInBetween:
    def test_metadata_of_others_moves_and_the_lock_is_taken_all_the_same(self, place, ann):
        seen = ann.stat(NAME)
        place.patch(NAME, {"more": "metadata"})
        ann.faults.clear()
        assert ann.acquire(NAME, seen).version.metadata["more"] == "metadata"
        assert ann.operations == [PATCH, GET, PATCH]

    def test_a_lock_taken_by_an_unfenced_patch_is_seen(self, place, ann):
        seen = ann.stat(NAME)
        place.patch(NAME, foreign(place, BOB))
        with pytest.raises(LockHeldElsewhere):
            ann.acquire(NAME, seen)

    @pytest.mark.parametrize("email", [ANN, BOB])
    def test_welder_replaces_our_lock_and_we_notice_before_the_first_write(self, place, ann, email):
        held = ann.acquire(NAME)
        place.time.move(1)
        place.patch(NAME, foreign(place, email))
        assert ENVIRONMENT_KEY in place.metadata(NAME)
        with pytest.raises(PreconditionFailed):
            ann.upload(held.version, b"mine")
        with pytest.raises(LockHeldElsewhere) as refusal:
            ann.acquire(NAME, held.version)
        assert refusal.value.by_same_person == (email == ANN)

    def test_a_new_content_is_recognized_by_its_generation(self, place, ann):
        seen = ann.stat(NAME)
        place.put(NAME, content=b"theirs")
        held = ann.acquire(NAME, seen)
        assert held.version.generation > seen.generation

    @pytest.mark.parametrize("verb", ["acquire", "take_over", "release"])
    def test_what_keeps_changing_is_not_chased_for_ever(self, place, ann, verb):
        ann.acquire(NAME)
        ann.faults.clear()
        after_each_read(ann, lambda: place.patch(NAME, {"more": "metadata"}))
        with pytest.raises(BucketUnavailable) as error:
            getattr(ann, verb)(NAME)
        assert error.value.trouble is BucketTrouble.OVERLOADED
        assert ann.operations == [GET, PATCH] * 5

    def test_an_upload_carries_the_lock_on(self, place, ann, bob):
        held = ann.acquire(NAME)
        place.time.move(170)
        saved = ann.upload(held.version, b"saved")
        place.time.move(170)
        with pytest.raises(LockHeldElsewhere):
            bob.acquire(NAME)
        assert ann.acquire(NAME, saved).lock.holder == ann.me
        assert place.metadata(NAME)["keep"] == "this"


class TestLostAnswers:
    @pytest.mark.parametrize("verb", ["acquire", "take_over"])
    @pytest.mark.parametrize(
        ("after_effect", "operations"), [(False, [GET, PATCH, GET, PATCH]), (True, [GET, PATCH, GET])]
    )
    @pytest.mark.parametrize("action", [ResetConnection(), AnswerWith(status=503)], ids=["reset", "503"])
    def test_one_is_settled(self, place, ann, verb, after_effect, operations, action):
        ann.faults.add(Fault(operation=PATCH, action=action, after_effect=after_effect))
        held = getattr(ann, verb)(NAME)
        assert ann.operations == operations
        assert held.version == ann.stat(NAME)
        assert held.lock == read_lock(place.metadata(NAME))

    @pytest.mark.parametrize(("times", "after_effect"), [(2, False), (99, False), (99, True)])
    def test_several_are_settled_or_given_up(self, place, ann, times, after_effect):
        ann.faults.add(Fault(operation=PATCH, action=ResetConnection(), times=times, after_effect=after_effect))
        if after_effect:
            assert ann.acquire(NAME).lock == read_lock(place.metadata(NAME))
        else:
            with pytest.raises(BucketUnavailable):
                ann.acquire(NAME)
            assert ann.operations == [GET, PATCH, GET, PATCH, GET]
            assert read_lock(place.metadata(NAME)) is None

    def test_another_person_took_it_while_we_did_not_know(self, place, ann, bob):
        ann.faults.add(Fault(operation=PATCH, action=ResetConnection()))
        after_lost = []
        send = ann.wire.send

        def sending(request, **options):
            if request.method == "GET" and ann.operations.count(PATCH) == 1 and not after_lost:
                after_lost.append(bob.acquire(NAME))
            return send(request, **options)

        ann.wire.send = sending
        with pytest.raises(LockHeldElsewhere):
            ann.acquire(NAME)
        assert read_lock(place.metadata(NAME)).holder == bob.me

    def test_a_patch_that_arrives_late_after_another_person_came_changes_nothing(self, place, ann, bob):
        ann.wire.trouble = "late"
        assert ann.acquire(NAME).lock.holder == ann.me
        ann.release(NAME)
        bob.acquire(NAME)
        assert ann.wire.deliver() == [412]
        assert read_lock(place.metadata(NAME)).holder == bob.me

    def test_reading_that_fails_is_reported(self, ann):
        ann.faults.add(Fault(operation=GET, action=ResetConnection(), times=999))
        for verb in (ann.acquire, ann.take_over, ann.release):
            with pytest.raises(BucketUnavailable):
                verb(NAME)
        assert PATCH not in ann.operations


class TestRefusals:
    @pytest.mark.parametrize("verb", ["acquire", "take_over", "release"])
    def test_a_bucket_that_forbids_patches_is_left_alone(self, place, ann, verb):
        if verb == "release":
            ann.acquire(NAME)
        before = place.account(NAME)
        ann.faults.clear()
        ann.faults.add(Fault(operation=PATCH, action=FORBIDDEN, times=99))
        with pytest.raises(BucketRefused) as refusal:
            getattr(ann, verb)(NAME)
        assert refusal.value.trouble is BucketTrouble.NO_PERMISSION
        assert ann.operations == [GET, PATCH]
        assert place.account(NAME) == before

    def test_an_environment_without_a_name_takes_no_locks(self, ann):
        nameless = BucketLocks(ann.bucket, me=Holder(owner=ann.me.owner, environment=None), now_ms=ann.clock.now_ms)
        with pytest.raises(ValueError, match="environment"):
            asyncio.run(nameless.acquire(NAME))


def race(place, rounds, prepare, contend):
    """All holders at once, again and again; who won is what the bucket's account says."""
    holders = 50
    for number in range(rounds):
        name = f"notebooks/race-{number}.ipynb"
        place.put(name)
        prepare(name)
        before = len(place.account(name))
        winners = contend(name, holders)
        added = place.account(name)[before:]
        assert len(winners) == 1
        assert [entry.lock for entry in added] == [winners[0].lock]


def test_of_fifty_tasks_one_wins_each_round(place, ann):
    def locks_of(index):
        me = Holder(owner=owner_hash(BUCKET, f"p{index}@example.org"), environment=f"e{index}")
        return BucketLocks(ann.bucket, me=me, now_ms=ann.clock.now_ms)

    async def all_at_once(name, holders):
        seen = await ann.bucket.stat(name)
        tries = (locks_of(index).acquire(name, seen) for index in range(holders))
        return await asyncio.gather(*tries, return_exceptions=True)

    def contend(name, holders):
        outcomes = asyncio.run(all_at_once(name, holders))
        won = [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
        assert sum(isinstance(outcome, LockHeldElsewhere) for outcome in outcomes) == holders - len(won)
        return won

    race(place, 10, lambda _: None, contend)


def test_of_fifty_threads_one_wins_each_round(place):
    parties = [place.party(f"p{index}@example.org", f"e{index}") for index in range(50)]

    def contend(name, holders):
        start, won, refused = threading.Barrier(holders), [], []

        def one(party):
            seen = party.stat(name)
            start.wait(30)
            try:
                won.append(party.acquire(name, seen))
            except LockHeldElsewhere:
                refused.append(party)

        threads = [threading.Thread(target=one, args=(party,)) for party in parties]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(won) + len(refused) == holders
        return won

    def an_expired_lock(name):
        place.patch(name, taken(Holder(owner=owner_hash(BUCKET, BOB), environment="dead"), 0))

    race(place, 10, an_expired_lock, contend)
