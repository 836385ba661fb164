"""Whole folders: renamed and deleted with everything in them, or not at all."""

import pytest

from jupyter_terra_env.bucket.embedded.faults import Fault, ResetConnection
from jupyter_terra_env.rules.errors import (
    BucketUnavailable,
    LeftUnfinished,
    LockHeldElsewhere,
    ObjectNotFound,
    OperationRefused,
    WorkspaceConflict,
)
from jupyter_terra_env.rules.status import Place

MOVE = "objects.move"
DELETE = "objects.delete"
ODD = ["deep/.hidden.ipynb", "deep/data.csv", "deep//x.ipynb", "deep/", "deep/../up.ipynb", "deep/" + "n" * 300]


@pytest.fixture
def environment_settings():
    return {"pause_seconds": 0.05}


def lock_for_others(env, outsider, name):
    until_ms = env.clock.now_ms() + 150_000
    outsider.lock(name, lastLockedBy="f" * 64, lockExpiresAt=str(until_ms))


class TestRename:
    def test_moves_everything_with_one_request_an_object(self, env, outsider):
        for number in range(20):
            outsider.put(f"deep/sub/{number:02}.ipynb", b"x", {"team": "blue"})
        env.open("deep/sub/03.ipynb")
        env.open("deep/sub/04.ipynb")
        env.save("deep/sub/04.ipynb", b"mine")
        env.file("deep/data.csv").write_text("1,2")
        env.faults.clear()
        env.rename_folder("deep", "other/place")
        assert sorted(env.operations) == ["objects.list"] * 2 + [MOVE] * 20
        assert outsider.names() == [f"other/place/sub/{number:02}.ipynb" for number in range(20)]
        assert outsider.get("other/place/sub/07.ipynb").metadata["team"] == "blue"
        assert not env.file("deep").exists()
        assert env.read("other/place/data.csv") == b"1,2"
        assert env.baseline("deep/sub/03.ipynb") is None
        assert env.begun() == []
        assert env.save("other/place/sub/03.ipynb", b"next").place is Place.IN_WORKSPACE
        assert outsider.content("other/place/sub/03.ipynb") == b"next"

    def test_leaves_a_folder_whose_name_begins_alike(self, env, outsider):
        outsider.put("deep/a.ipynb", b"x")
        outsider.put("deep2/a.ipynb", b"x")
        outsider.put("deep", b"an object of the folder's name")
        env.save("deep2/b.ipynb", b"x")
        env.rename_folder("deep", "new")
        assert outsider.names() == ["deep", "deep2/a.ipynb", "deep2/b.ipynb", "new/a.ipynb"]
        assert env.baseline("deep2/b.ipynb") is not None

    def test_moves_objects_that_are_not_shown(self, env, outsider):
        for name in ODD:
            outsider.put(name, name.encode())
        env.rename_folder("deep", "new")
        expected = {name.replace("deep/", "new/", 1): name.encode() for name in ODD}
        assert {name: outsider.content(name) for name in outsider.names()} == expected

    def test_of_a_folder_that_is_only_on_the_disk(self, env, outsider):
        env.file("deep").mkdir()
        env.file("deep/x.txt").write_text("x")
        env.rename_folder("deep", "new")
        assert env.read("new/x.txt") == b"x"
        assert outsider.names() == []

    def test_of_nothing(self, env):
        with pytest.raises(ObjectNotFound):
            env.rename_folder("deep", "new")

    def test_brings_edits_to_the_bucket_first(self, env, outsider):
        env.save("deep/a.ipynb", b"one")
        env.file("deep/a.ipynb").write_bytes(b"two")
        env.file("deep/new.ipynb").write_bytes(b"never saved")
        env.rename_folder("deep", "new")
        assert outsider.content("new/a.ipynb") == b"two"
        assert outsider.content("new/new.ipynb") == b"never saved"

    def test_is_refused_while_the_edits_cannot_be_sent(self, env, outsider):
        env.save("deep/a.ipynb", b"one")
        env.file("deep/a.ipynb").write_bytes(b"two")
        env.faults.add(Fault(operation="objects.insert", action=ResetConnection(), times=50))
        with pytest.raises(OperationRefused) as refused:
            env.rename_folder("deep", "new")
        assert refused.value.reason == "not-in-workspace-yet"
        assert "ws/edit/deep/a.ipynb" in str(refused.value)
        assert outsider.names() == ["deep/a.ipynb"]
        assert env.read("deep/a.ipynb") == b"two"

    @pytest.mark.parametrize("locked", ["deep/b.ipynb", "deep/.hidden.ipynb", "deep/data.csv"])
    def test_is_refused_whole_when_another_person_edits_one(self, env, outsider, locked):
        for name in ("deep/a.ipynb", "deep/b.ipynb", "deep/.hidden.ipynb", "deep/data.csv"):
            outsider.put(name, b"x")
        lock_for_others(env, outsider, locked)
        env.faults.clear()
        with pytest.raises(LockHeldElsewhere, match=locked):
            env.rename_folder("deep", "new")
        assert MOVE not in env.operations
        assert all(name.startswith("deep/") for name in outsider.names())

    @pytest.mark.parametrize("taken_by", ["object", "file", "folder"])
    def test_onto_a_name_that_is_taken(self, env, outsider, taken_by):
        env.save("deep/a.ipynb", b"x")
        if taken_by == "object":
            outsider.put("new/z.ipynb", b"theirs")
        elif taken_by == "file":
            env.file("new").write_text("x")
        else:
            env.file("new").mkdir()
        with pytest.raises(OperationRefused, match="already exists: ws/edit/new"):
            env.rename_folder("deep", "new")
        assert env.read("deep/a.ipynb") == b"x"
        assert outsider.content("deep/a.ipynb") == b"x"

    @pytest.mark.parametrize("new", ["deep/sub", "x.ipynb"])
    def test_to_a_name_no_folder_can_have(self, env, outsider, new):
        env.save("deep/a.ipynb", b"x")
        with pytest.raises(OperationRefused) as refused:
            env.rename_folder("deep", new)
        assert refused.value.reason == "folder-name"
        assert outsider.names() == ["deep/a.ipynb"]

    def test_own_locks_and_tabs_go_along(self, env):
        env.save("deep/a.ipynb", b"one")
        env.rename_folder("deep", "new")
        assert env.holds("new/a.ipynb")
        assert env.lock_state("new/a.ipynb") == "held"
        assert ("ws/edit/deep/a.ipynb", "ws/edit/new/a.ipynb") in env.shown

    def test_a_stale_copy_goes_along_and_is_refreshed(self, env, outsider):
        env.save("deep/a.ipynb", b"one")
        env.give_back("deep/a.ipynb")
        outsider.put("deep/a.ipynb", b"theirs")
        env.rename_folder("deep", "new")
        env.open("new/a.ipynb")
        assert env.read("new/a.ipynb") == b"theirs"

    @pytest.mark.parametrize("changed", [0, 3, 7])
    def test_a_change_meanwhile_undoes_it(self, env, outsider, monkeypatch, changed):
        """See race 7 in docs/protocol/journal.md."""
        for number in range(8):
            env.save(f"deep/{number}.ipynb", b"mine")
            env.give_back(f"deep/{number}.ipynb")
        begin = env.recovery.begin

        def changed_meanwhile(intent):
            outsider.put(f"deep/{changed}.ipynb", b"theirs")
            return begin(intent)

        monkeypatch.setattr(env.recovery, "begin", changed_meanwhile)
        with pytest.raises(WorkspaceConflict, match=rf"deep/{changed}\.ipynb"):
            env.rename_folder("deep", "new")
        assert outsider.names() == [f"deep/{number}.ipynb" for number in range(8)]
        assert outsider.content(f"deep/{changed}.ipynb") == b"theirs"
        assert env.begun() == []
        env.faults.clear()
        for number in set(range(8)) - {changed}:
            assert env.save(f"deep/{number}.ipynb", b"next").place is Place.IN_WORKSPACE

    def test_the_bucket_goes_away_halfway_and_it_goes_on_by_itself(self, env, outsider, goes_away_halfway):
        for number in range(12):
            env.save(f"deep/{number}.ipynb", b"mine")
        goes_away_halfway(MOVE)
        with pytest.raises(LeftUnfinished) as left:
            env.rename_folder("deep", "new")
        assert "continues by itself" in left.value.sentence
        env.faults.clear()
        env.run(env.recovery.finish())
        assert env.begun() == []
        assert outsider.names() == sorted(f"new/{number}.ipynb" for number in range(12))
        assert not env.file("deep").exists()
        assert env.save("new/3.ipynb", b"next").place is Place.IN_WORKSPACE

    def test_no_answer_at_all_changes_nothing(self, env, outsider):
        env.save("deep/a.ipynb", b"mine")
        env.faults.add(Fault(operation="objects.list", action=ResetConnection(), times=100))
        with pytest.raises(BucketUnavailable):
            env.rename_folder("deep", "new")
        assert env.begun() == []
        assert env.read("deep/a.ipynb") == b"mine"


