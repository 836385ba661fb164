"""Which notebooks are in use, and what follows for their locks. Seconds are moved by hand, looks are real."""

import asyncio
import time

import pytest
from environments import BUCKET, until

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault, Hang
from jupyter_terra_env.notebooks.locks.lock_keeper import KeepingTimes, LockKeeper
from jupyter_terra_env.notebooks.locks.lock_watch import LockWatch
from jupyter_terra_env.rules.edit_lock import EXPIRY_KEY, OWNER_KEY, RENEWAL_MS, owner_hash
from jupyter_terra_env.rules.lock_view import LockState

PATCH, LIST, UPLOAD = "objects.patch", "objects.list", "objects.insert"
NAME = "a.ipynb"


class Kept:
    """An environment with a keeper, and what the tests move."""

    def __init__(self, env):
        self.env = env
        self.now = 1000.0
        self.kernels = set()
        self.keeper = LockKeeper(
            env.locks,
            env.storage.writes,
            LockWatch(env.storage, env.locks, now_ms=env.clock.now_ms),
            in_use=self.in_use,
            monotonic=lambda: self.now,
            log=env.log,
            times=KeepingTimes(look=0.01),
        )

    async def in_use(self):
        return self.kernels

    @property
    def at(self):
        return self.env.at(NAME)

    async def open(self):
        await self.env.localizer.open(self.at)
        self.keeper.touch(self.at)

    async def pass_seconds(self, seconds):
        """Let the keeper look a few times before and after."""
        await asyncio.sleep(0.05)
        self.now += seconds
        self.env.ahead_ms += int(seconds * 1000)
        await asyncio.sleep(0.1)
        await asyncio.gather(*self.keeper._acts.values())

    @property
    def patches(self):
        return self.env.operations.count(PATCH)

    @property
    def is_given_back(self):
        return self.outsider.get(NAME).metadata[EXPIRY_KEY] == "0"


@pytest.fixture
def kept(env, outsider):
    outsider.put(NAME, b"one")
    kept = Kept(env)
    kept.outsider = outsider
    yield kept
    env.run(kept.keeper.close(5.0))


def scenario(function):
    """Run a coroutine test on the environment's own loop."""

    def test(kept):
        kept.env.run(function(kept))

    test.__name__, test.__doc__ = function.__name__, function.__doc__
    return test


@scenario
async def test_an_open_tab_renews_once_a_minute(kept):
    await kept.open()
    kept.keeper.enter(kept.at)
    for minute in range(1, 4):
        before = kept.patches
        await kept.pass_seconds(RENEWAL_MS / 1000 - 5)
        assert kept.patches == before, minute
        await kept.pass_seconds(5.5)
        assert kept.patches == before + 1, minute
    assert kept.env.operations[-3:] == [PATCH] * 3, "and nothing but that"


@scenario
async def test_a_closed_tab_gives_the_lock_back_after_the_grace(kept):
    await kept.open()
    tab = kept.keeper.enter(kept.at)
    kept.keeper.leave(tab)
    await kept.pass_seconds(11)
    assert not kept.is_given_back
    await kept.pass_seconds(2)
    assert kept.is_given_back
    assert kept.env.lock_state(NAME) is LockState.FREE


@scenario
async def test_a_reload_keeps_it(kept):
    await kept.open()
    kept.keeper.leave(kept.keeper.enter(kept.at))
    await kept.pass_seconds(8)
    kept.keeper.enter(kept.at)
    await kept.pass_seconds(30)
    assert not kept.is_given_back
    assert kept.patches == 1


@scenario
async def test_the_last_of_two_tabs_counts(kept):
    await kept.open()
    first, _ = kept.keeper.enter(kept.at), kept.keeper.enter(kept.at)
    kept.keeper.leave(first)
    await kept.pass_seconds(30)
    assert not kept.is_given_back


@scenario
async def test_a_client_without_tabs_keeps_it_by_its_kernel(kept):
    await kept.open()
    kept.kernels = {kept.at.api_path}
    await kept.pass_seconds(50)
    await kept.pass_seconds(50)
    await kept.pass_seconds(50)
    assert not kept.is_given_back
    kept.kernels = set()
    await kept.pass_seconds(0)
    await kept.pass_seconds(13)
    assert kept.is_given_back


