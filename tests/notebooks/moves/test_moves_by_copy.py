"""Buckets that do not rename (``moveTo`` refused), and other buckets: a copy, then the source goes, or nothing."""

import asyncio
from dataclasses import replace

import environments
import pytest

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault, ResetConnection
from jupyter_terra_env.rules.errors import (
    BucketRefused,
    BucketUnavailable,
    LeftUnfinished,
    OperationRefused,
    WorkspaceConflict,
)
from jupyter_terra_env.rules.status import Place

MOVE, COPY, DELETE = "objects.move", "objects.rewrite", "objects.delete"
REFUSALS = [403, 404, 405, 501]


@pytest.fixture
def environment_settings():
    return {"pause_seconds": 0.05}


def refuse(env, operation, status=403, times=1000, **more):
    action = AnswerWith(status=status, reason="forbidden", message="Refused.")
    env.faults.add(Fault(operation=operation, action=action, times=times, **more))


@pytest.fixture
def no_renames(env):
    refuse(env, MOVE)


class TestWithinABucket:
    @pytest.mark.parametrize("status", REFUSALS)
    def test_renames_all_the_same(self, env, outsider, status):
        blob = outsider.put("a.ipynb", b"one", {"team": "blue"})
        blob.cache_control = "no-store"
        blob.patch()
        env.open("a.ipynb")
        refuse(env, MOVE, status)
        env.rename("a.ipynb", "b.ipynb")
        assert outsider.names() == ["b.ipynb"]
        found = outsider.get("b.ipynb")
        assert (found.metadata["team"], found.cache_control) == ("blue", "no-store")
        assert found.content_type == "application/x-ipynb+json"
        assert (env.read("a.ipynb"), env.read("b.ipynb"), env.begun()) == (None, b"one", [])
        assert env.holds("b.ipynb")
        assert env.save("b.ipynb", b"next").place is Place.IN_WORKSPACE

    def test_is_not_tried_again_and_again(self, env, outsider, no_renames):
        for number in range(3):
            env.save(f"{number}.ipynb", b"x")
        env.faults.clear()
        refuse(env, MOVE)
        for number in range(3):
            env.rename(f"{number}.ipynb", f"new-{number}.ipynb")
        assert env.operations.count(MOVE) == 1

    def test_a_folder(self, env, outsider, no_renames):
        env.save("deep/a.ipynb", b"a")
        outsider.put("deep/b.ipynb", b"b")
        outsider.put("deep/data.csv", b"1", content_type="text/csv")
        env.rename_folder("deep", "new")
        assert outsider.names() == ["new/a.ipynb", "new/b.ipynb", "new/data.csv"]
        assert outsider.get("new/data.csv").content_type == "text/csv"
        assert env.save("new/a.ipynb", b"next").place is Place.IN_WORKSPACE

    @pytest.mark.parametrize("refused", [COPY, DELETE])
    def test_where_neither_is_allowed(self, env, outsider, no_renames, refused):
        env.save("a.ipynb", b"one")
        refuse(env, refused)
        with pytest.raises(BucketRefused):
            env.rename("a.ipynb", "b.ipynb")
        assert (outsider.names_ever(), env.read("a.ipynb"), env.begun()) == ({"a.ipynb"}, b"one", [])
        assert env.save("a.ipynb", b"next").place is Place.IN_WORKSPACE

    def test_where_one_object_may_not_be_deleted(self, env, outsider, no_renames):
        env.save("a.ipynb", b"one")
        env.save("b.ipynb", b"one")
        env.rename("b.ipynb", "c.ipynb")  # From now on it is not asked first.
        refuse(env, DELETE, name_prefix="notebooks/a.ipynb")
        with pytest.raises(BucketRefused):
            env.rename("a.ipynb", "d.ipynb")
        assert (outsider.names(), env.begun()) == (["a.ipynb", "c.ipynb"], [])

    def test_never_onto_an_object(self, env, outsider, no_renames):
        env.save("a.ipynb", b"mine")
        outsider.put("b.ipynb", b"theirs")
        with pytest.raises(OperationRefused, match="already exists"):
            env.rename("a.ipynb", "b.ipynb")
        assert (outsider.content("a.ipynb"), outsider.content("b.ipynb")) == (b"mine", b"theirs")

    def test_not_an_object_that_another_person_changed(self, env, outsider, no_renames, changed_meanwhile):
        env.save("a.ipynb", b"mine")
        changed_meanwhile("a.ipynb")
        with pytest.raises(WorkspaceConflict):
            env.rename("a.ipynb", "b.ipynb")
        assert (outsider.names(), outsider.content("a.ipynb"), env.begun()) == (["a.ipynb"], b"theirs", [])

    @pytest.mark.parametrize("meanwhile", ["content", "metadata"])
    def test_an_object_that_is_changed_between_copy_and_deletion(self, env, outsider, monkeypatch, meanwhile):
        env.save("a.ipynb", b"mine")
        refuse(env, MOVE)
        store = type(env.storage.bucket(env.at("a.ipynb")))
        copy = store.copy

        async def changed(*args, **kwargs):
            made = await copy(*args, **kwargs)
            if outsider.get("a.ipynb").metadata.get("team") is None:
                if meanwhile == "content":
                    outsider.put("a.ipynb", b"theirs")
                else:
                    outsider.lock("a.ipynb", team="blue")
            return made

        monkeypatch.setattr(store, "copy", changed)
        if meanwhile == "content":
            with pytest.raises(WorkspaceConflict):
                env.rename("a.ipynb", "b.ipynb")
            assert (outsider.names(), outsider.content("a.ipynb")) == (["a.ipynb"], b"theirs")
            assert env.read("a.ipynb") == b"mine"
        else:
            env.rename("a.ipynb", "b.ipynb")
            assert (outsider.names(), outsider.get("b.ipynb").metadata["team"]) == (["b.ipynb"], "blue")
        assert env.begun() == []

    @pytest.mark.parametrize("lost", [COPY, DELETE])
    @pytest.mark.parametrize("after_effect", [False, True])
    def test_with_a_lost_answer(self, env, outsider, no_renames, lost, after_effect):
        env.save("b.ipynb", b"one")
        env.rename("b.ipynb", "c.ipynb")
        env.save("a.ipynb", b"one")
        env.faults.add(Fault(operation=lost, action=ResetConnection(), after_effect=after_effect))
        if lost == COPY and not after_effect:
            with pytest.raises(BucketUnavailable):
                env.rename("a.ipynb", "d.ipynb")
            assert outsider.names() == ["a.ipynb", "c.ipynb"]
        else:
            env.rename("a.ipynb", "d.ipynb")
            assert outsider.names() == ["c.ipynb", "d.ipynb"]
        assert env.begun() == []

    def test_a_bucket_that_goes_away_between_the_two(self, env, outsider, no_renames):
        env.save("b.ipynb", b"one")
        env.rename("b.ipynb", "c.ipynb")
        env.save("a.ipynb", b"one")
        refuse(env, DELETE, status=503, times=3)
        with pytest.raises(LeftUnfinished):
            env.rename("a.ipynb", "d.ipynb")
        env.run(env.recovery.finish())
        assert (outsider.names(), env.begun()) == (["c.ipynb", "d.ipynb"], [])
        assert env.save("d.ipynb", b"next").place is Place.IN_WORKSPACE


