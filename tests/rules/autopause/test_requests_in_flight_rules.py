"""Requests that take long: work while something moves, and no longer."""

import base64
import json

import pytest

from jupyter_terra_env.rules.autopause.requests_in_flight import (
    BRIEF_SECONDS,
    HANDLED_SECONDS,
    STALLED_SECONDS,
    RequestInFlight,
    RequestKind,
    is_work_in_flight,
    request_in_flight,
    upload_in,
)

FILE = "/api/contents/w/a.csv"


def flight(kind=RequestKind.ACT, *, began=0.0, moved=0.0, has_arrived=False):
    return RequestInFlight(
        kind=kind, path=FILE, uploads=True, began_seconds=began, moved_seconds=moved, has_arrived=has_arrived
    )


@pytest.mark.parametrize(
    ("method", "path", "query", "kind"),
    [
        ("PUT", FILE, {}, RequestKind.ACT),
        ("POST", "/api/contents/w", {}, RequestKind.ACT),
        ("PATCH", FILE, {}, RequestKind.ACT),
        ("POST", "/api/sessions", {}, RequestKind.ACT),
        ("GET", "/files/w/a.csv", {}, RequestKind.DOWNLOAD),
        ("GET", "/nbconvert/html/w/a.ipynb", {}, RequestKind.DOWNLOAD),
        ("GET", FILE, {"content": "1", "type": "file"}, RequestKind.DOWNLOAD),
        ("POST", "/git/clone", {}, RequestKind.OTHER),
        ("PUT", "/lab/api/workspaces/default", {}, RequestKind.OTHER),
        ("GET", "/api/contents/w", {"content": "1"}, None),
        ("GET", "/api/status", {}, None),
        ("GET", "/metrics", {}, None),
        ("GET", "/api/kernels/5/channels", {}, None),
        ("GET", "/api/events/subscribe", {}, None),
        ("GET", "/proxy/8000/poll", {}, None),
        ("POST", "/terra-env/flush", {}, None),
    ],
)
def test_what_a_request_is(method, path, query, kind):
    found = request_in_flight(method, path, query, is_repeated=False, now=7.0)
    assert (None if found is None else found.kind) == kind


@pytest.mark.parametrize("kind", RequestKind)
def test_what_is_brief_is_none(kind):
    assert not is_work_in_flight(flight(kind), BRIEF_SECONDS - 0.1)
    assert is_work_in_flight(flight(kind), BRIEF_SECONDS)


@pytest.mark.parametrize("kind", RequestKind)
def test_while_bytes_move_it_is_work_for_hours(kind):
    assert is_work_in_flight(flight(kind, moved=7199.0), 7200.0)


@pytest.mark.parametrize("kind", RequestKind)
def test_what_hangs_is_none(kind):
    assert not is_work_in_flight(flight(kind), STALLED_SECONDS)


def test_an_act_that_has_arrived_is_given_time_to_be_done():
    assert is_work_in_flight(flight(has_arrived=True), HANDLED_SECONDS - 1)
    assert not is_work_in_flight(flight(has_arrived=True), HANDLED_SECONDS)


def test_a_request_elsewhere_is_work_only_while_it_comes_in():
    assert not is_work_in_flight(flight(RequestKind.OTHER, has_arrived=True), 10.0)


def test_a_file_that_is_read_again_and_again_is_work_only_when_it_goes_out():
    query = {"content": "1", "type": "file"}
    again = request_in_flight("GET", FILE, query, is_repeated=True, now=0.0)
    assert not is_work_in_flight(again, 10.0)


def body(**fields):
    return json.dumps(fields).encode()


CONTENT = base64.b64encode(bytes(3000)).decode()


@pytest.mark.parametrize(
    ("sent", "is_unfinished"),
    [
        (body(type="file", format="base64", name="a", chunk=1, content=CONTENT), True),
        (body(content=CONTENT, type="file", format="text", chunk=12), True),
        (body(type="file", format="text", chunk=-1, content=CONTENT), False),
        (body(type="file", format="base64", content=CONTENT), False),
        (body(content=CONTENT, format="base64", type="file"), False),
    ],
)
def test_uploads(sent, is_unfinished):
    assert upload_in(sent).is_unfinished is is_unfinished


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"null",
        body(type="file", format="text", content="x"),
        body(type="file", format="text", content='"chunk": 1'),
        body(type="notebook", format="json", content={"metadata": {"chunk": 1}}),
        body(type="file", format="text", chunk=0, content="x"),
        body(type="file", format="text", chunk=None, content="x"),
    ],
)
def test_saves_are_none(sent):
    assert upload_in(sent) is None
