"""The ways out of a conflict: nothing is lost by any of them, and nothing is replaced that was not looked at."""

import time

import nbformat
import pytest
from conflict_kit import BASE, KEPT, MINE, NAME, THEIRS, stored
from environments import BUCKET, until

from jupyter_terra_env.bucket.embedded.faults import Fault, ResetConnection
from jupyter_terra_env.notebooks.sync.resolution import Resolution
from jupyter_terra_env.rules.edit_lock import EXPIRY_KEY, OWNER_KEY, owner_hash
from jupyter_terra_env.rules.errors import BucketError, LockHeldElsewhere, OperationRefused, WorkspaceConflict
from jupyter_terra_env.rules.status import Place


def sources(content):
    return [cell.source for cell in nbformat.reads(content.decode(), as_version=4).cells]


def resolve(env, way_out, **more):
    content, version = more.get("content"), more.get("theirs_version")
    return env.run(env.conflicts.resolve(env.at(NAME), way_out, content=content, theirs_version=version))


def look(env):
    return env.run(env.conflicts.look(env.at(NAME)))


class TestLooking:
    def test_both_sides_and_what_they_began_with(self, parted, outsider):
        sides = look(parted)
        assert (sides.reason, sides.mine, sides.theirs, sides.base) == ("remote-changed", MINE, THEIRS, BASE)
        assert sides.theirs_version == str(outsider.get(NAME).generation)
        assert sources(sides.merged) == ["one, mine", "two, theirs"]

    def test_theirs_deleted(self, deleted):
        sides = look(deleted)
        assert (sides.reason, sides.mine, sides.theirs, sides.merged) == ("remote-deleted", MINE, None, None)

    def test_after_a_restart(self, parted):
        parted.restart()
        parted.recover()
        parted.run(until(lambda: not parted.delocalizer.is_uploading(parted.at(NAME))))
        assert look(parted).theirs == THEIRS

    def test_what_was_saved_here_last_is_the_base(self, env, outsider):
        outsider.put(NAME, b"{}")
        env.open(NAME)
        env.save(NAME, BASE)
        outsider.put(NAME, THEIRS)
        env.save(NAME, MINE)
        assert look(env).base == BASE

    def test_a_base_that_a_program_has_written_into_is_none(self, env, outsider):
        outsider.put(NAME, BASE)
        env.open(NAME)
        with env.file(NAME).open("r+b") as file:
            file.write(b"?")
        outsider.put(NAME, THEIRS)
        env.save(NAME, MINE)
        sides = look(env)
        assert (sides.base, sides.merged) == (None, None)

    def test_the_same_thing_changed_on_both_sides_cannot_be_merged(self, env, outsider):
        outsider.put(NAME, BASE)
        env.open(NAME)
        outsider.put(NAME, stored("one, theirs", "two"))
        env.save(NAME, MINE)
        assert look(env).merged is None

    def test_without_a_conflict_there_is_nothing_to_look_at(self, env, outsider):
        env.save(NAME, BASE)
        for act in (lambda: look(env), lambda: resolve(env, Resolution.TAKE_THEIRS)):
            with pytest.raises(OperationRefused, match="in no conflict"):
                act()


class TestKeepBoth:
    def test_mine_goes_to_the_workspace_under_a_new_name(self, parted, outsider):
        assert resolve(parted, Resolution.KEEP_BOTH).name == KEPT
        assert (parted.read(NAME), parted.read(KEPT)) == (THEIRS, MINE)
        assert (outsider.content(NAME), outsider.content(KEPT)) == (THEIRS, MINE)
        assert parted.run(parted.status_of(NAME)).place is Place.IN_WORKSPACE
        assert parted.owed() == []

    def test_what_is_on_the_screen_is_what_is_kept(self, parted, outsider):
        resolve(parted, Resolution.KEEP_BOTH, content=b"on the screen")
        assert outsider.content(KEPT) == b"on the screen"

    def test_a_taken_name_is_not_replaced(self, parted, outsider):
        outsider.put(KEPT, b"somebody's")
        parted.file("a (my edits 2).ipynb").write_bytes(b"mine of last week")
        assert resolve(parted, Resolution.KEEP_BOTH).name == "a (my edits 3).ipynb"
        assert outsider.content(KEPT) == b"somebody's"
        assert parted.read("a (my edits 2).ipynb") == b"mine of last week"

    def test_when_theirs_is_deleted_mine_comes_back_under_its_name(self, deleted, outsider):
        assert resolve(deleted, Resolution.KEEP_BOTH) is None
        assert outsider.content(NAME) == MINE

    def test_offline_mine_is_safe_and_goes_out_later(self, parted, outsider):
        parted.faults.add(Fault(operation="objects.insert", action=ResetConnection(), times=1))
        resolve(parted, Resolution.KEEP_BOTH)
        assert parted.read(KEPT) == MINE
        assert parted.owed() == [f"ws/edit/{KEPT}"]
        parted.run(parted.delocalizer.settle(parted.at(KEPT)))
        assert outsider.content(KEPT) == MINE


class TestTakeTheirs:
    def test_mine_stays_on_this_disk_only(self, parted, outsider):
        assert resolve(parted, Resolution.TAKE_THEIRS).name == KEPT
        assert (parted.read(NAME), parted.read(KEPT)) == (THEIRS, MINE)
        assert outsider.names() == [NAME]
        assert parted.owed() == []

    def test_when_theirs_is_deleted(self, deleted, outsider):
        assert resolve(deleted, Resolution.TAKE_THEIRS).name == KEPT
        assert (deleted.read(NAME), deleted.read(KEPT)) == (None, MINE)
        assert outsider.names() == []
        assert deleted.owed() == []