class TestFoundAtTheStart:
    """An act that died between its copy and the deletion of the source."""

    @pytest.fixture
    def between(self, env, outsider):
        env.save("a.ipynb", b"one")
        refuse(env, MOVE, 405)
        delete = env.storage.bucket(env.at("a.ipynb")).__class__.delete

        async def died(store, name, precondition):
            if precondition.generation == 1:
                return await delete(store, name, precondition)
            raise asyncio.CancelledError

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(env.storage.bucket(env.at("a.ipynb")).__class__, "delete", died)
            with pytest.raises(asyncio.CancelledError):
                env.rename("a.ipynb", "b.ipynb")
        assert outsider.names() == ["a.ipynb", "b.ipynb"]
        env.restart()

    def test_it_is_finished(self, env, outsider, between):
        env.recover()
        assert (outsider.names(), env.begun()) == (["b.ipynb"], [])
        assert (env.read("a.ipynb"), env.read("b.ipynb")) == (None, b"one")
        assert env.save("b.ipynb", b"next").place is Place.IN_WORKSPACE

    @pytest.mark.parametrize("meanwhile", ["changed", "locked"])
    def test_an_object_that_another_person_edits_stays_and_the_copy_goes(self, env, outsider, between, meanwhile):
        if meanwhile == "changed":
            outsider.put("a.ipynb", b"theirs")
        else:
            outsider.lock("a.ipynb", **environments.taken_by("somebody@example.org"))
        env.recover()
        assert (outsider.names(), env.begun()) == (["a.ipynb"], [])
        assert env.read("a.ipynb") == b"one"

    def test_a_copy_that_another_person_has_changed_is_theirs(self, env, outsider, between):
        outsider.put("b.ipynb", b"theirs", metadata=dict(outsider.get("b.ipynb").metadata))
        env.recover()
        assert (outsider.content("a.ipynb"), outsider.content("b.ipynb")) == (b"one", b"theirs")
        assert (env.read("a.ipynb"), env.begun()) == (b"one", [])

    def test_of_which_the_bucket_refuses_the_rest(self, env, outsider, between):
        refuse(env, DELETE, name_prefix="notebooks/a.ipynb")
        env.recover()
        assert (outsider.names(), env.begun()) == (["a.ipynb"], [])
        assert env.read("a.ipynb") == b"one"


