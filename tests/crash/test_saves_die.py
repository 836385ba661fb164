"""Saves, openings and ways out that die at any durable step: what was acknowledged is there in the end."""

import contextlib
import itertools
import os
import shutil
import signal
import sqlite3
import time

import nbformat
import pytest
import requests.adapters
from environments import BUCKET, WORKSPACE, directory_in_memory, taken_by
from moves_failpoints import Disk, Failpoints, deaths
from nbformat import v4

from jupyter_terra_env.bucket.embedded.faults import Fault, ResetConnection
from jupyter_terra_env.notebooks.storage import journal_database
from jupyter_terra_env.notebooks.storage.temporary_files import sweep
from jupyter_terra_env.notebooks.sync.resolution import Resolution
from jupyter_terra_env.notebooks.workspace_notebooks import WorkspaceNotebooks
from jupyter_terra_env.rules import status
from jupyter_terra_env.rules.edit_lock import ALLOWANCE_MS, TTL_MS
from jupyter_terra_env.rules.errors import ConflictReason
from jupyter_terra_env.rules.status import Place
from jupyter_terra_env.rules.workspace import Workspaces
from jupyter_terra_env.server.contents.chunked_uploads import ChunkedUploads
from jupyter_terra_env.server.contents.manager import TerraContentsManager
from jupyter_terra_env.server.contents.parts import ContentsParts

pytestmark = pytest.mark.timeout(300)

NAME, KEPT = "a.ipynb", "a (my edits).ipynb"
BASE, MINE, THEIRS, TYPED_OVER = b"base", b"mine, and longer than theirs", b"theirs", b"theirs, typed over"


@pytest.fixture
def disk():
    with directory_in_memory() as directory:
        yield Disk(directory)


def prepare(disk, story):
    with disk.environment() as (env, outsider):
        outsider.keep_history()
        env.run(env.storage.save(env.at("x.ipynb", "playground"), b"played"))
        story(env, outsider)
    disk.save()


def acknowledge(disk):
    """What a person saw before the death, on a disk that did not die."""
    (disk.root.parent / "acknowledged").touch()


def is_acknowledged(disk):
    mark = disk.root.parent / "acknowledged"
    seen = mark.exists()
    mark.unlink(missing_ok=True)
    return seen


def saving(disk, content):
    """A save as the contents manager does it: the answer comes once the disk has it, the upload goes on."""

    def act(env, _):
        env.run(env.storage.save(env.at(NAME), content))
        acknowledge(disk)
        env.run(env.delocalizer.settle(env.at(NAME)))

    return act


def opening(env, _):
    env.run(env.localizer.open(env.at(NAME)))


@contextlib.contextmanager
def next_start(disk):
    """The next server on the same disk: sweeps, finishes what was begun, pays what is owed."""
    with disk.environment(pause_seconds=0.02) as (env, outsider):
        sweep([env.root / "ws"], os.getpid())
        env.recover()
        for path in env.owed():
            env.run(env.delocalizer.settle(env.locate(path)))
        yield env, outsider
        assert env.litter() == []
        assert not any(b"played" in content for content in everything_ever(outsider))


def everything_ever(outsider):
    """Content of every version that the bucket ever held."""
    for blob in outsider.client.list_blobs(BUCKET, versions=True):
        yield outsider.bucket.blob(blob.name, generation=blob.generation).download_as_bytes()


def files(env):
    return [file.read_bytes() for file in env.file("").glob("*.ipynb")]


@pytest.mark.parametrize("answer_is_lost", [False, True], ids=["", "answer lost"])
@pytest.mark.parametrize("before", [None, BASE], ids=["new", "changed"])
def test_a_save(disk, before, answer_is_lost):
    def story(env, outsider):
        if before is not None:
            outsider.put(NAME, before)
            env.open(NAME)

    def act(env, outsider):
        if answer_is_lost:
            env.faults.add(Fault(operation="objects.insert", action=ResetConnection(), after_effect=True))
        saving(disk, MINE)(env, outsider)

    prepare(disk, story)
    seen = set()
    for number in deaths(disk, act):
        acknowledged = is_acknowledged(disk)
        with next_start(disk) as (env, outsider):
            content = env.read(NAME)
            assert content in {before, MINE}, number
            assert content == MINE or not acknowledged, number
            if content is not None:
                assert env.open(NAME).place is Place.IN_WORKSPACE, number
            assert env.owed() == [], number
            assert outsider.content(NAME) == content, number
            versions = list(outsider.history(NAME).values())
            assert versions == [one for one in (before, MINE) if one is not None][: len(versions)], "each once"
            assert env.save(NAME, b"and on").place is Place.IN_WORKSPACE
            seen.add((content == MINE, acknowledged))
    assert seen == {(False, False), (True, False), (True, True)}, "deaths before, between and after"


