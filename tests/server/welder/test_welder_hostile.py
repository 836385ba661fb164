"""Hostile callers at Welder's API: the server answers in Welder's words, and loses nothing, whatever they send."""

import asyncio

import pytest
from welder_kit import PATTERN, link

KEYS = {"errorMessage", "errorCode", "traceId"}
DATA = "data:application/json;base64,e30="
NO_PATHS = (
    *(None, True, 0, -1, 1e308, [], {}, [[]], [{"a": 1}]),
    *("", "/", "//", ".", "..", "a/..", "../a", "a/../../b", "./a/.", "/etc/passwd"),
    *("a\0b", "\ud800", "a/" * 5000 + "a", "n" * 70_000),
)


def is_welders(answer):
    return set(answer.model) == KEYS and isinstance(answer.model["errorMessage"], str)


@pytest.fixture
def raw(jp_serverapp, port):
    """Send bytes to the port; the answer's status line."""

    async def send(*parts):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for part in parts:
            writer.write(part)
        async with asyncio.timeout(20):
            line = await reader.readline()
        writer.close()
        return int(line.split()[1]) if line else None

    return send


@pytest.fixture
def no_tracebacks(caplog):
    yield
    assert not [record.getMessage() for record in caplog.records if record.exc_info]


async def test_wrong_values_in_every_field(jp_serverapp, on_port, jp_root_dir, no_tracebacks):
    """Every field takes what it is for, and refuses everything else in Welder's words."""
    entry = {"sourceUri": DATA, "localDestinationPath": "a.json"}
    bodies = []
    for value in NO_PATHS:
        bodies += [(path, {"localPath": value}) for path in ("objects/lock", "objects/metadata")]
        bodies += [("objects", {"action": action, "localPath": value}) for action in ("safeDelocalize", "delete")]
        bodies += [("objects", {"action": value, "localPath": "a.ipynb"})]
        bodies += [("objects", {"action": "localize", "entries": [{**entry, field: value}]}) for field in entry]
        bodies += [("objects", {"action": "localize", "entries": [value]})]
        bodies += [("storageLinks", {**link(), "cloudStorageDirectory": value})]
        bodies += [("storageLinks", {**link(), "pattern": value})] if not isinstance(value, str) else []
        is_base = value == ""
        is_safe = is_base or value is None
        bodies += [] if is_base else [("storageLinks", {**link(), "localBaseDirectory": value})]
        bodies += [] if is_safe else [("storageLinks", {**link(), "localSafeModeBaseDirectory": value})]
    for path, body in bodies:
        answer = await on_port("POST", path, body)
        # A long name is a path, but one without a link.
        assert answer.code in {400, 412}, (path, repr(body)[:200], answer.body[:200])
        assert is_welders(answer)
    assert (await on_port("GET", "storageLinks")).model == {"storageLinks": []}
    assert [file.name for file in jp_root_dir.iterdir()] == [".jupyter-terra-env"]


async def test_one_folder_is_not_both_edited_and_safe(jp_serverapp, on_port):
    for base, safe in (("a", "a"), ("a/", "a"), ("a//b", "a/b")):
        assert (await on_port("POST", "storageLinks", link(base, safe))).code == 400
    assert (await on_port("POST", "storageLinks", link("", ""))).code == 200


async def test_patterns_that_would_hold_the_server(jp_serverapp, on_port, no_tracebacks):
    refused = ["(", "*", "(?P<a>", "a{99999999999999}", "[" * 900, "(" * 900, "(?i", "(?x)a # b", "a)(b", "a|b)|(c"]
    refused += ["\ud800", r"\p{L}", "[a&&b]", "[[a]]", "a" * 2000]
    refused += ["(a+)+$", "(a|a)*$", "(.*){9}x", "a?" * 30 + "a" * 30, ".*" * 9]
    for pattern in refused:
        answer = await on_port("POST", "storageLinks", link(pattern=pattern))
        assert (answer.code, is_welders(answer)) == (400, True), pattern
    taken = [PATTERN, r"\.ipynb$", ".*.ipynb", r".+(\.R|\.Rmd)$", r"(?i)\.(Rmd|R)$", r"\.sas$"]
    for pattern in (*taken, r"[*+?{)(]*a?\.(ipynb)?"):
        assert (await on_port("POST", "storageLinks", link(pattern=pattern))).code == 200, pattern


async def test_only_this_machines_own_names_are_hosts(raw, no_tracebacks):
    foreign = [b"", b"[", b"[::1", b"a b", b"evil@[", b"\xff"]
    foreign += [b"127.0.0.1.example.org", b"example.org:80", b"localhost@example.org"]
    for host in foreign:
        assert await raw(b"GET /status HTTP/1.1\r\nHost: " + host + b"\r\n\r\n") in {400, 403}, host
    for host in (b"LOCALHOST", b"127.0.0.1:8080", b"[::1]:8080"):
        assert await raw(b"GET /status HTTP/1.1\r\nHost: " + host + b"\r\n\r\n") == 200, host


async def test_another_sites_page_is_refused_and_a_proxy_is_not(jp_serverapp, on_port):
    page = {"Content-Type": "text/plain", "Origin": "https://example.org", "Sec-Fetch-Site": "cross-site"}
    assert (await on_port("POST", "storageLinks", link(), **page)).code == 403
    assert (await on_port("POST", "storageLinks", link(), **{**page, "Sec-Fetch-Site": "same-site"})).code == 403
    assert (await on_port("GET", "storageLinks")).model == {"storageLinks": []}
    assert (await on_port("POST", "storageLinks", link(), **page, **{"X-Forwarded-For": "10.0.0.1"})).code == 200


async def test_bodies_without_end(raw, on_port, no_tracebacks):
    start = b"POST /objects HTTP/1.1\r\nHost: localhost\r\n"
    chunk = b"100000\r\n" + b" " * 2**20 + b"\r\n"
    assert await raw(start + b"Content-Length: 99999999999\r\n\r\n{") in {400, 413, None}
    assert await raw(start + b"Content-Length: -1\r\n\r\n") in {400, None}
    with_chunks = start + b"Transfer-Encoding: chunked\r\n\r\n"
    assert await raw(with_chunks + b"2\r\n{}\r\n0\r\n\r\n") == 400
    assert await raw(with_chunks, *[chunk] * 40) in {400, 413, None}
    assert (await on_port("GET", "status")).code == 200


async def test_a_giant_body_within_jupyter(within_jupyter, jp_serverapp):
    giant = {"action": "localize", "entries": [], "padding": "x" * (32 * 2**20)}
    assert (await within_jupyter("POST", "objects", giant)).code == 400
    assert (await within_jupyter("GET", "status")).code == 200
