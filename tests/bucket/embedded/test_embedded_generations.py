"""Generations only grow, and a stale one is not found."""

from datetime import timedelta

import pytest
from google.api_core import exceptions

from jupyter_terra_env.bucket.embedded.api import EmbeddedBucket
from jupyter_terra_env.bucket.embedded.messages import Request


def test_generations_grow_though_the_clock_steps_back(served):
    seen = []
    for back in (0, 1, 3600, 86_400):
        served.clock.now -= timedelta(seconds=back)
        seen.append(int(served.put("o")["generation"]))

    assert seen == sorted(set(seen))
    assert all(len(str(generation)) == 16 for generation in seen)


def test_generations_grow_over_a_restart_with_a_clock_that_stepped_back(database, clock):
    def put(embedded):
        target = "/upload/storage/v1/b/a-bucket/o?uploadType=media&name=o"
        response = embedded.handle(Request(method="POST", target=target, body=b"x"))
        return int(response.body.split(b'"generation": "')[1].split(b'"')[0])

    with EmbeddedBucket(database, clock=clock) as embedded:
        embedded.handle(Request(method="POST", target="/storage/v1/b", body=b'{"name": "a-bucket"}'))
        before = put(embedded)
    clock.now -= timedelta(days=400)
    with EmbeddedBucket(database, clock=clock) as embedded:
        assert put(embedded) == before + 1


def test_a_fresh_generation_is_the_time_in_microseconds(served):
    generation = int(served.put("o")["generation"])
    assert abs(generation - served.clock.now.timestamp() * 1e6) < 60e6


def test_overwriting_resets_the_metageneration_and_the_metadata(served):
    served.put("o")
    served.object_call("PATCH", "o", json={"metadata": {"k": "v"}})
    again = served.put("o")

    assert again["metageneration"] == "1"
    assert "metadata" not in again


def test_a_stale_handle_is_not_found(served):
    blob = served.bucket.blob("o")
    blob.upload_from_string(b"one")
    served.put("o", b"two")
    blob.metadata = {"k": "v"}

    with pytest.raises(exceptions.NotFound):
        blob.patch()
    with pytest.raises(exceptions.NotFound):
        blob.download_as_bytes()
    assert served.content("o") == b"two"
