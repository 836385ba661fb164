"""Uploads whose outcome is not known: what is reported, and how they are settled (docs/protocol/write-attempts.md)."""

import asyncio

import pytest
from environments import until

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault, Hang, ResetConnection
from jupyter_terra_env.notebooks.storage.journal import Moved
from jupyter_terra_env.rules.errors import OperationRefused
from jupyter_terra_env.rules.status import Place

NAME = "a.ipynb"
UPLOAD = "objects.insert"
RENAMED = {
    "old_path": "ws/edit/a.ipynb",
    "path": "ws/edit/b.ipynb",
    "bucket": "a-bucket",
    "object_name": "notebooks/b.ipynb",
}


def begin(env, over, crc32c="sum"):
    return env.journal.begin_attempt("ws/edit/a.ipynb", "a-bucket", "notebooks/a.ipynb", over=over, crc32c=crc32c)


def open_attempts(env, name=NAME):
    return env.baseline(name).attempts


@pytest.fixture
def undone(env, outsider):
    """An upload lands, its answer and the reading back are lost, and the person takes the change out again."""

    def story(*, after_effect=True, dies=False):
        env.save(NAME, b"shared")
        env.faults.add(Fault(operation=UPLOAD, action=ResetConnection(), after_effect=after_effect))
        env.faults.add(Fault(operation="*", action=ResetConnection(), times=10_000))
        assert env.save(NAME, b"shared, and a password").place is Place.ON_DISK
        if dies:
            env.die()
        env.run(env.storage.save(env.at(NAME), b"shared"))
        if dies:
            env.recover()

    return story


@pytest.mark.parametrize("dies", [False, True])
class TestUndone:
    def test_is_not_reported_as_in_the_workspace_while_that_is_unknown(self, env, undone, dies):
        undone(dies=dies)
        assert env.run(env.status_of(NAME)).place is Place.ON_DISK
        assert env.owed() == ["ws/edit/a.ipynb"]
        assert env.open(NAME).place is Place.ON_DISK

    def test_reaches_the_workspace_as_well(self, env, outsider, undone, dies):
        undone(dies=dies)
        env.faults.clear()
        assert env.save(NAME, b"shared").place is Place.IN_WORKSPACE
        assert list(outsider.history(NAME).values()) == [b"shared", b"shared, and a password", b"shared"]
        assert env.owed() == []

    def test_opening_settles_it(self, env, outsider, undone, dies):
        undone(dies=dies)
        env.faults.clear()
        assert env.open(NAME).place is Place.IN_WORKSPACE
        assert outsider.content(NAME) == env.read(NAME) == b"shared"

    def test_is_settled_before_it_gets_a_new_name(self, env, outsider, undone, dies):
        undone(dies=dies)
        with pytest.raises(OperationRefused):
            env.rename(NAME, "b.ipynb")
        env.faults.clear()
        env.rename(NAME, "b.ipynb")
        assert outsider.content("b.ipynb") == env.read("b.ipynb") == b"shared"

    def test_that_never_landed_costs_no_upload(self, env, outsider, undone, dies):
        undone(after_effect=False, dies=dies)
        env.faults.clear()
        assert env.save(NAME, b"shared").place is Place.IN_WORKSPACE
        assert list(outsider.history(NAME).values()) == [b"shared"]
        assert open_attempts(env) == ()
        assert UPLOAD not in env.operations

    def test_under_another_persons_newer_version_is_no_conflict(self, env, outsider, undone, dies):
        """The working copy holds nothing of its own."""
        undone(after_effect=False, dies=dies)
        outsider.put(NAME, b"theirs")
        env.faults.clear()
        assert env.save(NAME, b"shared").place is Place.IN_WORKSPACE
        assert open_attempts(env) == ()
        assert env.open(NAME).place is Place.IN_WORKSPACE
        assert env.read(NAME) == outsider.content(NAME) == b"theirs"


class TestBeforeTheUploadTaskGoesOn:
    """The next server has started, and its upload task has not."""

    @pytest.fixture
    def started(self, env, undone):
        undone()
        env.die()
        return env

    def test_the_status_says_that_it_is_not_known(self, started):
        assert started.run(started.delocalizer.current_status(started.at(NAME))).place is Place.ON_DISK

    def test_so_does_opening_without_the_bucket(self, started):
        started.run(started.localizer.open(started.at(NAME)))
        assert started.delocalizer.last_status(started.at(NAME)).place is Place.ON_DISK
        assert started.run(started.delocalizer.current_status(started.at(NAME))).place is Place.ON_DISK

    def test_a_save_of_the_baselines_content_is_owed(self, started):
        """The file was removed meanwhile, and its debt went with it."""
        started.file(NAME).unlink()
        started.journal.settle(started.at(NAME).api_path)
        assert started.owed() == []
        started.run(started.storage.save(started.at(NAME), b"shared"))
        assert started.owed() == ["ws/edit/a.ipynb"]


