"""Faults happen where they are planned, on both carriers alike."""

import io
import threading
import time

import pytest
import requests
from google.api_core import exceptions
from google.auth.exceptions import InvalidOperation
from google.cloud.storage.retry import DEFAULT_RETRY

from jupyter_terra_env.bucket.embedded.api import EmbeddedBucket
from jupyter_terra_env.bucket.embedded.faults import (
    AnswerWith,
    CutBody,
    Delay,
    Fault,
    FaultPlan,
    Hang,
    ResetConnection,
    exchange,
)
from jupyter_terra_env.bucket.embedded.messages import Request
from jupyter_terra_env.bucket.embedded.transport import ENDPOINT

QUICK = DEFAULT_RETRY.with_delay(0.01, 0.02, 2).with_timeout(5)
ONCE = {"retry": None, "timeout": 5}


def upload(served, name="o", **options):
    served.bucket.blob(name).upload_from_string(b"mine", **{**ONCE, **options})


def exists(served, name="o"):
    return served.object_call("GET", name).status_code == 200


@pytest.mark.parametrize("status", [403, 429, 503])
def test_an_error_before_the_effect(served, status):
    served.faults.add(Fault(operation="objects.insert", action=AnswerWith(status=status, reason="because")))
    with pytest.raises(exceptions.GoogleAPICallError) as failure:
        upload(served)

    assert failure.value.code == status
    assert failure.value.response.json()["error"]["errors"][0]["reason"] == "because"
    assert served.faults.history == [("objects.insert", "o", 0)]
    assert not exists(served)


def test_a_401_is_shown_by_an_anonymous_client_as_its_own_failure_to_refresh(served):
    served.faults.add(Fault(operation="objects.insert", action=AnswerWith(status=401, reason="authError")))
    with pytest.raises(InvalidOperation):
        upload(served)
    assert not exists(served)


def test_a_reset_before_the_effect(served):
    served.faults.add(Fault(operation="objects.insert", action=ResetConnection()))
    with pytest.raises(requests.exceptions.ConnectionError):
        upload(served)
    assert not exists(served)


@pytest.mark.parametrize("action", [ResetConnection(), AnswerWith(status=503)])
def test_a_lost_answer_after_the_effect(served, action):
    served.faults.add(Fault(operation="objects.insert", action=action, after_effect=True))
    with pytest.raises((requests.exceptions.ConnectionError, exceptions.ServiceUnavailable)):
        upload(served)
    assert served.faults.history == [("objects.insert", "o", 200)]
    assert exists(served)


def test_a_lost_answer_turns_into_a_refusal_of_ones_own_write(served):
    served.faults.add(Fault(operation="objects.insert", action=ResetConnection(), after_effect=True))
    with pytest.raises(exceptions.PreconditionFailed):
        upload(served, if_generation_match=0, retry=QUICK)
    assert [status for _, _, status in served.faults.history] == [200, 412]


def test_retries_hide_what_fails_before_the_effect(served):
    served.faults.add(
        Fault(operation="objects.insert", action=AnswerWith(status=503), times=2),
        Fault(operation="objects.insert", action=ResetConnection()),
    )
    upload(served, if_generation_match=0, retry=QUICK)
    assert [status for _, _, status in served.faults.history] == [0, 0, 0, 200]
    assert served.faults.pending == []


@pytest.mark.parametrize(
    ("operation", "act"),
    [
        ("objects.get", lambda bucket: bucket.blob("o").reload(**ONCE)),
        ("objects.download", lambda bucket: bucket.blob("o").download_as_bytes(**ONCE)),
        ("objects.patch", lambda bucket: bucket.blob("o").patch(**ONCE)),
        ("objects.update", lambda bucket: bucket.blob("o").update(**ONCE)),
        ("objects.delete", lambda bucket: bucket.blob("o").delete(**ONCE)),
        ("objects.list", lambda bucket: list(bucket.list_blobs(**ONCE))),
        ("objects.rewrite", lambda bucket: bucket.blob("p").rewrite(bucket.blob("o"), **ONCE)),
        ("objects.copy", lambda bucket: bucket.copy_blob(bucket.blob("o"), bucket, "p", **ONCE)),
        ("objects.move", lambda bucket: bucket.move_blob(bucket.blob("o"), "p", **ONCE)),
        ("objects.compose", lambda bucket: bucket.blob("p").compose([bucket.blob("o")], **ONCE)),
        ("buckets.get", lambda bucket: bucket.reload(**ONCE)),
    ],
)
def test_every_operation_has_its_name(served, operation, act):
    served.put("o")
    served.faults.add(Fault(operation=operation, action=AnswerWith(status=429)))
    with pytest.raises(exceptions.TooManyRequests):
        act(served.bucket)
    assert served.faults.history[-1].operation == operation
    act(served.bucket)