@scenario
async def test_what_was_opened_and_never_used_is_given_back_after_a_minute(kept):
    await kept.open()
    await kept.pass_seconds(59)
    assert not kept.is_given_back
    await kept.pass_seconds(14)
    assert kept.is_given_back


@scenario
async def test_a_notebook_that_is_being_uploaded_is_left_alone(kept):
    await kept.open()
    tab = kept.keeper.enter(kept.at)
    kept.env.faults.add(Fault(operation=UPLOAD, action=Hang()))
    await kept.env.storage.save(kept.at, b"two")
    upload = kept.env.delocalizer.start(kept.at)
    await until(lambda: not kept.env.faults.pending)
    before = kept.patches
    await kept.pass_seconds(70)
    assert kept.patches == before
    kept.keeper.leave(tab)
    kept.env.faults.release()
    await upload.task
    await kept.pass_seconds(13)
    assert kept.is_given_back
    assert kept.outsider.content(NAME) == b"two"


@scenario
async def test_a_lost_lock_is_noticed_and_reported(kept):
    await kept.open()
    kept.keeper.enter(kept.at)
    expiry = str(int((time.time() + 400) * 1000))
    kept.outsider.lock(NAME, **{OWNER_KEY: owner_hash(BUCKET, "bob@example.org"), EXPIRY_KEY: expiry})
    kept.env.news.clear()
    await kept.pass_seconds(61)
    view = kept.env.locks.view(kept.at)
    assert (view.state, view.lost) == (LockState.HELD_BY_OTHER, True)
    assert kept.env.news
    assert kept.outsider.get(NAME).metadata[EXPIRY_KEY] == expiry


@scenario
async def test_a_waiting_person_is_notified_when_it_is_free(kept):
    theirs = {OWNER_KEY: owner_hash(BUCKET, "bob@example.org"), EXPIRY_KEY: str(int((time.time() + 900) * 1000))}
    kept.outsider.lock(NAME, **theirs)
    await kept.open()
    kept.keeper.enter(kept.at)
    await kept.pass_seconds(11)
    assert kept.env.lock_state(NAME) is LockState.HELD_BY_OTHER
    kept.outsider.lock(NAME, **{EXPIRY_KEY: "0"})
    kept.env.news.clear()
    await kept.pass_seconds(11)
    assert kept.env.lock_state(NAME) is LockState.FREE
    assert kept.env.news
    listings = kept.env.operations.count(LIST)
    await kept.pass_seconds(60)
    assert kept.env.operations.count(LIST) == listings, "nothing is waited for any more"
    assert PATCH not in kept.env.operations, "and nothing was taken"


@scenario
async def test_many_that_are_waited_for_in_one_folder_cost_one_listing(kept):
    theirs = {OWNER_KEY: owner_hash(BUCKET, "bob@example.org"), EXPIRY_KEY: str(int((time.time() + 900) * 1000))}
    names = [f"{number}.ipynb" for number in range(5)]
    for name in names:
        kept.outsider.put(name, b"theirs", theirs)
        await kept.env.localizer.open(kept.env.at(name))
        kept.keeper.enter(kept.env.at(name))
    await kept.pass_seconds(0)
    kept.env.faults.clear()
    await kept.pass_seconds(11)
    assert kept.env.operations == [LIST]


@scenario
async def test_a_bucket_that_does_not_answer_is_asked_again_later_and_the_lock_kept(kept):
    await kept.open()
    kept.keeper.enter(kept.at)
    kept.env.faults.add(Fault(operation=PATCH, action=AnswerWith(), times=2))
    await kept.pass_seconds(61)
    assert kept.env.lock_state(NAME) is LockState.HELD
    await kept.pass_seconds(11)
    assert kept.env.holds_now(await kept.env.storage.stat(kept.at))
    lock = kept.env.locks.view(kept.at).lock
    assert not kept.env.locks.is_due(lock)