def test_a_request_that_still_travels_is_kept_out(env, outsider):
    """The undone content must not arrive after it was told as undone."""
    env.save(NAME, b"shared")
    env.faults.add(Fault(operation=UPLOAD, action=Hang()))
    env.run(env.storage.save(env.at(NAME), b"typed"))
    env.run(env.delocalizer.after_save(env.at(NAME), wait_seconds=0.0))
    env.run(until(lambda: len(open_attempts_now(env)) == 1))
    env.die()
    env.run(env.storage.save(env.at(NAME), b"shared"))
    env.recover()
    assert env.run(env.status_of(NAME)).place is Place.IN_WORKSPACE
    env.faults.release()
    env.run(asyncio.sleep(0.1))
    assert list(outsider.history(NAME).values()) == [b"shared"]


def open_attempts_now(env):
    return env.storage.baseline_now(env.at(NAME)).attempts


class TestTheRow:
    def test_is_there_before_the_request_and_gone_after_the_answer(self, env):
        seen = []
        write = env.threads.bucket("a-bucket", None).__class__.write

        async def watched(bucket, name, *args, **kwargs):
            seen.append([one.crc32c for one in open_attempts_now(env)])
            return await write(bucket, name, *args, **kwargs)

        env.save(NAME, b"one")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(env.threads.bucket("a-bucket", None).__class__, "write", watched)
            env.save(NAME, b"two")
        assert len(seen) == 1
        assert seen[0] == [env.baseline(NAME).crc32c]
        assert open_attempts(env) == ()

    def test_each_attempt_has_an_id_of_its_own(self, env, outsider):
        env.save(NAME, b"one")
        env.faults.add(Fault(operation=UPLOAD, action=AnswerWith(status=503), times=3))
        for _ in range(3):
            env.save(NAME, b"two")
        assert len({one.id for one in open_attempts(env)}) == 3

    def test_a_certain_refusal_ends_it(self, env):
        env.save(NAME, b"one")
        env.faults.add(Fault(operation=UPLOAD, action=AnswerWith(status=403, reason="forbidden")))
        assert env.save(NAME, b"two").place is Place.ON_DISK
        assert open_attempts(env) == ()

    def test_only_the_newest_are_kept(self, env):
        env.save(NAME, b"one")
        baseline = env.baseline(NAME)
        for number in range(40):
            begin(env, baseline, f"sum {number}")
        kept = [one.crc32c for one in open_attempts(env)]
        assert kept == [f"sum {number}" for number in range(8, 40)]

    def test_is_not_made_on_a_baseline_that_has_moved_on(self, env):
        env.save(NAME, b"one")
        old = env.baseline(NAME)
        env.save(NAME, b"two")
        assert begin(env, old) is None
        assert open_attempts(env) == ()

    def test_is_not_made_for_content_that_is_no_longer_there(self, env):
        env.save(NAME, b"one")
        earlier = env.run(env.copies.digest(env.file(NAME)))
        env.file(NAME).write_bytes(b"two")
        assert env.run(env.storage.begin_attempt(env.at(NAME), env.baseline(NAME), earlier)) is None
        assert open_attempts(env) == ()

    def test_ends_when_the_metadata_has_moved_on(self, env, outsider):
        env.save(NAME, b"one")
        begin(env, env.baseline(NAME))
        env.take_over(NAME)
        assert open_attempts(env) == ()
        assert env.database.rows("SELECT * FROM attempts") == []

    def test_keeps_the_debt_while_it_may_take_effect(self, env):
        env.save(NAME, b"one")
        baseline = env.baseline(NAME)
        begin(env, baseline)
        env.run(env.storage.owe_all([env.at(NAME)]))
        version = env.run(env.storage.stat(env.at(NAME)))
        env.run(env.storage.record(env.at(NAME), env.baseline(NAME), version, baseline.crc32c))
        assert env.owed() == ["ws/edit/a.ipynb"]
        env.take_over(NAME)
        version = env.run(env.storage.stat(env.at(NAME)))
        env.run(env.storage.record(env.at(NAME), env.baseline(NAME), version, baseline.crc32c))
        assert env.owed() == []

    def test_goes_with_its_notebook(self, env):
        env.save(NAME, b"one")
        begin(env, env.baseline(NAME))
        env.delete(NAME)
        assert env.database.rows("SELECT * FROM attempts") == []

    def test_does_not_stay_behind_when_its_notebook_gets_a_new_name(self, env):
        env.save(NAME, b"one")
        moved = {"bucket": "a-bucket", "object_name": "notebooks/b.ipynb"}
        begin(env, env.baseline(NAME))
        one = Moved(
            old_path="ws/edit/a.ipynb", path="ws/edit/b.ipynb", **moved, generation=9, metageneration=1, metadata={}
        )
        env.journal.move([one])
        assert env.database.rows("SELECT * FROM attempts") == []

    def test_goes_along_while_the_baseline_stays(self, env):
        env.save(NAME, b"one")
        begin(env, env.baseline(NAME))
        moved = {"bucket": "a-bucket", "object_name": "notebooks/b.ipynb"}
        env.journal.move(
            [
                Moved(
                    old_path="ws/edit/a.ipynb",
                    path="ws/edit/b.ipynb",
                    **moved,
                    generation=None,
                    metageneration=0,
                    metadata={},
                )
            ]
        )
        assert [one.crc32c for one in open_attempts(env, "b.ipynb")] == ["sum"]
