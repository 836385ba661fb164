"""Earlier versions: listed, read, restored and copied out (docs/protocol/earlier-versions.md)."""

import asyncio

import pytest
from environments import taken_by

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault, ResetConnection
from jupyter_terra_env.bucket.store import Keeps, Kept
from jupyter_terra_env.rules.errors import (
    BucketUnavailable,
    LockHeldElsewhere,
    OperationRefused,
    WorkspaceConflict,
)
from jupyter_terra_env.rules.status import Place

NAME = "a.ipynb"
OLD, NEW = b"old", b"new"


@pytest.fixture(params=["versioning", "soft delete"])
def keeping(request, outsider):
    """As what the bucket keeps what is replaced or deleted."""
    if request.param == "versioning":
        return Kept.NONCURRENT
    outsider.keep_history(soft_delete_days=7)
    return Kept.SOFT_DELETED


def history(env, name=NAME):
    return env.run(env.versions.history(env.at(name)))


def earlier(env, name=NAME):
    return [one for one in history(env, name).versions if one.kept is not Kept.LIVE]


def restore(env, kept, name=NAME):
    env.run(env.versions.restore(env.at(name), kept.version.generation))


@pytest.fixture
def saved_twice(env, keeping):
    env.save(NAME, OLD)
    env.save(NAME, NEW)
    return keeping


class TestListing:
    def test_all_versions_newest_first(self, env, saved_twice):
        found = history(env).versions
        assert [one.kept for one in found] == [Kept.LIVE, saved_twice]
        assert [one.version.size_bytes for one in found] == [3, 3]
        assert found[1].replaced is not None
        assert (found[1].kept_until is not None) == (saved_twice is Kept.SOFT_DELETED)

    def test_objects_whose_names_begin_alike_are_others(self, env, outsider, saved_twice):
        outsider.put("a.ipynb.bak", b"x")
        outsider.put("a.ipynb", b"third")
        assert {one.version.name for one in history(env).versions} == {"notebooks/a.ipynb"}

    def test_a_bucket_that_keeps_nothing(self, env, outsider):
        bucket = outsider.bucket
        bucket.versioning_enabled = False
        bucket.patch()
        env.save(NAME, OLD)
        env.save(NAME, NEW)
        found = history(env)
        assert [one.kept for one in found.versions] == [Kept.LIVE]
        assert found.keeps == Keeps(versioning=False, soft_delete_seconds=0)

    def test_a_role_that_may_not_read_the_buckets_settings(self, env):
        env.save(NAME, OLD)
        env.save(NAME, NEW)
        env.faults.add(Fault(operation="buckets.get", action=AnswerWith(status=403, reason="forbidden")))
        found = history(env)
        assert len(found.versions) == 2
        assert found.keeps is None

    def test_costs_three_requests(self, env, saved_twice):
        before = len(env.operations)
        history(env)
        assert env.operations[before:] == ["objects.list", "objects.list", "buckets.get"]

    def test_a_playground_has_none(self, env):
        with pytest.raises(OperationRefused):
            env.run(env.versions.history(env.at(NAME, "playground")))


class TestReading:
    def test_an_earlier_one(self, env):
        env.save(NAME, OLD)
        env.save(NAME, NEW)
        [old] = earlier(env)
        assert env.run(env.versions.content(env.at(NAME), old.version.generation)) == OLD

    def test_one_that_is_not_there(self, env, saved_twice):
        with pytest.raises(OperationRefused):
            env.run(env.versions.content(env.at(NAME), 1))


