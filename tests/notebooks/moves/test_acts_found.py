"""Acts that a journal holds: refused by the bucket, at work in another server, or of a disk that went back in time."""

import asyncio
import json
import shutil

import pytest
from environments import Environment, environments, until

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault, Hang
from jupyter_terra_env.rules.errors import LeftUnfinished, OperationRefused, WorkspaceConflict
from jupyter_terra_env.rules.status import Place

MOVE, COPY, DELETE = "objects.move", "objects.rewrite", "objects.delete"


@pytest.fixture
def environment_settings():
    return {"pause_seconds": 0.05}


def refuse(env, *operations, status=403, name_prefix="", times=1000):
    for operation in operations:
        action = AnswerWith(status=status, reason="forbidden", message="It is held.")
        env.faults.add(Fault(operation=operation, action=action, times=times, name_prefix=name_prefix))


class TestRefusedLater:
    """What the bucket refuses of one object ends no folder: it stays, and the rest is finished."""

    @pytest.fixture
    def env(self, env):
        for number in range(4):
            env.save(f"deep/{number}.ipynb", b"mine")
            env.give_back(f"deep/{number}.ipynb")
        env.file("deep/notes.txt").write_bytes(b"notes")
        return env

    def left_halfway(self, env, operation, act):
        refuse(env, operation, status=503, name_prefix="notebooks/deep/3", times=1)
        refuse(env, "objects.get", status=503, times=4)
        with pytest.raises(LeftUnfinished):
            act()
        env.run(env.recovery.close())
        env.faults.clear()
        refuse(env, operation, COPY, DELETE, name_prefix="notebooks/deep/3")
        env.restart()
        env.recover()
        assert env.begun() == []

    def test_of_a_deletion(self, env, outsider):
        self.left_halfway(env, DELETE, lambda: env.delete_folder("deep"))
        assert outsider.names() == ["deep/3.ipynb"]
        assert (env.read("deep/3.ipynb"), env.read("deep/0.ipynb"), env.read("deep/notes.txt")) == (b"mine", None, None)
        env.save("deep/new.ipynb", b"new")
        env.delete("deep/new.ipynb")
        env.faults.clear()
        env.rename_folder("deep", "new")
        assert outsider.names() == ["new/3.ipynb"]

    def test_of_a_rename(self, env, outsider):
        self.left_halfway(env, MOVE, lambda: env.rename_folder("deep", "new"))
        assert outsider.names() == ["deep/3.ipynb", "new/0.ipynb", "new/1.ipynb", "new/2.ipynb"]
        assert (env.read("deep/3.ipynb"), env.read("new/0.ipynb")) == (b"mine", b"mine")
        env.faults.clear()
        for name in outsider.names():
            assert env.save(name, b"next").place is Place.IN_WORKSPACE

    @pytest.mark.parametrize("act", ["delete", "rename"])
    def test_of_everything_that_was_begun(self, env, outsider, act):
        """As in the act itself: where nothing could be done, everything is as it was."""
        with env.dead_within("objects"), pytest.raises(asyncio.CancelledError):
            env.delete_folder("deep") if act == "delete" else env.rename_folder("deep", "new")
        env.restart()
        refuse(env, MOVE, COPY, DELETE)
        env.recover()
        assert env.begun() == []
        assert outsider.names() == [f"deep/{number}.ipynb" for number in range(4)]
        assert (env.read("deep/0.ipynb"), env.read("deep/notes.txt")) == (b"mine", b"notes")
        assert not env.file("new").exists()

    def test_of_a_move_out(self, env, outsider):
        with env.dead_within("objects"), pytest.raises(asyncio.CancelledError):
            env.rename("deep/0.ipynb", "/ws/playground/a.ipynb")
        env.restart()
        refuse(env, DELETE)
        env.recover()
        assert (env.begun(), len(outsider.names())) == ([], 4)
        assert (env.read("deep/0.ipynb"), env.read("a.ipynb", "playground")) == (b"mine", None)


