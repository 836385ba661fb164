"""Between a look at a working copy and one at its baseline both may move on: nothing older goes over what is newer."""

import asyncio
import contextlib
import fcntl
import os
import threading
from datetime import UTC, datetime

import pytest
from environments import UPLOADS, Environment, until

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault, ResetConnection
from jupyter_terra_env.notebooks.storage import folder_turns
from jupyter_terra_env.notebooks.storage.file_digests import digest_of
from jupyter_terra_env.notebooks.storage.working_copies import Download, WorkingCopies
from jupyter_terra_env.rules.status import Place

NAME = "a.ipynb"


@pytest.fixture
def servers(tmp_path, outsider):
    """Two servers of one person on one disk."""
    with asyncio.Runner() as runner:
        made = [Environment(tmp_path / "mine", outsider.engine, runner, name="mine") for _ in range(2)]
        yield made
        for env in made:
            env.close()


@pytest.fixture
def happens_after(monkeypatch):
    """Have something happen once, right after a step of an upload."""

    def after(owner, step, act):
        real, acts = getattr(owner, step), [act]

        async def stepped(*args, **kwargs):
            found = await real(*args, **kwargs)
            if acts:
                await acts.pop()()
            return found

        monkeypatch.setattr(owner, step, stepped)

    return after


