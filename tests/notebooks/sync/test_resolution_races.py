"""Ways out of a conflict, with others at work in every gap, and failures at every step."""

import asyncio
import contextlib
import errno
import os
import threading

import nbformat
import pytest
from conflict_kit import BASE, KEPT, MINE, NAME, THEIRS, stored
from environments import until

from jupyter_terra_env.bucket.embedded.faults import Fault, Hang, ResetConnection
from jupyter_terra_env.notebooks.sync.resolution import Resolution
from jupyter_terra_env.rules.errors import BucketError, ConflictReason, OperationRefused, WorkspaceConflict
from jupyter_terra_env.rules.status import REFUSED, Place

NEXT = "a (my edits 2).ipynb"
ON_THE_DISK = ("fsync", "rename", "replace", "link", "unlink")


LATER = stored("one, mine, and on", "two")


def resolving(env, way_out, **more):
    more = {"content": None, "theirs_version": None, **more}
    return env.conflicts.resolve(env.at(NAME), way_out, **more)


def resolve(env, way_out, **more):
    return env.run(resolving(env, way_out, **more))


def files(env):
    return {file.name: file.read_bytes() for file in env.file("").glob("*.ipynb")}


def everything(env, outsider):
    return [*files(env).values(), *(outsider.content(name) for name in outsider.names())]


class TestTheFreeName:
    def test_a_file_that_takes_it_after_the_look_is_not_replaced(self, parted, outsider):
        """The bucket's answer about the name takes its time, and another tab saves under it meanwhile."""
        parted.faults.add(
            Fault(operation="objects.get", action=Hang(), after_effect=True, name_prefix=f"notebooks/{KEPT}")
        )

        async def story():
            way = asyncio.create_task(resolving(parted, Resolution.KEEP_BOTH))
            await until(lambda: not parted.faults.pending)
            saving = asyncio.create_task(parted.saving(KEPT, b"another tab's"))
            await until(lambda: outsider.content(KEPT) == b"another tab's")
            parted.faults.release()
            await saving
            return await way

        assert parted.run(story()).name == NEXT
        assert files(parted) == {NAME: THEIRS, KEPT: b"another tab's", NEXT: MINE}
        assert {name: outsider.content(name) for name in outsider.names()} == files(parted)

    @pytest.mark.parametrize("way_out", [Resolution.KEEP_BOTH, Resolution.TAKE_THEIRS, Resolution.MERGE])
    def test_a_program_that_takes_it_at_the_last_moment_keeps_its_file(self, parted, monkeypatch, way_out):
        link = os.link

        def taken_before(source, target, **more):
            if str(target).endswith(KEPT) and not os.path.lexists(target):
                parted.file(KEPT).write_bytes(b"a program's")
            return link(source, target, **more)

        monkeypatch.setattr(os, "link", taken_before)
        assert resolve(parted, way_out).name == NEXT
        assert (files(parted)[KEPT], files(parted)[NEXT]) == (b"a program's", MINE)
        assert f"ws/edit/{KEPT}" not in parted.owed()

    def test_when_theirs_is_deleted_the_name_is_looked_for_likewise(self, deleted, monkeypatch):
        link = os.link

        def taken_before(source, target, **more):
            if str(target).endswith(KEPT) and not os.path.lexists(target):
                deleted.file(KEPT).write_bytes(b"a program's")
            return link(source, target, **more)

        monkeypatch.setattr(os, "link", taken_before)
        assert resolve(deleted, Resolution.TAKE_THEIRS).name == NEXT
        assert files(deleted) == {KEPT: b"a program's", NEXT: MINE}

    def test_an_object_that_takes_it_before_the_upload_is_not_replaced(self, parted, outsider):
        parted.faults.add(Fault(operation="objects.insert", action=Hang(), name_prefix=f"notebooks/{KEPT}"))

        async def story():
            way = asyncio.create_task(resolving(parted, Resolution.KEEP_BOTH))
            await until(lambda: not parted.faults.pending)
            outsider.put(KEPT, b"somebody's")
            parted.faults.release()
            return await way

        assert parted.run(story()).name == NEXT
        assert files(parted) == {NAME: THEIRS, NEXT: MINE}
        assert (outsider.content(KEPT), outsider.content(NEXT)) == (b"somebody's", MINE)
        assert parted.owed() == []

    def test_offline_the_next_number_is_the_persons_choice_later(self, parted, outsider):
        """What someone may have on the screen by then is not renamed under them."""
        parted.faults.add(Fault(operation="objects.insert", action=ResetConnection(), name_prefix=f"notebooks/{KEPT}"))
        assert resolve(parted, Resolution.KEEP_BOTH).name == KEPT
        outsider.put(KEPT, b"somebody's")
        told = parted.run(parted.delocalizer.settle(parted.at(KEPT)))
        assert (told.place, told.reason) == (Place.CONFLICT, "name-taken")
        assert (parted.read(KEPT), outsider.content(KEPT)) == (MINE, b"somebody's")

    def test_what_was_known_of_a_name_whose_file_is_gone_does_not_count(self, parted, outsider):
        parted.save(KEPT, b"of last week")
        parted.file(KEPT).unlink()
        outsider.delete(KEPT)
        assert resolve(parted, Resolution.KEEP_BOTH).name == KEPT
        assert outsider.content(KEPT) == MINE
        assert parted.owed() == []

    def test_without_hard_links_too(self, parted, outsider, monkeypatch):
        def none(*_, **__):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

        parted.file(KEPT).write_bytes(b"of another day")
        monkeypatch.setattr(os, "link", none)
        assert resolve(parted, Resolution.KEEP_BOTH).name == NEXT
        assert files(parted) == {NAME: THEIRS, KEPT: b"of another day", NEXT: MINE}
        assert parted.litter() == []