class TestRefusedByTheDisk:
    @pytest.mark.parametrize("step", ["objects", "end"])
    def test_of_a_rename_whose_new_folder_is_a_file_by_now(self, env, outsider, step):
        env.save("deep/a.ipynb", b"mine")
        with env.dead_within(step), pytest.raises(asyncio.CancelledError):
            env.rename_folder("deep", "new/place")
        env.restart()
        shutil.rmtree(env.file("new"), ignore_errors=True)
        env.file("new").write_bytes(b"a file")
        env.recover()
        assert (env.begun(), outsider.names(), env.read("deep/a.ipynb")) == ([], ["deep/a.ipynb"], b"mine")
        assert env.save("deep/a.ipynb", b"next").place is Place.IN_WORKSPACE

    def test_of_a_move_out_whose_new_folder_is_a_file_by_now(self, env, outsider):
        env.save("a.ipynb", b"mine")
        with env.dead_within("take_out"), pytest.raises(asyncio.CancelledError):
            env.rename("a.ipynb", "/ws/playground/new/a.ipynb")
        env.restart()
        shutil.rmtree(env.file("new", "playground"), ignore_errors=True)
        env.file("new", "playground").write_bytes(b"a file")
        env.recover()
        assert (env.begun(), outsider.names(), env.read("a.ipynb")) == ([], ["a.ipynb"], b"mine")


class TestTwoServersOnOneDisk:
    @pytest.fixture
    def two(self, tmp_path, outsider, environment_settings):
        with asyncio.Runner() as runner:
            made = [
                Environment(tmp_path / "mine", outsider.engine, runner, name="mine", **environment_settings)
                for _ in range(2)
            ]
            yield made
            for env in made:
                env.close()

    def test_the_second_leaves_an_act_alone_that_the_first_is_at(self, two, outsider):
        first, second = two
        for number in range(3):
            first.save(f"deep/{number}.ipynb", b"mine")
        first.faults.add(Fault(operation=MOVE, action=Hang()))

        async def story():
            renaming = asyncio.create_task(first.renaming("deep", "new", is_folder=True))
            await until(lambda: len(outsider.names()) and first.begun())
            await second.recovery.finish()
            for path in ("deep", "deep/0.ipynb", "new/x.ipynb"):
                with pytest.raises(OperationRefused) as refused:
                    await second.deleting(path, is_folder=path == "deep")
                assert refused.value.reason == "act-under-way"
            assert second.operations.count(MOVE) == 0
            await second.renaming("/ws/playground/a.ipynb", "/ws/playground/b.ipynb")
            first.faults.release()
            await renaming

        second.run(second.storage.save(second.at("a.ipynb", "playground"), b"not met by it"))
        first.run(story())
        assert outsider.names() == [f"new/{number}.ipynb" for number in range(3)]
        assert [first.read(f"new/{number}.ipynb") for number in range(3)] == [b"mine"] * 3
        assert first.begun() == []

    @pytest.mark.parametrize("by", ["asking for an act", "looking again by itself"])
    def test_the_second_finishes_it_when_the_first_has_died(self, two, outsider, by):
        first, second = two
        first.save("deep/a.ipynb", b"mine")
        first.give_back("deep/a.ipynb")
        with first.dead_within("objects"), pytest.raises(asyncio.CancelledError):
            first.rename_folder("deep", "new")
        second.run(second.recovery.finish())
        assert outsider.names() == ["deep/a.ipynb"], "the first lives"
        first.owners.close()  # As the kernel does when its process ends.
        if by == "asking for an act":
            second.rename("new/a.ipynb", "b.ipynb")
            assert outsider.names() == ["b.ipynb"]
        else:
            second.run(until(lambda: not second.begun()))
            assert outsider.names() == ["new/a.ipynb"]
        assert second.begun() == []

    def test_each_finishes_its_own(self, two, outsider):
        """The bucket went away: who began it goes on, and the other one waits."""
        first, second = two
        first.save("a.ipynb", b"mine")
        refuse(first, DELETE, "objects.get", status=503, times=1000)
        with pytest.raises(LeftUnfinished):
            first.delete("a.ipynb")
        with pytest.raises(OperationRefused):
            second.delete("a.ipynb")
        first.faults.clear()
        first.run(first.recovery.finish())
        assert (outsider.names(), first.begun()) == ([], [])


