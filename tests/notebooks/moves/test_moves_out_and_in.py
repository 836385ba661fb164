"""Renames that leave what the workspace keeps, or come into it: playground, other names, other workspaces, outside."""

import pytest

from jupyter_terra_env.bucket.embedded.faults import Fault, ResetConnection
from jupyter_terra_env.rules.errors import (
    BucketUnavailable,
    LeftUnfinished,
    LockHeldElsewhere,
    OperationRefused,
    WorkspaceConflict,
)
from jupyter_terra_env.rules.status import Place

DELETE = "objects.delete"


@pytest.fixture
def environment_settings():
    return {"pause_seconds": 0.05}


def settled(env, path):
    """What the payers that are at work come to: the rename has to have started them."""
    env.run(env.delocalizer.pay((), 10))
    return env.run(env.delocalizer.current_status(env.locate(path)))


class TestOut:
    @pytest.mark.parametrize("target", ["/ws/playground/a.ipynb", "a.txt", "/elsewhere/a.ipynb"])
    @pytest.mark.parametrize("opened", [False, True])
    def test_the_file_arrives_and_the_object_goes(self, env, outsider, target, opened):
        outsider.put("a.ipynb", b"content")
        if opened:
            env.open("a.ipynb")
        env.rename("a.ipynb", target)
        assert outsider.names() == []
        new = env.root / (target[1:] if target.startswith("/") else f"ws/edit/{target}")
        assert new.read_bytes() == b"content"
        assert env.read("a.ipynb") is None
        assert (env.baseline("a.ipynb"), env.begun(), env.owed()) == (None, [], [])

    def test_edits_go_along(self, env, outsider):
        env.save("a.ipynb", b"one")
        env.file("a.ipynb").write_bytes(b"two")
        env.rename("a.ipynb", "/ws/playground/b.ipynb")
        assert env.read("b.ipynb", "playground") == b"two"
        assert outsider.names() == []

    def test_into_another_workspace_with_its_metadata(self, env, outsider):
        outsider.put("a.ipynb", b"content", {"team": "blue"})
        env.rename("a.ipynb", "/other/edit/b.ipynb")
        assert settled(env, "other/edit/b.ipynb").place is Place.IN_WORKSPACE
        [blob] = outsider.client.list_blobs("a-bucket")
        assert (blob.name, blob.download_as_bytes()) == ("other/b.ipynb", b"content")
        assert blob.metadata["team"] == "blue"

    def test_and_back_over_the_pattern(self, env, outsider):
        env.save("a.ipynb", b"one")
        env.rename("a.ipynb", "a.txt")
        env.rename("a.txt", "a.ipynb")
        assert settled(env, "ws/edit/a.ipynb").place is Place.IN_WORKSPACE
        assert outsider.content("a.ipynb") == b"one"

    @pytest.mark.parametrize("target", ["/ws/playground/b.ipynb", "b.txt", "/other/edit/b.ipynb"])
    def test_onto_a_name_that_is_taken(self, env, outsider, target):
        env.save("a.ipynb", b"one")
        new = env.root / (target[1:] if target.startswith("/") else f"ws/edit/{target}")
        new.write_bytes(b"taken")
        with pytest.raises(OperationRefused, match="already exists"):
            env.rename("a.ipynb", target)
        assert (new.read_bytes(), env.read("a.ipynb"), outsider.content("a.ipynb")) == (b"taken", b"one", b"one")
        assert env.begun() == []

    def test_onto_a_notebook_that_the_playground_shows(self, env, outsider):
        env.save("a.ipynb", b"one")
        outsider.put("b.ipynb", b"theirs")
        with pytest.raises(OperationRefused, match="already exists"):
            env.rename("a.ipynb", "/ws/playground/b.ipynb")

    def test_of_a_notebook_that_another_person_edits(self, env, outsider):
        outsider.put("a.ipynb", b"theirs")
        until_ms = env.clock.now_ms() + 150_000
        outsider.lock("a.ipynb", lastLockedBy="f" * 64, lockExpiresAt=str(until_ms))
        with pytest.raises(LockHeldElsewhere):
            env.rename("a.ipynb", "a.txt")
        assert outsider.content("a.ipynb") == b"theirs"
        assert env.read("a.txt") is None

    def test_a_change_meanwhile_brings_the_file_back(self, env, outsider, changed_meanwhile):
        env.save("a.ipynb", b"one")
        changed_meanwhile("a.ipynb")
        with pytest.raises(WorkspaceConflict):
            env.rename("a.ipynb", "a.txt")
        assert (env.read("a.ipynb"), env.read("a.txt"), outsider.content("a.ipynb")) == (b"one", None, b"theirs")
        assert env.begun() == []
        assert env.baseline("a.ipynb") is not None

    def test_no_answer_brings_the_file_back(self, env, outsider):
        env.save("a.ipynb", b"one")
        env.faults.add(Fault(operation=DELETE, action=ResetConnection()))
        with pytest.raises(BucketUnavailable):
            env.rename("a.ipynb", "a.txt")
        assert (env.read("a.ipynb"), env.read("a.txt"), outsider.content("a.ipynb")) == (b"one", None, b"one")
        assert env.begun() == []

    def test_a_folder(self, env, outsider):
        outsider.put("deep/a.ipynb", b"a")
        outsider.put("deep/sub/b.ipynb", b"b")
        outsider.put("deep/", b"")
        env.open("deep/a.ipynb")
        env.rename_folder("deep", "/ws/playground/deep")
        assert outsider.names() == []
        assert env.read("deep/a.ipynb", "playground") == b"a"
        assert env.read("deep/sub/b.ipynb", "playground") == b"b"
        assert not env.file("deep").exists()
        assert env.run(env.storage.known_below("ws/edit/deep")) == ()

    def test_a_folder_into_another_workspace(self, env, outsider):
        outsider.put("deep/a.ipynb", b"a", {"team": "blue"})
        outsider.put("deep/b.ipynb", b"b")
        env.rename_folder("deep", "/other/edit/new")
        for name in "ab":
            assert settled(env, f"other/edit/new/{name}.ipynb").place is Place.IN_WORKSPACE
        assert outsider.names() == ["other/new/a.ipynb", "other/new/b.ipynb"]
        assert outsider.bucket.get_blob("other/new/a.ipynb").metadata["team"] == "blue"

    @pytest.mark.parametrize("odd", ["deep/.hidden.ipynb", "deep/data.csv", "deep//x.ipynb"])
    def test_a_folder_with_objects_that_no_file_can_stand_for(self, env, outsider, odd):
        outsider.put("deep/a.ipynb", b"a")
        outsider.put(odd, b"x")
        with pytest.raises(OperationRefused) as refused:
            env.rename_folder("deep", "/ws/playground/deep")
        assert refused.value.reason == "crosses-folders"
        assert sorted(outsider.names()) == sorted(["deep/a.ipynb", odd])

    def test_a_folder_of_which_one_was_changed_meanwhile(self, env, outsider, changed_meanwhile):
        for number in range(3):
            env.save(f"deep/{number}.ipynb", b"mine")
        changed_meanwhile("deep/1.ipynb")
        with pytest.raises(WorkspaceConflict):
            env.rename_folder("deep", "/elsewhere")
        assert outsider.content("deep/1.ipynb") == b"theirs"
        assert env.read("deep/1.ipynb") == b"mine"
        for number in (0, 2):
            here, there = env.file(f"deep/{number}.ipynb"), env.root / f"elsewhere/{number}.ipynb"
            in_bucket = outsider.content(f"deep/{number}.ipynb") == b"mine"
            assert here.exists() is in_bucket
            assert there.exists() is not in_bucket

    def test_the_bucket_goes_away_halfway(self, env, outsider, goes_away_halfway):
        for number in range(3):
            env.save(f"deep/{number}.ipynb", b"mine")
        goes_away_halfway(DELETE)
        with pytest.raises(LeftUnfinished):
            env.rename_folder("deep", "/elsewhere")
        env.faults.clear()
        env.run(env.recovery.finish())
        assert env.begun() == []
        assert outsider.names() == []
        assert sorted(file.name for file in (env.root / "elsewhere").iterdir()) == [f"{n}.ipynb" for n in range(3)]


