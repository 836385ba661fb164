"""What programs write into working copies: noticed, named, and brought to the bucket."""

import asyncio
import os
import shutil
import socket

import pytest
from environments import UPLOADS, taken_by, until
from test_upload_gate import BETTER, GOOD, NAME, notebook

from jupyter_terra_env.notebooks.sync import folder_watch, foreign_edits
from jupyter_terra_env.notebooks.sync.unseen_edits import unseen_edits_name
from jupyter_terra_env.notebooks.sync.whole_content import check_content
from jupyter_terra_env.rules.status import Place
from jupyter_terra_env.rules.whole_content import is_copy_of_edits


@pytest.fixture
def environment_settings():
    return {"check": check_content, "pause_seconds": 0.05}


@pytest.fixture
def opened(env, outsider):
    outsider.put(NAME, GOOD)
    env.open(NAME)
    env.run(env.foreign_edits.look())
    return env


@pytest.fixture
def look(env):
    """Look at everything, and let what is owed be tried."""

    def look():
        async def act():
            await env.foreign_edits.look()
            await asyncio.gather(*env.foreign_edits._followed)

        env.run(act())

    return look


class TestDelivering:
    def test_what_a_program_wrote_arrives(self, opened, outsider, look):
        opened.file(NAME).write_bytes(BETTER)
        look()
        assert outsider.content(NAME) == BETTER
        assert opened.owed() == []

    def test_the_lock_goes_along(self, opened, outsider, look):
        opened.give_back(NAME)
        opened.file(NAME).write_bytes(BETTER)
        look()
        assert outsider.content(NAME) == BETTER
        assert opened.holds(NAME)

    def test_a_new_file_arrives(self, opened, outsider, look):
        opened.file("deep").mkdir()
        opened.file("deep/new.ipynb").write_bytes(GOOD)
        look()
        assert outsider.content("deep/new.ipynb") == GOOD

    def test_it_is_reported_until_the_notebook_is_opened(self, opened, look):
        opened.file(NAME).write_bytes(BETTER)
        look()
        told = opened.run(opened.status_of(NAME))
        assert (told.place, told.reason) == (Place.IN_WORKSPACE, "written-by-program")
        assert opened.open(NAME).reason is None

    def test_or_saved(self, opened, look):
        opened.file(NAME).write_bytes(BETTER)
        look()
        assert opened.save(NAME, GOOD).reason is None

    def test_what_was_saved_earlier_and_is_put_back_arrives(self, opened, outsider, look):
        opened.save(NAME, BETTER)
        opened.save(NAME, notebook("later"))
        opened.file(NAME).write_bytes(BETTER)
        look()
        assert outsider.content(NAME) == BETTER
        assert opened.run(opened.status_of(NAME)).reason == "written-by-program"

    def test_also_if_it_was_read_before_the_look(self, opened, outsider, look):
        opened.save(NAME, BETTER)
        opened.save(NAME, notebook("later"))
        opened.file(NAME).write_bytes(BETTER)
        opened.run(opened.copies.digest(opened.file(NAME)))
        look()
        assert outsider.content(NAME) == BETTER

    def test_a_broken_one_is_named_and_stays(self, opened, outsider, look):
        opened.file(NAME).write_bytes(b"{")
        look()
        assert outsider.content(NAME) == GOOD
        assert opened.owed() == ["ws/edit/a.ipynb"]
        assert opened.run(opened.status_of(NAME)).reason == "unreadable"

    def test_and_goes_once_it_is_repaired(self, opened, outsider, look):
        opened.file(NAME).write_bytes(b"{")
        look()
        opened.file(NAME).write_bytes(BETTER)
        look()
        assert outsider.content(NAME) == BETTER

    def test_what_was_put_back_is_owed_no_more(self, opened, outsider, look):
        opened.file(NAME).write_bytes(b"{")
        look()
        opened.file(NAME).write_bytes(GOOD)
        look()
        opened.run(opened.delocalizer.pay([], 20.0))
        assert opened.owed() == []

    def test_another_version_is_a_conflict_and_both_stay(self, opened, outsider, look):
        opened.give_back(NAME)
        outsider.put(NAME, notebook("theirs"))
        opened.file(NAME).write_bytes(BETTER)
        look()
        assert opened.run(opened.status_of(NAME)).place is Place.CONFLICT
        assert outsider.content(NAME) == notebook("theirs")
        assert opened.read(NAME) == BETTER

    def test_another_persons_lock_keeps_it_until_it_is_free(self, opened, outsider, look):
        opened.give_back(NAME)
        outsider.lock(NAME, **taken_by("bob@example.org"))
        opened.file(NAME).write_bytes(BETTER)
        look()
        assert opened.run(opened.status_of(NAME)).place is Place.LOCKED
        outsider.lock(NAME, **taken_by("bob@example.org", left_seconds=-10))
        opened.run(opened.foreign_edits._try_locked_again())
        opened.run(opened.delocalizer.pay([], 20.0))
        assert outsider.content(NAME) == BETTER

    def test_while_the_server_was_down(self, opened, outsider, look):
        opened.stop()
        opened.file(NAME).write_bytes(BETTER)
        opened.file("new.ipynb").write_bytes(GOOD)
        opened._build()
        assert opened.owed() == []
        look()
        assert outsider.content(NAME) == BETTER
        assert outsider.content("new.ipynb") == GOOD


