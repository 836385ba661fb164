"""The loopback front: the token, whole bodies only, and an unmodified client."""

import io
import os
import socket
import time
from urllib.parse import urlsplit

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from jupyter_terra_env.bucket.embedded import http_front
from jupyter_terra_env.bucket.embedded.api import EmbeddedBucket
from jupyter_terra_env.bucket.embedded.http_front import EmbeddedServer


@pytest.fixture
def embedded(database):
    with EmbeddedBucket(database) as embedded:
        yield embedded


@pytest.fixture
def front(embedded):
    with EmbeddedServer(embedded) as front:
        yield front


def test_an_unmodified_client_needs_the_address_only(front, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", front.url)
    client = storage.Client(project="p", credentials=AnonymousCredentials())
    bucket = client.create_bucket("a-bucket")
    blob = bucket.blob("dir/a b.txt")
    blob.upload_from_string(b"content")
    fresh = bucket.blob("dir/a b.txt")
    assert fresh.download_as_bytes() == b"content"
    fresh.reload()
    assert fresh.media_link.startswith(f"{front.url}/download/")
    assert fresh.download_as_bytes() == b"content"
    fresh.metadata = {"k": "v"}
    fresh.patch()
    assert [(found.name, found.metadata) for found in bucket.list_blobs()] == [("dir/a b.txt", {"k": "v"})]
    large = os.urandom(700_000)
    bucket.blob("large", chunk_size=256 * 1024).upload_from_file(io.BytesIO(large))
    assert bucket.blob("large").download_as_bytes() == large
    with client.batch():
        bucket.delete_blob("large")
    assert bucket.get_blob("large") is None
    client.close()
    client._http.close()


def test_a_bearer_token_does_as_well(front):
    origin = f"http://127.0.0.1:{front.port}"
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {front.token}"
        session.post(f"{origin}/storage/v1/b", json={"name": "a-bucket"}, timeout=5)
        link = session.get(f"{origin}/storage/v1/b/a-bucket", timeout=5).json()["selfLink"]
    assert link == f"{origin}/storage/v1/b/a-bucket"


@pytest.mark.parametrize("prefix", ["", "/wrong", "/storage", "/%74"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}])
def test_without_the_token_nothing_is_answered(front, prefix, headers):
    url = f"http://127.0.0.1:{front.port}{prefix}/storage/v1/b"
    response = requests.post(url, data=b"x" * 3_000_000, headers=headers, timeout=5)
    assert response.status_code == 401
    assert response.json()["error"]["errors"][0]["reason"] == "authError"
    assert "Date" in response.headers


def test_each_start_has_its_own_token(embedded):
    with EmbeddedServer(embedded) as one, EmbeddedServer(embedded) as two:
        assert len(one.token) >= 32
        assert one.token != two.token


def test_other_hosts_are_refused(embedded, front):
    with pytest.raises(ValueError, match=r"127\.0\.0\.1 only"):
        EmbeddedServer(embedded, host="0.0.0.0")
    response = requests.get(f"{front.url}/storage/v1/b", headers={"Host": "evil.example"}, timeout=5)
    assert response.status_code == 403


def raw(front, data):
    """Send bytes, end the sending, and return all that comes back."""
    with socket.create_connection(("127.0.0.1", front.port), timeout=5) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(65536):
            received += part
    return received


def put_request(front, framing):
    path = urlsplit(front.url).path
    target = f"{path}/upload/storage/v1/b/a-bucket/o?uploadType=media&name=o"
    return f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{framing}\r\n\r\n".encode()


@pytest.fixture
def client(front, connected):
    client = connected(front.url)
    client.create_bucket("a-bucket")
    return client


@pytest.mark.parametrize(
    ("framing", "body"),
    [
        ("Content-Length: 10", b"short"),
        ("Transfer-Encoding: chunked", b"5\r\nshort\r\n"),
        ("Transfer-Encoding: chunked", b"a\r\nshort"),
    ],
)
def test_a_body_that_is_cut_off_has_no_effect(front, client, framing, body):
    assert raw(front, put_request(front, framing) + body) == b""
    time.sleep(0.05)
    assert client.bucket("a-bucket").get_blob("o") is None


