"""A bucket that hangs: what is on the disk is shown soon, and the answer counts when it comes."""

import asyncio

import pytest
from environments import until

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Delay, Fault, Hang
from jupyter_terra_env.notebooks.preview.content import Previews
from jupyter_terra_env.notebooks.sync import late_answers
from jupyter_terra_env.rules.edit_lock import EXPIRY_KEY
from jupyter_terra_env.rules.lock_view import LockState
from jupyter_terra_env.rules.status import Place

GET, LIST, PATCH, DOWNLOAD, UPLOAD = (
    "objects.get",
    "objects.list",
    "objects.patch",
    "objects.download",
    "objects.insert",
)


@pytest.fixture
def environment_settings():
    return {"patience_seconds": 0.2, "read_timeout_seconds": 30.0}


@pytest.fixture(autouse=True)
def soon_again(monkeypatch):
    monkeypatch.setattr(late_answers, "pause_seconds", lambda *_, **__: 0.02)


@pytest.fixture
def on_disk(env, outsider):
    """A notebook that was opened here before, by a server that has ended since."""
    outsider.put("a.ipynb", b"one")
    env.open("a.ipynb")
    env.give_back("a.ipynb")
    env.restart()
    env.faults.clear()
    return env


def soon(env, act):
    """Do what must not wait for the bucket's own time limits, which are longer."""

    async def acting():
        async with asyncio.timeout(5):
            return await act

    return env.run(acting())


def told(env, name="a.ipynb"):
    return env.run(env.delocalizer.current_status(env.at(name)))


async def told_at_last(env, place, reason=None):
    async with asyncio.timeout(10):
        while True:
            status = await env.delocalizer.current_status(env.at("a.ipynb"))
            if (status.place, status.reason) == (place, reason):
                return
            await asyncio.sleep(0.01)


class TestOpening:
    def test_shows_the_working_copy_as_offline_and_then_as_the_workspaces(self, on_disk):
        on_disk.faults.add(Fault(operation=GET, action=Hang(), times=2))
        opened = soon(on_disk, on_disk.localizer.open(on_disk.at("a.ipynb")))
        assert (opened.shown, opened.downloaded, opened.read_only) == (None, False, False)
        assert told(on_disk).place is Place.OFFLINE
        assert on_disk.lock_state("a.ipynb") is LockState.UNKNOWN
        on_disk.faults.release()
        on_disk.news.clear()
        on_disk.run(until(lambda: not on_disk.faults.pending))
        on_disk.faults.release()
        on_disk.run(told_at_last(on_disk, Place.IN_WORKSPACE))
        assert on_disk.news
        assert on_disk.lock_state("a.ipynb") is LockState.FREE

    def test_a_lock_that_is_taken_too_late_for_an_opening_is_kept(self, on_disk, outsider):
        """This server has seen the lock free."""
        on_disk.open("a.ipynb")
        on_disk.give_back("a.ipynb")
        on_disk.faults.add(Fault(operation=PATCH, action=Hang()))
        opened = soon(on_disk, on_disk.localizer.open(on_disk.at("a.ipynb")))
        assert (opened.shown, opened.read_only) == (None, False)
        assert told(on_disk).place is Place.OFFLINE
        on_disk.faults.release()
        on_disk.run(until(lambda: on_disk.lock_state("a.ipynb") is LockState.HELD))
        assert on_disk.holds("a.ipynb")
        on_disk.run(told_at_last(on_disk, Place.IN_WORKSPACE))

    def test_a_newer_version_is_reported_and_nothing_overwritten(self, on_disk, outsider):
        outsider.put("a.ipynb", b"newer")
        on_disk.faults.add(Fault(operation=GET, action=Hang()))
        soon(on_disk, on_disk.localizer.open(on_disk.at("a.ipynb")))
        on_disk.run(told_at_last(on_disk, Place.OFFLINE, "remote-changed"))
        assert on_disk.read("a.ipynb") == b"one"
        assert on_disk.save("a.ipynb", b"typed over the older one").place is Place.CONFLICT
        assert outsider.content("a.ipynb") == b"newer"
        assert on_disk.read("a.ipynb") == b"typed over the older one"

    def test_opening_again_shows_the_newer_version(self, on_disk, outsider):
        outsider.put("a.ipynb", b"newer")
        on_disk.faults.add(Fault(operation=GET, action=Hang()))
        soon(on_disk, on_disk.localizer.open(on_disk.at("a.ipynb")))
        on_disk.run(told_at_last(on_disk, Place.OFFLINE, "remote-changed"))
        assert on_disk.show("a.ipynb") == b"newer"
        assert told(on_disk).place is Place.IN_WORKSPACE

    def test_edits_are_delivered_when_the_answer_comes(self, on_disk, outsider):
        on_disk.faults.add(Fault(operation="*", action=AnswerWith(), times=1000))
        on_disk.save("a.ipynb", b"two")
        on_disk.restart()
        on_disk.faults.clear()
        on_disk.faults.add(Fault(operation=GET, action=Hang()))
        soon(on_disk, on_disk.localizer.open(on_disk.at("a.ipynb")))
        assert told(on_disk).place is Place.ON_DISK
        on_disk.run(told_at_last(on_disk, Place.IN_WORKSPACE))
        assert outsider.content("a.ipynb") == b"two"

    def test_a_deletion_is_reported(self, on_disk, outsider):
        outsider.delete("a.ipynb")
        on_disk.faults.add(Fault(operation=GET, action=Hang()))
        soon(on_disk, on_disk.localizer.open(on_disk.at("a.ipynb")))
        on_disk.run(told_at_last(on_disk, Place.CONFLICT, "remote-deleted"))
        assert on_disk.read("a.ipynb") == b"one"

    def test_an_outage_ends_in_the_background_as_well(self, on_disk):
        on_disk.faults.add(Fault(operation=GET, action=AnswerWith(), times=30))
        soon(on_disk, on_disk.localizer.open(on_disk.at("a.ipynb")))
        assert told(on_disk).place is Place.OFFLINE
        on_disk.run(told_at_last(on_disk, Place.IN_WORKSPACE))

    def test_what_was_saved_meanwhile_is_not_reported_again(self, on_disk, outsider):
        on_disk.faults.add(Fault(operation=GET, action=Hang(), times=2))
        soon(on_disk, on_disk.localizer.open(on_disk.at("a.ipynb")))
        on_disk.run(until(lambda: not on_disk.faults.pending))
        assert on_disk.save("a.ipynb", b"two").place is Place.IN_WORKSPACE
        on_disk.faults.release()
        on_disk.run(asyncio.sleep(0.2))
        assert told(on_disk).place is Place.IN_WORKSPACE
        assert outsider.content("a.ipynb") == b"two"

    def test_a_lock_that_cannot_be_written_soon_is_kept_when_it_comes(self, on_disk, outsider):
        on_disk.faults.add(Fault(operation=PATCH, action=Hang()))
        opened = soon(on_disk, on_disk.localizer.open(on_disk.at("a.ipynb")))
        assert opened.shown is None
        assert on_disk.lock_state("a.ipynb") is LockState.UNKNOWN
        on_disk.faults.release()
        on_disk.run(until(lambda: on_disk.lock_state("a.ipynb") is LockState.HELD))
        on_disk.faults.clear()
        assert on_disk.save("a.ipynb", b"two").place is Place.IN_WORKSPACE
        assert on_disk.operations == [UPLOAD]
        assert outsider.get("a.ipynb").metadata[EXPIRY_KEY] != "0"

    def test_a_newer_version_that_does_not_arrive_leaves_the_older_one_on_show(self, on_disk, outsider):
        outsider.put("a.ipynb", b"newer")
        on_disk.faults.add(Fault(operation=DOWNLOAD, action=Hang()))
        opened = soon(on_disk, on_disk.localizer.open(on_disk.at("a.ipynb")))
        assert (opened.shown, opened.downloaded) == (None, False)
        assert on_disk.read("a.ipynb") == b"one"
        assert told(on_disk).place is Place.OFFLINE
        on_disk.run(told_at_last(on_disk, Place.OFFLINE, "remote-changed"))
        on_disk.faults.release()
        assert on_disk.show("a.ipynb") == b"newer"
        assert on_disk.litter() == []

    def test_what_is_not_on_the_disk_is_waited_for(self, env, outsider):
        outsider.put("a.ipynb", b"one")
        env.faults.add(*(Fault(operation=verb, action=Delay(seconds=0.4)) for verb in (GET, DOWNLOAD)))
        assert env.show("a.ipynb") == b"one"


