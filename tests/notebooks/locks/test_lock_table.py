"""Opening takes the edit lock, saving carries it, and no one writes over another person's."""

import asyncio
import itertools
import json
import time

import pytest
from environments import BUCKET, taken_by
from environments import UPLOADS as UPLOAD

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Delay, Fault, ResetConnection
from jupyter_terra_env.notebooks.locks.lock_watch import LockWatch
from jupyter_terra_env.rules.edit_lock import ENVIRONMENT_KEY, EXPIRY_KEY, OWNER_KEY, owner_hash
from jupyter_terra_env.rules.errors import LockHeldElsewhere
from jupyter_terra_env.rules.lock_view import LockState, LockView
from jupyter_terra_env.rules.status import Place

STAT, DOWNLOAD, PATCH = "objects.get", "objects.download", "objects.patch"


def opened(env, name):
    return env.run(env.localizer.open(env.at(name)))


async def look_into(watch, place):
    watch.begin([place])
    await asyncio.gather(*watch._looks.values())


class TestOpening:
    def test_takes_a_free_lock_beside_the_download(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        assert not opened(env, "a.ipynb").read_only
        assert env.holds("a.ipynb")
        assert env.baseline("a.ipynb").metageneration == outsider.get("a.ipynb").metageneration

    def test_an_open_lock_of_ours_is_not_taken_again(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        opened(env, "a.ipynb")
        env.faults.clear()
        opened(env, "a.ipynb")
        assert env.operations == [STAT]

    def test_the_playground_is_never_locked_nor_blocked(self, env, outsider):
        outsider.put("a.ipynb", b"one", taken_by("bob@example.org"))
        assert not env.run(env.localizer.open(env.at("a.ipynb", "playground"))).read_only
        assert env.read("a.ipynb", "playground") == b"one"
        assert PATCH not in env.operations

    def test_reading_without_editing_takes_no_lock(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.run(env.localizer.open(env.at("a.ipynb"), to_edit=False))
        assert env.operations == [STAT, DOWNLOAD]

    def test_another_persons_is_shown_read_only_and_nothing_is_written(self, env, outsider):
        outsider.put("a.ipynb", b"theirs", taken_by("bob@example.org"))
        assert opened(env, "a.ipynb").read_only
        assert env.show("a.ipynb") == b"theirs"
        assert env.read("a.ipynb") is None
        assert env.lock_state("a.ipynb") is LockState.HELD_BY_OTHER
        assert PATCH not in env.operations

    def test_their_current_content_is_shown_over_an_older_working_copy(self, env, outsider):
        outsider.put("a.ipynb", b"old")
        opened(env, "a.ipynb")
        env.give_back("a.ipynb")
        outsider.put("a.ipynb", b"new", taken_by("bob@example.org"))
        assert env.show("a.ipynb") == b"new"
        assert env.read("a.ipynb") == b"old"
        assert env.run(env.status_of("a.ipynb")).place is Place.IN_WORKSPACE, "an older copy is no conflict"

    def test_ones_own_other_environment_is_distinguished(self, env, outsider):
        outsider.put("a.ipynb", b"one", taken_by("mine@example.org"))
        assert opened(env, "a.ipynb").read_only
        assert env.lock_state("a.ipynb") is LockState.HELD_ELSEWHERE

    def test_where_locks_cannot_be_written_editing_is_refused_and_nothing_is_uploaded(self, env, outsider):
        """Buckets with legacy ACLs answer 403."""
        outsider.put("a.ipynb", b"one")
        env.faults.add(Fault(operation=PATCH, action=AnswerWith(status=403, reason="forbidden"), times=100))
        assert opened(env, "a.ipynb").read_only
        assert env.read("a.ipynb") == b"one"
        assert env.lock_state("a.ipynb") is LockState.NOT_PERMITTED
        told = env.save("a.ipynb", b"two")
        assert (told.place, told.reason) == (Place.ON_DISK, "no-permission")
        assert UPLOAD not in env.operations
        assert outsider.content("a.ipynb") == b"one"

    def test_a_lock_that_cannot_be_asked_for_now_keeps_no_one_from_working(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.faults.add(Fault(operation=PATCH, action=AnswerWith(status=503), times=100))
        assert not opened(env, "a.ipynb").read_only
        assert env.lock_state("a.ipynb") is LockState.UNKNOWN
        env.faults.clear()
        assert env.save("a.ipynb", b"two").place is Place.IN_WORKSPACE
        assert env.holds("a.ipynb")

    def test_the_lost_answer_of_the_lock_is_settled(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.faults.add(Fault(operation=PATCH, action=ResetConnection(), after_effect=True))
        assert not opened(env, "a.ipynb").read_only
        assert env.holds("a.ipynb")
        assert env.operations.count(PATCH) == 1

    def test_who_opens_at_the_same_time_gets_one_holder(self, two):
        ann, bob = two
        ann.save("a.ipynb", b"one")
        ann.give_back("a.ipynb")

        async def both():
            return await asyncio.gather(ann.localizer.open(ann.at("a.ipynb")), bob.localizer.open(bob.at("a.ipynb")))

        results = ann.run(both())
        assert sorted(result.read_only for result in results) == [False, True]
        assert ann.holds("a.ipynb") is not bob.holds("a.ipynb")


class TestWithoutPermission:
    """Who may read the workspace only: the object looks free, and stays read-only here all the same."""

    @pytest.fixture
    def reader(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.faults.add(Fault(operation="objects.patch", action=AnswerWith(status=403, reason="forbidden"), times=1000))
        opened(env, "a.ipynb")
        assert env.lock_state("a.ipynb") == "not-permitted"
        return env

    def test_no_look_at_the_object_makes_it_writable(self, reader, outsider):
        place = reader.at("a.ipynb")
        opened(reader, "a.ipynb")
        outsider.lock("a.ipynb", team="blue")
        reader.run(reader.locks.resume(place))
        assert reader.lock_state("a.ipynb") == "not-permitted"
        reader.run(reader.locks.release(place, unless=lambda: False))
        assert reader.lock_state("a.ipynb") == "not-permitted"
        assert reader.locks.view(place).message == LockView(state=LockState.NOT_PERMITTED).message
        reader.locks.record_unknown(place)
        assert reader.lock_state("a.ipynb") == "not-permitted"

    def test_another_persons_lock_comes_and_goes(self, reader, outsider):
        place = reader.at("a.ipynb")
        outsider.lock("a.ipynb", **taken_by("bob@example.org"))
        opened(reader, "a.ipynb")
        assert reader.lock_state("a.ipynb") == "held-by-other"
        outsider.lock("a.ipynb", **taken_by("bob@example.org", left_seconds=-60))
        reader.run(look_into(LockWatch(reader.storage, reader.locks, now_ms=reader.clock.now_ms), place))
        assert reader.lock_state("a.ipynb") == "not-permitted"

    def test_a_lock_that_can_be_written_ends_it(self, reader):
        reader.faults.clear()
        opened(reader, "a.ipynb")
        assert reader.lock_state("a.ipynb") == "held"


class TestSaving:
    def test_a_new_notebook_is_made_with_its_lock(self, env, outsider):
        env.save("a.ipynb", b"one")
        assert env.operations == [UPLOAD]
        assert env.holds("a.ipynb")

    def test_a_save_renews_the_lock_for_nothing(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        opened(env, "a.ipynb")
        before = int(outsider.get("a.ipynb").metadata[EXPIRY_KEY])
        env.faults.clear()
        for number in range(3):
            assert env.save("a.ipynb", b"%d" % number).place is Place.IN_WORKSPACE
        assert env.operations == [UPLOAD] * 3
        assert int(outsider.get("a.ipynb").metadata[EXPIRY_KEY]) > before
        assert env.holds("a.ipynb")

    def test_over_another_persons_lock_is_refused_and_the_edits_stay_on_the_disk(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        opened(env, "a.ipynb")
        outsider.lock("a.ipynb", **taken_by("bob@example.org"))
        told = env.save("a.ipynb", b"mine")
        assert (told.place, told.reason) == (Place.LOCKED, "locked-by-other")
        assert env.read("a.ipynb") == b"mine"
        assert outsider.content("a.ipynb") == b"one"
        view = env.locks.view(env.at("a.ipynb"))
        assert (view.state, view.lost) == (LockState.HELD_BY_OTHER, True)

    def test_a_welder_in_between_is_detected(self, env, outsider):
        """Welder PATCHes without preconditions, two keys only, and leaves ours behind."""
        outsider.put("a.ipynb", b"one")
        opened(env, "a.ipynb")
        expiry = str(int((time.time() + 180) * 1000))
        outsider.lock("a.ipynb", **{OWNER_KEY: owner_hash(BUCKET, "bob@example.org"), EXPIRY_KEY: expiry})
        assert ENVIRONMENT_KEY in outsider.get("a.ipynb").metadata
        assert env.save("a.ipynb", b"mine").reason == "locked-by-other"

    def test_edits_of_a_lost_lock_go_out_when_it_is_free_and_nothing_has_changed(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        opened(env, "a.ipynb")
        outsider.lock("a.ipynb", **taken_by("bob@example.org"))
        env.save("a.ipynb", b"mine")
        outsider.lock("a.ipynb", **{EXPIRY_KEY: "0"})
        assert env.open("a.ipynb").place is Place.IN_WORKSPACE
        assert outsider.content("a.ipynb") == b"mine"

    def test_what_another_person_saved_meanwhile_is_a_conflict_not_overwritten(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        opened(env, "a.ipynb")
        outsider.put("a.ipynb", b"theirs", taken_by("bob@example.org"))
        assert env.save("a.ipynb", b"mine").place in {Place.CONFLICT, Place.LOCKED}
        outsider.lock("a.ipynb", **{EXPIRY_KEY: "0"})
        assert env.save("a.ipynb", b"mine too").place is Place.CONFLICT
        assert outsider.content("a.ipynb") == b"theirs"

    def test_a_lock_that_ran_out_unseen_is_taken_again(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        opened(env, "a.ipynb")
        outsider.lock("a.ipynb", **taken_by("mine@example.org", "environment-of-mine", left_seconds=-60))
        assert env.save("a.ipynb", b"two").place is Place.IN_WORKSPACE
        assert env.holds("a.ipynb")


class TestTakingOver:
    def test_the_first_environment_sees_it_and_loses_nothing(self, env, outsider, tmp_path):
        outsider.put("a.ipynb", b"one")
        opened(env, "a.ipynb")
        outsider.lock("a.ipynb", **taken_by("mine@example.org"))
        told = env.save("a.ipynb", b"typed here")
        assert (told.place, told.reason) == (Place.LOCKED, "locked-elsewhere")
        view = env.locks.view(env.at("a.ipynb"))
        assert (view.state, view.lost) == (LockState.HELD_ELSEWHERE, True)
        assert env.read("a.ipynb") == b"typed here"

    def test_from_oneself_elsewhere(self, env, outsider):
        outsider.put("a.ipynb", b"one", taken_by("mine@example.org"))
        opened(env, "a.ipynb")
        env.take_over("a.ipynb")
        assert env.holds("a.ipynb")
        assert not opened(env, "a.ipynb").read_only
        assert env.save("a.ipynb", b"two").place is Place.IN_WORKSPACE

    def test_never_from_another_person(self, env, outsider):
        outsider.put("a.ipynb", b"one", taken_by("bob@example.org"))
        with pytest.raises(LockHeldElsewhere):
            env.take_over("a.ipynb")
        assert not env.holds("a.ipynb")


class TestMoving:
    @pytest.mark.parametrize("act", ["rename", "delete"])
    def test_what_another_person_edits_stays_where_it_is(self, env, outsider, act):
        outsider.put("a.ipynb", b"one")
        opened(env, "a.ipynb")
        outsider.lock("a.ipynb", **taken_by("bob@example.org"))
        with pytest.raises(LockHeldElsewhere):
            env.rename("a.ipynb", "b.ipynb") if act == "rename" else env.delete("a.ipynb")
        assert outsider.names() == ["a.ipynb"]
        assert env.read("a.ipynb") == b"one"

    def test_an_unopened_notebook_that_another_person_edits_is_not_deleted(self, env, outsider):
        outsider.put("a.ipynb", b"one", taken_by("bob@example.org"))
        with pytest.raises(LockHeldElsewhere):
            env.delete("a.ipynb")
        assert outsider.names() == ["a.ipynb"]

    def test_ones_own_lock_goes_along(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        opened(env, "a.ipynb")
        env.rename("a.ipynb", "b.ipynb")
        assert env.holds("b.ipynb")
        assert env.lock_state("b.ipynb") is LockState.HELD


class TestInterop:
    """Metadata as Welder and Terra UI write and read it (docs/protocol/edit-lock.md)."""

    def test_ours_is_readable_by_them(self, env, outsider):
        outsider.put("a.ipynb", b"one", {"theirs": "kept"})
        opened(env, "a.ipynb")
        metadata = outsider.get("a.ipynb").metadata
        assert metadata[OWNER_KEY] == owner_hash(BUCKET, "mine@example.org")
        assert metadata[EXPIRY_KEY].isdecimal()
        assert 170_000 < int(metadata[EXPIRY_KEY]) - time.time() * 1000 <= 181_000
        assert metadata["theirs"] == "kept"

    @pytest.mark.parametrize(
        "record",
        [
            {OWNER_KEY: "", EXPIRY_KEY: "{future}"},  # Terra UI: a copy within the workspace
            {OWNER_KEY: "f" * 64},
            {EXPIRY_KEY: "{future}"},
            {OWNER_KEY: "f" * 64, EXPIRY_KEY: "soon"},
            {OWNER_KEY: "f" * 64, EXPIRY_KEY: "1700000180000"},
            {"lastModifiedBy": "f" * 64, "f" * 64: "doNotSync"},  # RStudio's background sync
        ],
    )
    def test_what_is_no_lock_to_them_is_none_to_us(self, env, outsider, record):
        future = str(int((time.time() + 100) * 1000))
        outsider.put("a.ipynb", b"one", {key: value.replace("{future}", future) for key, value in record.items()})
        assert not opened(env, "a.ipynb").read_only
        assert env.holds("a.ipynb")

    def test_theirs_is_honoured(self, env, outsider):
        future = str(int((time.time() + 100) * 1000))
        outsider.put("a.ipynb", b"one", {OWNER_KEY: "f" * 64, EXPIRY_KEY: future})
        assert opened(env, "a.ipynb").read_only


class TestCost:
    def test_an_hour_of_saves_costs_no_renewal(self, env, outsider):
        """Every save of an hour, as fast as they go; the keeper's looks in between find nothing due."""
        outsider.put("a.ipynb", b"one")
        opened(env, "a.ipynb")
        env.faults.clear()
        for number in range(720 // 6):
            env.save("a.ipynb", json.dumps(number).encode())
            assert not any(env.locks.is_due(lock) for _, lock in env.locks.held())
        assert set(env.operations) == {UPLOAD}

    def test_a_renewal_is_one_request(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        opened(env, "a.ipynb")
        env.faults.clear()
        env.run(env.locks.renew(env.at("a.ipynb")))
        assert env.operations == [PATCH]

    def test_a_renewal_does_not_wait_behind_transfers(self, env, outsider):
        for number in range(8):
            outsider.put(f"{number}.ipynb", b"big")
        outsider.put("a.ipynb", b"one")
        opened(env, "a.ipynb")
        env.faults.add(Fault(operation=DOWNLOAD, action=Delay(seconds=1.5), times=8))

        async def renew_beside_downloads():
            transfers = [
                asyncio.create_task(env.localizer.open(env.at(f"{number}.ipynb", "playground"))) for number in range(8)
            ]
            await asyncio.sleep(0.5)
            await env.locks.renew(env.at("a.ipynb"))
            ended = sum(transfer.done() for transfer in transfers)
            await asyncio.gather(*transfers)
            return ended

        assert env.run(renew_beside_downloads()) == 0


def test_news_is_reported_every_change(env, outsider):
    outsider.put("a.ipynb", b"one", taken_by("bob@example.org"))
    opened(env, "a.ipynb")
    states = []
    for location, _ in itertools.groupby(env.news):
        states.append((location.api_path, env.locks.view(location).state))
    assert ("ws/edit/a.ipynb", LockState.HELD_BY_OTHER) in states
    env.news.clear()
    opened(env, "a.ipynb")
    assert env.news == [], "nothing has changed"
