"""A disk, or its state folder, that is replaced under a running server (docs/protocol/write-attempts.md)."""

import logging
import shutil

import pytest

from jupyter_terra_env.rules.errors import OperationRefused
from jupyter_terra_env.rules.status import Place

NAME = "a.ipynb"
REASON = "journal-replaced"


@pytest.fixture
def put_back(env, tmp_path):
    """Put the disk, or the state folder alone, back to a snapshot while the server goes on; its own state is kept."""

    def put(snapshot, *, only_state=False):
        state = env.journal_file.parent
        state.rename(tmp_path / "the server's own")
        shutil.copytree(snapshot / state.name, state)
        if not only_state:
            shutil.rmtree(env.root / "ws")
            shutil.copytree(snapshot / "ws", env.root / "ws", symlinks=True)

    return put


@pytest.fixture
def snapshot(env, tmp_path):
    env.save(NAME, b"old")
    env.take_snapshot(tmp_path / "snapshot")
    env.save(NAME, b"monday's work")
    return tmp_path / "snapshot"


def test_what_the_restored_disk_holds_does_not_go_over_newer_work(env, outsider, snapshot, put_back):
    """The server remembers that the disk held Monday's work: the old file looks like an edit of it."""
    put_back(snapshot)
    told = env.open(NAME)
    assert (told.place, told.reason) == (Place.ON_DISK, REASON)
    env.run(env.foreign_edits.look())
    told = env.run(env.status_of(NAME))
    assert (told.place, told.reason) == (Place.ON_DISK, REASON)
    assert list(outsider.history(NAME).values()) == [b"old", b"monday's work"]


def test_what_is_saved_stays_on_the_disk_and_is_a_conflict_after_the_restart(env, outsider, snapshot, put_back):
    put_back(snapshot)
    told = env.save(NAME, b"typed since")
    assert (told.place, told.reason, "Restart" in told.message) == (Place.ON_DISK, REASON, True)
    assert env.read(NAME) == b"typed since"
    assert env.owed() == ["ws/edit/a.ipynb"], "a flush and a pause name it"
    env.restart()
    env.run(env.foreign_edits.look())
    assert env.run(env.status_of(NAME)).place is Place.CONFLICT
    assert env.read(NAME) == b"typed since"
    assert list(outsider.history(NAME).values()) == [b"old", b"monday's work"]


def test_what_is_saved_over_the_newest_version_is_brought_after_the_restart(env, outsider, snapshot, put_back):
    put_back(snapshot, only_state=True)
    assert env.save(NAME, b"monday's work").place is Place.IN_WORKSPACE, "nothing is owed"
    told = env.save("new.ipynb", b"made since")
    assert (told.place, told.reason) == (Place.ON_DISK, REASON)
    env.restart()
    env.run(env.foreign_edits.look())
    assert env.run(env.status_of("new.ipynb")).place is Place.IN_WORKSPACE
    assert outsider.content("new.ipynb") == b"made since"
    assert env.open(NAME).place is Place.IN_WORKSPACE
    assert list(outsider.history(NAME).values()) == [b"old", b"monday's work"]


@pytest.mark.parametrize("act", ["delete", "rename", "delete_folder"])
def test_nothing_is_renamed_or_deleted(env, outsider, snapshot, put_back, act):
    env.save("deep/b.ipynb", b"b")
    put_back(snapshot, only_state=True)
    acts = {
        "delete": lambda: env.delete(NAME),
        "rename": lambda: env.rename(NAME, "c.ipynb"),
        "delete_folder": lambda: env.delete_folder("deep"),
    }
    with pytest.raises(OperationRefused) as refused:
        acts[act]()
    assert refused.value.reason == REASON
    assert sorted(outsider.names()) == [NAME, "deep/b.ipynb"]
    assert env.file("deep/b.ipynb").exists()
    assert env.litter() == []


def test_it_is_logged_once_with_what_to_do(env, snapshot, put_back, caplog):
    put_back(snapshot)
    with caplog.at_level(logging.WARNING):
        env.save(NAME, b"one")
        env.save(NAME, b"two")
    [record] = [record for record in caplog.records if "journal" in record.message]
    assert str(env.journal_file) in record.message
    assert "Restart" in record.message
    assert "Traceback" not in caplog.text


def test_a_journal_that_was_removed(env, outsider):
    env.save(NAME, b"old")
    shutil.rmtree(env.journal_file.parent)
    told = env.save(NAME, b"new")
    assert (told.place, told.reason) == (Place.ON_DISK, REASON)
    env.restart()
    assert env.open(NAME).place is Place.CONFLICT, "a new journal cannot know which of the two is newer"
    assert (env.read(NAME), outsider.content(NAME)) == (b"new", b"old")


def test_one_that_is_at_its_place_again_goes_on(env, outsider, snapshot, put_back, tmp_path):
    put_back(snapshot, only_state=True)
    env.save(NAME, b"typed since")
    shutil.rmtree(env.journal_file.parent)
    (tmp_path / "the server's own").rename(env.journal_file.parent)
    assert env.save(NAME, b"and more").place is Place.IN_WORKSPACE
    assert outsider.content(NAME) == b"and more"