def contents_manager(env):
    """Jupyter's verbs, over the parts of this environment. Checkpoints ask for no status, badge or lock."""
    views = env.localizer.views
    notebooks = WorkspaceNotebooks(
        storage=env.storage,
        localizer=env.localizer,
        keeper=None,
        gate=env.gate,
        moves=env.moves,
        saving=env.saves,
        views=views,
    )
    parts = ContentsParts(
        workspaces=Workspaces((WORKSPACE,)),
        notebooks=notebooks,
        statuses=None,
        storage=env.storage,
        listings=env.listings,
        badges=None,
        saving=env.saves,
        views=views,
        keeper=None,
    )
    return TerraContentsManager(root_dir=str(env.root), parts=parts)


def test_a_checkpoint_that_is_restored(disk):
    def story(env, outsider):
        outsider.put(NAME, BASE)
        env.open(NAME)
        env.run(contents_manager(env).create_checkpoint(f"ws/edit/{NAME}"))
        assert env.save(NAME, MINE).place is Place.IN_WORKSPACE

    def act(env, _):
        env.run(contents_manager(env).restore_checkpoint("checkpoint", f"ws/edit/{NAME}"))
        acknowledge(disk)

    prepare(disk, story)
    seen = set()
    for number in deaths(disk, act):
        acknowledged = is_acknowledged(disk)
        with next_start(disk) as (env, outsider):
            content = env.read(NAME)
            assert content == BASE if acknowledged else content in {MINE, BASE}, number
            assert (outsider.content(NAME), env.owed()) == (content, []), number
            versions = list(outsider.history(NAME).values())
            assert versions == [BASE, MINE, BASE][: len(versions)], number
            seen.add((content == BASE, acknowledged))
    assert {(False, False), (True, False)} <= seen


def test_a_save_that_changes_nothing(disk):
    def story(env, outsider):
        outsider.put(NAME, BASE)
        env.open(NAME)

    prepare(disk, story)
    for number in deaths(disk, saving(disk, BASE)):
        with next_start(disk) as (env, outsider):
            assert (env.read(NAME), env.owed()) == (BASE, []), number
            assert len(outsider.history(NAME)) == 1, number


def test_a_save_and_the_start_after_it_both_die(disk):
    def story(env, outsider):
        outsider.put(NAME, BASE)
        env.open(NAME)

    def start(env, _):
        env.recover()
        for path in env.owed():
            env.run(env.delocalizer.settle(env.locate(path)))

    prepare(disk, story)
    second, deaths_of_starts = Disk(disk.root.parent), 0
    second._saved = disk.root.parent / "saved-second"
    for number in deaths(disk, saving(disk, MINE)):
        acknowledged = is_acknowledged(disk)
        shutil.rmtree(second._saved, ignore_errors=True)
        second.save()
        for again in deaths(second, start, least=0):
            deaths_of_starts += 1
            with next_start(second) as (env, outsider):
                content = env.read(NAME)
                assert content == MINE if acknowledged else content in {BASE, MINE}, (number, again)
                assert (outsider.content(NAME), env.owed()) == (content, []), (number, again)
    assert deaths_of_starts > 20


