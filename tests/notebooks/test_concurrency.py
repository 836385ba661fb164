"""The same for many items, several at once, and tries of a compare-and-set."""

import asyncio

import pytest
from environments import WORKSPACE

from jupyter_terra_env.notebooks.concurrency import for_each
from jupyter_terra_env.notebooks.storage.object_versions import Rounds
from jupyter_terra_env.rules.errors import BucketUnavailable
from jupyter_terra_env.rules.workspace import Workspaces


def test_never_more_than_the_limit_run_at_once():
    running, most = 0, 0

    async def act(_item):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    asyncio.run(for_each(range(10), act, at_once=3))
    assert (running, most) == (0, 3)


def test_the_first_failure_is_raised_when_all_have_ended():
    ended = []

    async def act(item):
        await asyncio.sleep(0)
        ended.append(item)
        if item < 2:
            raise ValueError(item)

    with pytest.raises(ValueError, match="0"):
        asyncio.run(for_each(range(5), act))
    assert sorted(ended) == [0, 1, 2, 3, 4]


def test_the_tries_of_a_compare_and_set_have_an_end():
    rounds = Rounds(Workspaces((WORKSPACE,)).locate("ws/edit/a.ipynb"), most=2)
    rounds.begin()
    rounds.begin()
    with pytest.raises(BucketUnavailable, match="kept changing"):
        rounds.begin()