class TestIn:
    def test_a_playground_copy_becomes_a_notebook(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.open("a.ipynb", folder="playground")
        env.rename("/ws/playground/a.ipynb", "b.ipynb")
        assert settled(env, "ws/edit/b.ipynb").place is Place.IN_WORKSPACE
        assert outsider.names() == ["a.ipynb", "b.ipynb"]
        assert env.read("a.ipynb", "playground") is None

    def test_never_over_an_object(self, env, outsider):
        outsider.put("a.ipynb", b"theirs")
        env.open("a.ipynb", folder="playground")
        with pytest.raises(OperationRefused, match="already exists"):
            env.rename("/ws/playground/a.ipynb", "a.ipynb")
        assert env.read("a.ipynb", "playground") == b"theirs"

    def test_a_folder_from_outside(self, env, outsider):
        (env.root / "mine" / "sub").mkdir(parents=True)
        (env.root / "mine" / "a.ipynb").write_bytes(b"a")
        (env.root / "mine" / "sub" / "b.ipynb").write_bytes(b"b")
        (env.root / "mine" / "data.csv").write_bytes(b"1")
        env.rename_folder("/mine", "mine")
        for name in ("a", "sub/b"):
            assert settled(env, f"ws/edit/mine/{name}.ipynb").place is Place.IN_WORKSPACE
        assert outsider.names() == ["mine/a.ipynb", "mine/sub/b.ipynb"]
        assert env.read("mine/data.csv") == b"1"

    def test_a_folder_never_over_one_of_the_bucket(self, env, outsider):
        (env.root / "mine").mkdir()
        (env.root / "mine" / "a.ipynb").write_bytes(b"a")
        outsider.put("mine/z.ipynb", b"theirs")
        with pytest.raises(OperationRefused, match="already exists"):
            env.rename_folder("/mine", "mine")
        assert outsider.names() == ["mine/z.ipynb"]

    def test_what_arrives_is_owed_before_it_is_there(self, env, outsider, monkeypatch):
        """The debt is recorded before the file appears (docs/protocol/journal.md, Intents)."""
        (env.root / "mine.ipynb").write_bytes(b"a")

        async def dead(*_args):
            raise KeyboardInterrupt

        monkeypatch.setattr(env.executor, "rename_on_disk", dead)
        with pytest.raises(KeyboardInterrupt):
            env.rename("/mine.ipynb", "mine.ipynb")
        assert env.owed() == ["ws/edit/mine.ipynb"]

    def test_within_the_playground_without_a_bucket(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.open("a.ipynb", folder="playground")
        env.faults.add(Fault(operation="*", action=ResetConnection(), times=1000))
        env.rename("/ws/playground/a.ipynb", "/ws/playground/b.ipynb")
        assert env.read("b.ipynb", "playground") == b"one"
        assert outsider.names() == ["a.ipynb"]
