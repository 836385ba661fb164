"""Requests that no client of ours sends: each is refused with a sentence, nothing is 500, and nothing has changed."""

import json

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from workspace_kit import WORKSPACE, notebook

from jupyter_terra_env.server.autopause import requests

PATH = f"{WORKSPACE}/edit/a.ipynb"
POSTS = ("lock", "flush", "open-workspace-version", "resolve", "autopause")
DEEP = "[" * 100_000
ODD = [3, -1, 1e400, float("nan"), True, "", "x", [], {}, [[]], {"a": {}}, "\ud800", "\0", "x" * 100_000, 10**30]
NOT_OBJECTS = [
    b"",
    b" ",
    b"null",
    b"[]",
    b"3",
    b'"x"',
    b"true",
    b"{",
    b"\xff\xfe",
    b"\x00",
    DEEP.encode(),
    b'{"path": ' + DEEP.encode(),
    b'{"a": ' * 100_000,
    b"1" * 5000,
    b'{"path": "\\ud800"}',
    b'[{"path": "x"}]',
]
PATHS = [*ODD, "/", "..", "../x", f"{WORKSPACE}/edit/../../x", f"{WORKSPACE}/edit/\0", f"{WORKSPACE}/edit/\ud800.ipynb"]
VERBS = {
    "lock": {"action": "acquire"},
    "flush": {"deadline_seconds": 0},
    "open-workspace-version": {},
    "resolve": {"action": "keep-both"},
    "autopause": {"action": "heartbeat", "tab": "t", "visible": True},
}
FIELDS = {
    "lock": ("action",),
    "flush": ("deadline_seconds", "before_end"),
    "resolve": ("action", "theirs_version", "content"),
    "autopause": ("action", "tab", "visible", "last_input_age_seconds", "more"),
}
ODD_QUERIES = [
    "",
    "?path",
    "?path=",
    "?path=%00",
    "?path=%ff",
    "?path=%ED%A0%80",
    "?path=a&path=b",
    "?path=" + "x" * 9000,
]


@pytest.fixture
def send(jp_serverapp, jp_fetch):
    async def send(method, path, body=None):
        url = jp_serverapp.connection_url.rstrip("/") + "/" + path.replace(" ", "%20")
        headers = {"Authorization": f"token {jp_serverapp.identity_provider.token}"}
        request = HTTPRequest(
            url, method=method, body=body, headers=headers, allow_nonstandard_methods=True, request_timeout=60
        )
        answer = await AsyncHTTPClient().fetch(request, raise_error=False)
        return answer.code, answer.body

    return send


def refused(answer, *, codes=(400,)):
    code, body = answer
    if code not in codes:
        return False
    reported = json.loads(body)
    return isinstance(reported["message"], str) and reported["message"] != ""


@pytest.fixture
def unchanged(bucket, jp_root_dir):
    bucket.put_notebook("a.ipynb", "1")
    bucket.mark()
    yield
    assert bucket.writes == []
    assert bucket.sources("a.ipynb") == ["1"]
    assert [path for path in jp_root_dir.rglob("*.ipynb") if path.is_file()] == []


@pytest.mark.parametrize("endpoint", POSTS)
async def test_a_body_that_is_no_object(unchanged, send, endpoint):
    for body in NOT_OBJECTS:
        if endpoint == "flush" and (not body.strip() or body.startswith(b'{"path": "')):
            continue  # A flush needs no body, and no path.
        answer = await send("POST", f"terra-env/{endpoint}", body)
        assert refused(answer), (body[:30], answer)


@pytest.mark.parametrize("endpoint", ["lock", "open-workspace-version", "resolve"])
async def test_paths_that_are_none(unchanged, send, endpoint):
    for path in PATHS:
        answer = await send("POST", f"terra-env/{endpoint}", json.dumps({**VERBS[endpoint], "path": path}))
        assert refused(answer, codes=(400, 404)), (repr(path)[:30], answer)


@pytest.mark.parametrize(("endpoint", "field"), [(name, field) for name, fields in FIELDS.items() for field in fields])
async def test_fields_of_another_type(unchanged, send, endpoint, field):
    for value in ODD:
        path = {} if endpoint in {"flush", "autopause"} else {"path": PATH}
        code, answer = await send(
            "POST", f"terra-env/{endpoint}", json.dumps({**path, **VERBS[endpoint], field: value})
        )
        assert code in {200, 400, 404, 409}, (repr(value)[:30], answer)


AUTOPAUSE_FIELDS = sorted(set().union(*requests._FIELDS.values()))


@pytest.mark.parametrize("action", sorted(set(requests.Action) - {"pause-now", "flush"}))
async def test_fields_of_every_action_of_the_pause(unchanged, send, action):
    for field in AUTOPAUSE_FIELDS:
        for value in ODD:
            code, answer = await send("POST", "terra-env/autopause", json.dumps({"action": action, field: value}))
            assert code in {200, 400, 404, 409}, (field, repr(value)[:30], answer)


WELDER_CALLS = {
    "storageLinks": ("localBaseDirectory", "localSafeModeBaseDirectory", "cloudStorageDirectory", "pattern"),
    "objects": ("action", "localPath", "entries"),
    "objects/metadata": ("localPath",),
    "objects/lock": ("localPath",),
}
WELDER_BODY = {
    "action": "safeDelocalize",
    "localPath": PATH,
    "localBaseDirectory": "x/edit",
    "localSafeModeBaseDirectory": "x/safe",
    "cloudStorageDirectory": "gs://bucket/x",
    "pattern": "(",
}


