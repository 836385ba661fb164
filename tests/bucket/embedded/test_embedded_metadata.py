"""Patch, update and overwrite: what stays, what goes."""

import pytest


def test_patch_merges_removes_and_clears(served):
    blob = served.bucket.blob("o")
    blob.metadata = {"a": "1", "b": "2"}
    blob.upload_from_string(b"x")

    def patch(**body):
        return served.object_call("PATCH", "o", json=body).json()

    assert patch(metadata={"c": "3"})["metadata"] == {"a": "1", "b": "2", "c": "3"}
    assert patch(metadata={"a": None, "b": "9"})["metadata"] == {"b": "9", "c": "3"}
    assert patch(cacheControl="no-store")["metadata"] == {"b": "9", "c": "3"}
    assert "metadata" not in patch(metadata=None)
    assert "cacheControl" not in patch(cacheControl=None)


def test_patch_raises_the_metageneration_and_moves_updated_only(served):
    made = served.put("o")
    patched = served.object_call("PATCH", "o", json={"metadata": {"k": "v"}}).json()

    assert (made["metageneration"], patched["metageneration"]) == ("1", "2")
    assert patched["updated"] > made["updated"]
    assert {key: patched[key] for key in ("generation", "timeCreated", "md5Hash")} == {
        key: made[key] for key in ("generation", "timeCreated", "md5Hash")
    }


def test_update_replaces_everything(served):
    served.put("o")
    served.object_call("PATCH", "o", json={"metadata": {"a": "1"}, "contentLanguage": "fr"})
    updated = served.object_call("PUT", "o", json={"metadata": {"b": "2"}}).json()

    assert updated["metadata"] == {"b": "2"}
    assert "contentLanguage" not in updated


def test_method_override_makes_a_post_a_patch(served):
    served.put("o")
    response = served.object_call(
        "POST", "o", json={"metadata": {"k": "v"}}, headers={"X-HTTP-Method-Override": "PATCH"}
    )
    assert response.json()["metadata"] == {"k": "v"}


@pytest.mark.parametrize(
    "body", [{"metadata": {"k": 1}}, {"metadata": "x"}, {"contentType": []}, {"metadata": {"k": "v" * 9000}}, [], 1]
)
def test_malformed_resources_change_nothing(served, body):
    made = served.put("o")
    assert served.object_call("PATCH", "o", json=body).status_code == 400
    assert served.object_call("GET", "o").json() == made


def test_metadata_cannot_add_headers_to_an_answer(served):
    served.put("o")
    served.object_call("PATCH", "o", json={"contentType": "a/b\r\nX-Evil: 1", "metadata": {"k": "a\r\nX-Evil: 2"}})

    for path in ("/a-bucket/o", "/storage/v1/b/a-bucket/o/o?alt=media"):
        response = served.call("GET", path)
        assert response.status_code == 200
        assert "X-Evil" not in response.headers


def test_a_wrong_checksum_writes_nothing(served):
    blob = served.bucket.blob("o")
    blob.md5_hash = "AAAAAAAAAAAAAAAAAAAAAA=="
    with pytest.raises(Exception, match="400"):
        blob.upload_from_string(b"x", checksum=None)
    assert served.object_call("GET", "o").status_code == 404


def test_every_answer_is_dated_by_the_clock(served):
    served.put("o")
    for response in (
        served.object_call("GET", "o"),
        served.object_call("GET", "missing"),
        served.object_call("DELETE", "o"),
        served.call("PATCH", "/nowhere"),
    ):
        assert response.headers["Date"].startswith("Mon, 23 Nov 2026 12:00:0")
        assert response.headers["Date"].endswith(" GMT")