@pytest.mark.parametrize("on_the_disk", [None, BASE], ids=["first time", "over an older copy"])
def test_an_opening(disk, on_the_disk):
    def story(env, outsider):
        if on_the_disk is not None:
            outsider.put(NAME, on_the_disk)
            env.open(NAME)
        outsider.put(NAME, THEIRS)

    prepare(disk, story)
    for number in deaths(disk, opening):
        with next_start(disk) as (env, outsider):
            assert env.read(NAME) in {on_the_disk, THEIRS}, number
            assert outsider.content(NAME) == THEIRS, number
            assert env.open(NAME).place is Place.IN_WORKSPACE, number
            assert env.read(NAME) == THEIRS, number
            assert env.save(NAME, b"and on").place is Place.IN_WORKSPACE


def parted(env, outsider):
    outsider.put(NAME, BASE)
    env.open(NAME)
    outsider.put(NAME, THEIRS)
    assert env.save(NAME, MINE).place is Place.CONFLICT


def test_taking_the_workspaces_version(disk):
    prepare(disk, parted)
    for number in deaths(disk, lambda env, _: env.run(env.localizer.open_workspace_version(env.at(NAME)))):
        with next_start(disk) as (env, outsider):
            assert MINE in files(env), number
            assert outsider.content(NAME) == THEIRS, number


def nothing_is_owed_silently(env, outsider):
    """Each debt has been paid, or its status says that it waits for a person."""
    for path in env.owed():
        name = path.removeprefix("ws/edit/")
        assert env.run(env.status_of(name)).place is Place.CONFLICT, path
        assert outsider.content(name) != env.read(name), path
    for file in env.file("").glob("*.ipynb"):
        if env.run(env.status_of(file.name)).place is Place.IN_WORKSPACE:
            assert outsider.content(file.name) == file.read_bytes(), file.name


@pytest.mark.parametrize("way_out", [Resolution.KEEP_BOTH, Resolution.TAKE_THEIRS, Resolution.REPLACE_THEIRS])
def test_a_way_out_where_theirs_is_deleted(disk, way_out):
    def story(env, outsider):
        outsider.put(NAME, BASE)
        env.open(NAME)
        outsider.delete(NAME)
        assert env.save(NAME, MINE).place is Place.CONFLICT

    def act(env, _):
        env.delocalizer.report_status(env.at(NAME), status.conflict(ConflictReason.REMOTE_DELETED))
        env.run(env.conflicts.resolve(env.at(NAME), way_out, content=None, theirs_version=None))

    prepare(disk, story)
    for number in deaths(disk, act):
        with next_start(disk) as (env, outsider):
            assert MINE in files(env), number
            assert outsider.content(NAME) in ({None} if way_out is Resolution.TAKE_THEIRS else {None, MINE}), number
            nothing_is_owed_silently(env, outsider)


def test_a_way_out_whose_name_is_taken_in_the_bucket(disk):
    """Between the look for a free name and the upload: the kept file gets the next one, at whichever step it dies."""

    def act(env, outsider):
        env.delocalizer.report_status(env.at(NAME), conflict())
        looks = env.localizer.unseen_edits.free_name

        async def taken_after(location):
            free = await looks(location)
            if free.name == KEPT:
                outsider.put(KEPT, b"somebody's")
            return free

        env.localizer.unseen_edits.free_name = taken_after
        env.run(env.conflicts.resolve(env.at(NAME), Resolution.KEEP_BOTH, content=None, theirs_version=None))
        assert env.owed() == []

    prepare(disk, parted)
    moved = 0
    for number in deaths(disk, act):
        with next_start(disk) as (env, outsider):
            assert MINE in files(env), number
            assert outsider.content(NAME) == THEIRS, number
            assert outsider.content(KEPT) in {b"somebody's", MINE, None}, number
            moved += env.file("a (my edits 2).ipynb").exists()
            if outsider.history(KEPT):
                assert b"somebody's" in outsider.history(KEPT).values() or outsider.content(KEPT) == MINE, number
            nothing_is_owed_silently(env, outsider)
    assert moved


