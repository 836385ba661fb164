"""Opening: what is shown, and that no edit is discarded."""

import asyncio
from pathlib import Path

import pytest
from environments import until

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, CutBody, Delay, Fault, Hang, ResetConnection
from jupyter_terra_env.rules.errors import BucketRefused, BucketUnavailable, ObjectNotFound, OperationRefused
from jupyter_terra_env.rules.lock_view import LockState
from jupyter_terra_env.rules.status import Place

STAT = "objects.get"
PATCH = "objects.patch"
DOWNLOAD = "objects.download"


def opened(env, name, folder="edit"):
    return env.run(env.localizer.open(env.at(name, folder))).downloaded


class TestOpening:
    def test_downloads_what_is_not_on_the_disk_and_takes_the_lock_beside(self, env, outsider):
        outsider.put("sub/a.ipynb", b"theirs")
        assert opened(env, "sub/a.ipynb") is True
        assert env.read("sub/a.ipynb") == b"theirs"
        assert env.operations[0] == STAT
        assert sorted(env.operations[1:]) == [DOWNLOAD, PATCH]
        assert env.run(env.status_of("sub/a.ipynb")).place is Place.IN_WORKSPACE

    def test_the_file_has_the_objects_time(self, env, outsider):
        blob = outsider.put("a.ipynb", b"theirs")
        opened(env, "a.ipynb")
        assert env.file("a.ipynb").stat().st_mtime == pytest.approx(blob.updated.timestamp(), abs=0.001)

    def test_once_more_costs_one_request(self, env, outsider):
        outsider.put("a.ipynb", b"theirs")
        opened(env, "a.ipynb")
        env.faults.clear()
        assert opened(env, "a.ipynb") is False
        assert env.operations == [STAT]

    def test_takes_the_newer_version_when_there_are_no_edits(self, env, outsider):
        outsider.put("a.ipynb", b"old")
        opened(env, "a.ipynb")
        outsider.put("a.ipynb", b"new")
        assert opened(env, "a.ipynb") is True
        assert env.read("a.ipynb") == b"new"

    def test_what_is_nowhere_is_not_found(self, env):
        with pytest.raises(ObjectNotFound, match=r"ws/edit/a\.ipynb"):
            opened(env, "a.ipynb")

    def test_what_does_not_belong_in_the_bucket_is_not_asked_for(self, env):
        assert opened(env, "data.csv") is False
        assert env.operations == []

    def test_a_file_that_never_was_in_the_bucket_stays_there(self, env, outsider):
        env.file("a.ipynb").write_bytes(b"made by a program")
        assert env.open("a.ipynb").place is Place.ON_DISK
        assert outsider.names() == []

    def test_a_file_equal_to_the_object_is_adopted(self, env, outsider):
        outsider.put("a.ipynb", b"same")
        env.file("a.ipynb").write_bytes(b"same")
        assert env.open("a.ipynb").place is Place.IN_WORKSPACE
        assert env.operations == [STAT, PATCH]
        assert env.baseline("a.ipynb").generation == outsider.get("a.ipynb").generation

    def test_a_lock_taken_on_opening_costs_the_next_save_nothing(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.open("a.ipynb")
        outsider.lock("a.ipynb")
        env.open("a.ipynb")
        env.faults.clear()
        assert env.save("a.ipynb", b"two").place is Place.IN_WORKSPACE
        assert env.operations == ["objects.insert"]
        assert env.holds("a.ipynb")

    def test_edits_under_a_foreign_lock_patch_are_no_conflict(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.open("a.ipynb")
        env.file("a.ipynb").write_bytes(b"edited by a program")
        outsider.lock("a.ipynb")
        assert env.open("a.ipynb").place is Place.IN_WORKSPACE
        assert outsider.content("a.ipynb") == b"edited by a program"

    def test_an_object_stored_compressed_is_opened_and_stays_in_step(self, env, outsider):
        import gzip

        blob = outsider.bucket.blob("notebooks/a.ipynb")
        blob.content_encoding = "gzip"
        blob.upload_from_string(gzip.compress(b"plain"), content_type="application/x-ipynb+json")
        opened(env, "a.ipynb")
        assert env.read("a.ipynb") == b"plain"
        assert env.open("a.ipynb").place is Place.IN_WORKSPACE
        outsider.lock("a.ipynb")
        assert env.open("a.ipynb").place is Place.IN_WORKSPACE
        assert env.run(env.localizer._installer.look(env.at("a.ipynb"))).has_edits is False


class TestOpeningAgain:
    """The lock was given back."""

    @pytest.fixture
    def before(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        opened(env, "a.ipynb")
        env.give_back("a.ipynb")
        env.faults.clear()
        return env

    def test_takes_the_lock_by_its_only_request(self, before):
        assert opened(before, "a.ipynb") is False
        assert before.operations == [PATCH]
        assert before.holds("a.ipynb")

    def test_leaves_the_next_save_nothing_to_ask(self, before, outsider):
        opened(before, "a.ipynb")
        before.faults.clear()
        before.save("a.ipynb", b"mine")
        assert before.operations == ["objects.insert"]
        assert outsider.content("a.ipynb") == b"mine"

    def test_shows_what_has_been_saved_since(self, before, outsider):
        outsider.put("a.ipynb", b"newer")
        assert opened(before, "a.ipynb") is True
        assert before.read("a.ipynb") == b"newer"
        assert before.holds("a.ipynb")

    def test_respects_a_lock_taken_since(self, before, outsider):
        outsider.put("a.ipynb", b"newer")
        outsider.lock("a.ipynb", lastLockedBy="0" * 64, lockExpiresAt=str(before.clock.now_ms() + 180_000))
        shown = before.run(before.localizer.open(before.at("a.ipynb")))
        assert (shown.read_only, shown.downloaded, shown.shown is not None) == (True, False, True)
        assert before.read("a.ipynb") == b"one"
        assert outsider.get("a.ipynb").metadata["lastLockedBy"] == "0" * 64

    def test_keeps_the_copy_of_what_was_deleted_since(self, before, outsider):
        outsider.delete("a.ipynb")
        assert opened(before, "a.ipynb") is False
        assert before.read("a.ipynb") == b"one"
        assert outsider.get("a.ipynb") is None

    def test_shows_it_where_locks_may_not_be_written(self, before):
        before.faults.add(Fault(operation=PATCH, action=AnswerWith(status=403, reason="forbidden"), times=5))
        assert opened(before, "a.ipynb") is False
        assert before.lock_state("a.ipynb") is LockState.NOT_PERMITTED

    def test_shows_the_disk_where_the_bucket_is_away(self, before):
        before.faults.add(Fault(operation="*", action=ResetConnection(), times=1000))
        assert before.open("a.ipynb").place is Place.OFFLINE

    def test_asks_first_where_another_person_was_the_last_holder(self, before, outsider):
        outsider.lock("a.ipynb", lastLockedBy="0" * 64, lockExpiresAt="1000")
        before.run(before.localizer.open(before.at("a.ipynb"), take_lock=False))
        before.faults.clear()
        opened(before, "a.ipynb")
        assert before.operations == [STAT, PATCH]

    def test_asks_first_where_the_disk_has_something_else(self, before):
        before.file("a.ipynb").write_bytes(b"by a program")
        opened(before, "a.ipynb")
        assert before.operations[0] == STAT


class TestEditsAreKept:
    def test_when_the_workspace_has_changed(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.open("a.ipynb")
        env.file("a.ipynb").write_bytes(b"mine")
        outsider.put("a.ipynb", b"theirs")
        told = env.open("a.ipynb")
        assert (told.place, told.reason) == (Place.CONFLICT, "remote-changed")
        assert (env.read("a.ipynb"), outsider.content("a.ipynb")) == (b"mine", b"theirs")

    def test_when_the_workspace_has_deleted(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.open("a.ipynb")
        env.file("a.ipynb").write_bytes(b"mine")
        outsider.delete("a.ipynb")
        told = env.open("a.ipynb")
        assert (told.place, told.reason) == (Place.CONFLICT, "remote-deleted")
        assert env.read("a.ipynb") == b"mine"

    def test_when_another_file_of_the_name_came_up(self, env, outsider):
        env.file("a.ipynb").write_bytes(b"mine")
        outsider.put("a.ipynb", b"theirs")
        told = env.open("a.ipynb")
        assert (told.place, told.reason) == (Place.CONFLICT, "name-taken")
        assert env.read("a.ipynb") == b"mine"

    def test_a_copy_without_edits_of_a_deleted_object_is_kept(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.open("a.ipynb")
        outsider.delete("a.ipynb")
        told = env.open("a.ipynb")
        assert env.read("a.ipynb") == b"one"
        assert told.place is Place.CONFLICT

    def test_beside_the_workspace_version_when_that_is_wanted(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.open("a.ipynb")
        env.file("a.ipynb").write_bytes(b"mine")
        outsider.put("a.ipynb", b"theirs")
        env.open("a.ipynb")
        kept = env.run(env.localizer.open_workspace_version(env.at("a.ipynb")))
        assert kept == env.file("a (my edits).ipynb")
        assert (kept.read_bytes(), env.read("a.ipynb")) == (b"mine", b"theirs")
        assert env.run(env.status_of("a.ipynb")).place is Place.IN_WORKSPACE

    def test_each_time_under_a_name_of_its_own(self, env, outsider):
        outsider.put("a.ipynb", b"theirs")
        for mine in (b"first", b"second", b"third"):
            env.file("a.ipynb").write_bytes(mine)
            env.run(env.localizer.open_workspace_version(env.at("a.ipynb")))
        kept = {file.name: file.read_bytes() for file in env.file("").glob("a (*")}
        assert kept == {
            "a (my edits).ipynb": b"first",
            "a (my edits 2).ipynb": b"second",
            "a (my edits 3).ipynb": b"third",
        }

    @pytest.mark.parametrize("letter", ["x", "é"])
    def test_beside_a_notebook_of_the_longest_name(self, env, outsider, letter):
        name = letter * (236 // len(letter.encode())) + ".ipynb"
        outsider.put(name, b"theirs")
        for mine in (b"first", b"second"):
            env.file(name).write_bytes(mine)
            kept = env.run(env.localizer.open_workspace_version(env.at(name)))
            assert kept.read_bytes() == mine
            assert env.at(kept.name).is_delocalized

    def test_the_workspace_version_over_an_unedited_copy_keeps_nothing_beside(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.open("a.ipynb")
        outsider.put("a.ipynb", b"two")
        assert env.run(env.localizer.open_workspace_version(env.at("a.ipynb"))) is None
        assert [file.name for file in env.file("").iterdir()] == ["a.ipynb"]
        assert env.read("a.ipynb") == b"two"

    def test_the_workspace_version_of_nothing_is_not_found(self, env):
        env.file("a.ipynb").write_bytes(b"mine")
        with pytest.raises(ObjectNotFound):
            env.run(env.localizer.open_workspace_version(env.at("a.ipynb")))
        assert env.read("a.ipynb") == b"mine"

    def test_discarding_an_unreadable_copy_keeps_one_with_edits(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.open("a.ipynb")
        env.file("a.ipynb").write_bytes(b"mine")
        env.run(env.localizer.discard(env.at("a.ipynb")))
        assert env.read("a.ipynb") == b"mine"

    def test_discarding_an_unreadable_copy_removes_one_without(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.open("a.ipynb")
        env.run(env.localizer.discard(env.at("a.ipynb")))
        assert env.read("a.ipynb") is None
        assert env.baseline("a.ipynb") is None


class TestPlayground:
    def test_gets_the_workspace_version_and_never_sends_one(self, env, outsider):
        outsider.put("a.ipynb", b"theirs")
        opened(env, "a.ipynb", "playground")
        env.file("a.ipynb", "playground").write_bytes(b"played")
        assert env.open("a.ipynb", "playground").place is Place.PLAYGROUND
        assert env.read("a.ipynb", "playground") == b"played"
        assert env.read("a.ipynb") is None
        assert set(env.operations) == {STAT, DOWNLOAD}
        assert outsider.content("a.ipynb") == b"theirs"

    def test_follows_the_workspace_while_it_is_untouched(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        opened(env, "a.ipynb", "playground")
        outsider.put("a.ipynb", b"two")
        opened(env, "a.ipynb", "playground")
        assert env.read("a.ipynb", "playground") == b"two"

    def test_edits_are_not_asked_about(self, env, outsider):
        env.file("a.ipynb", "playground").write_bytes(b"played")
        outsider.put("a.ipynb", b"theirs")
        assert opened(env, "a.ipynb", "playground") is False
        assert env.operations == []


class TestOffline:
    def test_the_working_copy_is_shown_and_reported_as_such(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.open("a.ipynb")
        env.file("a.ipynb").write_bytes(b"mine")
        env.faults.add(Fault(operation="*", action=ResetConnection(), times=1000))
        told = env.open("a.ipynb")
        assert (told.place, told.reason) == (Place.ON_DISK, "unreachable")
        assert env.read("a.ipynb") == b"mine"

    def test_what_is_only_in_the_workspace_cannot_be_opened(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.faults.add(Fault(operation="*", action=ResetConnection(), times=1000))
        with pytest.raises(BucketUnavailable):
            opened(env, "a.ipynb")
        assert not env.file("a.ipynb").exists()

    def test_without_permission(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.faults.add(Fault(operation="*", action=AnswerWith(status=403, reason="forbidden"), times=5))
        with pytest.raises(BucketRefused):
            opened(env, "a.ipynb")

    @pytest.mark.parametrize("environment_settings", [{"read_timeout_seconds": 0.2, "retry_deadline_seconds": 0.3}])
    def test_a_download_that_hangs_leaves_no_litter(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.faults.add(Fault(operation=DOWNLOAD, action=Hang(), times=50))
        with pytest.raises(BucketUnavailable):
            opened(env, "a.ipynb")
        assert env.litter() == []
        assert env.read("a.ipynb") is None

    def test_a_download_that_breaks_off_is_repeated_and_whole(self, env, outsider):
        content = bytes(range(256)) * 400
        outsider.put("a.ipynb", content)
        env.faults.add(Fault(operation=DOWNLOAD, action=CutBody(after_bytes=50_000)))
        opened(env, "a.ipynb")
        assert env.read("a.ipynb") == content


class TestRaces:
    def test_a_save_during_the_download_is_kept(self, env, outsider):
        """Race 2."""
        outsider.put("a.ipynb", b"one")
        env.open("a.ipynb")
        outsider.put("a.ipynb", b"theirs")
        env.faults.clear()
        env.faults.add(Fault(operation=DOWNLOAD, action=Hang()))

        async def story():
            opening = asyncio.create_task(env.opening("a.ipynb"))
            await until(lambda: STAT in env.operations and not env.faults.pending)
            saved = await env.saving("a.ipynb", b"mine")
            env.faults.release()
            return saved, await opening

        saved, told = env.run(story())
        assert saved.place is Place.CONFLICT
        assert told.place is Place.CONFLICT
        assert (env.read("a.ipynb"), outsider.content("a.ipynb")) == (b"mine", b"theirs")
        assert env.litter() == []

    def test_a_first_file_during_the_download_is_kept(self, env, outsider):
        outsider.put("a.ipynb", b"theirs")
        env.faults.add(Fault(operation=DOWNLOAD, action=Hang()))

        async def story():
            opening = asyncio.create_task(env.opening("a.ipynb"))
            await until(lambda: not env.faults.pending)
            await asyncio.to_thread(env.file("a.ipynb").write_bytes, b"mine")
            env.faults.release()
            return await opening

        assert env.run(story()).place is Place.CONFLICT
        assert env.read("a.ipynb") == b"mine"

    def test_an_open_during_an_upload(self, env, outsider):
        """Race 4: it sees our own new version before the upload has recorded it."""
        env.save("a.ipynb", b"one")
        env.faults.add(Fault(operation="objects.insert", action=Hang(), after_effect=True))

        async def story():
            saving = asyncio.create_task(env.saving("a.ipynb", b"two"))
            await until(lambda: outsider.content("a.ipynb") == b"two")
            await env.localizer.open(env.at("a.ipynb"))
            shown = env.read("a.ipynb")
            env.faults.release()
            return shown, await saving, await env.status_of("a.ipynb")

        shown, saved, told = env.run(story())
        assert shown == b"two"
        assert (saved.place, told.place) == (Place.IN_WORKSPACE, Place.IN_WORKSPACE)
        assert list(outsider.history("a.ipynb").values()) == [b"one", b"two"]
        assert env.save("a.ipynb", b"three").place is Place.IN_WORKSPACE

    def test_an_open_before_the_effect_of_an_upload(self, env, outsider):
        env.save("a.ipynb", b"one")
        env.faults.add(Fault(operation="objects.insert", action=Hang()))

        async def story():
            saving = asyncio.create_task(env.saving("a.ipynb", b"two"))
            await until(lambda: not env.faults.pending)
            await env.localizer.open(env.at("a.ipynb"))
            env.faults.release()
            return await saving, await env.status_of("a.ipynb")

        assert [told.place for told in env.run(story())] == [Place.IN_WORKSPACE] * 2
        assert env.read("a.ipynb") == b"two"
        assert list(outsider.history("a.ipynb").values()) == [b"one", b"two"]

    def test_a_slow_open_cannot_put_an_older_baseline_back(self, env, outsider):
        """The stat of the open is answered before the save, and arrives after it."""
        env.save("a.ipynb", b"one")
        env.faults.clear()
        outsider.lock("a.ipynb")
        env.faults.add(Fault(operation=STAT, action=Delay(seconds=0.5), after_effect=True))

        async def story():
            opening = asyncio.create_task(env.opening("a.ipynb"))
            await until(lambda: not env.faults.pending)
            await asyncio.sleep(0.05)
            saved = await env.saving("a.ipynb", b"two")
            return saved, await opening

        assert [told.place for told in env.run(story())] == [Place.IN_WORKSPACE] * 2
        assert env.baseline("a.ipynb").generation == outsider.get("a.ipynb").generation
        assert env.read("a.ipynb") == b"two"

    @pytest.mark.parametrize("change", ["replaced", "deleted and made again"])
    def test_the_object_changes_between_stat_and_download(self, env, outsider, change):
        """Race 5."""
        outsider.put("a.ipynb", b"one")
        env.faults.add(Fault(operation=DOWNLOAD, action=Hang()))

        async def story():
            opening = asyncio.create_task(env.opening("a.ipynb"))
            await until(lambda: not env.faults.pending)
            if change != "replaced":
                await asyncio.to_thread(outsider.delete, "a.ipynb")
            await asyncio.to_thread(outsider.put, "a.ipynb", b"two")
            env.faults.release()
            return await opening

        assert env.run(story()).place is Place.IN_WORKSPACE
        assert env.read("a.ipynb") == b"two"

    def test_the_object_goes_between_stat_and_download(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.faults.add(Fault(operation=DOWNLOAD, action=Hang()))

        async def story():
            opening = asyncio.create_task(env.opening("a.ipynb"))
            await until(lambda: not env.faults.pending)
            await asyncio.to_thread(outsider.delete, "a.ipynb")
            env.faults.release()
            await opening

        with pytest.raises(ObjectNotFound):
            env.run(story())
        assert env.litter() == []

    def test_an_object_that_never_rests_is_reported_as_such(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        read_into = env.threads.bucket("a-bucket", None).__class__.read_into

        async def disturbed(bucket, *args):
            await asyncio.to_thread(outsider.put, "a.ipynb", b"again")
            return await read_into(bucket, *args)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("jupyter_terra_env.bucket.threaded.ThreadedBucket.read_into", disturbed)
            with pytest.raises(BucketUnavailable, match="kept changing"):
                opened(env, "a.ipynb")
        assert env.litter() == []

    def test_two_opens_at_once(self, env, outsider):
        outsider.put("a.ipynb", b"one")

        async def story():
            return await asyncio.gather(*(env.opening("a.ipynb") for _ in range(5)))

        assert {told.place for told in env.run(story())} == {Place.IN_WORKSPACE}
        assert env.read("a.ipynb") == b"one"
        assert env.litter() == []

    def test_a_death_between_install_and_journal(self, env, outsider, monkeypatch):
        outsider.put("a.ipynb", b"one")
        env.open("a.ipynb")
        outsider.put("a.ipynb", b"two")

        async def dead(*_args, **_settles):
            raise KeyboardInterrupt

        monkeypatch.setattr(env.storage, "advance_if_held", dead)
        with pytest.raises(KeyboardInterrupt):
            opened(env, "a.ipynb")
        env.restart()
        assert env.read("a.ipynb") == b"two"
        assert env.open("a.ipynb").place is Place.IN_WORKSPACE


class TestLinks:
    def test_out_of_the_workspace_folder_are_refused(self, env, outsider, tmp_path):
        """Race 12."""
        elsewhere = tmp_path / "elsewhere.ipynb"
        elsewhere.write_bytes(b"not theirs")
        env.file("a.ipynb").symlink_to(elsewhere)
        outsider.put("a.ipynb", b"theirs")
        with pytest.raises(OperationRefused) as refused:
            opened(env, "a.ipynb")
        assert refused.value.reason == "outside-workspace"
        assert elsewhere.read_bytes() == b"not theirs"

    def test_from_the_edit_to_the_playground_folder_are_refused(self, env, outsider):
        env.file("a.ipynb", "playground").write_bytes(b"played")
        env.file("a.ipynb").symlink_to(env.file("a.ipynb", "playground"))
        with pytest.raises(OperationRefused):
            env.save("a.ipynb", b"x")
        assert outsider.names() == []
        assert Path(env.file("a.ipynb", "playground")).read_bytes() == b"played"
