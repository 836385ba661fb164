"""Rename and delete: the bucket first, then the disk; settled when an answer is lost."""

import asyncio

import pytest
from environments import until

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Delay, Fault, Hang, ResetConnection
from jupyter_terra_env.rules.errors import (
    BucketRefused,
    BucketUnavailable,
    ObjectNotFound,
    OperationRefused,
    WorkspaceConflict,
)
from jupyter_terra_env.rules.status import Place

MOVE = "objects.move"
DELETE = "objects.delete"


def lost_answer(operation):
    return Fault(operation=operation, action=ResetConnection(), after_effect=True)


class TestRename:
    def test_moves_object_and_working_copy(self, env, outsider):
        env.save("a.ipynb", b"one")
        env.faults.clear()
        env.rename("a.ipynb", "sub/b.ipynb")
        assert env.operations == [MOVE]
        assert outsider.names() == ["sub/b.ipynb"]
        assert (env.read("a.ipynb"), env.read("sub/b.ipynb")) == (None, b"one")
        assert env.run(env.status_of("sub/b.ipynb")).place is Place.IN_WORKSPACE
        assert env.baseline("a.ipynb") is None

    def test_and_the_next_save_goes_to_the_new_name(self, env, outsider):
        env.save("a.ipynb", b"one")
        env.rename("a.ipynb", "b.ipynb")
        assert env.save("b.ipynb", b"two").place is Place.IN_WORKSPACE
        assert outsider.names() == ["b.ipynb"]
        assert outsider.content("b.ipynb") == b"two"

    def test_of_what_is_not_on_the_disk(self, env, outsider):
        outsider.put("a.ipynb", b"theirs", {"theirs": "kept"})
        env.rename("a.ipynb", "b.ipynb")
        assert outsider.names() == ["b.ipynb"]
        assert outsider.get("b.ipynb").metadata["theirs"] == "kept"
        assert env.read("b.ipynb") is None

    def test_brings_edits_to_the_bucket_first(self, env, outsider):
        env.save("a.ipynb", b"one")
        env.file("a.ipynb").write_bytes(b"two")
        env.rename("a.ipynb", "b.ipynb")
        assert outsider.content("b.ipynb") == b"two"
        assert env.read("b.ipynb") == b"two"

    def test_of_a_file_that_was_never_in_the_bucket(self, env, outsider):
        env.file("a.ipynb").write_bytes(b"one")
        env.rename("a.ipynb", "b.ipynb")
        assert outsider.names() == ["b.ipynb"]

    def test_of_nothing(self, env):
        with pytest.raises(ObjectNotFound):
            env.rename("a.ipynb", "b.ipynb")

    def test_onto_an_object(self, env, outsider):
        env.save("a.ipynb", b"one")
        outsider.put("b.ipynb", b"theirs")
        with pytest.raises(OperationRefused, match=r"already exists: ws/edit/b\.ipynb"):
            env.rename("a.ipynb", "b.ipynb")
        assert (outsider.content("a.ipynb"), outsider.content("b.ipynb")) == (b"one", b"theirs")
        assert env.read("a.ipynb") == b"one"

    def test_onto_a_file(self, env, outsider):
        env.save("a.ipynb", b"one")
        env.file("b.ipynb").write_bytes(b"only here")
        with pytest.raises(OperationRefused, match="already exists"):
            env.rename("a.ipynb", "b.ipynb")
        assert env.read("b.ipynb") == b"only here"
        assert outsider.names() == ["a.ipynb"]

    def test_of_what_others_changed(self, env, outsider):
        env.save("a.ipynb", b"one")
        outsider.put("a.ipynb", b"theirs")
        with pytest.raises(WorkspaceConflict) as parted:
            env.rename("a.ipynb", "b.ipynb")
        assert parted.value.reason == "remote-changed"
        assert outsider.names() == ["a.ipynb"]
        assert env.read("a.ipynb") == b"one"

    def test_of_what_others_deleted(self, env, outsider):
        env.save("a.ipynb", b"one")
        outsider.delete("a.ipynb")
        with pytest.raises(WorkspaceConflict) as parted:
            env.rename("a.ipynb", "b.ipynb")
        assert parted.value.reason == "remote-deleted"
        assert env.read("a.ipynb") == b"one"

    def test_of_edits_in_conflict(self, env, outsider):
        env.save("a.ipynb", b"one")
        outsider.put("a.ipynb", b"theirs")
        env.save("a.ipynb", b"mine")
        with pytest.raises(WorkspaceConflict):
            env.rename("a.ipynb", "b.ipynb")
        assert (env.read("a.ipynb"), outsider.content("a.ipynb")) == (b"mine", b"theirs")

    def test_under_a_foreign_patch(self, env, outsider):
        env.save("a.ipynb", b"one")
        outsider.lock("a.ipynb", theirs="kept")
        env.rename("a.ipynb", "b.ipynb")
        assert outsider.get("b.ipynb").metadata["theirs"] == "kept"
        assert env.save("b.ipynb", b"two").place is Place.IN_WORKSPACE
        assert env.holds("b.ipynb")

    def test_with_a_lost_answer(self, env, outsider):
        env.save("a.ipynb", b"one")
        env.faults.add(lost_answer(MOVE))
        env.rename("a.ipynb", "b.ipynb")
        assert outsider.names() == ["b.ipynb"]
        assert (env.read("a.ipynb"), env.read("b.ipynb")) == (None, b"one")
        assert env.save("b.ipynb", b"two").place is Place.IN_WORKSPACE

    def test_with_a_lost_request(self, env, outsider):
        env.save("a.ipynb", b"one")
        env.faults.add(Fault(operation=MOVE, action=ResetConnection()))
        with pytest.raises(BucketUnavailable):
            env.rename("a.ipynb", "b.ipynb")
        assert outsider.names() == ["a.ipynb"]
        assert (env.read("a.ipynb"), env.read("b.ipynb")) == (b"one", None)
        env.rename("a.ipynb", "b.ipynb")
        assert outsider.names() == ["b.ipynb"]

    def test_without_permission(self, env, outsider):
        env.save("a.ipynb", b"one")
        for operation in (MOVE, "objects.rewrite"):
            env.faults.add(Fault(operation=operation, action=AnswerWith(status=403, reason="forbidden")))
        with pytest.raises(BucketRefused):
            env.rename("a.ipynb", "b.ipynb")
        assert (env.read("a.ipynb"), outsider.names()) == (b"one", ["a.ipynb"])

    def test_while_the_edits_cannot_be_sent(self, env, outsider):
        env.save("a.ipynb", b"one")
        env.file("a.ipynb").write_bytes(b"two")
        env.faults.add(Fault(operation="objects.insert", action=ResetConnection(), times=20))
        with pytest.raises(OperationRefused) as refused:
            env.rename("a.ipynb", "b.ipynb")
        assert refused.value.reason == "not-in-workspace-yet"
        assert env.read("a.ipynb") == b"two"
        assert outsider.names() == ["a.ipynb"]

    def test_a_death_after_the_object_moved_loses_nothing(self, env, outsider, monkeypatch):
        """Race 11."""
        env.save("a.ipynb", b"one")

        async def dead(*_args, **_kwargs):
            raise KeyboardInterrupt

        monkeypatch.setattr(env.executor, "end", dead)
        with pytest.raises(KeyboardInterrupt):
            env.rename("a.ipynb", "b.ipynb")
        env.restart()
        assert outsider.names() == ["b.ipynb"]
        assert env.read("a.ipynb") == b"one"
        env.recover()
        assert env.begun() == []
        assert env.read("a.ipynb") is None
        assert env.open("b.ipynb").place is Place.IN_WORKSPACE
        assert env.read("b.ipynb") == b"one"

    def test_a_save_of_the_old_name_meanwhile_is_not_lost(self, env, outsider):
        env.save("a.ipynb", b"one")
        env.faults.add(Fault(operation=MOVE, action=Hang()))

        async def story():
            renaming = asyncio.create_task(env.renaming("a.ipynb", "b.ipynb"))
            await until(lambda: not env.faults.pending)
            env.faults.add(Fault(operation="objects.insert", action=Delay(seconds=0.3)))
            saving = asyncio.create_task(env.saving("a.ipynb", b"typed meanwhile"))
            await until(lambda: env.read("a.ipynb") == b"typed meanwhile")
            env.faults.release()
            await asyncio.gather(renaming, saving, return_exceptions=True)

        env.run(story())
        on_disk = {env.read("a.ipynb"), env.read("b.ipynb")}
        assert b"typed meanwhile" in on_disk
        assert b"one" in outsider.history("b.ipynb").values()

    def test_a_new_file_of_the_new_name_meanwhile_is_not_lost(self, env, outsider):
        env.save("a.ipynb", b"one")
        env.faults.add(Fault(operation=MOVE, action=Hang()))

        async def story():
            renaming = asyncio.create_task(env.renaming("a.ipynb", "b.ipynb"))
            await until(lambda: not env.faults.pending)
            await env.copies.write(env.file("b.ipynb"), b"an acknowledged save")
            env.faults.release()
            await asyncio.gather(renaming, return_exceptions=True)

        env.run(story())
        assert b"an acknowledged save" in [file.read_bytes() for file in env.file("").glob("*.ipynb")]


