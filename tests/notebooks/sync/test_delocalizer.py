"""Saving: every race of docs/protocol/open-and-save.md that can be staged."""

import asyncio

import pytest
from environments import until

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Delay, Fault, Hang, ResetConnection
from jupyter_terra_env.notebooks.storage.kept_fields import custom_in
from jupyter_terra_env.notebooks.sync.upload_attempts import content_type
from jupyter_terra_env.rules.edit_lock import ENVIRONMENT_KEY, EXPIRY_KEY, OWNER_KEY
from jupyter_terra_env.rules.errors import ObjectNotFound
from jupyter_terra_env.rules.readback import WRITE_ID_KEY
from jupyter_terra_env.rules.status import Place

UPLOAD = "objects.insert"


def lost_answer(operation=UPLOAD, **kwargs):
    return Fault(operation=operation, action=ResetConnection(), after_effect=True, **kwargs)


def broken(operation=UPLOAD, **kwargs):
    return Fault(operation=operation, action=ResetConnection(), **kwargs)


def refused(operation=UPLOAD, **kwargs):
    return Fault(operation=operation, action=AnswerWith(status=403, reason="forbidden"), **kwargs)


def uploads_of(env):
    return [handled.status for handled in env.faults.history if handled.operation == UPLOAD]


class TestWithoutTrouble:
    def test_a_new_notebook_is_created_with_one_request(self, env, outsider):
        assert env.save("a.ipynb", b"one").place is Place.IN_WORKSPACE
        assert outsider.content("a.ipynb") == b"one"
        assert env.operations == [UPLOAD]
        assert outsider.get("a.ipynb").content_type == "application/x-ipynb+json"

    def test_a_changed_notebook_is_written_on_the_version_it_came_from(self, env, outsider):
        env.save("a.ipynb", b"one")
        env.faults.clear()
        assert env.save("a.ipynb", b"two").place is Place.IN_WORKSPACE
        assert env.operations == [UPLOAD]
        assert list(outsider.history("a.ipynb").values()) == [b"one", b"two"]

    def test_the_same_bytes_cost_no_request(self, env):
        env.save("a.ipynb", b"one")
        env.faults.clear()
        assert env.save("a.ipynb", b"one").place is Place.IN_WORKSPACE
        assert env.operations == []

    def test_an_upload_reports_its_change(self, env):
        env.save("a.ipynb", b"one")
        assert env.changed == ["ws/edit/a.ipynb"]

    def test_nothing_to_upload_when_the_file_is_gone(self, env):
        assert env.run(env.delocalizer.settle(env.at("never.ipynb"))).place is Place.IN_WORKSPACE
        assert env.operations == []

    def test_nine_mebibytes_arrive(self, env, outsider):
        content = bytes(range(256)) * (9 << 12)
        assert env.save("big.ipynb", content).place is Place.IN_WORKSPACE
        assert outsider.content("big.ipynb") == content

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("a.ipynb", "application/x-ipynb+json"),
            ("a.html", "text/html"),
            ("a.unheardof", "application/octet-stream"),
        ],
    )
    def test_content_types(self, name, expected):
        assert content_type(name) == expected