class TestLeftAlone:
    def test_what_has_not_changed_costs_nothing(self, opened, look):
        before = len(opened.operations)
        look()
        look()
        assert opened.operations[before:] == []

    def test_saves_of_ours(self, opened, look):
        opened.save(NAME, BETTER)
        before = len(opened.operations)
        look()
        assert opened.operations[before:] == []
        assert opened.run(opened.status_of(NAME)).reason is None

    @pytest.mark.parametrize("is_found", [True, False])
    def test_openings_of_ours(self, env, outsider, look, monkeypatch, is_found):
        """A look between the file's appearance and its row in the journal."""
        outsider.put(NAME, GOOD)
        if is_found:
            env.open(NAME)
            outsider.put(NAME, BETTER)
        install = env.storage.install

        async def installed_and_looked_at(*args, **kwargs):
            done = await install(*args, **kwargs)
            await env.foreign_edits.look()
            assert not env.delocalizer.is_uploading(env.at(NAME))
            return done

        monkeypatch.setattr(env.storage, "install", installed_and_looked_at)
        before = len(env.operations)
        env.run(env.localizer.open_workspace_version(env.at(NAME)))
        assert UPLOADS not in env.operations[before:]
        assert env.owed() == []
        assert [file.name for file in env.file(NAME).parent.iterdir() if file.is_file()] == [NAME]

    def test_renames_of_ours(self, opened, look):
        opened.run(opened.renaming(NAME, "b.ipynb"))
        before = len(opened.operations)
        look()
        assert opened.operations[before:] == []
        assert opened.owed() == []

    def test_what_a_program_removed_stays_in_the_bucket(self, opened, outsider, look):
        opened.file(NAME).unlink()
        look()
        assert outsider.content(NAME) == GOOD
        assert opened.open(NAME).place is Place.IN_WORKSPACE
        assert opened.read(NAME) == GOOD

    @pytest.mark.parametrize(
        "name", ["data.csv", ".hidden.ipynb", ".ipynb_checkpoints/a-checkpoint.ipynb", "a (my edits).ipynb", "a.ipynb~"]
    )
    def test_other_names(self, opened, outsider, look, name):
        opened.file(name).parent.mkdir(exist_ok=True)
        opened.file(name).write_bytes(GOOD)
        look()
        assert outsider.names() == [NAME]
        assert opened.owed() == []

    def test_names_that_are_no_text(self, opened, outsider, look):
        (opened.file(NAME).parent / os.fsdecode(b"a\xff.ipynb")).write_bytes(GOOD)
        look()
        assert outsider.names() == [NAME]

    def test_the_playground(self, opened, outsider, look):
        opened.open(NAME, "playground")
        opened.file(NAME, "playground").write_bytes(BETTER)
        opened.file("new.ipynb", "playground").write_bytes(GOOD)
        look()
        assert outsider.content(NAME) == GOOD
        assert outsider.names() == [NAME]

    def test_links(self, opened, outsider, look, tmp_path):
        (tmp_path / "secret").mkdir()
        (tmp_path / "secret" / "s.ipynb").write_bytes(GOOD)
        opened.file("link.ipynb").symlink_to(tmp_path / "secret" / "s.ipynb")
        opened.file("folder").symlink_to(tmp_path / "secret")
        look()
        assert outsider.names() == [NAME]

    def test_pipes_and_sockets(self, opened, outsider, look):
        os.mkfifo(opened.file("pipe.ipynb"))
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(opened.file("s.ipynb")))
            look()
        assert outsider.names() == [NAME]

    def test_what_was_there_before_anything_was_known(self, env, outsider, look):
        env.stop()
        shutil.rmtree(env.journal_file.parent)
        env.file("old.ipynb").write_bytes(GOOD)
        env._build()
        look()
        assert outsider.names() == []
        env.file("old.ipynb").write_bytes(BETTER)
        look()
        assert outsider.content("old.ipynb") == BETTER

    def test_copies_of_edits_are_named_as_they_are_made(self, opened):
        for number in (1, 2, 12):
            assert is_copy_of_edits(unseen_edits_name(opened.file(NAME), number).name)


