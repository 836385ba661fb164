"""The workspace's version is opened over edits while an upload of these edits has no answer yet.

Whatever becomes of the upload, its content is never replaced by the older version that was opened
(docs/protocol/open-and-save.md, race 28).
"""

import asyncio

import pytest
from environments import Environment, environments, until

from jupyter_terra_env.bucket.embedded.faults import Fault, Hang, ResetConnection
from jupyter_terra_env.rules.status import Place

NAME = "a.ipynb"
KEPT = "a (my edits).ipynb"
UPLOAD = "objects.insert"


def contents(outsider):
    return list(outsider.history(NAME).values())


async def uploading(env, content):
    """A save whose upload is under way."""
    await env.storage.save(env.at(NAME), content)
    await env.delocalizer.after_save(env.at(NAME), wait_seconds=0.0)
    await until(lambda: not env.faults.pending)


async def landing(env, outsider):
    """The upload that hangs arrives now."""

    def has_landed():
        env.faults.release()
        return outsider.content(NAME) == b"new"

    await until(has_landed)


@pytest.mark.parametrize("after_effect", [False, True], ids=["not landed", "landed"])
def test_an_upload_of_this_server_under_way_ends_first(env, outsider, after_effect):
    env.save(NAME, b"old")
    env.faults.add(Fault(operation=UPLOAD, action=Hang(), after_effect=after_effect))

    async def story():
        await uploading(env, b"new")
        opening = asyncio.create_task(env.localizer.open_workspace_version(env.at(NAME)))
        turn = env.storage.writes.turn(env.at(NAME))
        await until(lambda: opening.done() or turn._waiters)
        await landing(env, outsider)
        return await opening

    assert env.run(story()) is None
    assert env.run(env.status_of(NAME)).place is Place.IN_WORKSPACE
    assert contents(outsider) == [b"old", b"new"]
    assert (env.read(NAME), env.read(KEPT), env.owed()) == (b"new", None, [])


def test_an_upload_of_another_server_of_this_disk_is_not_replaced(tmp_path, outsider):
    with environments(tmp_path, outsider.engine, "disk") as [first]:
        first.save(NAME, b"old")
        second = Environment(first.root, outsider.engine, first._runner, name="disk")
        try:
            first.faults.add(Fault(operation=UPLOAD, action=Hang()))
            first.run(uploading(first, b"new"))
            kept = second.run(second.localizer.open_workspace_version(second.at(NAME)))
            assert kept.read_bytes() == b"new"
            first.run(landing(first, outsider))
            first.run(first.status_of(NAME))
            assert contents(outsider) == [b"old", b"new"]
            assert second.open(NAME).place is Place.IN_WORKSPACE
            assert second.read(NAME) == b"new"
        finally:
            second.close()


def test_an_upload_that_another_server_of_this_disk_prepares_is_not_sent(tmp_path, outsider, monkeypatch):
    """What it has read is no longer the working copy when its attempt would begin."""
    with environments(tmp_path, outsider.engine, "disk") as [first]:
        first.save(NAME, b"old")
        second = Environment(first.root, outsider.engine, first._runner, name="disk")
        try:
            begin = first.storage.begin_attempt

            async def begin_later(*args):
                if second.read(KEPT) is None:
                    await second.localizer.open_workspace_version(second.at(NAME))
                return await begin(*args)

            monkeypatch.setattr(first.storage, "begin_attempt", begin_later)
            first.save(NAME, b"new")
            assert first.run(first.status_of(NAME)).place is Place.IN_WORKSPACE
            assert contents(outsider) == [b"old"]
            assert (first.read(NAME), first.read(KEPT), first.owed()) == (b"old", b"new", [])
        finally:
            second.close()


@pytest.mark.parametrize("next_act", ["open", "settle", "restart"])
def test_an_upload_that_lands_after_its_answer_was_given_up(env, outsider, next_act):
    """It still travels when the workspace's version is opened, and arrives afterwards."""
    env.save(NAME, b"old")
    env.faults.add(Fault(operation=UPLOAD, action=Hang()))
    env.run(uploading(env, b"new"))
    env.die()
    kept = env.run(env.localizer.open_workspace_version(env.at(NAME)))
    assert (env.read(NAME), kept.read_bytes()) == (b"old", b"new")
    env.run(landing(env, outsider))
    if next_act == "restart":
        env.die()
        env.recover()
    elif next_act == "settle":
        env.run(env.delocalizer.settle(env.at(NAME)))
    env.open(NAME)
    assert contents(outsider) == [b"old", b"new"]
    assert (env.read(NAME), env.owed()) == (b"new", [])


