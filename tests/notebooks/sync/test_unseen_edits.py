"""Edits in whose place the workspace's version was shown: some clients ignore that a notebook is read-only."""

import asyncio
import contextlib
import errno
import os
import sqlite3

import pytest
from environments import taken_by

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault
from jupyter_terra_env.notebooks.sync.resolution import Resolution
from jupyter_terra_env.rules.edit_lock import EXPIRY_KEY
from jupyter_terra_env.rules.errors import ObjectNotFound
from jupyter_terra_env.rules.status import Place

NAME, KEPT = "a.ipynb", "a (my edits).ipynb"
COLLEAGUE = "bob@example.org"


def kept_back(env, outsider, name=NAME):
    """Edits that another person's lock keeps on the disk."""
    outsider.put(name, b"one")
    env.open(name)
    outsider.put(name, b"theirs", taken_by(COLLEAGUE))
    env.save(name, b"my edits")


def shown_theirs(env, outsider, name=NAME):
    kept_back(env, outsider, name)
    assert env.show(name) == b"theirs"


def kept_files(env):
    return {file.name: file.read_bytes() for file in env.file("").rglob("*(my edits*")}


@contextlib.contextmanager
def lost_journal(env):
    env.stop()
    yield
    env._build()


def goes_on(env):
    pass


def ends_and_starts_again(env):
    env.restart()


def dies(env):
    env.die()
    env.recover()


def loses_its_journal(env):
    with lost_journal(env):
        for file in env.journal_file.parent.glob("journal.sqlite3*"):
            file.unlink()


def finds_its_journal_damaged(env):
    with lost_journal(env):
        env.journal_file.write_bytes(b"not a database at all, though longer than its header would be " * 10)
        for companion in ("-wal", "-shm"):
            env.journal_file.with_name(env.journal_file.name + companion).unlink(missing_ok=True)