class Gap:
    """Holds the n-th durable step of the disk, while something else is tried; then lets it go on."""

    def __init__(self, number, monkeypatch):
        self.number, self.count = number, 0
        self._loop = asyncio.get_running_loop()
        self.is_reached, self._guard, self._go_on = asyncio.Event(), threading.Lock(), threading.Event()
        for name in ON_THE_DISK:
            monkeypatch.setattr(os, name, self._around(getattr(os, name)))

    def close(self):
        self._go_on.set()

    def _around(self, function):
        def held(*args, **kwargs):
            if threading.current_thread() is threading.main_thread():
                return function(*args, **kwargs)  # The loop is never held.
            with self._guard:
                self.count += 1
                is_mine = self.count == self.number
            if is_mine:
                self._loop.call_soon_threadsafe(self.is_reached.set)
                assert self._go_on.wait(20)
            return function(*args, **kwargs)

        return held


async def saved_in_a_gap(env, way_out, number, monkeypatch):
    """A save that begins at one step of a way out.

    Returns:
        Whether there was such a step.
    """
    with monkeypatch.context() as patched, contextlib.closing(Gap(number, patched)) as gap:
        way = asyncio.create_task(resolving(env, way_out))
        reached = asyncio.create_task(gap.is_reached.wait())
        await asyncio.wait({way, reached}, return_when=asyncio.FIRST_COMPLETED)
        reached.cancel()
        if gap.count < number:
            await way
            return False
        saving = asyncio.create_task(env.typing_over(NAME, LATER))
        # It may have to wait for the way out, and then goes on after it.
        await asyncio.wait({saving}, timeout=0.05)
        gap.close()
        with contextlib.suppress(OperationRefused):
            await way
        await saving
        return True


SITUATIONS = [
    *(("parted", way_out) for way_out in Resolution),
    *(("deleted", way_out) for way_out in Resolution if way_out is not Resolution.MERGE),
]