@scenario
async def test_giving_back_at_once_leaves_another_tab_its_lock(kept):
    await kept.open()
    tab = kept.keeper.enter(kept.at)
    await kept.keeper.give_back(kept.at)
    assert not kept.is_given_back
    kept.keeper.leave(tab)
    await kept.keeper.give_back(kept.at)
    assert kept.is_given_back


@scenario
async def test_a_tab_that_comes_back_later_goes_on_if_nothing_has_happened(kept):
    await kept.open()
    kept.keeper.leave(kept.keeper.enter(kept.at))
    await kept.pass_seconds(13)
    assert kept.is_given_back
    kept.keeper.enter(kept.at)
    await kept.pass_seconds(1)
    assert kept.env.lock_state(NAME) is LockState.HELD


@scenario
async def test_a_tab_that_comes_back_to_other_content_takes_nothing(kept):
    await kept.open()
    kept.keeper.leave(kept.keeper.enter(kept.at))
    await kept.pass_seconds(13)
    blob = kept.outsider.put(NAME, b"theirs", kept.outsider.get(NAME).metadata)
    kept.keeper.enter(kept.at)
    await kept.pass_seconds(1)
    assert kept.outsider.get(NAME).metageneration == blob.metageneration


@scenario
async def test_a_renamed_notebook_is_kept_under_its_new_name(kept):
    await kept.open()
    tab = kept.keeper.enter(kept.at)
    new = kept.env.at("b.ipynb")
    await kept.env.renaming(NAME, "b.ipynb")
    kept.keeper.moved(kept.at, new)
    await kept.pass_seconds(61)
    assert kept.outsider.get("b.ipynb").metadata[EXPIRY_KEY] != "0"
    kept.keeper.leave(tab)
    await kept.pass_seconds(13)
    assert kept.outsider.get("b.ipynb").metadata[EXPIRY_KEY] == "0"


@scenario
async def test_closing_gives_everything_back(kept):
    await kept.open()
    kept.keeper.enter(kept.at)
    await kept.keeper.close(5.0)
    assert kept.is_given_back


@scenario
async def test_nothing_runs_when_there_is_nothing_to_keep(kept):
    await kept.open()
    await kept.pass_seconds(60)
    await kept.pass_seconds(13)
    await kept.pass_seconds(13)
    assert kept.keeper._looking.done()


async def opening_two(kept, *, theirs="theirs.ipynb"):
    """Ours, whose lock is kept, and one of another person, whose lock is waited for."""
    record = {OWNER_KEY: owner_hash(BUCKET, "bob@example.org"), EXPIRY_KEY: str(int((time.time() + 900) * 1000))}
    kept.outsider.put(theirs, b"theirs", record)
    await kept.open()
    await kept.env.localizer.open(kept.env.at(theirs))
    kept.keeper.enter(kept.at)
    kept.keeper.enter(kept.env.at(theirs))
    await kept.pass_seconds(0)


@scenario
async def test_renewals_do_not_wait_for_a_listing_that_hangs(kept):
    await opening_two(kept)
    kept.env.faults.add(Fault(operation=LIST, action=Hang()))
    await kept.pass_seconds(11)
    await until(lambda: not kept.env.faults.pending)
    before = kept.patches
    for _ in range(3):
        await kept.pass_seconds(61)
    assert kept.patches == before + 3


@scenario
async def test_one_folder_is_looked_into_while_another_hangs(kept):
    await opening_two(kept, theirs="folder/theirs.ipynb")
    other = kept.env.at("other/theirs.ipynb")
    record = {OWNER_KEY: owner_hash(BUCKET, "bob@example.org"), EXPIRY_KEY: str(int((time.time() + 900) * 1000))}
    kept.outsider.put("other/theirs.ipynb", b"theirs", record)
    await kept.env.localizer.open(other)
    kept.keeper.enter(other)
    kept.env.faults.add(Fault(operation=LIST, action=Hang()))
    await kept.pass_seconds(11)
    kept.outsider.lock("other/theirs.ipynb", **{EXPIRY_KEY: "0"})
    kept.outsider.lock("folder/theirs.ipynb", **{EXPIRY_KEY: "0"})
    await kept.pass_seconds(11)
    states = {kept.env.lock_state(f"{folder}/theirs.ipynb") for folder in ("folder", "other")}
    assert states == {LockState.FREE, LockState.HELD_BY_OTHER}