class TestDelete:
    def test_deletes_the_version_that_was_seen(self, env, outsider):
        env.save("a.ipynb", b"one")
        env.faults.clear()
        env.delete("a.ipynb")
        assert env.operations == [DELETE]
        assert outsider.names() == []
        assert env.baseline("a.ipynb") is None

    def test_of_what_was_never_opened_here(self, env, outsider):
        outsider.put("a.ipynb", b"theirs")
        env.delete("a.ipynb")
        assert outsider.names() == []

    def test_of_nothing(self, env):
        env.delete("a.ipynb")

    def test_of_what_others_changed(self, env, outsider):
        env.save("a.ipynb", b"one")
        outsider.put("a.ipynb", b"theirs")
        with pytest.raises(WorkspaceConflict):
            env.delete("a.ipynb")
        assert outsider.content("a.ipynb") == b"theirs"

    def test_of_what_others_deleted(self, env, outsider):
        env.save("a.ipynb", b"one")
        outsider.delete("a.ipynb")
        env.delete("a.ipynb")
        assert env.baseline("a.ipynb") is None

    def test_under_a_foreign_patch(self, env, outsider):
        env.save("a.ipynb", b"one")
        outsider.lock("a.ipynb")
        env.delete("a.ipynb")
        assert outsider.names() == []

    def test_with_a_lost_answer(self, env, outsider):
        env.save("a.ipynb", b"one")
        env.faults.add(lost_answer(DELETE))
        env.delete("a.ipynb")
        assert outsider.names() == []

    def test_with_a_lost_request(self, env, outsider):
        env.save("a.ipynb", b"one")
        env.faults.add(Fault(operation=DELETE, action=ResetConnection()))
        with pytest.raises(BucketUnavailable):
            env.delete("a.ipynb")
        assert outsider.names() == ["a.ipynb"]
        assert env.baseline("a.ipynb") is not None

    def test_and_a_new_notebook_of_the_name(self, env, outsider):
        env.save("a.ipynb", b"one")
        env.delete("a.ipynb")
        assert env.save("a.ipynb", b"again").place is Place.IN_WORKSPACE

    def test_during_an_upload_never_revives_the_object_unseen(self, env, outsider):
        """Either the deletion is refused, or the notebook is gone from the bucket for good."""
        env.save("a.ipynb", b"one")
        env.faults.add(Fault(operation="objects.insert", action=Hang()))

        async def story():
            saving = asyncio.create_task(env.saving("a.ipynb", b"two"))
            await until(lambda: not env.faults.pending)
            deleting = asyncio.create_task(env.deleting("a.ipynb"))
            await asyncio.sleep(0.1)
            env.faults.release()
            return await asyncio.gather(saving, deleting, return_exceptions=True)

        _, deleted = env.run(story())
        assert deleted is None
        assert outsider.names() == []
        assert env.read("a.ipynb") is None