@pytest.mark.parametrize(("situation", "way_out"), SITUATIONS)
def test_a_save_in_any_gap_is_never_lost(request, outsider, tmp_path, monkeypatch, situation, way_out):
    env = request.getfixturevalue(situation)
    steps = 0
    for number in range(1, 60):
        if not env.run(saved_in_a_gap(env, way_out, number, monkeypatch)):
            break
        steps += 1
        assert LATER in everything(env, outsider), number
        if situation == "parted":
            assert THEIRS in outsider.history(NAME).values(), number
        start_again(env, outsider, situation)
    assert steps >= (1 if way_out is Resolution.REPLACE_THEIRS or situation == "deleted" else 4)


def start_again(env, outsider, situation):
    for name in list(files(env)):
        if name != NAME:
            env.file(name).unlink()
    env.run(env.status_of(NAME)) if env.file(NAME).exists() else None
    env.file(NAME).unlink(missing_ok=True)
    for name in outsider.names():
        outsider.delete(name)
    for path in env.journal.below("ws/edit"):
        env.journal.forget(path)
    env.restart()
    outsider.put(NAME, BASE)
    env.open(NAME)
    if situation == "parted":
        outsider.put(NAME, THEIRS)
    else:
        outsider.delete(NAME)
    assert env.save(NAME, MINE).place is Place.CONFLICT


@pytest.mark.parametrize("way_out", [Resolution.KEEP_BOTH, Resolution.TAKE_THEIRS, Resolution.MERGE])
def test_a_save_that_waits_for_a_way_out_does_not_stand_on_theirs(parted, outsider, monkeypatch, way_out):
    """It begins when mine gets its second name: what its tab shows is not theirs, and theirs stays in the bucket."""
    link, story = os.link, {}
    lock = parted.copies.lock(parted.file(NAME))

    def saved_meanwhile(source, target, **more):
        if str(target).endswith(KEPT) and "saving" not in story:
            story["saving"] = asyncio.run_coroutine_threadsafe(parted.typing_over(NAME, LATER), story["loop"])
            while not lock._waiters:
                threading.Event().wait(0.01)
        return link(source, target, **more)

    async def both():
        story["loop"] = asyncio.get_running_loop()
        kept = await resolving(parted, way_out)
        await asyncio.wrap_future(story["saving"])
        return kept

    monkeypatch.setattr(os, "link", saved_meanwhile)
    kept = parted.run(both())
    assert kept.name == NEXT
    assert {MINE, LATER} <= set(files(parted).values())
    content = outsider.content(NAME)
    if way_out is Resolution.MERGE:
        assert [cell.source for cell in nbformat.reads(content.decode(), 4).cells] == [
            "one, mine, and on",
            "two, theirs",
        ]
    else:
        assert content == THEIRS
    assert parted.read(NAME) == content
    assert parted.run(parted.status_of(NAME)).place is Place.IN_WORKSPACE


@pytest.mark.parametrize("way_out", [Resolution.MERGE, Resolution.REPLACE_THEIRS])
def test_a_save_while_the_lock_is_taken_goes_along(parted, outsider, way_out):
    parted.faults.add(Fault(operation="objects.patch", action=Hang()))

    async def story():
        way = asyncio.create_task(resolving(parted, way_out))
        await until(lambda: not parted.faults.pending)
        saving = asyncio.create_task(parted.typing_over(NAME, LATER))
        await until(lambda: parted.read(NAME) == LATER)
        parted.faults.release()
        await saving
        return await way

    kept = parted.run(story())
    content = outsider.content(NAME)
    if way_out is Resolution.MERGE:
        assert [cell.source for cell in nbformat.reads(content.decode(), 4).cells] == [
            "one, mine, and on",
            "two, theirs",
        ]
        assert kept.read_bytes() == LATER
    else:
        assert content == LATER
    assert parted.read(NAME) == content


