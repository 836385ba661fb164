"""Pages, prefixes, order, and what is left out."""

import itertools

import pytest

TREE = ["a.txt", "dir/", "dir/b.txt", "dir/sub/c.txt", "dir0", "dir2/e.txt", "z"]


@pytest.fixture
def tree(served):
    for name in TREE:
        served.put(name)
    return served


def page(served, **params):
    response = served.call("GET", "/storage/v1/b/a-bucket/o", params=params)
    assert response.status_code == 200, response.text
    return response.json()


def names(answer):
    return [item["name"] for item in answer.get("items", [])]


def walk(served, **params):
    """Return everything that all pages list, in order, each page of at most maxResults entries."""
    listed = []
    for token in itertools.count():
        answer = page(served, **params)
        entries = names(answer) + answer.get("prefixes", [])
        assert len(entries) <= int(params["maxResults"])
        assert entries or token == 0
        listed += entries
        if "nextPageToken" not in answer:
            return listed
        params["pageToken"] = answer["nextPageToken"]
    raise AssertionError


def test_prefixes_stand_for_what_is_below(tree):
    root = page(tree, delimiter="/")
    below = page(tree, delimiter="/", prefix="dir/")

    assert (names(root), root["prefixes"]) == (["a.txt", "dir0", "z"], ["dir/", "dir2/"])
    assert (names(below), below["prefixes"]) == (["dir/", "dir/b.txt"], ["dir/sub/"])
    assert page(tree, prefix="nothing") == {"kind": "storage#objects"}


@pytest.mark.parametrize("trailing", ["true", "false"])
@pytest.mark.parametrize("delimiter", ["", "/", "r"])
def test_pages_of_any_size_list_the_same_once(tree, trailing, delimiter):
    for prefix, size in itertools.product(["", "dir", "dir/"], [1, 2, 3, 7]):
        options = {"prefix": prefix, "delimiter": delimiter, "includeTrailingDelimiter": trailing}
        whole = page(tree, **options)
        listed = walk(tree, maxResults=str(size), **options)

        assert sorted(listed) == sorted(names(whole) + whole.get("prefixes", []))
        assert len(names(whole)) == len(set(names(whole)))


def test_a_group_is_stepped_over_without_missing_its_neighbours(served):
    for name in ("a/1", "a/\U0010ffff\U0010ffff", "a/\ud7ff", "a0", "\U0010ffff/x", "\U0010ffff/y"):
        served.put(name)
    answer = page(served, delimiter="/")
    assert (names(answer), answer["prefixes"]) == (["a0"], ["a/", "\U0010ffff/"])
    assert page(served, delimiter="\ud7ff", prefix="a/")["prefixes"] == ["a/\ud7ff"]
    answer = page(served, delimiter="\U0010ffff")
    assert answer["prefixes"] == ["a/\U0010ffff", "\U0010ffff"]


def test_the_order_is_that_of_utf8_bytes(served):
    given = ["B", "a", "é", "日", "🚀", "a/1", "a.1", "a-1", "\uff5e"]
    for name in given:
        served.put(name)
    assert names(page(served)) == sorted(given, key=str.encode)


def test_the_client_pages_and_merges_prefixes(tree):
    listing = tree.client.list_blobs("a-bucket", delimiter="/", page_size=1)
    assert ([blob.name for blob in listing], listing.prefixes) == (["a.txt", "dir0", "z"], {"dir/", "dir2/"})


def test_a_page_holds_at_most_a_thousand(database, clock):
    from jupyter_terra_env.bucket.embedded.api import EmbeddedBucket
    from jupyter_terra_env.bucket.embedded.database import Database
    from jupyter_terra_env.bucket.embedded.messages import Request

    with EmbeddedBucket(database, clock=clock) as embedded:
        embedded.handle(Request(method="POST", target="/storage/v1/b", body=b'{"name": "a-bucket"}'))
        store = Database(database, clock=clock, new_id=str)
        with store.write() as transaction:
            transaction.run("INSERT INTO contents (content_id) VALUES (1)")
            for number in range(1001):
                transaction.run(
                    "INSERT INTO objects VALUES ('a-bucket', ?, ?, 'live', 1, 1, '{}', 0, 0, NULL, NULL)",
                    *(f"{number:04d}", number),
                )
        store.close()
        answer = embedded.handle(
            Request(method="GET", target="/storage/v1/b/a-bucket/o?maxResults=5000&fields=items/name,nextPageToken")
        )
    assert answer.body.count(b'"name"') == 1000
    assert b"nextPageToken" in answer.body


def test_offsets_globs_and_fields(tree):
    assert names(page(tree, startOffset="dir/b.txt", endOffset="dir2/")) == ["dir/b.txt", "dir/sub/c.txt", "dir0"]
    assert names(page(tree, matchGlob="**.txt")) == ["a.txt", "dir/b.txt", "dir/sub/c.txt", "dir2/e.txt"]
    assert names(page(tree, matchGlob="dir/*.txt")) == ["dir/b.txt"]
    assert names(page(tree, matchGlob="{a,z}*")) == ["a.txt", "z"]
    assert names(page(tree, matchGlob="dir[0-9]")) == ["dir0"]
    trimmed = page(tree, fields="items(name,generation),prefixes,nextPageToken", delimiter="/")
    assert set(trimmed) == {"items", "prefixes"}
    assert {key for item in trimmed["items"] for key in item} == {"name", "generation"}


@pytest.mark.parametrize(
    "params",
    [
        {"pageToken": "nonsense"},
        {"pageToken": "e30="},
        {"matchGlob": "{a"},
        {"matchGlob": "[z-a]"},
        {"maxResults": "many"},
        {"fields": "items(name"},
        {"fields": "items)"},
        {"versions": "true", "softDeleted": "true"},
    ],
)
def test_questions_that_make_no_sense_are_refused(served, params):
    assert served.call("GET", "/storage/v1/b/a-bucket/o", params=params).status_code == 400