class TestTurnedOff:
    @pytest.fixture
    def environment_settings(self):
        return {"check": check_content, "delivers": False}

    def test_it_is_named_and_stays(self, opened, outsider, look):
        opened.file(NAME).write_bytes(BETTER)
        look()
        assert opened.run(opened.foreign_edits.undelivered()) == (opened.at(NAME),)
        told = opened.run(opened.status_of(NAME))
        assert (told.place, told.reason) == (Place.ON_DISK, "written-by-program")
        assert outsider.content(NAME) == GOOD
        assert opened.owed() == []

    def test_opening_brings_it(self, opened, outsider, look):
        opened.file(NAME).write_bytes(BETTER)
        look()
        assert opened.open(NAME).place is Place.IN_WORKSPACE
        assert outsider.content(NAME) == BETTER
        assert opened.run(opened.foreign_edits.undelivered()) == ()


class TestWatching:
    @pytest.fixture
    def environment_settings(self):
        return {"check": check_content, "look_seconds": 3600.0}

    @pytest.fixture(autouse=True)
    def at_once(self, monkeypatch):
        monkeypatch.setattr(foreign_edits, "_SETTLE_SECONDS", 0.0)
        monkeypatch.setattr(folder_watch, "_STEP_MS", 20)
        monkeypatch.setattr(folder_watch, "_LONGEST_STEPS_MS", 50)

    @pytest.mark.skipif(not folder_watch.HAS_WATCHFILES, reason="watchfiles is not installed")
    def test_what_a_program_writes_arrives_without_anybody_asking(self, opened, outsider):
        async def act():
            opened.foreign_edits.start()
            await until(lambda: opened.foreign_edits._watch.is_running)
            opened.file(NAME).write_bytes(BETTER)
            await until(lambda: outsider.content(NAME) == BETTER)
            opened.file("made later").mkdir()
            opened.file("made later/new.ipynb").write_bytes(GOOD)
            await until(lambda: outsider.content("made later/new.ipynb") == GOOD)
            opened.file("made later/new.ipynb").write_bytes(BETTER)
            await until(lambda: outsider.content("made later/new.ipynb") == BETTER)

        opened.run(act())

    def test_without_inotify_it_takes_until_the_next_look(self, opened, outsider, monkeypatch):
        monkeypatch.setattr(folder_watch, "HAS_WATCHFILES", False)
        opened.foreign_edits._look_seconds = 0.05

        async def act():
            opened.foreign_edits.start()
            opened.file(NAME).write_bytes(BETTER)
            await until(lambda: outsider.content(NAME) == BETTER)

        opened.run(act())

    @pytest.mark.skipif(not folder_watch.HAS_WATCHFILES, reason="watchfiles is not installed")
    def test_a_limit_of_the_system_is_reported_once_and_looks_go_on(self, opened, outsider, monkeypatch, caplog):
        def limited(*_, **__):
            raise OSError(28, "OS file watch limit reached")

        monkeypatch.setattr(folder_watch, "watch", limited)
        opened.foreign_edits._look_seconds = 0.05

        async def act():
            opened.foreign_edits.start()
            opened.file(NAME).write_bytes(BETTER)
            await until(lambda: outsider.content(NAME) == BETTER)

        opened.run(act())
        assert caplog.text.count("within a minute") == 1


def test_an_upload_per_file_is_all_it_costs(env, outsider):
    for number in range(5):
        env.file(f"{number}.ipynb").write_bytes(notebook(str(number)))

    async def act():
        await env.foreign_edits.look()
        await asyncio.gather(*env.foreign_edits._followed)

    env.run(act())
    assert env.operations == [UPLOADS] * 5