class TestBothSidesAreNamed:
    @pytest.mark.parametrize("way_out", list(Resolution))
    def test_mine_that_was_saved_since_the_look_is_not_what_was_chosen(self, parted, outsider, way_out):
        sides = parted.run(parted.conflicts.look(parted.at(NAME)))
        parted.type_over(NAME, LATER)
        for content in (None, b"on the screen"):
            with pytest.raises(OperationRefused, match="since you looked") as refused:
                resolve(parted, way_out, content=content, mine_version=sides.mine_version)
            assert refused.value.reason == "mine-changed"
        assert (files(parted), outsider.content(NAME)) == ({NAME: LATER}, THEIRS)
        assert parted.run(parted.status_of(NAME)).place is Place.CONFLICT

    @pytest.mark.parametrize("way_out", list(Resolution))
    def test_mine_as_it_was_looked_at(self, parted, outsider, way_out):
        sides = parted.run(parted.conflicts.look(parted.at(NAME)))
        content = LATER if way_out is not Resolution.MERGE else None
        resolve(parted, way_out, content=content, mine_version=sides.mine_version, theirs_version=sides.theirs_version)
        assert parted.run(parted.status_of(NAME)).place is Place.IN_WORKSPACE
        assert (content or MINE) in everything(parted, outsider)

    @pytest.mark.parametrize("way_out", [Resolution.KEEP_BOTH, Resolution.TAKE_THEIRS])
    @pytest.mark.parametrize("change", ["changed", "deleted"])
    def test_theirs_that_changes_while_a_name_is_looked_for(self, parted, outsider, way_out, change):
        parted.faults.add(
            Fault(operation="objects.download", action=Hang(), name_prefix=f"notebooks/{NAME}"),
            Fault(operation="objects.get", action=Hang(), after_effect=True, name_prefix=f"notebooks/{KEPT}"),
        )

        async def story():
            way = asyncio.create_task(resolving(parted, way_out))
            await until(lambda: len(parted.faults.pending) == 1)
            outsider.put(NAME, b"newer") if change == "changed" else outsider.delete(NAME)
            parted.faults.clear()
            await way

        with pytest.raises(WorkspaceConflict):
            parted.run(story())
        assert files(parted) == {NAME: MINE}
        assert outsider.content(NAME) == (b"newer" if change == "changed" else None)

    def test_two_tabs_choose_at_once(self, parted, outsider):
        async def both():
            return await asyncio.gather(
                resolving(parted, Resolution.TAKE_THEIRS),
                resolving(parted, Resolution.REPLACE_THEIRS, content=b"another screen"),
                return_exceptions=True,
            )

        kept, refused = parted.run(both())
        assert kept.name == KEPT
        assert refused.reason == "no-conflict"
        assert files(parted) == {NAME: THEIRS, KEPT: MINE}
        assert outsider.content(NAME) == THEIRS


class Failing:
    """The n-th durable step of the disk or the journal, and all after it, fail."""

    def __init__(self, env, number, monkeypatch):
        self.number, self.count, self._guard = number, 0, threading.Lock()
        for name in ON_THE_DISK:
            monkeypatch.setattr(os, name, self._around(getattr(os, name)))
        monkeypatch.setattr(env.database, "_connection", _FailingConnection(env.database._connection, self))

    def step(self):
        with self._guard:
            self.count += 1
            if self.count >= self.number:
                raise OSError(errno.EIO, os.strerror(errno.EIO))

    def _around(self, function):
        def counted(*args, **kwargs):
            if not str(args[0]).rpartition("/")[2].startswith(".terra-env-") or function.__name__ != "unlink":
                self.step()
            return function(*args, **kwargs)

        return counted


class _FailingConnection:
    def __init__(self, connection, failing):
        self._connection, self._failing = connection, failing

    def execute(self, statement, *values):
        if statement == "COMMIT":
            self._failing.step()
        return self._connection.execute(statement, *values)

    def __getattr__(self, name):
        return getattr(self._connection, name)


