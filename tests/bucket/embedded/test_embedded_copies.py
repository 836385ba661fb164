"""Copies, moves, old generations, undeletion; and that no content is kept that nothing holds."""

import io
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from google.api_core import exceptions


def stored_contents(database):
    with closing(sqlite3.connect(database)) as connection:
        return [
            connection.execute(f"SELECT count(DISTINCT content_id) FROM {table}").fetchone()[0]
            for table in ("contents", "pieces")
        ]


def set_bucket(served, **fields):
    assert served.call("PATCH", "/storage/v1/b/a-bucket", json=fields).status_code == 200


def listed(served, **options):
    return [(blob.name, blob.generation) for blob in served.client.list_blobs("a-bucket", **options)]


def test_a_copy_shares_the_content_and_outlives_the_source(served, database):
    blob = served.bucket.blob("a")
    blob.metadata = {"k": "v"}
    blob.upload_from_string(b"data", content_type="text/x-a")
    copy = served.bucket.copy_blob(blob, served.bucket, "b")
    assert stored_contents(database) == [1, 1]
    served.bucket.blob("a").delete()

    assert (copy.metadata, copy.content_type, copy.metageneration) == ({"k": "v"}, "text/x-a", 1)
    assert served.content("b") == b"data"
    served.bucket.blob("b").delete()
    assert stored_contents(database) == [0, 0]


def test_a_rewrite_with_a_body_replaces_the_metadata(served):
    served.put("a")
    served.object_call("PATCH", "a", json={"metadata": {"k": "v"}, "contentType": "text/x-a"})
    answer = served.object_call("POST", "a", "/rewriteTo/b/a-bucket/o/b", json={"metadata": {"n": "1"}}).json()

    assert (answer["done"], answer["totalBytesRewritten"], answer["objectSize"]) == (True, "1", "1")
    assert answer["resource"]["metadata"] == {"n": "1"}


def test_a_move_is_all_or_nothing(served):
    served.put("a", b"a")
    taken = served.put("b", b"b")
    with pytest.raises(exceptions.PreconditionFailed):
        served.bucket.move_blob(served.bucket.blob("a"), "b", if_generation_match=0)
    assert (served.content("a"), served.object_call("GET", "b").json()) == (b"a", taken)

    served.bucket.move_blob(served.bucket.blob("a"), "c", if_generation_match=0)
    assert [name for name, _ in listed(served)] == ["b", "c"]
    assert served.object_call("POST", "c", "/moveTo/o/c").status_code == 400


def test_a_composed_object(served):
    for name in ("a", "b"):
        served.put(name, name.encode() * 3)
    target = served.bucket.blob("whole")
    target.compose([served.bucket.blob("a"), served.bucket.blob("b"), served.bucket.blob("a")])

    assert served.bucket.blob("whole").download_as_bytes() == b"aaabbbaaa"
    resource = served.object_call("GET", "whole").json()
    assert ("md5Hash" in resource, resource["componentCount"]) == (False, 3)


def test_versioning_keeps_replaced_and_deleted_generations(served):
    set_bucket(served, versioning={"enabled": True})
    one, two = int(served.put("o", b"1")["generation"]), int(served.put("o", b"2")["generation"])
    served.bucket.blob("o").delete()

    assert listed(served) == []
    assert listed(served, versions=True) == [("o", one), ("o", two)]
    assert served.bucket.blob("o", generation=one).download_as_bytes() == b"1"
    served.bucket.blob("o", generation=one).delete()
    assert listed(served, versions=True) == [("o", two)]
    with pytest.raises(exceptions.Conflict):
        served.bucket.delete()


def test_soft_deleted_generations_come_back_until_their_time_is_over(served, database):
    set_bucket(served, softDeletePolicy={"retentionDurationSeconds": 100})
    generation = int(served.put("o", b"1")["generation"])
    served.put("o", b"2")
    served.bucket.blob("o").delete()
    assert len(listed(served, soft_deleted=True)) == 2

    served.bucket.restore_blob("o", generation=generation)
    assert served.content("o") == b"1"
    served.clock.now += timedelta(seconds=200)
    served.bucket.blob("o").delete()
    assert len(listed(served, soft_deleted=True)) == 1
    assert stored_contents(database) == [1, 1]


def test_nothing_is_soft_deleted_unless_asked_for(served, database):
    for _ in range(5):
        served.put("o", b"x")
    assert stored_contents(database) == [1, 1]


def test_buckets(served):
    with pytest.raises(exceptions.Conflict):
        served.client.create_bucket("a-bucket")
    served.client.create_bucket("b-bucket")
    assert [bucket.name for bucket in served.client.list_buckets()] == ["a-bucket", "b-bucket"]
    other = served.client.get_bucket("b-bucket")
    other.labels = {"a": "b"}
    other.patch(if_metageneration_match=1)
    assert served.client.get_bucket("b-bucket").labels == {"a": "b"}
    with pytest.raises(exceptions.PreconditionFailed):
        other.patch(if_metageneration_match=1)
    other.delete()
    assert served.client.lookup_bucket("b-bucket") is None


def test_a_requester_pays_bucket_wants_a_project(served):
    served.put("o")
    set_bucket(served, billing={"requesterPays": True})

    with pytest.raises(exceptions.BadRequest, match="requester pays bucket but no user project provided") as refusal:
        served.bucket.blob("o").download_as_bytes()
    assert refusal.value.code == 400
    answer = served.object_call("GET", "o").json()["error"]
    assert answer["message"] == "Bucket is a requester pays bucket but no user project provided."
    assert answer["errors"][0]["reason"] == "required"
    paid = served.client.bucket("a-bucket", user_project="mine")
    assert paid.blob("o").download_as_bytes() == b"x"
    paid.blob("p", chunk_size=256 * 1024).upload_from_file(io.BytesIO(b"y" * 600_000))
    assert paid.blob("p").exists()


def test_a_batch_carries_several_requests(served):
    for name in ("a", "b", "c"):
        served.put(name)
    with served.client.batch():
        for name in ("a", "c"):
            served.bucket.delete_blob(name)
    assert [name for name, _ in listed(served)] == ["b"]