def test_a_fault_keeps_to_its_prefix_and_its_count(served):
    served.faults.add(Fault(operation="*", action=AnswerWith(), name_prefix="bad/", times=2))
    served.put("good")
    for _ in range(2):
        with pytest.raises(exceptions.ServiceUnavailable):
            upload(served, "bad/o")
    upload(served, "bad/o")


def test_a_part_of_a_resumable_upload_can_fail(served):
    served.faults.add(Fault(operation="objects.insert.chunk", action=ResetConnection(), after_effect=True, times=2))
    blob = served.bucket.blob("o", chunk_size=256 * 1024)
    blob.upload_from_file(io.BytesIO(b"z" * 600_000), retry=QUICK)
    assert served.faults.pending == []
    assert served.content("o") == b"z" * 600_000


def test_a_delay(served):
    served.put("o")
    served.faults.add(Fault(operation="objects.get", action=Delay(seconds=0.3)))
    began = time.monotonic()
    served.bucket.blob("o").reload(**ONCE)
    assert time.monotonic() - began >= 0.3


def test_a_delay_longer_than_patience_still_takes_effect(served):
    served.faults.add(Fault(operation="objects.insert", action=Delay(seconds=0.4)))
    with pytest.raises(requests.exceptions.ReadTimeout):
        upload(served, timeout=(1, 0.1))
    deadline = time.monotonic() + 5
    while not exists(served) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert exists(served)


@pytest.mark.parametrize("after_effect", [False, True])
def test_a_hang_ends_with_the_clients_timeout(served, after_effect):
    served.faults.add(Fault(operation="objects.insert", action=Hang(), after_effect=after_effect))
    began = time.monotonic()
    with pytest.raises(requests.exceptions.ReadTimeout):
        upload(served, timeout=0.2)
    assert 0.2 <= time.monotonic() - began < 3
    assert exists(served) == after_effect


def test_a_hang_goes_on_when_it_is_released(served):
    served.faults.add(Fault(operation="objects.insert", action=Hang()))
    thread = threading.Thread(target=upload, args=(served,))
    thread.start()
    time.sleep(0.1)
    assert thread.is_alive()
    assert not exists(served)
    served.faults.release()
    thread.join(5)
    assert exists(served)


def test_a_cut_body_is_an_error_and_not_a_short_content(served):
    data = bytes(range(256)) * 4096
    served.put("o", data)
    served.faults.add(Fault(operation="objects.download", action=CutBody(after_bytes=100_000)))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        served.object_call("GET", "o", params={"alt": "media"})

    served.faults.add(Fault(operation="objects.download", action=CutBody(after_bytes=100_000)))
    assert served.bucket.blob("o").download_as_bytes(retry=QUICK) == data


@pytest.mark.parametrize(
    ("method", "target", "is_conditional"),
    [
        ("GET", "/storage/v1/b/b/o/a", True),
        ("DELETE", "/storage/v1/b/b/o/a", False),
        ("DELETE", "/storage/v1/b/b/o/a?ifGenerationMatch=1", False),
        ("DELETE", "/storage/v1/b/b/o/a?ifGenerationMatch=1&ifMetagenerationMatch=1", True),
        ("PATCH", "/storage/v1/b/b/o/a?ifMetagenerationMatch=1", False),
        ("PATCH", "/storage/v1/b/b/o/a?ifGenerationMatch=1&ifMetagenerationMatch=1", True),
        ("POST", "/upload/storage/v1/b/b/o?uploadType=media&name=a", False),
        ("POST", "/upload/storage/v1/b/b/o?uploadType=media&name=a&ifGenerationMatch=0", True),
        ("POST", "/upload/storage/v1/b/b/o?uploadType=resumable&name=a", False),
        ("PUT", "/upload/storage/v1/b/b/o?uploadType=resumable&upload_id=x", True),
        ("POST", "/storage/v1/b/b/o/a/moveTo/o/c?ifGenerationMatch=0", False),
        (
            "POST",
            "/storage/v1/b/b/o/a/moveTo/o/c?ifGenerationMatch=0&ifSourceGenerationMatch=1&ifSourceMetagenerationMatch=1",
            True,
        ),
        ("POST", "/storage/v1/b/b/o/a/rewriteTo/b/b/o/c?ifSourceGenerationMatch=1", False),
        ("POST", "/storage/v1/b/b/o/a/rewriteTo/b/b/o/c?ifGenerationMatch=0", True),
        ("POST", "/batch/storage/v1", False),
    ],
)
def test_a_plan_remembers_what_would_change_an_object_regardless_of_its_version(
    tmp_path, method, target, is_conditional
):
    plan = FaultPlan()
    with EmbeddedBucket(tmp_path / "bucket.sqlite3") as engine:
        exchange(engine, Request(method=method, target=target, headers={}, body=b"", base_url=ENDPOINT), plan)
    plan.clear()
    assert plan.unconditional == ([] if is_conditional else [f"{method} {target}"])