class TestIntoAnotherBucket:
    """The object is in the other workspace before it leaves this one."""

    @pytest.fixture
    def env(self, tmp_path, outsider, environment_settings, monkeypatch):
        other = replace(environments.OTHER_WORKSPACE, bucket="another-bucket")
        monkeypatch.setattr(environments, "OTHER_WORKSPACE", other)
        outsider.client.create_bucket("another-bucket")
        with environments.environments(tmp_path, outsider.engine, "mine", **environment_settings) as [env]:
            yield env

    def bring_there(self, env, *, is_folder):
        if is_folder:
            env.rename_folder("deep", "/other/edit/deep")
        else:
            env.rename("deep/a.ipynb", "/other/edit/a.ipynb")

    def there(self, outsider):
        return {blob.name: blob.download_as_bytes() for blob in outsider.client.list_blobs("another-bucket")}

    def test_a_notebook(self, env, outsider):
        outsider.put("a.ipynb", b"one", {"team": "blue"})
        env.open("a.ipynb")
        env.rename("a.ipynb", "/other/edit/b.ipynb")
        assert (outsider.names(), self.there(outsider)) == ([], {"other/b.ipynb": b"one"})
        metadata = outsider.client.bucket("another-bucket").get_blob("other/b.ipynb").metadata
        assert metadata["team"] == "blue"
        assert "lastLockedBy" not in metadata, "a lock names its bucket"
        assert (env.root / "other/edit/b.ipynb").read_bytes() == b"one"
        assert (env.read("a.ipynb"), env.owed(), env.begun()) == (None, [], [])

    def test_a_folder(self, env, outsider):
        env.save("deep/a.ipynb", b"a")
        outsider.put("deep/sub/b.ipynb", b"b")
        env.file("deep/notes.txt").write_text("notes")
        env.rename_folder("deep", "/other/edit/new")
        assert (outsider.names(), self.there(outsider)) == (
            [],
            {"other/new/a.ipynb": b"a", "other/new/sub/b.ipynb": b"b"},
        )
        assert (env.root / "other/edit/new/notes.txt").read_text() == "notes"

    @pytest.mark.parametrize("is_folder", [False, True])
    @pytest.mark.parametrize("status", [403, 503])
    def test_what_the_other_bucket_does_not_take_stays(self, env, outsider, status, is_folder):
        for name in ("deep/a.ipynb", "deep/b.ipynb"):
            env.save(name, b"one")
        refuse(env, COPY, status)
        with pytest.raises((BucketRefused, BucketUnavailable)):
            self.bring_there(env, is_folder=is_folder)
        assert (outsider.names(), self.there(outsider)) == (["deep/a.ipynb", "deep/b.ipynb"], {})
        assert (env.read("deep/a.ipynb"), env.begun()) == (b"one", [])
        assert list((env.root / "other/edit").rglob("*.ipynb")) == []
        assert env.save("deep/a.ipynb", b"next").place is Place.IN_WORKSPACE

    def test_a_folder_of_which_the_last_is_not_taken(self, env, outsider):
        for number in range(12):
            env.save(f"deep/{number:02}.ipynb", b"one")
        refuse(env, COPY, name_prefix="notebooks/deep/11")
        with pytest.raises(BucketRefused):
            env.rename_folder("deep", "/other/edit/deep")
        assert (len(outsider.names()), self.there(outsider), env.begun()) == (12, {}, [])
        assert env.save("deep/00.ipynb", b"next").place is Place.IN_WORKSPACE

    @pytest.mark.parametrize("is_folder", [False, True])
    def test_a_bucket_that_cannot_be_asked(self, env, outsider, is_folder):
        env.save("deep/a.ipynb", b"one")
        refuse(env, "objects.get", 503, name_prefix="other/")
        refuse(env, "objects.list", 503, times=1 if is_folder else 0)
        outsider.client.bucket("another-bucket").delete()
        with pytest.raises((BucketRefused, BucketUnavailable)):
            self.bring_there(env, is_folder=is_folder)
        assert (outsider.names(), env.read("deep/a.ipynb"), env.begun()) == (["deep/a.ipynb"], b"one", [])

    def test_onto_a_name_that_is_taken_there(self, env, outsider):
        env.save("a.ipynb", b"one")
        blob = outsider.client.bucket("another-bucket").blob("other/b.ipynb")
        blob.upload_from_string(b"theirs")
        with pytest.raises(OperationRefused, match="already exists"):
            env.rename("a.ipynb", "/other/edit/b.ipynb")
        assert (outsider.names(), self.there(outsider)) == (["a.ipynb"], {"other/b.ipynb": b"theirs"})

    @pytest.mark.parametrize("hidden", ["deep/data.csv", "deep/.hidden/x.ipynb"])
    def test_a_folder_with_objects_that_are_not_shown(self, env, outsider, hidden):
        env.save("deep/a.ipynb", b"one")
        outsider.put(hidden, b"1")
        with pytest.raises(OperationRefused) as refused:
            env.rename_folder("deep", "/other/edit/deep")
        assert refused.value.reason == "crosses-folders"
        assert (sorted(outsider.names()), self.there(outsider)) == (sorted(["deep/a.ipynb", hidden]), {})