class TestLostAnswers:
    def test_of_a_new_notebook(self, env, outsider):
        env.faults.add(lost_answer())
        assert env.save("a.ipynb", b"one").place is Place.IN_WORKSPACE
        assert len(outsider.history("a.ipynb")) == 1
        assert uploads_of(env) == [200]
        assert env.baseline("a.ipynb").generation == outsider.get("a.ipynb").generation

    def test_of_a_change(self, env, outsider):
        env.save("a.ipynb", b"one")
        env.faults.add(lost_answer())
        assert env.save("a.ipynb", b"two").place is Place.IN_WORKSPACE
        assert list(outsider.history("a.ipynb").values()) == [b"one", b"two"]

    def test_reported_as_an_error_of_the_service(self, env, outsider):
        env.faults.add(Fault(operation=UPLOAD, action=AnswerWith(status=503), after_effect=True))
        assert env.save("a.ipynb", b"one").place is Place.IN_WORKSPACE
        assert len(outsider.history("a.ipynb")) == 1

    @pytest.mark.parametrize("environment_settings", [{"read_timeout_seconds": 0.2, "retry_deadline_seconds": 0.3}])
    def test_for_ever(self, env, outsider):
        env.faults.add(Fault(operation=UPLOAD, action=Hang(), after_effect=True))
        assert env.save("a.ipynb", b"one").place is Place.IN_WORKSPACE
        assert len(outsider.history("a.ipynb")) == 1

    def test_of_a_large_notebook(self, env, outsider):
        env.faults.add(lost_answer("objects.insert.chunk"))
        content = b"x" * (9 << 20)
        assert env.save("a.ipynb", content).place is Place.IN_WORKSPACE
        assert len(outsider.history("a.ipynb")) == 1

    @pytest.mark.parametrize("environment_settings", [{"pause_seconds": 0.01}])
    def test_and_the_next_attempt_fails_against_itself(self, env, outsider):
        """The answer and the read back are lost; the repeated upload gets 412 from its own first one."""
        env.faults.add(lost_answer(), broken("objects.get", times=100))

        async def story():
            first = await env.saving("a.ipynb", b"one")
            assert (first.place, first.reason) == (Place.ON_DISK, "unreachable")
            env.faults.clear()
            return await env.status_of("a.ipynb")

        assert env.run(story()).place is Place.IN_WORKSPACE
        assert list(outsider.history("a.ipynb").values()) == [b"one"]

    def test_and_the_read_back_fails_too_then_the_next_save_settles(self, env, outsider):
        env.faults.add(lost_answer(), broken("objects.get", times=100))
        told = env.save("a.ipynb", b"one")
        assert (told.place, told.reason) == (Place.ON_DISK, "unreachable")
        assert env.read("a.ipynb") == b"one"
        env.faults.clear()
        assert env.save("a.ipynb", b"two").place is Place.IN_WORKSPACE
        assert list(outsider.history("a.ipynb").values()) == [b"one", b"two"]

    def test_and_the_read_back_fails_too_then_the_next_open_settles(self, env, outsider):
        env.faults.add(lost_answer(), broken("objects.get", times=100))
        env.save("a.ipynb", b"one")
        env.faults.clear()
        assert env.open("a.ipynb").place is Place.IN_WORKSPACE
        assert list(outsider.history("a.ipynb").values()) == [b"one"]


class TestLateWrites:
    """The client has given up; the request is still travelling and takes effect later (race 6)."""

    @pytest.fixture
    def environment_settings(self):
        return {"read_timeout_seconds": 0.3, "retry_deadline_seconds": 0.3}

    @staticmethod
    def late():
        return Fault(operation=UPLOAD, action=Delay(seconds=0.9))

    def wait_for_upload(self, env, count):
        env.run(until(lambda: len(uploads_of(env)) >= count))

    def test_a_creation_that_lands_late_is_recognised(self, env, outsider):
        env.faults.add(self.late())
        assert env.save("a.ipynb", b"one").place is Place.ON_DISK
        self.wait_for_upload(env, 1)
        assert env.save("a.ipynb", b"two").place is Place.IN_WORKSPACE
        assert list(outsider.history("a.ipynb").values()) == [b"one", b"two"]

    def test_a_change_that_lands_late_is_recognised(self, env, outsider):
        env.save("a.ipynb", b"zero")
        env.faults.clear()
        env.faults.add(self.late())
        assert env.save("a.ipynb", b"one").place is Place.ON_DISK
        self.wait_for_upload(env, 1)
        assert env.save("a.ipynb", b"two").place is Place.IN_WORKSPACE
        assert list(outsider.history("a.ipynb").values()) == [b"zero", b"one", b"two"]

    def test_a_change_that_lands_after_its_successor_changes_nothing(self, env, outsider):
        env.save("a.ipynb", b"zero")
        env.faults.clear()
        env.faults.add(self.late())
        assert env.save("a.ipynb", b"one").place is Place.ON_DISK
        assert env.save("a.ipynb", b"two").place is Place.IN_WORKSPACE
        self.wait_for_upload(env, 2)
        assert outsider.content("a.ipynb") == b"two"
        assert list(outsider.history("a.ipynb").values()) == [b"zero", b"two"]


