"""Notices of the cloud about the machine, over HTTP, and the reaction to them."""

import asyncio
import logging
import time
from collections import defaultdict

import pytest
from fake_cloud import FakeCloud

from jupyter_terra_env.autopause.flush import FlushCause
from jupyter_terra_env.autopause.notices import NoticeWatch
from jupyter_terra_env.environment.machine_facts import instance_name, machine_of_leonardo, machine_of_metadata
from jupyter_terra_env.environment.machine_identity import machine_identity
from jupyter_terra_env.environment.metadata import MetadataServer, NotMetadata, attributes, is_on_compute_engine
from jupyter_terra_env.environment.price_file import built_in
from jupyter_terra_env.rules.autopause.cost import cost_of, in_dollars


@pytest.fixture
def cloud():
    with FakeCloud() as cloud:
        yield cloud


@pytest.fixture
def metadata(cloud, jp_asyncio_loop):
    server = MetadataServer({"GCE_METADATA_HOST": cloud.host})
    yield server
    jp_asyncio_loop.run_until_complete(server.close())


@pytest.fixture
def watching(metadata, jp_asyncio_loop):
    """A watch whose notices are collected, with the seconds waited between tries by each of its tasks."""
    notices, waited = [], defaultdict(list)

    async def on_notice(cause, seconds_left):
        notices.append((cause, seconds_left))

    async def sleep(seconds):
        waited[asyncio.current_task().get_name()].append(seconds)
        await asyncio.sleep(0)

    watch = NoticeWatch(metadata, on_notice=on_notice, sleep=sleep, log=logging.getLogger("notices"))
    yield watch, notices, waited
    jp_asyncio_loop.run_until_complete(watch.close())


async def until(holds, at_most=60.0):
    deadline = time.monotonic() + at_most
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("key", "value", "cause"),
    [
        ("instance/preempted", "TRUE", FlushCause.PREEMPTED),
        ("instance/maintenance-event", "TERMINATE_ON_HOST_MAINTENANCE", FlushCause.MAINTENANCE),
        ("instance/shutdown-details/stop-state", "PENDING_STOP", FlushCause.STOPPING),
    ],
)
async def test_a_notice_arrives_at_once_and_once(cloud, watching, key, value, cause):
    watch, notices, waited = watching
    cloud.metadata.setdefault(key, "UNSPECIFIED")
    watch.start()
    await asyncio.sleep(0.3)
    assert notices == []
    cloud.set(key, value)
    await until(lambda: notices)
    assert waited == {}, "the metadata server says it, nobody polls"
    await asyncio.sleep(0.3)
    assert [cause_ for cause_, _ in notices] == [cause]
    assert notices[0][1] >= 30


@pytest.mark.parametrize(
    ("key", "value"),
    [("instance/maintenance-event", "MIGRATE_ON_HOST_MAINTENANCE"), ("instance/preempted", "SOMETHING")],
)
async def test_other_values_are_none(cloud, watching, key, value):
    watch, notices, _ = watching
    watch.start()
    await asyncio.sleep(0.2)
    cloud.set(key, value)
    await asyncio.sleep(0.4)
    assert notices == []


async def test_a_notice_that_came_before_the_server_started_is_noticed(cloud, watching):
    watch, notices, _ = watching
    cloud.metadata["instance/preempted"] = "TRUE"
    watch.start()
    await until(lambda: notices)


async def test_a_key_the_machine_does_not_have_is_not_asked_again(cloud, watching):
    watch, _, waited = watching
    watch.start()

    def asked():
        return sum(path.endswith("stop-state") for _, path, _ in cloud.requests)

    await until(asked)
    await asyncio.sleep(0.4)
    assert asked() == 1
    assert watch.is_watching
    assert waited == {}