class TestRestoring:
    def test_it_is_a_new_version_and_the_working_copy(self, env, outsider, saved_twice):
        restore(env, earlier(env)[0])
        assert (outsider.content(NAME), env.read(NAME)) == (OLD, OLD)
        assert env.run(env.status_of(NAME)).place is Place.IN_WORKSPACE
        assert env.holds(NAME)
        assert [one.version.size_bytes for one in history(env).versions][:2] == [3, 3]

    def test_typing_goes_on_from_there(self, env, outsider, saved_twice):
        restore(env, earlier(env)[0])
        assert env.save(NAME, b"later").place is Place.IN_WORKSPACE
        assert outsider.content(NAME) == b"later"

    def test_what_was_live_can_be_restored_in_turn(self, env, outsider, saved_twice):
        restore(env, earlier(env)[0])
        [new] = [one for one in earlier(env) if one.version.crc32c != env.baseline(NAME).crc32c]
        restore(env, new)
        assert (outsider.content(NAME), env.read(NAME)) == (NEW, NEW)

    def test_a_deleted_notebook_comes_back(self, env, outsider, keeping):
        env.save(NAME, OLD)
        env.delete(NAME)
        [kept] = env.run(env.versions.deleted(env.at("b.ipynb").parent))
        restore(env, kept)
        assert outsider.content(NAME) == OLD
        assert env.show(NAME) == OLD

    def test_of_a_deleted_one_whose_name_is_in_use_again_nothing_is_lost(self, env, outsider, keeping):
        env.save(NAME, OLD)
        env.delete(NAME)
        env.save(NAME, NEW)
        new = env.baseline(NAME).crc32c
        restore(env, earlier(env)[0])
        assert outsider.content(NAME) == OLD
        assert new in {one.version.crc32c for one in earlier(env)}

    def test_edits_that_the_bucket_has_not_go_there_first(self, env, outsider):
        env.save(NAME, OLD)
        env.save(NAME, NEW)
        env.run(env.storage.save(env.at(NAME), b"typed"))
        restore(env, earlier(env)[0])
        assert outsider.content(NAME) == OLD
        assert list(outsider.history(NAME).values())[-2:] == [b"typed", OLD]

    def test_edits_that_cannot_go_there_stay_and_it_is_refused(self, env, outsider, saved_twice):
        [old] = earlier(env)
        env.give_back(NAME)
        outsider.put(NAME, b"theirs")
        env.run(env.storage.save(env.at(NAME), b"typed"))
        with pytest.raises(OperationRefused):
            restore(env, old)
        assert (env.read(NAME), outsider.content(NAME)) == (b"typed", b"theirs")

    def test_another_persons_lock_keeps_it(self, env, outsider, saved_twice):
        [old] = earlier(env)
        env.give_back(NAME)
        outsider.lock(NAME, **taken_by("bob@example.org"))
        with pytest.raises(LockHeldElsewhere):
            restore(env, old)
        assert (env.read(NAME), outsider.content(NAME)) == (NEW, NEW)

    def test_the_lock_that_a_version_had_when_it_was_replaced_binds_no_one(self, env, outsider, keeping):
        outsider.put(NAME, OLD, metadata=taken_by("bob@example.org"))
        outsider.put(NAME, NEW)
        env.open(NAME)
        restore(env, earlier(env)[-1])
        assert (outsider.content(NAME), env.read(NAME)) == (OLD, OLD)
        assert env.holds(NAME)
        assert env.save(NAME, b"later").place is Place.IN_WORKSPACE

    def test_the_live_one_changes_nothing_in_the_bucket(self, env, saved_twice):
        before = len(env.operations)
        restore(env, history(env).versions[0])
        assert not [one for one in env.operations[before:] if "rewrite" in one or "restore" in one]

    def test_one_that_has_gone(self, env, outsider, saved_twice):
        with pytest.raises(OperationRefused):
            env.run(env.versions.restore(env.at(NAME), 12345))
        assert outsider.content(NAME) == NEW

    def test_what_is_typed_meanwhile_is_kept_in_a_file(self, env, outsider, saved_twice, monkeypatch):
        """Race 6, and the last step: a save between the copy and the working copy."""
        [old] = earlier(env)
        replace = env.localizer.replace_by_workspace_version

        async def late(location):
            await env.storage.save(location, b"typed meanwhile")
            return await replace(location)

        monkeypatch.setattr(env.localizer, "replace_by_workspace_version", late)
        restore(env, old)
        assert (env.read(NAME), env.read("a (my edits).ipynb")) == (OLD, b"typed meanwhile")