class TestADiskThatWentBackInTime:
    """A snapshot with an act in its journal is restored after others, and this disk, have gone on."""

    def restored_within(self, env, outsider, step, act, meanwhile):
        """Let a snapshot taken in the middle of an act come back once the act was finished long ago."""
        with env.dead_within(step), pytest.raises(asyncio.CancelledError):
            act()
        env.stop()
        snapshot = env.root.with_name("snapshot")
        shutil.copytree(env.root, snapshot, symlinks=True)
        env._build()
        env.recover()
        assert env.begun() == []
        meanwhile()
        env.stop()
        shutil.rmtree(env.root)
        shutil.copytree(snapshot, env.root, symlinks=True)
        env._build()
        env.recover()
        assert env.begun() == []

    @pytest.mark.parametrize("written_by", ["this version", "an earlier version"])
    @pytest.mark.parametrize("step", ["objects", "end"])
    def test_what_others_made_of_a_renamed_notebook_is_no_baseline(self, env, outsider, step, written_by):
        env.save("a.ipynb", b"old")
        env.give_back("a.ipynb")
        if written_by == "an earlier version":
            self.forget_checksums(env)
        self.restored_within(
            env,
            outsider,
            step,
            lambda: env.rename("a.ipynb", "b.ipynb"),
            lambda: outsider.put("b.ipynb", b"theirs", metadata=dict(outsider.get("b.ipynb").metadata or {})),
        )
        assert env.save("b.ipynb", b"old, and more").place is Place.CONFLICT
        assert outsider.content("b.ipynb") == b"theirs"
        assert env.read("b.ipynb") == b"old, and more"

    def forget_checksums(self, env):
        add = env.intents.add

        def without(intent):
            number, known = add(intent)
            stored = json.loads(known.to_json())
            for planned in stored["objects"]:
                del planned["crc32c"]
            for field in ("act_id", "new_bucket", "owner"):
                del stored[field]
            env.database.execute("UPDATE intents SET intent = ? WHERE id = ?", (json.dumps(stored), number))
            return number, known

        env.intents.add = without

    def test_an_unchanged_object_becomes_the_baseline(self, env, outsider):
        env.save("a.ipynb", b"old")
        env.give_back("a.ipynb")
        self.restored_within(env, outsider, "end", lambda: env.rename("a.ipynb", "b.ipynb"), lambda: None)
        assert env.save("b.ipynb", b"next").place is Place.IN_WORKSPACE

    def test_what_others_made_anew_is_not_deleted(self, env, outsider):
        env.save("a.ipynb", b"old")
        env.give_back("a.ipynb")
        self.restored_within(
            env, outsider, "objects", lambda: env.delete("a.ipynb"), lambda: outsider.put("a.ipynb", b"theirs")
        )
        assert outsider.content("a.ipynb") == b"theirs"

    @pytest.mark.parametrize("act", ["delete", "rename", "delete the folder"])
    def test_a_clone_leaves_what_the_other_machine_has_changed(self, tmp_path, outsider, env, act):
        env.save("deep/a.ipynb", b"one")
        env.stop()
        shutil.copytree(env.root, tmp_path / "clone" / "mine", symlinks=True)
        env._build()
        with environments(tmp_path / "clone", outsider.engine, "mine") as [clone]:
            env.save("deep/a.ipynb", b"two, by the other machine")
            env.give_back("deep/a.ipynb")
            with pytest.raises(WorkspaceConflict):
                {
                    "delete": lambda: clone.delete("deep/a.ipynb"),
                    "rename": lambda: clone.rename("deep/a.ipynb", "deep/b.ipynb"),
                    "delete the folder": lambda: clone.delete_folder("deep"),
                }[act]()
            assert outsider.content("deep/a.ipynb") == b"two, by the other machine"
            assert clone.read("deep/a.ipynb") == b"one"
