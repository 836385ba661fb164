"""Disks that go back in time, and disks that exist twice: journal, files and all (docs/protocol/write-attempts.md)."""

import contextlib

import pytest
from environments import until

from jupyter_terra_env.bucket.embedded.faults import Fault, Hang
from jupyter_terra_env.rules.errors import ConflictReason, WorkspaceConflict
from jupyter_terra_env.rules.status import Place

NAME = "a.ipynb"


@pytest.fixture
def snapshot(tmp_path):
    return tmp_path / "snapshot"


@pytest.fixture
def cloned(env, tmp_path):
    """Clone the disk of ``env``; both machines go on."""
    with contextlib.ExitStack() as stack:

        def clone():
            twin = env.clone(tmp_path / "twin", "twin")
            stack.callback(twin.close)
            return twin

        yield clone


class TestRestored:
    def test_an_older_copy_is_replaced_by_what_was_saved_since(self, env, outsider, snapshot):
        env.save(NAME, b"old")
        env.take_snapshot(snapshot)
        env.save(NAME, b"monday's work")
        env.restore(snapshot)
        assert env.open(NAME).place is Place.IN_WORKSPACE
        assert env.read(NAME) == b"monday's work"
        assert list(outsider.history(NAME).values()) == [b"old", b"monday's work"]

    def test_what_a_colleague_saved_since_is_shown(self, two, outsider, snapshot):
        ann, bob = two
        ann.save(NAME, b"one")
        ann.take_snapshot(snapshot)
        ann.save(NAME, b"two")
        ann.give_back(NAME)
        bob.open(NAME)
        bob.save(NAME, b"three")
        bob.give_back(NAME)
        ann.restore(snapshot)
        assert ann.open(NAME).place is Place.IN_WORKSPACE
        assert ann.read(NAME) == outsider.content(NAME) == b"three"

    def test_a_debt_of_the_snapshot_is_a_conflict(self, env, outsider, snapshot):
        env.save(NAME, b"old")
        env.run(env.storage.save(env.at(NAME), b"owed in the snapshot"))
        env.take_snapshot(snapshot)
        env.save(NAME, b"monday's work")
        env.restore(snapshot)
        env.recover()
        assert env.run(env.status_of(NAME)).place is Place.CONFLICT
        assert env.read(NAME) == b"owed in the snapshot"
        assert outsider.content(NAME) == b"monday's work"

    def test_a_version_whose_attempt_is_in_the_snapshot_is_recognised(self, env, outsider, snapshot):
        """It is what the restored working copy holds."""
        env.save(NAME, b"old")
        env.faults.add(Fault(operation="objects.insert", action=Hang(), after_effect=True))
        env.run(env.storage.save(env.at(NAME), b"new"))
        env.run(env.delocalizer.after_save(env.at(NAME), wait_seconds=0.0))
        env.run(until(lambda: outsider.content(NAME) == b"new"))
        env.take_snapshot(snapshot)
        env.faults.clear()
        env.restore(snapshot)
        env.recover()
        assert env.run(env.status_of(NAME)).place is Place.IN_WORKSPACE
        assert env.owed() == []
        assert list(outsider.history(NAME).values()) == [b"old", b"new"]

    def test_a_notebook_that_the_snapshot_never_had_in_the_bucket(self, env, outsider, snapshot):
        env.run(env.storage.save(env.at(NAME), b"first words"))
        env.take_snapshot(snapshot)
        env.save(NAME, b"a whole chapter")
        env.restore(snapshot)
        env.recover()
        assert env.run(env.status_of(NAME)).place is Place.CONFLICT
        assert outsider.content(NAME) == b"a whole chapter"

    @pytest.mark.parametrize("act", ["delete", "rename"])
    def test_it_deletes_and_renames_nothing_newer(self, env, outsider, snapshot, act):
        env.save(NAME, b"old")
        env.take_snapshot(snapshot)
        env.save(NAME, b"monday's work")
        env.restore(snapshot)
        with pytest.raises(WorkspaceConflict) as parted:
            env.delete(NAME) if act == "delete" else env.rename(NAME, "b.ipynb")
        assert parted.value.reason is ConflictReason.REMOTE_CHANGED
        assert outsider.content(NAME) == b"monday's work"
        assert env.read(NAME) == b"old"


class TestCloned:
    def test_neither_machine_replaces_what_the_other_saved(self, env, outsider, cloned):
        env.save(NAME, b"old")
        twin = cloned()
        assert env.save(NAME, b"typed on one").place is Place.IN_WORKSPACE
        assert twin.save(NAME, b"typed on the other").place is Place.CONFLICT
        assert outsider.content(NAME) == b"typed on one"
        assert (env.read(NAME), twin.read(NAME)) == (b"typed on one", b"typed on the other")

    def test_opening_shows_what_the_other_saved(self, env, outsider, cloned):
        env.save(NAME, b"old")
        twin = cloned()
        env.save(NAME, b"typed on one")
        assert twin.open(NAME).place is Place.IN_WORKSPACE
        assert twin.read(NAME) == outsider.content(NAME) == b"typed on one"

    def test_two_that_create_one_name(self, env, outsider, cloned):
        """Both journals expect that there is no such object, from before the clone."""
        env.run(env.storage.expect_absent(env.at(NAME)))
        twin = cloned()
        assert env.save(NAME, b"made on one").place is Place.IN_WORKSPACE
        assert twin.save(NAME, b"made on the other").place is Place.CONFLICT
        assert list(outsider.history(NAME).values()) == [b"made on one"]

    @pytest.mark.parametrize("act", ["delete", "rename"])
    def test_it_deletes_and_renames_nothing_newer(self, env, outsider, cloned, act):
        env.save(NAME, b"old")
        twin = cloned()
        env.save(NAME, b"typed on one")
        with pytest.raises(WorkspaceConflict) as parted:
            twin.delete(NAME) if act == "delete" else twin.rename(NAME, "b.ipynb")
        assert parted.value.reason is ConflictReason.REMOTE_CHANGED
        assert outsider.content(NAME) == b"typed on one"

    def test_a_rename_of_the_other_machine_is_no_deletion(self, env, outsider, cloned):
        env.save(NAME, b"old")
        twin = cloned()
        env.rename(NAME, "b.ipynb")
        assert twin.save(NAME, b"typed on the other").place is Place.CONFLICT
        assert outsider.content("b.ipynb") == b"old"
        assert twin.read(NAME) == b"typed on the other"
