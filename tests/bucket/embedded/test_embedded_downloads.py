"""Reading content: headers, ranges, stored gzip, the XML API."""

import gzip

import pytest


@pytest.fixture
def digits(served):
    return served.put("o", b"0123456789")


@pytest.mark.parametrize(
    ("asked", "status", "content", "content_range"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=8-", 206, b"89", "bytes 8-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=5-100", 206, b"56789", "bytes 5-9/10"),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
def test_ranges(served, digits, asked, status, content, content_range):
    response = served.object_call("GET", "o", params={"alt": "media"}, headers={"Range": asked})
    found = (response.status_code, response.content, response.headers.get("Content-Range"))
    assert found == (status, content, content_range)


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=50-60", "bytes=4-2", "bytes=-0"])
def test_ranges_that_hold_nothing(served, digits, asked):
    response = served.object_call("GET", "o", params={"alt": "media"}, headers={"Range": asked})
    assert (response.status_code, response.headers["Content-Range"]) == (416, "bytes */10")


def test_the_headers_describe_the_object(served, digits):
    headers = served.object_call("GET", "o", params={"alt": "media"}).headers
    assert headers["X-Goog-Generation"] == digits["generation"]
    assert headers["X-Goog-Metageneration"] == "1"
    assert headers["X-Goog-Hash"] == f"crc32c={digits['crc32c']},md5={digits['md5Hash']}"
    assert headers["X-Goog-Stored-Content-Length"] == headers["Content-Length"] == "10"
    assert headers["ETag"] == digits["etag"]


def test_the_client_checks_the_content_and_learns_the_version(served, digits):
    blob = served.bucket.blob("o")
    assert blob.download_as_bytes(checksum="md5") == b"0123456789"
    assert (blob.generation, blob.metageneration) == (int(digits["generation"]), 1)
    with served.bucket.blob("o").open("rb") as stream:
        stream.seek(7)
        assert stream.read() == b"789"


def test_stored_gzip_is_inflated_for_those_who_cannot(served):
    plain, packed = b"hello " * 500, gzip.compress(b"hello " * 500)
    blob = served.bucket.blob("o")
    blob.content_encoding = "gzip"
    blob.upload_from_string(packed)

    assert served.bucket.blob("o").download_as_bytes() == plain
    assert served.bucket.blob("o").download_as_bytes(raw_download=True) == packed
    response = served.object_call("GET", "o", params={"alt": "media"}, headers={"Accept-Encoding": "identity"})
    assert response.content == plain
    assert "Content-Encoding" not in response.headers


def test_what_only_claims_to_be_gzip_is_given_as_it_is(served):
    served.put("o", b"not gzip", contentEncoding="gzip")
    headers = {"Accept-Encoding": "identity"}
    with served.session.get(
        f"{served.base_url}/storage/v1/b/a-bucket/o/o?alt=media", headers=headers, stream=True, timeout=10
    ) as response:
        assert response.raw.read(decode_content=False) == b"not gzip"


def test_the_xml_api_reads_an_object_with_its_metadata(served, digits):
    served.object_call("PATCH", "o", json={"metadata": {"k": "v", "not a header name": "x"}})
    got, head = served.call("GET", "/a-bucket/o"), served.call("HEAD", "/a-bucket/o")

    assert (got.content, got.headers["X-Goog-Meta-k"]) == (b"0123456789", "v")
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", "10")