class TestOthers:
    def test_someone_stored_the_same_bytes(self, env, outsider):
        env.save("a.ipynb", b"one")
        outsider.put("a.ipynb", b"two", {"theirs": "kept"})
        assert env.save("a.ipynb", b"two").place is Place.IN_WORKSPACE
        assert len(outsider.history("a.ipynb")) == 2
        assert custom_in(env.baseline("a.ipynb").metadata) == {"theirs": "kept"}

    def test_someone_created_the_same_bytes(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        assert env.save("a.ipynb", b"one").place is Place.IN_WORKSPACE
        assert len(outsider.history("a.ipynb")) == 1

    def test_an_expired_lock_is_taken_and_other_metadata_kept(self, env, outsider):
        outsider.put("a.ipynb", b"one", {"theirs": "kept"})
        env.open("a.ipynb")
        outsider.lock("a.ipynb")
        assert env.save("a.ipynb", b"two").place is Place.IN_WORKSPACE
        blob = outsider.get("a.ipynb")
        assert outsider.content("a.ipynb") == b"two"
        assert env.holds("a.ipynb")
        assert blob.metadata["theirs"] == "kept"
        assert set(blob.metadata) == {OWNER_KEY, EXPIRY_KEY, ENVIRONMENT_KEY, "theirs", WRITE_ID_KEY}

    def test_a_key_that_someone_removed_stays_removed(self, env, outsider):
        outsider.put("a.ipynb", b"one", {"theirs": "kept", "other": "gone"})
        env.open("a.ipynb")
        outsider.lock("a.ipynb", other=None)
        assert env.save("a.ipynb", b"two").place is Place.IN_WORKSPACE
        assert set(outsider.get("a.ipynb").metadata) == {
            OWNER_KEY,
            EXPIRY_KEY,
            ENVIRONMENT_KEY,
            "theirs",
            WRITE_ID_KEY,
        }

    def test_changed_in_the_workspace(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.open("a.ipynb")
        outsider.put("a.ipynb", b"theirs")
        told = env.save("a.ipynb", b"mine")
        assert (told.place, told.reason) == (Place.CONFLICT, "remote-changed")
        assert outsider.content("a.ipynb") == b"theirs"
        assert env.read("a.ipynb") == b"mine"

    def test_deleted_from_the_workspace(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.open("a.ipynb")
        outsider.delete("a.ipynb")
        told = env.save("a.ipynb", b"mine")
        assert (told.place, told.reason) == (Place.CONFLICT, "remote-deleted")
        assert outsider.content("a.ipynb") is None
        assert env.read("a.ipynb") == b"mine"

    def test_the_name_is_taken(self, env, outsider):
        outsider.put("a.ipynb", b"theirs")
        told = env.save("a.ipynb", b"mine")
        assert (told.place, told.reason) == (Place.CONFLICT, "name-taken")
        assert outsider.content("a.ipynb") == b"theirs"
        assert env.read("a.ipynb") == b"mine"

    def test_a_conflict_stays_one_until_someone_chooses(self, env, outsider):
        outsider.put("a.ipynb", b"theirs")
        for content in (b"mine", b"mine again"):
            assert env.save("a.ipynb", content).place is Place.CONFLICT
            assert env.run(env.status_of("a.ipynb")).place is Place.CONFLICT
        assert outsider.content("a.ipynb") == b"theirs"

    def test_a_conflict_whose_first_answer_was_lost(self, env, outsider):
        """Our write took effect and was replaced before we could read it back: that is theirs now, not ours."""
        env.save("a.ipynb", b"zero")
        env.faults.add(lost_answer(), Fault(operation="objects.get", action=Delay(seconds=0.3)))

        async def story():
            save = asyncio.create_task(env.saving("a.ipynb", b"mine"))
            await until(lambda: len(uploads_of(env)) == 2)
            await asyncio.to_thread(outsider.put, "a.ipynb", b"theirs")
            return await save

        assert env.run(story()).place is Place.CONFLICT
        assert outsider.content("a.ipynb") == b"theirs"
        assert list(outsider.history("a.ipynb").values()) == [b"zero", b"mine", b"theirs"]

    def test_a_copy_of_our_mark_on_other_bytes_is_not_ours(self, env, outsider):
        env.save("a.ipynb", b"one")
        outsider.put("a.ipynb", b"theirs", {WRITE_ID_KEY: outsider.get("a.ipynb").metadata[WRITE_ID_KEY]})
        assert env.save("a.ipynb", b"two").place is Place.CONFLICT

    def test_two_environments_create_one_name(self, two, outsider):
        ann, bob = two

        async def story():
            return await asyncio.gather(ann.saving("a.ipynb", b"ann"), bob.saving("a.ipynb", b"bob"))

        told = ann.run(story())
        # Who came first edits it, which is why the other's is not sent; once it is free, the name is what is left.
        assert sorted(news.place for news in told) == [Place.IN_WORKSPACE, Place.LOCKED]
        first, second = (ann, bob) if told[0].place is Place.IN_WORKSPACE else (bob, ann)
        content = first.read("a.ipynb")
        first.run(first.locks.release(first.at("a.ipynb"), unless=lambda: False))
        told = second.save("a.ipynb", second.read("a.ipynb"))
        assert (told.place, told.reason) == (Place.CONFLICT, "name-taken")
        assert list(outsider.history("a.ipynb").values()) == [content]
        assert (ann.read("a.ipynb"), bob.read("a.ipynb")) == (b"ann", b"bob")

    def test_metadata_that_never_rests_ends_the_attempt(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.open("a.ipynb")
        write = env.threads.bucket("a-bucket", None).__class__.write

        async def disturbed(bucket, name, *args, **kwargs):
            await asyncio.to_thread(outsider.lock, "a.ipynb")
            return await write(bucket, name, *args, **kwargs)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("jupyter_terra_env.bucket.threaded.ThreadedBucket.write", disturbed)
            told = env.save("a.ipynb", b"two")
        assert (told.place, told.reason) == (Place.ON_DISK, "overloaded")
        assert env.save("a.ipynb", b"two").place is Place.IN_WORKSPACE


class TestUnavailable:
    def test_refused_at_once_and_reported(self, env, outsider):
        env.faults.add(Fault(operation=UPLOAD, action=AnswerWith(status=403, reason="forbidden"), times=9))
        told = env.save("a.ipynb", b"one")
        assert (told.place, told.reason) == (Place.ON_DISK, "no-permission")
        assert "a-bucket" in told.message
        assert "NOT in the workspace" in told.message
        assert env.run(env.status_of("a.ipynb")) == told
        assert outsider.names() == []

    @pytest.mark.parametrize("environment_settings", [{"pause_seconds": 0.01}])
    @pytest.mark.parametrize("status", [403, 429, 500, 503])
    def test_repeated_for_as_long_as_it_takes(self, env, outsider, status):
        env.faults.add(Fault(operation=UPLOAD, action=AnswerWith(status=status), times=12))
        told = env.save("a.ipynb", b"one")
        assert told.place is Place.ON_DISK
        assert "it is tried again until it succeeds" in told.message
        env.run(until(lambda: not env.delocalizer.is_uploading(env.at("a.ipynb"))))
        assert uploads_of(env) == [0] * 12 + [200]
        assert env.run(env.status_of("a.ipynb")).place is Place.IN_WORKSPACE

    @pytest.mark.parametrize("environment_settings", [{"pause_seconds": 0.3}])
    def test_a_retry_takes_the_newest_content(self, env, outsider):
        env.faults.add(broken(UPLOAD))
        assert env.save("a.ipynb", b"one").place is Place.ON_DISK
        env.run(env.storage.save(env.at("a.ipynb"), b"two"))
        env.run(until(lambda: not env.delocalizer.is_uploading(env.at("a.ipynb"))))
        assert list(outsider.history("a.ipynb").values()) == [b"two"]

    def test_a_save_does_not_wait_for_the_pause_to_end(self, env, outsider):
        env.faults.add(broken(UPLOAD))
        assert env.save("a.ipynb", b"one").place is Place.ON_DISK
        assert env.save("a.ipynb", b"two").place is Place.IN_WORKSPACE

    @pytest.mark.parametrize("environment_settings", [{"pause_seconds": 0.05}])
    def test_a_day_without_a_bucket_leaves_no_click_to_do(self, env, outsider):
        """Open, save, restart, save again, all without the bucket; then it is back."""
        outsider.put("a.ipynb", b"one")
        env.open("a.ipynb")
        env.faults.add(broken("*", times=10_000))
        assert env.save("a.ipynb", b"two").place is Place.ON_DISK
        assert env.save("new.ipynb", b"made without it").place is Place.ON_DISK
        env.restart()
        env.recover()
        assert env.open("a.ipynb").place is Place.ON_DISK
        assert env.save("a.ipynb", b"three").place is Place.ON_DISK
        env.faults.clear()
        env.run(until(lambda: not env.owed()))
        assert outsider.content("a.ipynb") == b"three"
        assert outsider.content("new.ipynb") == b"made without it"

    @pytest.mark.parametrize("environment_settings", [{"pause_seconds": 0.05}])
    def test_unless_the_bucket_moved_on_then_both_are_kept(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.open("a.ipynb")
        env.faults.add(broken("*", times=10_000))
        env.save("a.ipynb", b"mine")
        outsider.put("a.ipynb", b"theirs")
        env.restart()
        env.recover()
        env.faults.clear()
        env.run(until(lambda: not env.delocalizer.is_uploading(env.at("a.ipynb"))))
        assert env.run(env.status_of("a.ipynb")).place is Place.CONFLICT
        assert (env.read("a.ipynb"), outsider.content("a.ipynb")) == (b"mine", b"theirs")
        assert env.owed() == ["ws/edit/a.ipynb"]

    def test_after_an_outage_the_next_save_brings_all(self, env, outsider):
        env.faults.add(broken("*", times=1000))
        assert env.save("a.ipynb", b"one").place is Place.ON_DISK
        assert env.save("a.ipynb", b"two").place is Place.ON_DISK
        env.faults.clear()
        assert env.save("a.ipynb", b"two").place is Place.IN_WORKSPACE
        assert list(outsider.history("a.ipynb").values()) == [b"two"]

    def test_status_before_anything_was_asked(self, env):
        env.file("a.ipynb").write_bytes(b"made by a program")
        assert env.run(env.status_of("a.ipynb")).place is Place.ON_DISK
        assert env.operations == []

    def test_what_is_not_on_the_disk_has_no_status(self, env):
        with pytest.raises(ObjectNotFound):
            env.run(env.status_of("a.ipynb"))

    def test_status_of_what_never_goes_to_the_bucket(self, env):
        for path in (env.file("data.csv"), env.file("a.ipynb", "playground")):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
        assert env.run(env.status_of("data.csv")).place is Place.LOCAL_ONLY
        assert env.run(env.status_of("a.ipynb", "playground")).place is Place.PLAYGROUND


class TestSavesDuringUploads:
    @pytest.fixture
    def environment_settings(self):
        return {"save_wait_seconds": 0.05}

    def test_a_slow_upload_is_reported_as_under_way(self, env, outsider):
        env.faults.add(Fault(operation=UPLOAD, action=Delay(seconds=0.4)))
        assert env.save("a.ipynb", b"one").place is Place.UPLOADING
        assert env.run(env.delocalizer.current_status(env.at("a.ipynb"))).place is Place.UPLOADING
        assert env.run(env.status_of("a.ipynb")).place is Place.IN_WORKSPACE
        assert outsider.content("a.ipynb") == b"one"

    def test_the_newest_content_goes_out_last_and_none_at_once_with_another(self, env, outsider, monkeypatch):
        under_way, most = 0, 0
        write = env.threads.bucket("a-bucket", None).__class__.write

        async def watched(*args, **kwargs):
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            try:
                return await write(*args, **kwargs)
            finally:
                under_way -= 1

        monkeypatch.setattr("jupyter_terra_env.bucket.threaded.ThreadedBucket.write", watched)
        env.faults.add(Fault(operation=UPLOAD, action=Delay(seconds=0.15), times=50))
        contents = [b"save %d" % number for number in range(12)]

        async def story():
            for content in contents:
                await env.saving("a.ipynb", content)
            return await env.status_of("a.ipynb")

        assert env.run(story()).place is Place.IN_WORKSPACE
        assert most == 1
        history = list(outsider.history("a.ipynb").values())
        assert history[-1] == contents[-1]
        assert len(history) < len(contents)
        assert [contents.index(content) for content in history] == sorted(map(contents.index, history))

    def test_two_notebooks_do_not_wait_for_each_other(self, env, outsider):
        env.faults.add(Fault(operation=UPLOAD, action=Hang(), name_prefix="notebooks/slow"))
        assert env.save("slow.ipynb", b"s").place is Place.UPLOADING
        env.save("fast.ipynb", b"f")
        assert env.run(env.status_of("fast.ipynb")).place is Place.IN_WORKSPACE
        env.faults.release()
        assert env.run(env.status_of("slow.ipynb")).place is Place.IN_WORKSPACE

    def test_a_save_back_to_the_content_in_the_bucket(self, env, outsider):
        """A, then B while A's successor travels, then A again: the disk says A, so must the bucket."""
        env.save("a.ipynb", b"A")
        env.run(env.status_of("a.ipynb"))
        env.faults.add(Fault(operation=UPLOAD, action=Delay(seconds=0.3)))

        async def story():
            await env.saving("a.ipynb", b"B")
            await env.saving("a.ipynb", b"A")
            return await env.status_of("a.ipynb")

        assert env.run(story()).place is Place.IN_WORKSPACE
        assert outsider.content("a.ipynb") == b"A"

    def test_closing_lets_an_upload_end(self, env, outsider):
        env.faults.add(Fault(operation=UPLOAD, action=Delay(seconds=0.3)))
        env.save("a.ipynb", b"one")
        env.run(env.delocalizer.close(5))
        assert outsider.content("a.ipynb") == b"one"

    def test_closing_gives_up_in_time_and_the_next_start_pays(self, env, outsider):
        env.faults.add(Fault(operation=UPLOAD, action=Hang()))
        env.save("a.ipynb", b"one")

        async def timed():
            start = asyncio.get_running_loop().time()
            await env.delocalizer.close(0.1)
            return asyncio.get_running_loop().time() - start

        assert env.run(timed()) < 2
        env.restart()
        assert env.open("a.ipynb").place is Place.IN_WORKSPACE
        assert list(outsider.history("a.ipynb").values()) == [b"one"]


class TestDeaths:
    @pytest.mark.parametrize("undone", [False, True])
    def test_between_upload_and_journal(self, env, outsider, undone):
        """The attempt is in the journal: the next server recognises its version."""
        env.save("a.ipynb", b"one")
        env.faults.add(Fault(operation="objects.insert", action=Hang(), after_effect=True))
        env.run(env.storage.save(env.at("a.ipynb"), b"two"))
        env.run(env.delocalizer.after_save(env.at("a.ipynb"), wait_seconds=0.0))
        env.run(until(lambda: outsider.content("a.ipynb") == b"two"))
        env.die()
        env.faults.clear()
        env.run(env.storage.save(env.at("a.ipynb"), b"one" if undone else b"three"))
        env.recover()
        assert env.open("a.ipynb").place is Place.IN_WORKSPACE
        assert list(outsider.history("a.ipynb").values()) == [b"one", b"two", b"one" if undone else b"three"]
        assert env.owed() == []

    def test_a_journal_that_went_back_in_time_recognises_nothing(self, env, outsider):
        """A restored disk must not take a version for its own that it never wrote, as far as it can know."""
        env.save("a.ipynb", b"one")
        env.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        older = env.journal_file.read_bytes()
        env.save("a.ipynb", b"two")
        env.stop()
        for leftover in env.journal_file.parent.glob("journal.sqlite3-*"):
            leftover.unlink()
        env.journal_file.write_bytes(older)
        env._build()
        env.file("a.ipynb").write_bytes(b"three")
        assert env.open("a.ipynb").place is Place.CONFLICT
        assert list(outsider.history("a.ipynb").values()) == [b"one", b"two"]
        assert env.read("a.ipynb") == b"three"

    def test_a_server_that_has_not_heard_the_buckets_time_asks_first(self, env):
        """An upload carries the record of a lock: by a clock that is hours off, it would last for hours."""
        env.save("a.ipynb", b"one")
        env.run(env.storage.save(env.at("a.ipynb"), b"two"))
        env.restart()
        env.faults.clear()
        env.locks._is_time_known = lambda: bool(env.operations)
        env.recover()
        assert env.run(env.status_of("a.ipynb")).place is Place.IN_WORKSPACE
        assert env.operations == ["objects.get", UPLOAD]

    def test_between_working_copy_and_upload(self, env, outsider):
        env.save("a.ipynb", b"one")
        env.run(env.storage.save(env.at("a.ipynb"), b"two"))
        env.restart()
        assert env.run(env.status_of("a.ipynb")).place is Place.ON_DISK
        assert env.owed() == ["ws/edit/a.ipynb"]
        env.recover()
        assert env.run(env.status_of("a.ipynb")).place is Place.IN_WORKSPACE
        assert env.owed() == []
        assert outsider.content("a.ipynb") == b"two"

    def test_between_working_copy_and_upload_while_others_change_it(self, env, outsider):
        env.save("a.ipynb", b"one")
        env.run(env.storage.save(env.at("a.ipynb"), b"mine"))
        env.restart()
        outsider.put("a.ipynb", b"theirs")
        assert env.open("a.ipynb").place is Place.CONFLICT
        assert (env.read("a.ipynb"), outsider.content("a.ipynb")) == (b"mine", b"theirs")


class TestDebts:
    @pytest.mark.parametrize("environment_settings", [{"save_wait_seconds": 0.1}])
    def test_a_save_is_owed_until_it_is_in_the_bucket(self, env, outsider):
        env.faults.add(Fault(operation=UPLOAD, action=Hang()))
        assert env.save("a.ipynb", b"one").place is Place.UPLOADING
        assert env.owed() == ["ws/edit/a.ipynb"]
        env.faults.release()
        env.run(until(lambda: not env.delocalizer.is_uploading(env.at("a.ipynb"))))
        assert env.owed() == []

    def test_what_the_bucket_has_is_not_owed(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.open("a.ipynb")
        env.run(env.storage.save(env.at("a.ipynb"), b"one"))
        assert env.owed() == []

    def test_playground_and_files_that_stay_here_owe_nothing(self, env):
        env.run(env.storage.save(env.at("a.ipynb", "playground"), b"played"))
        env.run(env.storage.save(env.at("data.csv"), b"1,2"))
        assert env.owed() == []

    @pytest.mark.parametrize("environment_settings", [{"save_wait_seconds": 0.1, "pause_seconds": 0.05}])
    def test_saved_again_while_it_travels_stays_owed(self, env, outsider):
        env.faults.add(Fault(operation=UPLOAD, action=Hang()))
        env.save("a.ipynb", b"one")
        env.run(env.storage.save(env.at("a.ipynb"), b"two"))
        env.faults.add(broken(UPLOAD, times=1000))
        env.faults.release()
        env.run(until(lambda: outsider.content("a.ipynb") == b"one"))
        env.run(asyncio.sleep(0.2))
        assert env.owed() == ["ws/edit/a.ipynb"]
        env.faults.clear()
        env.run(until(lambda: not env.owed()))
        assert outsider.content("a.ipynb") == b"two"

    def test_a_debt_without_a_change_is_nothing(self, env, outsider):
        """The server died between writing the debt down and the file."""
        outsider.put("a.ipynb", b"one")
        env.open("a.ipynb")
        env.journal.owe("ws/edit/a.ipynb", "a-bucket", "notebooks/a.ipynb")
        env.faults.clear()
        env.restart()
        env.recover()
        env.run(until(lambda: not env.owed()))
        assert env.operations == []

    def test_a_debt_without_a_file_is_nothing(self, env, outsider):
        env.journal.owe("ws/edit/gone.ipynb", "a-bucket", "notebooks/gone.ipynb")
        env.recover()
        env.run(until(lambda: not env.owed()))
        assert outsider.names() == []

    def test_taking_the_workspaces_version_settles(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.open("a.ipynb")
        outsider.put("a.ipynb", b"theirs")
        assert env.save("a.ipynb", b"mine").place is Place.CONFLICT
        env.run(env.localizer.open_workspace_version(env.at("a.ipynb")))
        assert env.owed() == []

    def test_a_deleted_notebook_owes_nothing(self, env, outsider):
        env.faults.add(broken(UPLOAD, times=1000))
        env.save("a.ipynb", b"one")
        env.faults.clear()
        env.delete("a.ipynb")
        assert env.owed() == []


class TestPayingAtOnce:
    def test_pays_everything_at_once_and_names_what_it_could_not(self, env, outsider):
        env.faults.add(broken(UPLOAD, times=2))
        env.save("a.ipynb", b"one")
        env.save("b.ipynb", b"two")
        env.faults.add(broken(UPLOAD, name_prefix="notebooks/b", times=1000))
        places = env.run(env.delocalizer.pay([], 0.5))
        assert places["ws/edit/a.ipynb"].place is Place.IN_WORKSPACE
        assert places["ws/edit/b.ipynb"].place is Place.ON_DISK
        assert outsider.names() == ["a.ipynb"]
        assert env.owed() == ["ws/edit/b.ipynb"]

    def test_no_one_waits_for_what_only_a_person_can_mend(self, env, outsider):
        outsider.put("parted.ipynb", b"one")
        env.open("parted.ipynb")
        outsider.put("parted.ipynb", b"theirs")
        env.faults.add(refused(UPLOAD, name_prefix="notebooks/refused", times=1000))
        env.save("parted.ipynb", b"mine")
        env.save("refused.ipynb", b"one")

        async def story():
            async with asyncio.timeout(30):
                return await env.delocalizer.pay([], 600)

        places = env.run(story())
        assert places["ws/edit/refused.ipynb"].place is Place.ON_DISK
        assert env.owed() == ["ws/edit/parted.ipynb", "ws/edit/refused.ipynb"]

    @pytest.mark.parametrize("environment_settings", [{"pause_seconds": 0.2}])
    def test_what_may_pass_is_waited_for_beside_it(self, env, outsider):
        env.faults.add(refused(UPLOAD, name_prefix="notebooks/refused", times=1000))
        env.save("refused.ipynb", b"one")
        env.faults.add(broken(UPLOAD, name_prefix="notebooks/late", times=4))
        env.save("late.ipynb", b"one")

        async def story():
            async with asyncio.timeout(30):
                return await env.delocalizer.pay([], 600)

        assert env.run(story())["ws/edit/late.ipynb"].place is Place.IN_WORKSPACE
        assert env.owed() == ["ws/edit/refused.ipynb"]


class TestPace:
    @pytest.mark.parametrize("environment_settings", [{"pace_seconds": 0.6}])
    def test_one_object_is_changed_once_in_an_interval_and_the_newest_content_wins(self, env, outsider):
        async def story():
            start = asyncio.get_running_loop().time()
            for number in range(5):
                await env.storage.save(env.at("a.ipynb"), b"%d" % number)
                env.delocalizer.start(env.at("a.ipynb"))
                await asyncio.sleep(0.05)
            await env.status_of("a.ipynb")
            return asyncio.get_running_loop().time() - start

        assert env.run(story()) > 0.6
        assert list(outsider.history("a.ipynb").values()) == [b"0", b"4"]