@pytest.mark.parametrize("call", WELDER_CALLS)
async def test_calls_of_welder_that_are_none(unchanged, send, call):
    for method in ("POST", "DELETE"):
        for body in NOT_OBJECTS:
            code, answer = await send(method, f"welder/{call}", body)
            assert code in {400, 404, 412}, (body[:30], answer)
        for field in WELDER_CALLS[call]:
            for value in [*ODD, [{}], [{"sourceUri": 3}], [3], "../x", "/etc/passwd", "x/../../y"]:
                code, answer = await send(method, f"welder/{call}", json.dumps({**WELDER_BODY, field: value}))
                assert code in {400, 404, 412} or (field == "pattern" and code < 300), (
                    field,
                    repr(value)[:30],
                    answer,
                )


async def test_older_pages_bodies_that_are_none(unchanged, send, jp_root_dir):
    for body in [*NOT_OBJECTS, *(json.dumps({path: value}).encode() for path in ("x", "../x", "") for value in ODD)]:
        code, answer = await send("POST", "api/localize", body)
        assert code in {200, 400}, (body[:30], answer)
    assert not (jp_root_dir.parent / "x").exists()


@pytest.mark.parametrize("endpoint", ["status", "preview", "conflict", "debts", "autopause", "whereabouts", "removal"])
async def test_queries_that_are_none(unchanged, send, endpoint):
    for query in ODD_QUERIES:
        code, body = await send("GET", f"terra-env/{endpoint}{query}")
        assert code in {200, 400, 404}, (query, body)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("path", [f"{WORKSPACE}/edit", f"{WORKSPACE}/edit/new.ipynb"])
async def test_contents_get_bodies_that_are_no_objects(bucket, send, method, path):
    for body in NOT_OBJECTS:
        code, answer = await send(method, f"api/contents/{path}", body)
        assert code < 500, (body[:30], answer)


LARGE = 2_000_000
LARGE_BODIES = {
    "deep": b"[" * LARGE,
    "deep object": b'{"a":' * (LARGE // 5),
    "array": b"[]" + b" " * LARGE,
    "text": b'"' + b"x" * LARGE + b'"',
    "null": b"null" + b" " * LARGE,
    "digits": b"1" * LARGE,
    "unfinished": b'{"type": "notebook", "content": {"cells": [' + b"0," * LARGE,
    "no UTF-8": b"\xff" * LARGE,
    "odd type": b'{"type": [], "content": "' + b"x" * LARGE + b'"}',
    "odd path": b'{"type": "notebook", "path": [], "content": "' + b"x" * LARGE + b'"}',
    "content that is none": b'{"type": "notebook", "content": [' + b"0," * LARGE + b"0]}",
}


@pytest.mark.parametrize("body", LARGE_BODIES.values(), ids=LARGE_BODIES.keys())
async def test_large_bodies_that_are_none(unchanged, send, body):
    for path in (f"{WORKSPACE}/edit/a.ipynb", f"{WORKSPACE}/edit/new.ipynb"):
        code, answer = await send("PUT", f"api/contents/{path}", body)
        assert 400 <= code < 500, answer


@pytest.mark.parametrize("query", ODD_QUERIES)
async def test_presence_of_paths_that_are_none(unchanged, send, query):
    code, answer = await send("GET", f"terra-env/presence{query}")
    assert 400 <= code < 500, answer


MODELS = [
    *({"type": value, "content": "x"} for value in ODD),
    *({"type": "notebook", "content": value} for value in ODD),
    *({"type": "notebook", "content": {**notebook("1"), "cells": value}} for value in ODD),
    *({"type": "notebook", "content": {**notebook("1"), "metadata": value}} for value in ODD),
    *({"type": "notebook", "content": {**notebook("1"), "nbformat": value}} for value in ODD),
    *({"type": "file", "format": value, "content": "x"} for value in ODD),
    *({"type": "file", "format": "text", "content": value} for value in ODD),
    *({"type": "file", "format": "base64", "content": value} for value in ODD),
    *({"type": "file", "format": "text", "content": "x", "chunk": value} for value in ODD),
    *({"type": "file", "format": "text", "content": "x", "path": value} for value in ODD),
    *({"copy_from": value} for value in ODD),
    *({"ext": value} for value in ODD),
    *({"path": value} for value in ODD),
]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_models_that_are_none(bucket, send, jp_root_dir, method):
    for model in MODELS:
        path = f"{WORKSPACE}/edit" if method == "POST" else f"{WORKSPACE}/edit/new.ipynb"
        code, answer = await send(method, f"api/contents/{path}", json.dumps(model))
        assert code < 500, (repr(model)[:100], answer)


@pytest.mark.parametrize("name", ["%00.ipynb", "%ED%A0%80.ipynb", "%ff.ipynb", "a%00b.txt", "%C2%9B.ipynb"])
async def test_names_in_addresses(bucket, send, name):
    model = json.dumps({"type": "notebook", "content": notebook("1")})
    for method, path, body in (
        ("GET", "api/contents", None),
        ("PUT", "api/contents", model),
        ("PATCH", "api/contents", json.dumps({"path": "x"})),
        ("DELETE", "api/contents", None),
        ("POST", "api/contents", "{}"),
        ("GET", "files", None),
        ("GET", "nbconvert/html", None),
    ):
        code, answer = await send(method, f"{path}/{WORKSPACE}/edit/{name}", body)
        assert 200 <= code < 500, (method, answer)
    assert bucket.names() == []
