"""What the machine costs, kept up to date while the server runs."""

import asyncio
import logging

import pytest

from jupyter_terra_env.environment.price_file import built_in
from jupyter_terra_env.rules.autopause.cost import Machine
from jupyter_terra_env.server.autopause.cost_watch import CostWatch

KNOWN = Machine(machine_type="n1-standard-4", region="us-central1", boot_disk_gb=50)


class Cloud:
    """Gives the answers one after another; ``slept`` is set after each, and the next reading waits for ``again``."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.slept, self.again = asyncio.Event(), asyncio.Event()

    async def read(self):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def sleep(self, _seconds):
        self.slept.set()
        await self.again.wait()
        self.again.clear()


def watch_of(cloud, *, read=True):
    log = logging.getLogger("test")
    return CostWatch(built_in(), read_machine=cloud.read if read else None, sleep=cloud.sleep, log=log)


async def test_the_cost_is_known_after_the_first_reading_and_kept_over_a_failed_one():
    cloud = Cloud(KNOWN, ConnectionError("silence"))
    watch = watch_of(cloud)
    assert watch.current.cost.running is None
    watch.start()
    await asyncio.wait_for(cloud.slept.wait(), 10)
    first = watch.current
    assert first.cost.running is not None
    assert first.dated == built_in().dated
    cloud.slept.clear()
    cloud.again.set()
    await asyncio.wait_for(cloud.slept.wait(), 10)
    assert watch.current == first
    assert cloud.answers == []
    await watch.close()


async def test_without_a_cloud_the_cost_stays_unknown():
    cloud = Cloud()
    watch = watch_of(cloud, read=False)
    watch.start()
    assert watch.current.cost.running is None
    await watch.close()


@pytest.mark.parametrize("started", [True, False])
async def test_it_ends_whether_or_not_it_was_started(started):
    watch = watch_of(Cloud(KNOWN))
    if started:
        watch.start()
    await watch.close()
