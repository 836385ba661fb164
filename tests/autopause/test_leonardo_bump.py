"""Leonardo is notified of use that it cannot see, through the real HTTP client."""

import asyncio
import logging

import httpx
import pytest
from autopause_kit import Clock, FakeClocks
from fake_cloud import PROJECT, RUNTIME, FakeCloud

from jupyter_terra_env.autopause.leonardo_bump import LeonardoBump
from jupyter_terra_env.environment.leonardo import LeonardoRuntime, RuntimeName
from jupyter_terra_env.rules.autopause.state import PauseState, Phase


class _Token:
    async def token(self, *, refresh=False):
        return "token-1"


@pytest.fixture
def cloud():
    with FakeCloud() as cloud:
        yield cloud


@pytest.fixture
def tick(cloud, jp_asyncio_loop):
    """Let ten seconds pass, then look at the pause machine in a phase."""
    clock = Clock()
    client = httpx.AsyncClient(timeout=5)
    runtime = LeonardoRuntime(RuntimeName(url=cloud.url, project=PROJECT, name=RUNTIME), tokens=_Token(), client=client)
    bump = LeonardoBump(runtime, monotonic=clock, log=logging.getLogger("bump"))

    async def once(phase):
        clock.now += 10
        bump.ticked(PauseState(clocks=FakeClocks()(), phase=phase))
        await asyncio.gather(*([bump._notifying] if bump._notifying else []))

    yield once
    jp_asyncio_loop.run_until_complete(bump.close())
    jp_asyncio_loop.run_until_complete(client.aclose())


async def test_it_hears_of_work_every_ten_minutes(tick, cloud):
    for _ in range(121):
        await tick(Phase.WORKING)
    assert cloud.thresholds == [30, 31, 30, 31]


async def test_idle_time_begins_where_work_ends(tick, cloud):
    await tick(Phase.WORKING)
    for _ in range(120):
        await tick(Phase.IDLE)
    assert cloud.thresholds == [30, 31, 30]


async def test_an_idle_environment_is_left_to_it(tick, cloud):
    for _ in range(120):
        await tick(Phase.IDLE)
    assert cloud.requests == []


async def test_what_pauses_nothing_is_not_switched_on(tick, cloud):
    cloud.thresholds = [0]
    for _ in range(10):
        await tick(Phase.WORKING)
    assert cloud.thresholds == [0]


@pytest.mark.parametrize("fault", [403, 409, 500, "drop"])
async def test_trouble_is_reported_once_and_tried_again(tick, cloud, caplog, fault):
    cloud.faults["leonardo"].extend([fault, fault])
    for _ in range(13):
        await tick(Phase.WORKING)
    warnings = [record.getMessage() for record in caplog.records if record.name == "bump"]
    assert len(warnings) == 1
    assert warnings[0].startswith("Leonardo could not be notified that this environment is in use")
    assert cloud.thresholds == [30, 31], "a minute later each"
