"""Object names are data: never a path, never a route, never normalised."""

import pytest

NAMES = [
    "a dir/with space.txt",
    "üñï/日本語 ノート.ipynb",
    "🚀/✨.txt",
    "a#b?c=d&e;f.txt",
    "a%2Fb%20c%.txt",
    "a+b.txt",
    "a'b\"c\\d.txt",
    "a//b/../c/./d",
    "/lead",
    "trail/",
    "tab\tand\x00nul",
    "x/o/y/rewriteTo/b/z/o/w",
    "notes/acl",
    "notes/compose",
    "n" * 1024,
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_kept_through_its_whole_life(served, name):
    served.bucket.blob(name).upload_from_string(b"x")
    blob = served.bucket.blob(name)
    blob.reload()
    assert blob.name == name
    assert blob.download_as_bytes() == b"x", "by mediaLink"
    assert [found.name for found in served.client.list_blobs("a-bucket")] == [name]
    served.bucket.copy_blob(blob, served.bucket, "copy")
    served.bucket.blob(name).delete()
    assert [found.name for found in served.client.list_blobs("a-bucket")] == ["copy"]


def test_spellings_are_distinct_objects(served):
    spellings = ["a%2Fb", "a/b", "a+b", "a b", "\u00e9", "e\u0301", "A/b", "a", "a/"]
    for name in spellings:
        served.bucket.blob(name).upload_from_string(name.encode())
    assert {name: served.content(name).decode() for name in spellings} == {name: name for name in spellings}


@pytest.mark.parametrize("name", ["", ".", "..", "a\nb", "a\rb", "n" * 1025, "é" * 513, ".well-known/acme-challenge/x"])
def test_forbidden_names_are_refused_everywhere(served, name):
    served.put("source")
    uploaded = served.call(
        "POST", "/upload/storage/v1/b/a-bucket/o", params={"uploadType": "media", "name": name}, data=b"x"
    )
    assert uploaded.status_code == 400
    if name not in {"", ".", ".."}:
        from urllib.parse import quote

        assert served.object_call("POST", "source", f"/copyTo/b/a-bucket/o/{quote(name, safe='')}").status_code == 400


def test_a_target_that_is_not_utf8_is_refused(served):
    assert served.call("GET", "/storage/v1/b/a-bucket/o/%ff").status_code == 400
    assert served.call("GET", "/storage/v1/b/a-bucket/o?prefix=%ff").status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/storage/v1/b/a-bucket/acl"), ("POST", "/storage/v1/b/a-bucket/o"), ("PUT", "/a-bucket/o"), ("GET", "/")],
)
def test_what_is_not_offered_says_so(served, method, path):
    assert served.call(method, path).status_code == 501


@pytest.mark.parametrize("name", ["A", "a", "-ab", "a b", "a/b", "a" * 223, None, 7])
def test_bucket_names_are_checked(served, name):
    assert served.call("POST", "/storage/v1/b", json={"name": name}).status_code == 400
