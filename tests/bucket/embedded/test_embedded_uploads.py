"""Uploads of one request and resumable ones."""

import io
import os

import pytest
from google.api_core import exceptions

CHUNK = 256 * 1024


def start(served, name="o", **params):
    response = served.call(
        "POST",
        "/upload/storage/v1/b/a-bucket/o",
        params={"uploadType": "resumable", "name": name, **params},
        json={"metadata": {"k": "v"}},
        headers={"X-Upload-Content-Type": "text/x-test"},
    )
    assert response.status_code == 200, response.text
    assert response.headers["Location"].startswith(served.base_url)
    return response.headers["Location"]


def send(served, location, data, first=0, total="*"):
    content_range = f"bytes {first}-{first + len(data) - 1}/{total}" if data else f"bytes */{total}"
    return served.session.put(location, data=data, headers={"Content-Range": content_range}, timeout=10)


def test_a_resumable_upload_through_the_client(served):
    data = os.urandom(3 * CHUNK + 17)
    blob = served.bucket.blob("o", chunk_size=CHUNK)
    blob.metadata = {"k": "v"}
    blob.upload_from_file(io.BytesIO(data), if_generation_match=0)

    assert served.content("o") == data
    assert served.faults.history.count(("objects.insert.chunk", "o", 308)) == 3
    with served.bucket.blob("written").open("wb", chunk_size=CHUNK) as stream:
        for _ in range(5):
            stream.write(b"a" * 100_000)
    assert served.content("written") == b"a" * 500_000


def test_an_interrupted_upload_goes_on_where_it_was(served):
    data = os.urandom(2 * CHUNK + 5)
    location = start(served)

    assert "Range" not in send(served, location, b"").headers
    first = send(served, location, data[:CHUNK])
    again = send(served, location, data[:CHUNK])
    gap = send(served, location, data[:CHUNK], first=2 * CHUNK)
    for answer in (first, again, gap, send(served, location, b"", total=len(data))):
        assert (answer.status_code, answer.headers["Range"]) == (308, f"bytes=0-{CHUNK - 1}")
    assert served.object_call("GET", "o").status_code == 404

    overlapping = send(served, location, data[5:], first=5, total=len(data))
    assert overlapping.status_code == 200
    assert served.content("o") == data
    assert overlapping.json()["contentType"] == "text/x-test"
    assert overlapping.json()["metadata"] == {"k": "v"}


def test_preconditions_are_decided_when_the_last_byte_is_there(served):
    lost = start(served, ifGenerationMatch=0)
    won = start(served, "p", ifGenerationMatch=0)
    other = served.put("o", b"other")
    blocker = served.put("p", b"blocker")
    served.object_call("DELETE", "p")

    assert send(served, lost, b"mine", total=4).status_code == 412
    assert served.object_call("GET", "o").json() == other
    finished = send(served, won, b"mine", total=4)
    assert finished.status_code == 200
    assert int(finished.json()["generation"]) > int(blocker["generation"])


def test_a_finished_upload_answers_the_same_again(served):
    location = start(served)
    first = send(served, location, b"mine", total=4)
    served.object_call("PATCH", "o", json={"metadata": {"k": "later"}})

    for again in (send(served, location, b"", total=4), send(served, location, b"mine", total=4)):
        assert (again.status_code, again.json()) == (200, first.json())
    assert served.object_call("GET", "o").json()["metageneration"] == "2"


def test_an_empty_resumable_upload(served):
    assert send(served, start(served), b"", total=0).status_code == 200
    assert served.object_call("GET", "o").json()["size"] == "0"


@pytest.mark.parametrize("data", [b"", b"mine"])
def test_the_bytes_of_a_resumable_upload_may_come_by_post(served, data):
    last = f"bytes 0-{len(data) - 1}/{len(data)}" if data else "bytes */0"
    answer = served.session.post(start(served), data=data, headers={"Content-Range": last}, timeout=10)

    assert (answer.status_code, answer.json()["size"]) == (200, str(len(data)))
    assert served.object_call("GET", "o").json()["metadata"] == {"k": "v"}


def test_a_cancelled_upload_is_gone(served):
    location = start(served)
    assert served.session.delete(location, timeout=10).status_code == 499
    assert send(served, location, b"mine", total=4).status_code == 404


def test_malformed_chunks_change_nothing(served):
    location = start(served)
    assert send(served, location, b"x" * 10).status_code == 400, "not a multiple of 256 KiB"
    assert send(served, location, b"x" * 10, total=5).status_code == 400, "more than the total"
    wrong = {"Content-Range": "bytes 0-99/100"}
    assert served.session.put(location, data=b"x", headers=wrong, timeout=10).status_code == 400
    assert served.session.put(location, data=b"x", headers={"Content-Range": "lines 1"}, timeout=10).status_code == 400
    assert "Range" not in send(served, location, b"").headers


def test_a_wrong_checksum_at_the_end_of_a_resumable_upload(served):
    location = start(served)
    headers = {"Content-Range": "bytes 0-3/4", "X-Goog-Hash": "md5=AAAAAAAAAAAAAAAAAAAAAA=="}
    assert served.session.put(location, data=b"mine", headers=headers, timeout=10).status_code == 400
    assert served.object_call("GET", "o").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--BB",
        b"--BB\r\n\r\n{}\r\n--BB--",
        b'--BB\r\nContent-Type: application/json\r\n\r\n{"name": "o"}\r\n--BB\r\nContent-Type: a/b\r\n\r\ncut off',
        b'--BB\r\n\r\n{"name": \r\n--BB\r\n\r\nx\r\n--BB--',
        b"--BB\r\n\r\n{}\r\n--BB\r\n\r\nno name\r\n--BB--",
    ],
)
def test_malformed_multipart_bodies_write_nothing(served, body):
    response = served.call(
        "POST",
        "/upload/storage/v1/b/a-bucket/o",
        params={"uploadType": "multipart"},
        data=body,
        headers={"Content-Type": "multipart/related; boundary=BB"},
    )
    assert response.status_code == 400
    assert list(served.client.list_blobs("a-bucket")) == []


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\r\n\r\n", b"--BB--\r\n", bytes(range(256)), b"\r\n--"])
def test_content_is_kept_byte_for_byte(served, data):
    served.bucket.blob("o").upload_from_string(data)
    assert served.content("o") == data


def test_large_contents_are_kept_in_pieces(served):
    data = os.urandom(9 * 1024 * 1024)
    served.put("o", data)
    assert served.content("o") == data
    middle = served.object_call("GET", "o", params={"alt": "media"}, headers={"Range": "bytes=4194300-8388700"})
    assert middle.content == data[4194300:8388701]


def test_missing_buckets_and_upload_types(served):
    with pytest.raises(exceptions.NotFound):
        served.client.bucket("missing").blob("o").upload_from_string(b"x")
    unknown = served.call("POST", "/upload/storage/v1/b/a-bucket/o", params={"uploadType": "other", "name": "o"})
    assert unknown.status_code == 400