@scenario
async def test_renewals_do_not_wait_for_kernels_that_do_not_answer(kept):
    await kept.open()
    kept.keeper.enter(kept.at)
    await kept.pass_seconds(0)
    kept.keeper._in_use = asyncio.Event().wait
    before = kept.patches
    await kept.pass_seconds(61)
    await kept.pass_seconds(61)
    assert kept.patches == before + 2


@scenario
async def test_renewals_go_on_when_asking_for_kernels_fails(kept):
    await kept.open()
    kept.keeper.enter(kept.at)
    await kept.pass_seconds(0)

    async def failing():
        raise RuntimeError("kernels")

    kept.keeper._in_use = failing
    before = kept.patches
    await kept.pass_seconds(61)
    assert kept.patches == before + 1


@scenario
async def test_many_renewals_that_hang_delay_no_other(kept):
    """More than there are threads for locks would be the bucket's outage; a few are an object's."""
    hung = [f"hung-{number}.ipynb" for number in range(6)]
    for name in hung:
        kept.outsider.put(name, b"x")
        await kept.env.localizer.open(kept.env.at(name))
        kept.keeper.enter(kept.env.at(name))
    await kept.open()
    kept.keeper.enter(kept.at)
    await kept.pass_seconds(0)
    for name in hung:
        kept.env.faults.add(Fault(operation=PATCH, action=Hang(), name_prefix=f"notebooks/{name}"))
    kept.now += 61
    kept.env.ahead_ms += 61_000
    await until(lambda: not kept.env.faults.pending)
    await until(lambda: not kept.env.locks.is_due(kept.env.locks.view(kept.at).lock))


@scenario
async def test_a_renewal_that_hangs_is_given_up_and_tried_again(kept):
    kept.keeper._times = KeepingTimes(look=0.01, longest=0.1)
    await kept.open()
    kept.keeper.enter(kept.at)
    await kept.pass_seconds(0)
    kept.env.faults.add(Fault(operation=PATCH, action=Hang()))
    kept.now += 61
    kept.env.ahead_ms += 61_000
    await until(lambda: kept.keeper._not_before)
    assert kept.env.lock_state(NAME) is LockState.HELD
    kept.env.faults.release()
    await kept.pass_seconds(11)
    assert kept.env.holds_now(await kept.env.storage.stat(kept.at))
    assert not kept.env.locks.is_due(kept.env.locks.view(kept.at).lock)


@scenario
async def test_nothing_is_given_back_while_kernels_do_not_answer(kept):
    await kept.open()
    tab = kept.keeper.enter(kept.at)
    answer = asyncio.get_running_loop().create_future()
    kept.keeper._in_use = lambda: answer
    await kept.pass_seconds(0)
    kept.keeper.leave(tab)
    await kept.pass_seconds(30)
    assert not kept.is_given_back
    kept.keeper._in_use = kept.in_use
    answer.set_result(())
    await kept.pass_seconds(13)
    assert kept.is_given_back


@scenario
async def test_what_is_acquired_is_kept_as_long_as_an_opened_notebook(kept):
    await kept.env.localizer.open(kept.at, to_edit=False)
    await kept.keeper.acquire(kept.at)
    assert kept.env.lock_state(NAME) is LockState.HELD
    await kept.pass_seconds(59)
    assert not kept.is_given_back
    await kept.pass_seconds(14)
    assert kept.is_given_back


@scenario
async def test_all_is_given_back_at_once_though_a_tab_shows_it(kept):
    await kept.open()
    kept.keeper.enter(kept.at)
    await kept.keeper.give_all_back(5.0)
    assert kept.is_given_back


@scenario
async def test_a_lock_that_a_bucket_without_answers_keeps_is_not_waited_for(kept):
    await kept.open()
    kept.env.faults.add(Fault(operation=PATCH, action=Hang(), times=100))
    with pytest.raises(TimeoutError):
        await kept.keeper.give_all_back(0.1)
    kept.env.faults.release()
