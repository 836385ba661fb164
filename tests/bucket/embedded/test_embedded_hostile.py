"""Requests that no client sends: each is refused in the shape of the API, and the bucket works on."""

import base64
import json

import pytest

MANY = "9" * 19
HALF_A_PAIR = b'{"name": "\\ud800", "metadata": {"\\udfff": "x"}, "contentType": "\\ud800"}'
OBJECTS = "/storage/v1/b/a-bucket/o"


def token(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"{OBJECTS}/o?generation={MANY}", b""),
        ("GET", f"{OBJECTS}/o?generation=-1", b""),
        ("GET", f"{OBJECTS}?maxResults={MANY}", b""),
        ("GET", f"{OBJECTS}?pageToken={token([chr(0xD800), 1, ''])}", b""),
        ("GET", f"{OBJECTS}?pageToken={token([1])}", b""),
        ("GET", f"{OBJECTS}?pageToken={token({})}", b""),
        ("PATCH", f"{OBJECTS}/o", HALF_A_PAIR),
        ("PATCH", f"{OBJECTS}/o", b"[" * 100_000),
        ("PATCH", f"{OBJECTS}/o", b"\xff"),
        ("PATCH", f"{OBJECTS}/o", b'{"metadata": {"k": {}}}'),
        ("POST", "/storage/v1/b", HALF_A_PAIR),
        ("POST", "/storage/v1/b", b'{"name": "b-bucket", "versioning": "x"}'),
        ("PATCH", "/storage/v1/b/a-bucket", b'{"versioning": [1]}'),
        ("PATCH", "/storage/v1/b/a-bucket", b'{"softDeletePolicy": {"retentionDurationSeconds": "99999999999999"}}'),
        ("PATCH", "/storage/v1/b/a-bucket", b'{"softDeletePolicy": {"retentionDurationSeconds": -1}}'),
        ("POST", f"{OBJECTS}/c/compose", b'{"sourceObjects": "x"}'),
        ("POST", f"{OBJECTS}/c/compose", b'{"sourceObjects": [{"name": "o", "objectPreconditions": 1}]}'),
        ("POST", f"{OBJECTS}/c/compose", b'{"sourceObjects": [{"name": "o"}], "destination": 1}'),
        ("POST", f"{OBJECTS}/c/compose", b'{"sourceObjects": [{"name": "o", "generation": {}}]}'),
        ("POST", f"/upload{OBJECTS}?uploadType=resumable", HALF_A_PAIR),
        ("POST", f"/upload{OBJECTS}?uploadType=resumable&name=o", b'{"contentType": 7}'),
        ("POST", f"/upload{OBJECTS}?uploadType=media", b"x"),
        ("POST", "/batch/storage/v1", b"x"),
    ],
)
def test_it_is_refused(served, method, path, body):
    made = served.put("o")
    response = served.call(method, path, data=body)

    assert response.status_code == 400, response.text
    assert response.json()["error"]["code"] == 400
    assert served.object_call("GET", "o").json() == made
    assert [blob.name for blob in served.client.list_blobs("a-bucket")] == ["o"]


def test_an_upload_that_does_not_exist(served):
    for method in ("PUT", "DELETE"):
        assert served.call(method, f"/upload{OBJECTS}?upload_id=none").status_code == 404
    wide = {"Content-Range": f"bytes */{MANY}"}
    assert served.call("PUT", f"/upload{OBJECTS}?upload_id=none", headers=wide).status_code == 400