@pytest.mark.parametrize("before", [None, BASE], ids=["new", "changed"])
def test_an_upload_in_chunks(disk, before):
    def story(env, outsider):
        if before is not None:
            outsider.put(NAME, before)
            env.open(NAME)

    def act(env, _):
        uploads = ChunkedUploads(env.storage, env.saves, monotonic=time.monotonic)
        for chunk, text in ((1, "one "), (2, "two "), (-1, "three")):
            env.run(uploads.take(env.at(NAME), chunk, text, "text"))
        acknowledge(disk)
        env.run(env.delocalizer.settle(env.at(NAME)))

    prepare(disk, story)
    for number in deaths(disk, act):
        acknowledged = is_acknowledged(disk)
        with next_start(disk) as (env, outsider):
            content = env.read(NAME)
            assert content == b"one two three" if acknowledged else content in {before, b"one two three"}, number
            assert (outsider.content(NAME), env.owed()) == (content, []), number


@pytest.mark.parametrize("way_out", [Resolution.KEEP_BOTH, Resolution.TAKE_THEIRS, Resolution.REPLACE_THEIRS])
def test_a_way_out(disk, way_out):
    def act(env, _):
        env.delocalizer.report_status(env.at(NAME), conflict())
        env.run(env.conflicts.resolve(env.at(NAME), way_out, content=b"on the screen", theirs_version=None))

    prepare(disk, parted)
    replaced = 0
    for number in deaths(disk, act):
        with next_start(disk) as (env, outsider):
            mine = [content for content in files(env) if content in {MINE, b"on the screen"}]
            assert mine, number
            if outsider.content(NAME) != THEIRS:
                assert way_out is Resolution.REPLACE_THEIRS
                assert outsider.content(NAME) == b"on the screen", number
                replaced += 1
            else:
                assert THEIRS in outsider.history(NAME).values()
            assert env.run(env.status_of(NAME)).place in {Place.IN_WORKSPACE, Place.CONFLICT}, number
            nothing_is_owed_silently(env, outsider)
    assert (replaced > 0) is (way_out is Resolution.REPLACE_THEIRS)


def test_a_save_by_a_person_who_was_shown_theirs_in_the_place_of_mine(disk):
    """Between showing and saving, too: a client that lives on saves with the next server."""

    def story(env, outsider):
        outsider.put(NAME, BASE)
        env.open(NAME)
        outsider.put(NAME, THEIRS, taken_by("bob@example.org"))
        assert env.save(NAME, MINE).place is Place.CONFLICT

    def act(env, _):
        assert env.show(NAME) == THEIRS
        acknowledge(disk)
        env.type_over(NAME, TYPED_OVER)

    prepare(disk, story)
    seen = set()
    for number in deaths(disk, act):
        shown = is_acknowledged(disk)
        with next_start(disk) as (env, outsider):
            if shown:
                env.type_over(NAME, TYPED_OVER)
            assert MINE in files(env), number
            assert outsider.content(NAME) == THEIRS, number
            seen.add((shown, len(files(env))))
    assert seen == {(False, 1), (True, 2), (True, 3)}, "at the worst it is kept once more"


def test_a_merge(disk):
    base, mine, theirs = stored("one", "two"), stored("one, mine", "two"), stored("one", "two, theirs")

    def story(env, outsider):
        outsider.put(NAME, base)
        env.open(NAME)
        outsider.put(NAME, theirs)
        assert env.save(NAME, mine).place is Place.CONFLICT

    def act(env, _):
        env.delocalizer.report_status(env.at(NAME), conflict())
        env.run(env.conflicts.resolve(env.at(NAME), Resolution.MERGE, content=None, theirs_version=None))

    prepare(disk, story)
    for number in deaths(disk, act):
        with next_start(disk) as (env, outsider):
            assert mine in files(env), number
            assert theirs in outsider.history(NAME).values(), number
            nothing_is_owed_silently(env, outsider)


def stored(*sources):
    cells = [v4.new_code_cell(source, id=f"cell-{number}") for number, source in enumerate(sources)]
    return nbformat.writes(v4.new_notebook(cells=cells)).encode()


def conflict():
    return status.conflict(ConflictReason.REMOTE_CHANGED)