def has_its_journal_from_the_second_schema(env):
    with lost_journal(env), contextlib.closing(sqlite3.connect(env.journal_file)) as connection:
        for table in ("not_shown", "attempts"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("PRAGMA user_version = 2")
        connection.commit()


LIVES = (
    goes_on,
    ends_and_starts_again,
    dies,
    loses_its_journal,
    finds_its_journal_damaged,
    has_its_journal_from_the_second_schema,
)
"""What may happen to a server between showing and saving."""


@pytest.mark.parametrize("life", LIVES)
def test_a_person_who_was_shown_the_workspaces_version_saves_over_no_edits(env, outsider, life):
    shown_theirs(env, outsider)
    life(env)
    env.type_over(NAME, b"theirs, typed over")
    assert (env.read(NAME), kept_files(env)) == (b"theirs, typed over", {KEPT: b"my edits"})
    env.type_over(NAME, b"and on")
    assert kept_files(env) == {KEPT: b"my edits"}, "once"
    assert outsider.content(NAME) == b"theirs"


def test_a_journal_begun_anew_keeps_nothing_of_what_was_opened_since(env, outsider):
    outsider.put("b.ipynb", b"one")
    env.open("b.ipynb")
    kept_back(env, outsider)
    loses_its_journal(env)
    outsider.lock(NAME, **{EXPIRY_KEY: "0"})
    for name in ("b.ipynb", NAME):
        env.show(name)
        env.type_over(name, b"two")
    assert kept_files(env) == {}
    assert outsider.content("b.ipynb") == b"two"


def test_a_start_that_dies_while_it_looks_for_notebooks_looks_again(env, outsider, monkeypatch):
    kept_back(env, outsider)
    env.stop()
    for file in env.journal_file.parent.glob("journal.sqlite3*"):
        file.unlink()
    walk = os.walk
    with monkeypatch.context() as patched:
        patched.setattr(os, "walk", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            env._build()
    assert os.walk is walk
    env.database.close()
    env._build()
    env.type_over(NAME, b"theirs, typed over")
    assert kept_files(env) == {KEPT: b"my edits"}


def test_edits_that_went_out_meanwhile_are_not_seen_by_that(env, outsider):
    outsider.put(NAME, b"one")
    env.open(NAME)
    outsider.lock(NAME, **taken_by(COLLEAGUE))
    assert env.save(NAME, b"my edits").place is Place.LOCKED
    assert env.show(NAME) == b"one"
    outsider.lock(NAME, **{EXPIRY_KEY: "0"})
    assert env.run(env.delocalizer.settle(env.at(NAME))).place is Place.IN_WORKSPACE
    assert env.type_over(NAME, b"one, typed over").place is Place.IN_WORKSPACE
    assert kept_files(env) == {KEPT: b"my edits"}


def test_opening_that_shows_the_working_copy_ends_it(env, outsider):
    shown_theirs(env, outsider)
    outsider.lock(NAME, **{EXPIRY_KEY: "0"})
    assert env.show(NAME) == b"my edits"
    env.type_over(NAME, b"my edits, and on")
    assert kept_files(env) == {}


def test_opening_offline_shows_the_working_copy_too(env, outsider):
    shown_theirs(env, outsider)
    env.faults.add(Fault(operation="*", action=AnswerWith(status=503), times=1000))
    assert env.show(NAME) == b"my edits"
    env.type_over(NAME, b"my edits, and on")
    assert kept_files(env) == {}


def test_edits_are_kept_while_the_bucket_cannot_be_asked(env, outsider):
    shown_theirs(env, outsider)
    env.file(KEPT).write_bytes(b"of another day")
    env.faults.add(Fault(operation="*", action=AnswerWith(status=503), times=1000))
    env.type_over(NAME, b"theirs, typed over")
    assert kept_files(env) == {KEPT: b"of another day", "a (my edits 2).ipynb": b"my edits"}


def test_two_saves_at_once_keep_them_once(env, outsider):
    async def both():
        await asyncio.gather(env.typing_over(NAME, b"x"), env.typing_over(NAME, b"y"))

    shown_theirs(env, outsider)
    env.run(both())
    assert kept_files(env) == {KEPT: b"my edits"}


def test_what_is_on_the_screen_replaces_no_edits_in_a_way_out(env, outsider):
    shown_theirs(env, outsider)
    env.run(
        env.conflicts.resolve(env.at(NAME), Resolution.KEEP_BOTH, content=b"theirs, typed over", theirs_version=None)
    )
    assert kept_files(env) == {KEPT: b"my edits", "a (my edits 2).ipynb": b"theirs, typed over"}
    assert (env.read(NAME), outsider.content(NAME)) == (b"theirs", b"theirs")


def test_an_object_that_was_deleted_changes_nothing_about_it(env, outsider):
    shown_theirs(env, outsider)
    outsider.delete(NAME)
    env.run(env.delocalizer.settle(env.at(NAME)))
    env.run(env.conflicts.resolve(env.at(NAME), Resolution.REPLACE_THEIRS, content=None, theirs_version=None))
    assert outsider.content(NAME) == b"my edits"
    env.type_over(NAME, b"theirs, typed over")
    assert kept_files(env) == {KEPT: b"my edits"}


class TestMoving:
    @pytest.fixture
    def free(self, env, outsider):
        """The lock has gone, and no one has opened the notebook since."""

        def shown_and_free(name):
            outsider.put(name, b"one")
            env.open(name)
            outsider.lock(name, **taken_by(COLLEAGUE))
            env.save(name, b"my edits")
            assert env.show(name) == b"one"
            outsider.lock(name, **{EXPIRY_KEY: "0"})

        return shown_and_free

    def test_a_renamed_notebook(self, env, free):
        free(NAME)
        env.rename(NAME, "b.ipynb")
        env.restart()
        env.type_over("b.ipynb", b"one, typed over")
        assert kept_files(env) == {"b (my edits).ipynb": b"my edits"}

    def test_a_renamed_folder(self, env, free):
        free("folder/a.ipynb")
        env.rename_folder("folder", "other")
        env.restart()
        env.type_over("other/a.ipynb", b"one, typed over")
        assert kept_files(env) == {KEPT: b"my edits"}
        assert env.file("other/" + KEPT).exists()

    def test_its_old_name_is_free_for_another(self, env, outsider, free):
        free(NAME)
        env.rename(NAME, "b.ipynb")
        env.type_over(NAME, b"new")
        env.type_over(NAME, b"new, and on")
        assert kept_files(env) == {}

    def test_another_that_gets_its_name_is_another(self, env, outsider, free):
        free(NAME)
        outsider.put("c.ipynb", b"c")
        env.open("c.ipynb")
        env.run(env.delocalizer.settle(env.at(NAME)))
        env.file(NAME).unlink()
        outsider.delete(NAME)
        env.rename("c.ipynb", NAME)
        env.type_over(NAME, b"c, and on")
        assert kept_files(env) == {}

    @pytest.mark.parametrize("act", ["delete", "take out"])
    def test_one_that_has_gone(self, env, free, act):
        free(NAME)
        env.run(env.delocalizer.settle(env.at(NAME)))
        if act == "delete":
            env.delete(NAME)
        else:
            env.rename(NAME, "/ws/playground/a.ipynb")
        with pytest.raises(ObjectNotFound):
            env.show(NAME)
        env.file(NAME).write_bytes(b"made by a program")
        env.type_over(NAME, b"made by a program, and on")
        assert kept_files(env) == {}


class TestDisks:
    def test_a_disk_that_takes_no_row_shows_nothing_in_the_place_of_edits(self, env, outsider, monkeypatch):
        kept_back(env, outsider)
        monkeypatch.setattr(env.journal, "note_not_shown", full)
        with pytest.raises(OSError, match="No space"):
            env.show(NAME)

    def test_a_row_that_cannot_be_removed_keeps_no_one_from_reading(self, env, outsider, monkeypatch):
        shown_theirs(env, outsider)
        outsider.lock(NAME, **{EXPIRY_KEY: "0"})
        monkeypatch.setattr(env.journal, "note_shown", full)
        assert env.show(NAME) == b"my edits"

    def test_saves_that_are_refused_leave_no_files(self, env, outsider, monkeypatch):
        shown_theirs(env, outsider)
        with monkeypatch.context() as patched:
            patched.setattr(env.journal, "note_shown", full)
            for _ in range(2):
                with pytest.raises(OSError, match="No space"):
                    env.type_over(NAME, b"theirs, typed over")
        assert (env.read(NAME), kept_files(env)) == (b"my edits", {})
        env.type_over(NAME, b"theirs, typed over")
        assert kept_files(env) == {KEPT: b"my edits"}

    def test_a_save_that_finds_no_room_leaves_no_file_and_is_kept_from_later(self, env, outsider, monkeypatch):
        shown_theirs(env, outsider)
        with monkeypatch.context() as patched:
            patched.setattr("jupyter_terra_env.notebooks.storage.working_copies._sync_file", full)
            with pytest.raises(OSError, match="No space"):
                env.type_over(NAME, b"theirs, typed over")
        assert (env.read(NAME), kept_files(env)) == (b"my edits", {})
        env.type_over(NAME, b"theirs, typed over")
        assert kept_files(env) == {KEPT: b"my edits"}

    def test_a_name_that_is_taken_meanwhile_gives_way_to_the_next(self, env, outsider, monkeypatch):
        shown_theirs(env, outsider)
        free_name = env.localizer.unseen_edits.free_name

        async def taken_at_once(location):
            free = await free_name(location)
            if free.name == KEPT:
                free.write_bytes(b"of a program")
            return free

        monkeypatch.setattr(env.localizer.unseen_edits, "free_name", taken_at_once)
        env.type_over(NAME, b"theirs, typed over")
        assert kept_files(env) == {KEPT: b"of a program", "a (my edits 2).ipynb": b"my edits"}
        assert env.read(NAME) == b"theirs, typed over"


def full(_path):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_opening_to_edit_and_saving_write_nothing_more(env, outsider):
    statements = []
    env.database._connection.set_trace_callback(statements.append)
    outsider.put(NAME, b"one")
    assert env.show(NAME) == b"one"
    env.type_over(NAME, b"two")
    assert env.show(NAME) == b"two"
    about = [statement for statement in statements if "not_shown" in statement]
    assert about
    assert all(statement.startswith("SELECT") for statement in about)


def test_the_row_is_there_before_anything_is_shown(env, outsider):
    async def is_there_at_once():
        await env.localizer.open(env.at(NAME))
        return env.journal.is_not_shown(env.at(NAME).api_path)

    kept_back(env, outsider)
    assert env.run(is_there_at_once())


def test_showing_again_writes_the_row_once(env, outsider):
    kept_back(env, outsider)
    statements = []
    env.database._connection.set_trace_callback(statements.append)
    for _ in range(3):
        assert env.show(NAME) == b"theirs"
    assert [one.split()[0] for one in statements if "not_shown" in one and not one.startswith("SELECT")] == ["INSERT"]