class TestReplaceTheirs:
    def test_over_exactly_the_version_looked_at(self, parted, outsider):
        version = look(parted).theirs_version
        assert resolve(parted, Resolution.REPLACE_THEIRS, theirs_version=version) is None
        assert outsider.content(NAME) == MINE
        assert THEIRS in outsider.history(NAME).values(), "versions of the bucket are the bucket's"
        assert parted.run(parted.status_of(NAME)).place is Place.IN_WORKSPACE

    def test_a_lock_that_came_and_went_meanwhile_changes_nothing(self, parted, outsider):
        version = look(parted).theirs_version
        outsider.lock(NAME)
        resolve(parted, Resolution.REPLACE_THEIRS, theirs_version=version)
        assert outsider.content(NAME) == MINE

    @pytest.mark.parametrize("way_out", list(Resolution))
    def test_theirs_that_has_changed_since_is_not_touched_and_the_screen_is_safe(self, parted, outsider, way_out):
        version = look(parted).theirs_version
        outsider.put(NAME, b"newer")
        with pytest.raises(WorkspaceConflict):
            resolve(parted, way_out, theirs_version=version, content=b"on the screen")
        assert outsider.content(NAME) == b"newer"
        assert parted.read(NAME) == b"on the screen"
        assert outsider.names() == [NAME]

    @pytest.mark.parametrize("way_out", [Resolution.REPLACE_THEIRS, Resolution.KEEP_BOTH, Resolution.TAKE_THEIRS])
    def test_theirs_that_has_come_back_since_it_was_seen_deleted_is_not_touched(self, deleted, outsider, way_out):
        version = look(deleted).theirs_version
        outsider.put(NAME, THEIRS)
        with pytest.raises(WorkspaceConflict):
            resolve(deleted, way_out, theirs_version=version)
        assert (outsider.content(NAME), deleted.read(NAME)) == (THEIRS, MINE)

    def test_a_deletion_that_was_seen_may_be_undone(self, deleted, outsider):
        resolve(deleted, Resolution.REPLACE_THEIRS, theirs_version=look(deleted).theirs_version)
        assert outsider.content(NAME) == MINE

    def test_another_persons_live_lock_is_honoured(self, parted, outsider):
        expiry = str(int((time.time() + 170) * 1000))
        outsider.lock(NAME, **{OWNER_KEY: owner_hash(BUCKET, "bob@example.org"), EXPIRY_KEY: expiry})
        with pytest.raises(LockHeldElsewhere):
            resolve(parted, Resolution.REPLACE_THEIRS)
        assert (outsider.content(NAME), parted.read(NAME)) == (THEIRS, MINE)

    def test_theirs_deleted_is_created_not_replaced(self, deleted, outsider):
        resolve(deleted, Resolution.REPLACE_THEIRS)
        assert outsider.content(NAME) == MINE

    def test_made_again_in_the_meantime_it_is_a_conflict_again(self, deleted, outsider):
        deleted.faults.add(Fault(operation="objects.insert", action=ResetConnection(), times=1))
        resolve(deleted, Resolution.REPLACE_THEIRS)
        outsider.put(NAME, b"somebody's")
        deleted.run(deleted.delocalizer.settle(deleted.at(NAME)))
        assert deleted.run(deleted.status_of(NAME)).place is Place.CONFLICT
        assert outsider.content(NAME) == b"somebody's"

    def test_a_name_taken_by_another_person(self, env, outsider):
        outsider.put(NAME, THEIRS)
        assert env.save(NAME, MINE).reason == "name-taken"
        resolve(env, Resolution.REPLACE_THEIRS)
        assert outsider.content(NAME) == MINE


class TestMerge:
    def test_both_changes_are_in_and_mine_is_kept(self, parted, outsider):
        assert resolve(parted, Resolution.MERGE).name == KEPT
        assert sources(outsider.content(NAME)) == ["one, mine", "two, theirs"]
        assert parted.read(NAME) == outsider.content(NAME)
        assert parted.read(KEPT) == MINE
        assert outsider.names() == [NAME]

    def test_what_cannot_be_merged_is_refused_and_nothing_happens(self, env, outsider):
        outsider.put(NAME, b"not a notebook")
        env.open(NAME)
        outsider.put(NAME, THEIRS)
        env.save(NAME, MINE)
        with pytest.raises(OperationRefused, match="without a decision"):
            resolve(env, Resolution.MERGE)
        assert (env.read(NAME), outsider.content(NAME)) == (MINE, THEIRS)
        assert env.read(KEPT) is None


@pytest.mark.parametrize("way_out", list(Resolution))
def test_without_the_bucket_nothing_is_done_and_the_screen_is_safe(parted, outsider, way_out):
    parted.faults.add(Fault(operation="*", action=ResetConnection(), times=1000))
    with pytest.raises(BucketError):
        resolve(parted, way_out, content=b"on the screen")
    parted.faults.clear()
    assert parted.read(NAME) == b"on the screen"
    assert outsider.content(NAME) == THEIRS


def test_edits_kept_back_by_a_lock_can_be_kept_under_a_new_name(env, outsider):
    outsider.put(NAME, BASE)
    env.open(NAME)
    expiry = str(int((time.time() + 170) * 1000))
    outsider.lock(NAME, **{OWNER_KEY: owner_hash(BUCKET, "bob@example.org"), EXPIRY_KEY: expiry})
    assert env.save(NAME, MINE).place is Place.LOCKED
    resolve(env, Resolution.KEEP_BOTH)
    assert (outsider.content(NAME), outsider.content(KEPT)) == (BASE, MINE)
    assert env.read(NAME) == BASE
