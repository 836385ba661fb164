"""Several processes on one data folder, and processes that are killed."""

import json
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from google.api_core import exceptions

SERVER = [sys.executable, "-m", "jupyter_terra_env.cli.bucket", "--json", "--data"]
WITHIN = """
import json, sys
from pathlib import Path
from jupyter_terra_env.bucket.embedded.api import EmbeddedBucket
from jupyter_terra_env.bucket.embedded.messages import Request
path, rounds = Path(sys.argv[1]), int(sys.argv[2])
target, wins = "/storage/v1/b/a-bucket/o/o", 0
with EmbeddedBucket(path) as bucket:
    while wins < rounds:
        seen = json.loads(bucket.handle(Request(method="GET", target=target)).body)
        count = int(seen.get("metadata", {}).get("count", "0")) + 1
        body = json.dumps({"metadata": {"count": str(count)}}).encode()
        condition = f"?ifMetagenerationMatch={seen['metageneration']}"
        wins += bucket.handle(Request(method="PATCH", target=target + condition, body=body)).status == 200
"""


@pytest.fixture
def serve():
    """Start servers; those still running after the test are killed."""
    processes = []

    def start(data):
        process = subprocess.Popen([*SERVER, str(data)], stdout=subprocess.PIPE, text=True)
        processes.append(process)
        return process, json.loads(process.stdout.readline())["STORAGE_EMULATOR_HOST"]

    yield start
    for process in processes:
        process.kill()
        process.wait(10)
        process.stdout.close()


@pytest.fixture
def two_hosts(tmp_path):
    """Two servers that open, and create, one database at the same moment."""
    processes = [subprocess.Popen([*SERVER, str(tmp_path)], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    hosts = [json.loads(process.stdout.readline())["STORAGE_EMULATOR_HOST"] for process in processes]
    requests.post(f"{hosts[0]}/storage/v1/b", json={"name": "a-bucket"}, timeout=5)
    yield hosts
    for process in processes:
        process.terminate()
    for process in processes:
        assert process.wait(10) == 0
        process.stdout.close()


def test_compare_and_set_loses_no_update_between_two_servers(two_hosts, connected):
    clients = [connected(host) for host in two_hosts]
    clients[0].bucket("a-bucket").blob("o").upload_from_string(b"x")

    def count_up(worker):
        bucket, won = clients[worker % 2].bucket("a-bucket"), 0
        while won < 10:
            seen = bucket.get_blob("o")
            mine = bucket.blob("o")
            mine.metadata = {"count": str(int((seen.metadata or {}).get("count", "0")) + 1)}
            try:
                mine.patch(if_metageneration_match=seen.metageneration, retry=None)
            except exceptions.PreconditionFailed:
                continue
            won += 1

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(count_up, range(6)))
    final = clients[1].bucket("a-bucket").get_blob("o")
    assert (final.metadata, final.metageneration) == ({"count": "60"}, 61)


def test_compare_and_set_loses_no_update_between_processes_on_the_file(tmp_path):
    from jupyter_terra_env.bucket.embedded.api import EmbeddedBucket
    from jupyter_terra_env.bucket.embedded.messages import Request

    path = tmp_path / "bucket.sqlite3"
    with EmbeddedBucket(path) as bucket:
        bucket.handle(Request(method="POST", target="/storage/v1/b", body=b'{"name": "a-bucket"}'))
        bucket.handle(Request(method="POST", target="/upload/storage/v1/b/a-bucket/o?uploadType=media&name=o"))
        workers = [subprocess.Popen([sys.executable, "-c", WITHIN, str(path), "50"]) for _ in range(3)]
        assert [worker.wait(30) for worker in workers] == [0, 0, 0]
        final = json.loads(bucket.handle(Request(method="GET", target="/storage/v1/b/a-bucket/o/o")).body)
    assert (final["metadata"], final["metageneration"]) == ({"count": "150"}, "151")


def test_one_generation_wins_when_two_servers_create_the_same_object(two_hosts):
    def create(index, host):
        params = {"uploadType": "media", "name": f"o{index}", "ifGenerationMatch": "0"}
        return requests.post(f"{host}/upload/storage/v1/b/a-bucket/o", params=params, data=host, timeout=10).status_code

    with ThreadPoolExecutor(8) as pool:
        for index in range(10):
            statuses = list(pool.map(lambda n, index=index: create(index, two_hosts[n % 2]), range(8)))
            assert sorted(statuses) == [200] + [412] * 7


def test_a_resumable_upload_goes_on_at_the_other_server(two_hosts):
    one, two = two_hosts
    params = {"uploadType": "resumable", "name": "o"}
    location = requests.post(f"{one}/upload/storage/v1/b/a-bucket/o", params=params, timeout=5).headers["Location"]
    chunk = b"a" * 256 * 1024
    first = requests.put(location, data=chunk, headers={"Content-Range": "bytes 0-262143/*"}, timeout=5)
    rest = requests.put(
        location.replace(one, two), data=b"end", headers={"Content-Range": "bytes 262144-262146/262147"}, timeout=5
    )
    assert (first.status_code, rest.status_code) == (308, 200)
    assert requests.get(f"{one}/a-bucket/o", timeout=5).content == chunk + b"end"


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path, connected, serve):
    process, host = serve(tmp_path)
    client = connected(host)
    bucket = client.create_bucket("a-bucket")
    acknowledged: dict[str, tuple[int, bytes]] = {}
    killed = threading.Event()

    def write(worker):
        number = 0
        while not killed.is_set():
            name, data = f"{worker}/{number % 5}", f"{worker}-{number}-".encode() * 3000
            blob = bucket.blob(name)
            try:
                blob.upload_from_string(data, retry=None, timeout=5)
            except requests.exceptions.RequestException:
                return
            acknowledged[name] = (blob.generation, data)
            number += 1

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    killed.set()
    for thread in threads:
        thread.join(10)

    process, host = serve(tmp_path)
    client = connected(host)
    assert len(acknowledged) == 15
    for name, (generation, data) in acknowledged.items():
        blob = client.bucket("a-bucket").get_blob(name)
        content = client.bucket("a-bucket").blob(name).download_as_bytes(checksum="md5")
        assert blob.generation >= generation
        assert blob.generation > generation or content == data
    process.terminate()
    assert process.wait(10) == 0


def test_a_writer_killed_in_its_transaction_leaves_nothing_behind(tmp_path, serve):
    holding = """
import sys, os, signal
from pathlib import Path
from jupyter_terra_env.bucket.embedded.ambient import random_id, system_clock
from jupyter_terra_env.bucket.embedded.database import Database
with Database(Path(sys.argv[1]), clock=system_clock, new_id=random_id).write() as transaction:
    transaction.run("INSERT INTO buckets VALUES ('half-made', 1, '{}', 0, 0)")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", holding, str(tmp_path / "bucket.sqlite3")], timeout=20, check=False)
    assert done.returncode == -signal.SIGKILL
    process, host = serve(tmp_path)
    assert requests.get(f"{host}/storage/v1/b", timeout=5).json() == {"kind": "storage#buckets"}
    process.terminate()
    process.wait(10)