STEPS = {
    "content": lambda env: (env.gate, "still_snapshot"),
    "baseline": lambda env: (env.storage, "baseline"),
    "check": lambda env: (env.gate, "require_whole"),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("is_new", [False, True], ids=["known", "new"])
def test_what_another_server_of_this_disk_brings_meanwhile_is_not_set_back(
    servers, outsider, happens_after, step, is_new
):
    first, second = servers
    if not is_new:
        first.save(NAME, b"one")
    first.run(first.storage.save(first.at(NAME), b"two"))
    happens_after(*step(second), lambda: first.saving(NAME, b"three"))
    assert second.run(second.delocalizer.settle(second.at(NAME))).place is Place.IN_WORKSPACE
    assert list(outsider.history(NAME).values()) == ([b"three"] if is_new else [b"one", b"three"])
    assert (first.read(NAME), first.owed()) == (b"three", [])


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_what_is_opened_meanwhile_is_not_set_back(env, outsider, happens_after, step):
    """Nothing has changed here, and a payer is at work all the same; a colleague has saved, and it is opened."""
    env.save(NAME, b"one")
    outsider.put(NAME, b"theirs")
    happens_after(*step(env), lambda: env.localizer.open(env.at(NAME)))
    env.run(env.delocalizer.settle(env.at(NAME)))
    assert env.open(NAME).place is Place.IN_WORKSPACE
    assert list(outsider.history(NAME).values()) == [b"one", b"theirs"]
    assert env.read(NAME) == b"theirs"


def test_a_debt_is_not_dropped_by_a_baseline_that_has_moved_on(servers, outsider, happens_after):
    """The working copy equals what the baseline was, and the other server has brought something else meanwhile."""
    first, second = servers
    first.save(NAME, b"one")

    async def brought_and_undone():
        await first.saving(NAME, b"two")
        await first.storage.save(first.at(NAME), b"one")

    happens_after(second.storage, "baseline", brought_and_undone)
    second.run(second.delocalizer.settle(second.at(NAME)))
    assert outsider.content(NAME) == b"one"
    assert list(outsider.history(NAME).values()) == [b"one", b"two", b"one"]
    assert first.owed() == []


def test_a_debt_is_not_dropped_by_a_look_that_came_before_a_save(env, outsider, happens_after):
    """An upload without an answer was undone, and another person has saved: nothing is at stake until more is typed."""
    env.save(NAME, b"one")
    env.faults.add(
        Fault(operation=UPLOADS, action=ResetConnection()),
        Fault(operation="objects.get", action=AnswerWith(status=503), times=20),
    )
    env.run(env.saving(NAME, b"two"))
    env.run(env.storage.save(env.at(NAME), b"one"))
    env.faults.clear()
    outsider.put(NAME, b"theirs")
    happens_after(env.storage, "stat", lambda: env.storage.save(env.at(NAME), b"typed since"))
    env.run(env.delocalizer.settle(env.at(NAME)))
    assert env.run(env.status_of(NAME)).place is Place.CONFLICT
    assert (env.read(NAME), env.owed()) == (b"typed since", ["ws/edit/a.ipynb"])
    assert outsider.content(NAME) == b"theirs"


def test_what_is_installed_waits_for_a_save_of_another_server(tmp_path, monkeypatch):
    """The save has looked for the last time, and has not replaced the file yet."""
    file, temporary = tmp_path / NAME, tmp_path / "download"
    file.write_bytes(b"screen")
    temporary.write_bytes(b"theirs")
    has_looked, goes_on = threading.Event(), threading.Event()
    put_in_place = WorkingCopies._put_in_place

    def slowly(self, *args):
        has_looked.set()
        assert goes_on.wait(10)
        put_in_place(self, *args)

    monkeypatch.setattr(WorkingCopies, "_put_in_place", slowly)

    async def story():
        with contextlib.closing(WorkingCopies()) as first, contextlib.closing(WorkingCopies()) as second:
            seen = await first.digest(file)
            saving = asyncio.create_task(second.write(file, b"typed", replaces=seen))
            await until(has_looked.is_set)
            download = Download(temporary=temporary, digest=digest_of(b"theirs"), modified=datetime.now(UTC))
            installing = asyncio.create_task(first.install(download, file, expected=seen))
            await asyncio.wait({installing}, timeout=0.05)
            goes_on.set()
            await saving
            return await installing

    assert asyncio.run(story()) is False
    assert file.read_bytes() == b"typed"


def test_a_debt_stays_that_is_written_for_a_save_of_another_server(servers, monkeypatch):
    """The debt is there, and the file is not yet: for another server it still equals what the bucket holds."""
    first, second = servers
    first.save(NAME, b"one")
    is_owed, goes_on = threading.Event(), threading.Event()
    put_in_place = first.copies._put_in_place

    def slowly(*args):
        is_owed.set()
        assert goes_on.wait(10)
        put_in_place(*args)

    monkeypatch.setattr(first.copies, "_put_in_place", slowly)

    async def story():
        saving = asyncio.create_task(first.storage.save(first.at(NAME), b"two"))
        await until(is_owed.is_set)
        settling = asyncio.create_task(second.storage.settle_if_equal(second.at(NAME)))
        await asyncio.wait({settling}, timeout=0.05)
        goes_on.set()
        await saving
        return await settling

    assert first.run(story()) is False
    assert first.owed() == ["ws/edit/a.ipynb"]


def test_a_baseline_waits_for_a_save_of_another_server(servers, outsider, monkeypatch):
    """What is opened has been put in place; a save that looked before it replaces it before it is the baseline."""
    first, second = servers
    first.save(NAME, b"one")
    outsider.put(NAME, b"theirs")
    real = first.copies.install

    async def saved_over(*args, **kwargs):
        done = await real(*args, **kwargs)
        await second.storage.save(second.at(NAME), b"typed on one")
        return done

    monkeypatch.setattr(first.copies, "install", saved_over)
    first.open(NAME)
    monkeypatch.undo()
    assert first.run(first.status_of(NAME)).place is Place.CONFLICT
    assert (first.read(NAME), outsider.content(NAME)) == (b"typed on one", b"theirs")


def test_a_folder_that_some_program_holds_is_waited_for_a_moment_only(env, outsider, monkeypatch):
    monkeypatch.setattr(folder_turns, "_TRIES", 3)
    env.save(NAME, b"one")
    held = os.open(env.file("").resolve(), os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert env.save(NAME, b"two").place is Place.IN_WORKSPACE
    finally:
        os.close(held)


def test_it_costs_no_request_more(env):
    env.save(NAME, b"one")
    env.faults.clear()
    env.save(NAME, b"two")
    env.save(NAME, b"two")
    assert env.operations == [UPLOADS]


def test_a_version_is_not_put_in_place_once_the_baseline_is_another_one(servers, outsider, monkeypatch):
    """It could not become the baseline, and would look like an edit of what the other server has brought."""
    first, second = servers
    first.save(NAME, b"one")
    outsider.put(NAME, b"theirs")
    real = first.copies.install

    async def brought_meanwhile(*args, **kwargs):
        monkeypatch.undo()
        version = await second.storage.stat(second.at(NAME))
        seen = await second.storage.baseline(second.at(NAME))
        assert await second.storage.advance(second.at(NAME), seen, version, "AAAAAA==")
        return await real(*args, **kwargs)

    monkeypatch.setattr(first.copies, "install", brought_meanwhile)
    first.open(NAME)
    assert list(outsider.history(NAME).values()) == [b"one", b"theirs", b"one"], "as a way out that replaces theirs"
    assert first.read(NAME) == b"one"