@pytest.mark.parametrize(
    "framing", ["Content-Length: -1", "Content-Length: x", "Content-Length: 99999999999", "Transfer-Encoding: gzip"]
)
def test_bodies_that_cannot_be_read_are_refused(front, client, framing):
    assert raw(front, put_request(front, framing) + b"x").startswith(b"HTTP/1.1 400 ")
    assert client.bucket("a-bucket").get_blob("o") is None


def test_a_chunked_body_is_put_together(front, client):
    answer = raw(front, put_request(front, "Transfer-Encoding: chunked") + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert client.bucket("a-bucket").blob("o").download_as_bytes() == b"abcde"


def test_connections_are_kept(front, client):
    request = f"GET {urlsplit(front.url).path}/storage/v1/b/a-bucket HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    assert raw(front, request * 3).count(b"HTTP/1.1 200 OK") == 3


def test_what_is_not_http_gets_a_json_error(front):
    assert b'"code": 400' in raw(front, b"GARBAGE\r\n\r\n") or raw(front, b"NO SUCH THING\r\n\r\n")


def test_closing_does_not_wait_for_idle_connections(embedded):
    began = time.monotonic()
    with EmbeddedServer(embedded) as front:
        idle = socket.create_connection(("127.0.0.1", front.port))
        time.sleep(0.1)
    idle.close()
    assert time.monotonic() - began < 2


@pytest.fixture(params=["with a token", "without a token"])
def any_front(embedded, request):
    with EmbeddedServer(embedded, open_to_all_local_users=request.param == "without a token") as front:
        requests.post(f"{front.url}/storage/v1/b", json={"name": "a-bucket"}, timeout=5)
        yield front


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://localhost:{port}"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:{port}"},
        {"Referer": "https://evil.example/http://127.0.0.1:{port}/"},
        {"Referer": "http://127.0.0.1:{port}.evil.example/"},
        {"Host": "127.0.0.1.evil.example:{port}", "Origin": "http://127.0.0.1.evil.example:{port}"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/upload/storage/v1/b/a-bucket/o?uploadType=media&name=evil"),
        ("POST", "/storage/v1/b/a-bucket/o/kept/moveTo/o/evil"),
        ("POST", "/batch/storage/v1"),
        ("GET", "/storage/v1/b/a-bucket/o"),
        ("DELETE", "/storage/v1/b/a-bucket/o/kept"),
    ],
)
def test_a_web_page_can_do_nothing(any_front, headers, method, path):
    kept = f"{any_front.url}/upload/storage/v1/b/a-bucket/o?uploadType=media&name=kept"
    requests.post(kept, data=b"x", timeout=5)
    headers = {name: value.format(port=any_front.port) for name, value in headers.items()}
    answer = requests.request(method, any_front.url + path, data=b"evil", headers=headers, timeout=5)
    assert answer.status_code == 403
    listed = requests.get(f"{any_front.url}/storage/v1/b/a-bucket/o", timeout=5).json()
    assert [item["name"] for item in listed["items"]] == ["kept"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://127.0.0.1:{port}"},
        {"Sec-Fetch-Site": "same-origin", "Referer": "http://127.0.0.1:{port}/x"},
        {"Sec-Fetch-Site": "none"},
    ],
    ids=str,
)
def test_its_own_pages_and_typed_addresses_are_answered(any_front, headers):
    headers = {name: value.format(port=any_front.port) for name, value in headers.items()}
    assert requests.get(f"{any_front.url}/storage/v1/b/a-bucket/o", headers=headers, timeout=5).status_code == 200


def test_idle_connections_are_bounded_and_keep_no_one_out(front, monkeypatch):
    monkeypatch.setattr(http_front, "MOST_CONNECTIONS", 5)
    idle = [socket.create_connection(("127.0.0.1", front.port), timeout=5) for _ in range(20)]
    try:
        for _ in range(3):
            assert requests.get(f"{front.url}/storage/v1/b?project=p", timeout=5).status_code == 200
        # Those that were idle longest have ended.
        assert all(connection.recv(1) == b"" for connection in idle[:10])
    finally:
        for connection in idle:
            connection.close()
    assert len(front._server._connections) <= 6


def test_an_idle_connection_ends_by_itself(embedded, monkeypatch):
    monkeypatch.setattr(http_front._Handler, "timeout", 0.2)
    with EmbeddedServer(embedded) as front, socket.create_connection(("127.0.0.1", front.port), timeout=5) as idle:
        assert idle.recv(1) == b""