class TestRaces:
    @pytest.fixture
    def operation(self, keeping):
        return "objects.rewrite" if keeping is Kept.NONCURRENT else "objects.restore"

    def test_a_program_that_ignores_the_lock_is_not_replaced(self, env, outsider, saved_twice, monkeypatch):
        [old] = earlier(env)
        acquire = env.locks.acquire

        async def acquired(location, version=None):
            taken = await acquire(location, version)
            await asyncio.to_thread(outsider.put, NAME, b"unseen")
            return taken

        monkeypatch.setattr(env.locks, "acquire", acquired)
        with pytest.raises(WorkspaceConflict):
            restore(env, old)
        assert (outsider.content(NAME), env.read(NAME)) == (b"unseen", NEW)

    def test_a_lost_answer_is_looked_after(self, env, outsider, saved_twice, operation):
        [old] = earlier(env)
        env.faults.add(Fault(operation=operation, action=ResetConnection(), after_effect=True))
        restore(env, old)
        assert (outsider.content(NAME), env.read(NAME)) == (OLD, OLD)

    def test_a_lost_request_may_not_arrive_later(self, env, outsider, saved_twice, operation):
        [old] = earlier(env)
        before = outsider.get(NAME)
        env.faults.add(Fault(operation=operation, action=ResetConnection()))
        with pytest.raises(BucketUnavailable):
            restore(env, old)
        after = outsider.get(NAME)
        assert (after.generation, env.read(NAME)) == (before.generation, NEW)
        assert after.metageneration > before.metageneration

    def test_two_who_restore_a_deleted_notebook(self, env, outsider, keeping, monkeypatch):
        env.save(NAME, OLD)
        env.delete(NAME)
        [kept] = env.run(env.versions.deleted(env.at(NAME).parent))
        stat = env.storage.stat

        async def seen(location):
            found = await stat(location)
            if found is None:
                await asyncio.to_thread(outsider.put, NAME, b"theirs")
            return found

        monkeypatch.setattr(env.storage, "stat", seen)
        with pytest.raises(WorkspaceConflict):
            restore(env, kept)
        assert outsider.content(NAME) == b"theirs"


class TestDeleted:
    def test_only_what_is_not_live(self, env, outsider, keeping):
        for name in (NAME, "b.ipynb", "deep/c.ipynb"):
            env.save(name, OLD)
        env.save("b.ipynb", NEW)
        env.delete(NAME)
        env.delete("deep/c.ipynb")
        found = env.run(env.versions.deleted(env.at(NAME).parent))
        assert {one.version.name for one in found} == {"notebooks/a.ipynb", "notebooks/deep/c.ipynb"}

    def test_below_a_folder(self, env, keeping):
        env.save("deep/c.ipynb", OLD)
        env.save("deeper.ipynb", OLD)
        env.delete("deep/c.ipynb")
        env.delete("deeper.ipynb")
        found = env.run(env.versions.deleted(env.at("deep")))
        assert [one.version.name for one in found] == ["notebooks/deep/c.ipynb"]


class TestCopyingOut:
    def test_a_notebook_of_its_own_in_the_workspace(self, env, outsider):
        env.save(NAME, OLD)
        env.save(NAME, NEW)
        [old] = earlier(env)
        place = env.run(env.versions.copy_out(env.at(NAME), old.version.generation))
        assert place.name == f"a ({old.version.created:%Y-%m-%d %H.%M.%S}).ipynb"
        env.run(env.delocalizer.settle(place))
        assert (outsider.content(place.name), outsider.content(NAME)) == (OLD, NEW)

    def test_twice(self, env, outsider):
        env.save(NAME, OLD)
        env.save(NAME, NEW)
        generation = earlier(env)[0].version.generation
        names = [env.run(env.versions.copy_out(env.at(NAME), generation)).name for _ in range(2)]
        assert len(set(names)) == 2
        assert names[1].endswith(" 2).ipynb")

    def test_a_name_that_the_bucket_has_is_passed_over(self, env, outsider):
        env.save(NAME, OLD)
        env.save(NAME, NEW)
        [old] = earlier(env)
        taken = f"a ({old.version.created:%Y-%m-%d %H.%M.%S}).ipynb"
        outsider.put(taken, b"theirs")
        assert env.run(env.versions.copy_out(env.at(NAME), old.version.generation)).name != taken
        assert outsider.content(taken) == b"theirs"