class TestFolders:
    def test_a_listing_that_hangs_shows_the_disk_and_counts_later(self, on_disk):
        on_disk.faults.add(Fault(operation=LIST, action=Hang()))
        folder = on_disk.at("a.ipynb").parent
        first = soon(on_disk, on_disk.listings.bucket_folder(folder))
        assert (first.trouble.trouble.value, first.names) == ("unreachable", frozenset())
        on_disk.faults.release()
        assert soon(on_disk, on_disk.listings.bucket_folder(folder)).names == {"a.ipynb"}
        assert on_disk.operations == [LIST]

    def test_a_listing_that_arrives_part_by_part_is_waited_for(self, env, outsider, monkeypatch):
        for number in range(4):
            outsider.put(f"{number}.ipynb", b"x")
        listed = env.client.list_blobs
        monkeypatch.setattr(env.client, "list_blobs", lambda *args, **how: listed(*args, page_size=1, **how))
        env.faults.add(Fault(operation=LIST, action=Delay(seconds=0.15), times=4))
        folder = env.run(env.listings.bucket_folder(env.at("a.ipynb").parent))
        assert (folder.trouble, len(folder.names)) == (None, 4)


def test_a_preview_shows_the_disk(on_disk):
    on_disk.faults.add(Fault(operation=DOWNLOAD, action=Hang()))
    assert soon(on_disk, Previews(on_disk.storage).content(on_disk.at("a.ipynb"))) == b"one"


def test_keeping_edits_does_not_wait(on_disk):
    on_disk.run(on_disk.storage.unseen.add(on_disk.at("a.ipynb")))
    on_disk.faults.add(Fault(operation=GET, action=Hang()))
    soon(on_disk, on_disk.saves.save(on_disk.at("a.ipynb"), b"two"))
    assert on_disk.read("a (my edits).ipynb") == b"one"