class TestInterrupted:
    """Whatever a way out had done by then: what it owes is paid as soon as it can be, and what is reported is so."""

    async def is_well(self, env):
        """Every debt has its payer, or waits for a person, who is notified."""
        for debt in env.journal.debts():
            location = env.locate(debt.path)
            if not env.delocalizer.is_uploading(location):
                status = await env.delocalizer.current_status(location)
                assert status.place in REFUSED, (debt.path, status)

    async def is_paid(self, env, outsider):
        for debt in env.journal.debts():
            location = env.locate(debt.path)
            status = await env.delocalizer.settle(location)
            if status.place is Place.CONFLICT:
                assert outsider.content(location.name) != env.read(location.name), debt.path
            else:
                assert status.place is Place.IN_WORKSPACE, (debt.path, status)
                assert outsider.content(location.name) == env.read(location.name), debt.path

    @pytest.mark.parametrize(("situation", "way_out"), SITUATIONS)
    def test_by_a_disk_that_fails(self, request, outsider, monkeypatch, situation, way_out):
        env = request.getfixturevalue(situation)
        for number in range(1, 100):
            with monkeypatch.context() as patched:
                failing = Failing(env, number, patched)
                with contextlib.suppress(OSError, OperationRefused, BucketError):
                    resolve(env, way_out, content=LATER)
            env.run(self.is_well(env))
            env.run(self.is_paid(env, outsider))
            found = everything(env, outsider)
            assert MINE in found or LATER in found or way_out is Resolution.MERGE, number
            if failing.count < number:
                break
            start_again(env, outsider, situation)
        assert number > 3

    @pytest.mark.parametrize(("situation", "way_out"), SITUATIONS)
    @pytest.mark.parametrize("after_effect", [False, True], ids=["", "answers lost"])
    def test_by_a_bucket_that_goes_away(self, request, outsider, situation, way_out, after_effect):
        env = request.getfixturevalue(situation)
        for number in range(1, 30):
            away_from(env, number, after_effect=after_effect)
            with contextlib.suppress(OperationRefused, BucketError):
                resolve(env, way_out, content=LATER)
            is_over = len(env.faults.history) < number
            env.run(self.is_well(env))
            env.faults.clear()
            env.run(self.is_paid(env, outsider))
            assert LATER in everything(env, outsider) or way_out is Resolution.MERGE, number
            if is_over:
                break
            start_again(env, outsider, situation)
        assert number > 2

    def test_edits_that_no_save_wrote_are_owed_once_they_are_chosen(self, env, outsider):
        outsider.put(NAME, BASE)
        env.open(NAME)
        env.file(NAME).write_bytes(MINE)
        outsider.put(NAME, THEIRS)
        assert env.open(NAME).place is Place.CONFLICT
        env.faults.add(Fault(operation="objects.insert", action=ResetConnection(), times=1000))
        resolve(env, Resolution.REPLACE_THEIRS)
        env.die()
        env.faults.clear()
        assert env.owed() == [f"ws/edit/{NAME}"]
        env.recover()
        env.run(env.status_of(NAME))
        assert outsider.content(NAME) == MINE

    def test_by_its_client(self, parted, outsider):
        """Cut off while theirs comes: nothing has been done yet, and the conflict is still told."""
        parted.faults.add(Fault(operation="objects.download", action=Hang()))

        async def story():
            way = asyncio.create_task(resolving(parted, Resolution.KEEP_BOTH))
            await until(lambda: not parted.faults.pending)
            way.cancel()
            await asyncio.wait({way})
            parted.faults.release()
            return await parted.delocalizer.current_status(parted.at(NAME))

        assert parted.run(story()).reason == ConflictReason.REMOTE_CHANGED
        assert resolve(parted, Resolution.KEEP_BOTH).name == KEPT
        assert outsider.content(KEPT) == MINE


def away_from(env, number, *, after_effect):
    """From the n-th request on, the bucket does not answer."""
    env.faults.clear()
    take, seen = env.faults.take, []

    def taken(operation, object_name):
        seen.append(operation)
        return take(operation, object_name) if len(seen) >= number else None

    env.faults.take = taken
    env.faults.add(Fault(operation="*", action=ResetConnection(), times=100_000, after_effect=after_effect))
