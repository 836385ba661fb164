"""Hostile files that programs put into the edit folder: child processes with limits check them."""

import time
from dataclasses import replace

import pytest
from workspace_kit import WORKSPACE, notebook, sources, text_of

from jupyter_terra_env.notebooks.sync import whole_content
from jupyter_terra_env.notebooks.sync.whole_content import check_content, is_notebook
from jupyter_terra_env.rules.whole_content import check_text

MIB = 1 << 20
NAME = "a.ipynb"
LONG_NUMBER = b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {"a": %s}, "cells": []}' % (b"9" * (2 * MIB))
UNREADABLE = {
    "deep lists": b"[" * (2 * MIB),
    "deep objects": b'{"a":' * (MIB // 2),
    "deep within a notebook": b'{"nbformat": 3, "worksheets": [' + b"[" * (2 * MIB),
    "a long number of an older format": LONG_NUMBER.replace(b": 4", b": 3"),
    "many cells that are none": b'{"nbformat": 4, "metadata": {}, "cells": [' + b"1," * MIB + b"1]}",
    "gzip": b"\x1f\x8b\x08\x00" + bytes(2 * MIB),
    "many objects, not large": b"[" + b"{}," * 100_000 + b"1]",
}
DEMANDING = b"[" + b"{}," * (2 * MIB) + b"1]"


@pytest.fixture
def in_this_process(monkeypatch):
    """Which contents the server's own process reads whole."""
    read = []

    def reads(content):
        read.append(len(content))
        return is_notebook(content)

    monkeypatch.setattr(whole_content, "is_notebook", reads)
    return read


@pytest.fixture
def settled(bucket, contents, edit, api, jp_serverapp):
    """Have a program write a working copy, and everything brought to the workspace that may go there."""

    async def write(content):
        bucket.put_notebook(NAME, "the work of a week")
        bucket.put_notebook("well.ipynb", "1")
        await contents.open(NAME)
        (edit / NAME).write_bytes(content)
        await api("POST", "flush", base="terra-env", body={"deadline_seconds": 30})
        assert (await contents.open("well.ipynb")).code == 200
        return await contents.status(NAME)

    return write


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
async def test_what_is_no_notebook_stays_on_the_disk(settled, bucket, edit, in_this_process, content):
    status = await settled(content)
    assert (status["place"], status["reason"]) == ("on-disk", "unreadable")
    assert bucket.sources(NAME) == ["the work of a week"]
    assert (edit / NAME).read_bytes() == content
    assert in_this_process == []


@pytest.mark.parametrize(
    ("limit", "content"),
    [("memory_bytes", DEMANDING), ("cpu_seconds", DEMANDING * 8), ("wall_seconds", DEMANDING * 8)],
    ids=["memory", "cpu", "wall"],
)
async def test_what_takes_too_much_is_reported_and_stays(
    settled, bucket, api, edit, contents, in_this_process, monkeypatch, limit, content
):
    usual, least = whole_content.limits_for, {"memory_bytes": 64 * MIB, "cpu_seconds": 0, "wall_seconds": 0.001}
    monkeypatch.setattr(whole_content, "limits_for", lambda size: replace(usual(size), **{limit: least[limit]}))
    status = await settled(content)
    assert (status["place"], status["reason"]) == ("on-disk", "too-demanding")
    assert "takes more time or memory" in status["message"]
    assert bucket.sources(NAME) == ["the work of a week"]
    assert in_this_process == []
    monkeypatch.setattr(whole_content, "limits_for", usual)
    body = {"path": f"{WORKSPACE}/edit/{NAME}", "action": "take-theirs"}
    kept = (await api("POST", "resolve", base="terra-env", body=body)).model["kept_edits"]
    assert kept == f"{WORKSPACE}/edit/a (my edits).ipynb"
    assert (edit / "a (my edits).ipynb").stat().st_size == len(content)
    assert sources((await contents.open(NAME)).model["content"]) == ["the work of a week"]


async def test_a_large_notebook_of_a_program_is_brought_to_the_workspace(settled, bucket, in_this_process):
    nb = notebook("the work of a week", "x" * (2 * MIB))
    assert (await settled(text_of(nb).encode()))["place"] == "in-workspace"
    assert len(bucket.sources(NAME)[1]) == 2 * MIB
    assert in_this_process == []


async def test_where_no_child_can_be_had_it_is_tried_again(settled, bucket, monkeypatch):
    monkeypatch.setattr(whole_content, "__name__", "no_such_module")
    status = await settled(text_of(notebook("x" * (2 * MIB))).encode())
    assert (status["place"], status["reason"]) == ("on-disk", "not-checked")


def test_markers_of_a_merge_are_found_in_linear_time():
    markers = b"<<<<<<< \n=======\n" * MIB
    began = time.monotonic()
    assert check_text("a.R", markers, None) is None
    assert check_text("a.R", markers + b">>>>>>> x", None) == "unmerged"
    assert check_text("a.R", b"<<<<<<<" * (2 * MIB), None) is None
    # What is quadratic takes hours.
    assert time.monotonic() - began < 30


def test_a_notebook_is_read_no_further_than_it_was_looked_at(tmp_path):
    content = text_of(notebook("1")).encode()
    (tmp_path / NAME).write_bytes(content + b"appended meanwhile")
    with (tmp_path / NAME).open("rb") as file:
        assert check_content(NAME, file, len(content), None) is None