class TestDelete:
    def test_deletes_everything(self, env, outsider):
        for number in range(5):
            outsider.put(f"deep/sub/{number}.ipynb", b"x")
        outsider.put("deep2/a.ipynb", b"x")
        env.open("deep/sub/1.ipynb")
        env.file("deep/data.csv").write_text("1")
        env.faults.clear()
        env.delete_folder("deep")
        assert sorted(env.operations) == [DELETE] * 5 + ["objects.list"]
        assert outsider.names() == ["deep2/a.ipynb"]
        assert not env.file("deep").exists()
        assert env.baseline("deep/sub/1.ipynb") is None
        assert env.begun() == []

    @pytest.mark.parametrize("hidden", ODD)
    def test_is_refused_whole_with_an_object_that_no_listing_shows(self, env, outsider, hidden):
        env.save("deep/a.ipynb", b"x")
        outsider.put(hidden, b"x")
        env.faults.clear()
        with pytest.raises(OperationRefused) as refused:
            env.delete_folder("deep")
        assert refused.value.reason == "folder-not-empty"
        assert f"1 other object ({hidden.removeprefix('deep/') or 'deep/'})" in str(refused.value)
        assert env.operations == ["objects.list"]
        assert sorted(outsider.names()) == sorted(["deep/a.ipynb", hidden])
        assert (env.read("deep/a.ipynb"), env.begun()) == (b"x", [])

    def test_names_some_of_many_objects_that_no_listing_shows(self, env, outsider):
        for number in range(7):
            outsider.put(f"deep/{number}.csv", b"x")
        with pytest.raises(OperationRefused, match=r"7 other objects \(0.csv, 1.csv, 2.csv, and 4 more\)"):
            env.delete_folder("deep")

    def test_takes_the_markers_of_folders_along(self, env, outsider):
        env.save("deep/sub/a.ipynb", b"x")
        outsider.put("deep/", b"")
        outsider.put("deep/sub/", b"")
        env.delete_folder("deep")
        assert outsider.names() == []

    def test_is_refused_whole_when_another_person_edits_one(self, env, outsider):
        outsider.put("deep/a.ipynb", b"x")
        outsider.put("deep/b.ipynb", b"x")
        lock_for_others(env, outsider, "deep/b.ipynb")
        with pytest.raises(LockHeldElsewhere):
            env.delete_folder("deep")
        assert outsider.names() == ["deep/a.ipynb", "deep/b.ipynb"]

    def test_is_refused_whole_when_another_person_changed_one(self, env, outsider):
        env.save("deep/a.ipynb", b"x")
        env.save("deep/b.ipynb", b"x")
        outsider.put("deep/b.ipynb", b"theirs")
        with pytest.raises(WorkspaceConflict, match=r"deep/b\.ipynb"):
            env.delete_folder("deep")
        assert outsider.names() == ["deep/a.ipynb", "deep/b.ipynb"]
        assert env.read("deep/a.ipynb") == b"x"

    def test_is_refused_whole_beside_a_notebook_that_only_has_the_same_name(self, env, outsider):
        outsider.put("deep/a.ipynb", b"theirs")
        env.file("deep").mkdir()
        env.file("deep/a.ipynb").write_bytes(b"mine")
        with pytest.raises(WorkspaceConflict):
            env.delete_folder("deep")
        assert (outsider.content("deep/a.ipynb"), env.read("deep/a.ipynb")) == (b"theirs", b"mine")

    def test_keeps_what_is_saved_meanwhile(self, env, outsider, monkeypatch):
        env.save("deep/a.ipynb", b"one")
        env.save("deep/b.ipynb", b"one")
        objects = env.executor.objects

        async def saved_meanwhile(move, steps):
            await env.storage.save(env.at("deep/b.ipynb"), b"an acknowledged save")
            return await objects(move, steps)

        monkeypatch.setattr(env.executor, "objects", saved_meanwhile)
        env.delete_folder("deep")
        assert outsider.names() == []
        assert env.read("deep/a.ipynb") is None
        assert env.read("deep/b.ipynb") == b"an acknowledged save"
        assert env.owed() == ["ws/edit/deep/b.ipynb"]

    def test_a_failure_halfway_keeps_what_is_not_deleted(self, env, outsider, changed_meanwhile):
        for number in range(3):
            env.save(f"deep/{number}.ipynb", b"mine")
        changed_meanwhile("deep/2.ipynb")
        with pytest.raises(WorkspaceConflict):
            env.delete_folder("deep")
        assert outsider.content("deep/2.ipynb") == b"theirs"
        assert env.read("deep/2.ipynb") == b"mine"
        assert env.begun() == []

    def test_the_bucket_goes_away_halfway_and_a_later_save_is_kept(self, env, outsider, goes_away_halfway):
        for number in range(3):
            env.save(f"deep/{number}.ipynb", b"mine")
        goes_away_halfway(DELETE)
        with pytest.raises(LeftUnfinished):
            env.delete_folder("deep")
        env.run(env.recovery.close())
        assert env.read("deep/0.ipynb") == b"mine", "as long as the outage lasts"
        env.run(env.storage.save(env.at("deep/1.ipynb"), b"typed meanwhile"))
        env.restart()
        env.faults.clear()
        env.recover()
        assert env.begun() == []
        assert env.read("deep/1.ipynb") == b"typed meanwhile"
        assert (env.read("deep/0.ipynb"), env.read("deep/2.ipynb")) == (None, None)

    def test_in_the_playground_never_reaches_the_bucket(self, env, outsider):
        outsider.put("deep/a.ipynb", b"x")
        env.open("deep/a.ipynb", folder="playground")
        env.faults.clear()
        env.delete_folder("deep", folder="playground")
        assert env.operations == []
        assert outsider.names() == ["deep/a.ipynb"]
        assert not env.file("deep", "playground").exists()