@pytest.mark.parametrize("act", ["acquire", "release"])
def test_a_lock(disk, act):
    def story(env, outsider):
        outsider.put(NAME, BASE)
        env.open(NAME)
        if act == "acquire":
            env.give_back(NAME)

    def acting(env, _):
        if act == "acquire":
            env.run(env.locks.acquire(env.at(NAME)))
        else:
            env.give_back(NAME)

    prepare(disk, story)
    for number in deaths(disk, acting):
        with next_start(disk) as (env, outsider):
            assert outsider.content(NAME) == BASE, number
            # No one is locked out for longer than a lock's time, and the same disk goes on at once.
            assert env.save(NAME, MINE).place is Place.IN_WORKSPACE, number
            expiry = int(outsider.get(NAME).metadata["lockExpiresAt"])
            assert expiry <= time.time() * 1000 + TTL_MS + ALLOWANCE_MS, number


def test_bringing_the_journal_up_to_date(disk):
    def story(env, outsider):
        outsider.put(NAME, BASE)
        env.open(NAME)

    prepare(disk, story)
    journal = disk._saved / "mine" / ".jupyter-terra-env" / "journal.sqlite3"
    with contextlib.closing(sqlite3.connect(journal)) as connection:
        for table in ("debts", "intents", "not_shown", "attempts"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()

    for number in deaths_of_migrations(disk):
        with next_start(disk) as (env, outsider):
            assert env.baseline(NAME).crc32c is not None, number
            assert not env.journal.is_new(), number
            assert env.save(NAME, MINE).place is Place.IN_WORKSPACE, number
            assert outsider.content(NAME) == MINE
            assert not list(env.journal_file.parent.glob("*.damaged*"))


def deaths_of_migrations(disk):
    """Kill a process that opens a journal of the first schema at each statement."""
    file = disk.root / ".jupyter-terra-env" / "journal.sqlite3"
    for number in itertools.count(1):
        disk.put_back()
        child = os.fork()
        if child == 0:
            open_and_die(file, Failpoints(number))
        _, ended = os.waitpid(child, 0)
        if os.WIFEXITED(ended):
            assert os.WEXITSTATUS(ended) == 0
            assert number > 10
            return
        yield number


def open_and_die(file, failpoints):
    opened = sqlite3.connect

    class Counted(sqlite3.Connection):
        def execute(self, *arguments):
            return failpoints.around(super().execute)(*arguments)

    journal_database.sqlite3.connect = lambda *a, **k: opened(*a, **k, factory=Counted)
    journal_database.JournalDatabase(file, log=None)
    os._exit(0)


def test_a_stopped_process_wakes_up_and_overwrites_no_one(disk):
    """SIGSTOP in the middle of an upload, for longer than a lock lasts; another person edits and saves meanwhile."""

    def story(env, outsider):
        outsider.put(NAME, BASE)
        env.open(NAME)

    prepare(disk, story)
    disk.put_back()
    child = os.fork()
    if child == 0:
        with disk.environment() as (env, _):
            send = requests.adapters.HTTPAdapter.send

            def stopped(adapter, request, *args, **kwargs):
                if "/upload/" in request.url:
                    os.kill(os.getpid(), signal.SIGSTOP)
                return send(adapter, request, *args, **kwargs)

            requests.adapters.HTTPAdapter.send = stopped
            env.run(env.storage.save(env.at(NAME), MINE))
            result = env.run(env.delocalizer.settle(env.at(NAME)))
            os._exit(0 if result.place in {Place.CONFLICT, Place.LOCKED} else 1)
    _, ended = os.waitpid(child, os.WUNTRACED)
    assert os.WIFSTOPPED(ended)
    elsewhere = Disk(disk.root.parent)
    elsewhere.root = disk.root.parent / "theirs"
    with elsewhere.environment(name="bob") as (other, _):
        other.ahead_ms += TTL_MS + 2 * ALLOWANCE_MS
        assert not other.run(other.localizer.open(other.at(NAME))).read_only
        assert other.save(NAME, THEIRS).place is Place.IN_WORKSPACE
    os.kill(child, signal.SIGCONT)
    _, ended = os.waitpid(child, 0)
    assert os.WEXITSTATUS(ended) == 0, "the upload was refused, and the status says so"
    with disk.environment() as (env, outsider):
        assert (env.read(NAME), outsider.content(NAME)) == (MINE, THEIRS)
        assert env.owed() == [f"ws/edit/{NAME}"]