def test_what_is_typed_on_the_opened_version_does_not_replace_it_either(env, outsider):
    env.save(NAME, b"old")
    env.faults.add(Fault(operation=UPLOAD, action=Hang()))
    env.run(uploading(env, b"new"))
    env.die()
    env.run(env.localizer.open_workspace_version(env.at(NAME)))
    env.run(landing(env, outsider))
    assert env.save(NAME, b"old, typed over").place is Place.CONFLICT
    assert contents(outsider) == [b"old", b"new"]
    assert env.read(NAME) == b"old, typed over"


def test_a_working_copy_that_was_removed_and_opened_again(env, outsider):
    """The same by the usual opening: it downloads the version over which the upload still travels."""
    env.save(NAME, b"old")
    env.faults.add(Fault(operation=UPLOAD, action=Hang()))
    env.run(uploading(env, b"new"))
    env.die()
    env.file(NAME).unlink()
    env.open(NAME)
    assert env.read(NAME) == b"old"
    env.run(landing(env, outsider))
    env.open(NAME)
    assert contents(outsider) == [b"old", b"new"]
    assert env.read(NAME) == b"new"


def test_a_death_between_the_file_and_its_baseline(env, outsider, monkeypatch):
    env.save(NAME, b"old")
    env.faults.add(Fault(operation=UPLOAD, action=Hang()))
    env.run(uploading(env, b"new"))
    env.die()

    async def died(*_, **__):
        raise asyncio.CancelledError

    monkeypatch.setattr(env.storage, "advance_if_held", died)
    with pytest.raises(asyncio.CancelledError):
        env.run(env.localizer.open_workspace_version(env.at(NAME)))
    assert env.read(NAME) == b"old"
    env.die()
    env.run(landing(env, outsider))
    env.recover()
    env.run(env.status_of(NAME))
    assert contents(outsider) == [b"old", b"new"]
    assert env.read(KEPT) == b"new"


def test_edits_that_could_not_be_replaced_are_uploaded_as_before(env, outsider, monkeypatch):
    """The version is ready to be put in place, and the disk refuses: the upload may have landed meanwhile."""
    env.save(NAME, b"old")
    env.faults.add(Fault(operation=UPLOAD, action=Hang()))
    env.run(uploading(env, b"new"))
    env.die()

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("jupyter_terra_env.notebooks.storage.working_copies.keep_as", full)
        with pytest.raises(OSError, match="No space"):
            env.run(env.localizer.open_workspace_version(env.at(NAME)))
    assert env.read(NAME) == b"new"
    env.run(landing(env, outsider))
    env.recover()
    assert env.run(env.status_of(NAME)).place is Place.IN_WORKSPACE
    assert contents(outsider) == [b"old", b"new"]
    assert env.owed() == []


def test_an_undone_edit_is_still_brought_over_an_upload_of_ours(env, outsider):
    """The difference to what was opened: this older content was saved last, by the person."""
    env.save(NAME, b"old")
    env.faults.add(Fault(operation=UPLOAD, action=ResetConnection(), after_effect=True))
    env.faults.add(Fault(operation="*", action=ResetConnection(), times=10_000))
    env.save(NAME, b"new")
    env.run(env.storage.save(env.at(NAME), b"old"))
    env.faults.clear()
    assert env.open(NAME).place is Place.IN_WORKSPACE
    assert contents(outsider) == [b"old", b"new", b"old"]


@pytest.fixture
def died_after_the_file(env, outsider, monkeypatch):
    """A server that had put a version in place, and died before its journal knew."""
    outsider.put(NAME, b"theirs")

    async def died(*_, **__):
        raise asyncio.CancelledError

    with monkeypatch.context() as dying:
        dying.setattr(env.storage, "advance_if_held", died)
        with pytest.raises(asyncio.CancelledError):
            env.run(env.localizer.open_workspace_version(env.at(NAME)))
    env.die()
    assert (env.read(NAME), env.baseline(NAME)) == (b"theirs", None)


@pytest.mark.usefixtures("died_after_the_file")
class TestFileWithoutItsRow:
    """Race 29."""

    def test_opening_that_version_keeps_no_copy(self, env):
        assert env.run(env.localizer.open_workspace_version(env.at(NAME))) is None
        assert (env.read(NAME), env.read(KEPT), env.owed()) == (b"theirs", None, [])

    def test_a_look_makes_it_the_baseline(self, env, outsider):
        env.run(env.foreign_edits.look())
        assert env.run(env.status_of(NAME)).place is Place.IN_WORKSPACE
        assert (outsider.content(NAME), env.read(KEPT)) == (b"theirs", None)

    def test_if_the_bucket_has_another_one_both_stay(self, env, outsider):
        outsider.put(NAME, b"newer")
        env.run(env.foreign_edits.look())
        assert env.run(env.status_of(NAME)).place is Place.CONFLICT
        assert env.run(env.localizer.open_workspace_version(env.at(NAME))).read_bytes() == b"theirs"
        assert (env.read(NAME), outsider.content(NAME)) == (b"newer", b"newer")
