"""Requests of one kind wait for each other and for no others."""

import asyncio
import io

import pytest
from environments import BUCKET, Environment, environments, shared_bucket

from jupyter_terra_env.bucket.connection import Connection
from jupyter_terra_env.bucket.embedded.faults import Fault, Hang
from jupyter_terra_env.bucket.store import MatchVersion, MustNotExist

MANY = 3 * Connection().concurrency
"""More than there are threads of any kind."""


@pytest.fixture
def env(tmp_path):
    with (
        shared_bucket() as outsider,
        environments(tmp_path, outsider.engine, "mine", read_timeout_seconds=30.0) as [env],
    ):
        env.outsider = outsider
        yield env


def version(blob):
    return MatchVersion(generation=blob.generation, metageneration=blob.metageneration)


async def writing(bucket, name):
    return await bucket.write(
        name, io.BytesIO(b"x"), content_type="text/plain", metadata={}, precondition=MustNotExist()
    )


KINDS = {
    "objects.insert": lambda env, bucket, number: writing(bucket, f"new-{number}"),
    "objects.download": lambda env, bucket, number: bucket.read_into(
        "notebooks/a", env.outsider.get("a").generation, io.BytesIO()
    ),
    "objects.get": lambda env, bucket, number: bucket.stat("notebooks/a"),
    "objects.list": lambda env, bucket, number: bucket.list("notebooks/"),
    "objects.delete": lambda env, bucket, number: bucket.delete(
        f"notebooks/deleted-{number}", version(env.outsider.put(f"deleted-{number}", b"x"))
    ),
}
WAITS_FOR_ITSELF = {"objects.get": {"objects.list"}, "objects.list": {"objects.get"}}


@pytest.mark.parametrize("hung", KINDS)
def test_many_of_one_kind_that_hang_keep_no_other_waiting(env: Environment, hung):
    blob = env.outsider.put("a", b"one")
    bucket, locks = (env.threads.bucket(BUCKET, None, urgent=urgent) for urgent in (False, True))
    env.faults.add(Fault(operation=hung, action=Hang(), times=MANY))

    async def scenario():
        tasks = [asyncio.create_task(KINDS[hung](env, bucket, number)) for number in range(MANY)]
        await asyncio.sleep(0)  # They are in line before the others come.
        others = KINDS.keys() - {hung} - WAITS_FOR_ITSELF.get(hung, set())
        async with asyncio.timeout(20):
            for kind in sorted(others):
                await KINDS[kind](env, bucket, MANY)
            await locks.patch_metadata("notebooks/a", {"k": "v"}, version(blob))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    env.run(scenario())
    env.faults.clear()