async def test_an_outage_is_waited_out_and_reported_once(cloud, watching, caplog):
    watch, notices, waited = watching
    cloud.faults["metadata"].extend([503] * 12)
    watch.start()
    await until(lambda: not cloud.faults["metadata"] and sum(map(len, waited.values())) == 12)
    # Which key meets how many of the failures is left to chance; each waits longer after each of its own.
    for waits in waited.values():
        assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, *[60.0] * 6][: len(waits)]
    assert sum("cannot be read for now" in record.message for record in caplog.records) == len(waited)
    cloud.set("instance/preempted", "TRUE")
    await until(lambda: notices)


@pytest.mark.parametrize("flavor", ["", "Other"])
async def test_another_person_at_the_address_is_not_believed(cloud, watching, metadata, flavor):
    watch, notices, _ = watching
    cloud.flavor = flavor
    cloud.metadata["instance/preempted"] = "TRUE"
    watch.start()
    await until(lambda: not watch.is_watching)
    assert notices == []
    with pytest.raises(NotMetadata):
        await metadata.get("instance/name")


async def test_closing_does_not_wait_for_the_long_poll(watching):
    watch, _, _ = watching
    watch.start()
    await asyncio.sleep(0.3)
    async with asyncio.timeout(30):  # a poll takes twice as long
        await watch.close()


async def test_no_one_there_is_no_answer():
    server = MetadataServer({"GCE_METADATA_HOST": "127.0.0.1:9"})
    with pytest.raises(ConnectionError):
        await server.get("instance/name")
    await server.close()


@pytest.mark.parametrize(
    ("environ", "product", "there"),
    [
        ({}, "Google Compute Engine\n", True),
        ({}, "Standard PC\n", False),
        ({}, None, False),
        ({"GCE_METADATA_HOST": "h"}, None, True),
    ],
)
def test_where_there_is_a_metadata_server_is_known_without_asking(tmp_path, environ, product, there):
    name = tmp_path / "product_name"
    if product is not None:
        name.write_text(product)
    assert is_on_compute_engine(environ, name) is there


def test_settings_of_the_machine_are_read_at_the_start(cloud):
    cloud.attributes = {"terra-env-idle-timeout-seconds": "900", "startup-script": "#!/bin/sh"}
    assert attributes({"GCE_METADATA_HOST": cloud.host}) == {"idle-timeout-seconds": "900"}
    cloud.flavor = "Other"
    assert attributes({"GCE_METADATA_HOST": cloud.host}) == {}
    assert attributes({"GCE_METADATA_HOST": "127.0.0.1:9"}) == {}


def test_a_machine_is_named_by_its_instance_id(cloud, tmp_path):
    nothing = tmp_path / "no-machine-id"
    there = {"GCE_METADATA_HOST": cloud.host}
    assert machine_identity(there, machine_id_file=nothing) == "compute-engine:1"
    cloud.flavor = "Somebody else's"
    assert machine_identity(there, machine_id_file=nothing) is None
    assert machine_identity({"GCE_METADATA_HOST": "127.0.0.1:9"}, machine_id_file=nothing) is None


async def test_what_the_machine_is_and_costs(cloud, metadata):
    assert await instance_name(metadata) is not None
    machine = await machine_of_metadata(metadata, boot_disk_gb=250)
    assert in_dollars(cost_of(machine, built_in()).running) == "$0.20"
    cloud.metadata["instance/network-interfaces/0/access-configs/0/external-ip"] = "192.0.2.1"
    cloud.metadata["instance/scheduling/preemptible"] = "TRUE"
    machine = await machine_of_metadata(metadata, boot_disk_gb=None)
    assert (machine.external_ips, machine.preemptible) == (1, True)
    assert cost_of(machine, built_in()).running is None
    completed = machine_of_leonardo(
        machine,
        {"bootDiskSize": 250, "gpuConfig": {"gpuType": "nvidia-tesla-t4", "numOfGpus": 2}, "zone": "us-east1-b"},
    )
    assert (completed.boot_disk_gb, completed.gpu_type, completed.gpu_count) == (250, "nvidia-tesla-t4", 2)
    assert completed.region == "us-east1"
    assert machine_of_leonardo(machine, {}) == machine
