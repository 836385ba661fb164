"""The shortcuts give what the usual ways give."""

import json

import nbformat
import pytest
import sample_notebooks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_terra_env.notebooks.untrusted import json_text
from jupyter_terra_env.notebooks.untrusted.json_text import parse, written
from jupyter_terra_env.server.contents.large_notebooks.certainly_valid import is_certainly_valid

ANY_TEXT = st.text(st.characters(codec=None), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)
thorough = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _outcome(read, text):
    try:
        return repr(read(text))  # NaN equals nothing, and 1 equals 1.0 and True.
    except (ValueError, RecursionError) as error:
        return type(error).__mro__[-4:-1] if isinstance(error, RecursionError) else ValueError


def _same(text):
    expected = _outcome(lambda text: json.loads(text.decode("utf-8")), text)
    assert _outcome(parse, text) == expected, text


@thorough
@given(VALUES, st.booleans(), st.data())
def test_json_is_read_as_json_reads_it(value, ensure_ascii, data):
    text = bytearray(json.dumps(value, ensure_ascii=ensure_ascii).encode("utf-8", "surrogatepass"))
    _same(bytes(text))
    for _ in range(data.draw(st.integers(1, 3))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    _same(bytes(text))


@thorough
@given(st.from_regex(rb"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?", fullmatch=True))
def test_numbers_are_read_as_json_reads_them(text):
    _same(text)


@thorough
@given(st.text('ud8cDF0\\"/bfnrtx19a', max_size=20))
def test_escapes_are_read_as_json_reads_them(text):
    _same(b'"' + text.encode() + b'"')


ODD_TEXTS = [
    b"",
    b"1" * 5000,
    b"\xef\xbb\xbf1",
    b'"\x01"',
    b" \n\t\r1 ",
    b"\x0b1",
    b"1\x00",
    b"[1,]",
    b'"\xed\xa0\x80"',
    b'"\\ud83d\\ude00"',
    b'"\\ud800"',
    b'"\xc0\x80"',
    b"// 1\n1",
    b"NaN",
    b"-Infinity",
    b"1e400",
    b"[" * 100_000,
]


@pytest.mark.parametrize("text", ODD_TEXTS, ids=lambda text: repr(text[:12]))
def test_odd_texts_are_read_as_json_reads_them(text):
    _same(text)


LONG = "x" * json_text._LONG_CHARACTERS
LONG_STRINGS = st.builds(
    lambda before, long, after: before + long + after,
    st.text(st.characters(max_codepoint=300), max_size=3),
    st.sampled_from([LONG, LONG + "\n", LONG + "\\" + LONG, LONG + "\r\n", '"' + LONG]),
    st.text(st.characters(max_codepoint=300), max_size=3),
)
GAPS = st.integers(0, 3).map(lambda number: f"a long string belongs here: {number}")
WITH_LONG_STRINGS = st.recursive(
    LONG_STRINGS | GAPS | st.integers() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(GAPS | ANY_TEXT, inner, max_size=4),
    max_leaves=8,
)


@thorough
@given(st.lists(WITH_LONG_STRINGS, max_size=4))
def test_json_is_written_as_json_writes_it(value):
    expected = json.dumps(value).encode()
    assert b"".join(written(json.loads(json.dumps(value)), json.dumps)) == expected


# A valid notebook with something of each kind in it, and everything that can be wrong in one place.

VALID = {
    "cells": [
        {
            "cell_type": "code",
            "execution_count": 1,
            "id": "a",
            "metadata": {"collapsed": True, "scrolled": False, "jupyter": {"source_hidden": True}, "novel": [1]},
            "outputs": [
                {"name": "stdout", "output_type": "stream", "text": "t"},
                {"data": {"text/plain": "t", "image/png": "p"}, "metadata": {"m": 1}, "output_type": "display_data"},
                {"data": {}, "execution_count": 1, "metadata": {}, "output_type": "execute_result"},
                {"ename": "E", "evalue": "v", "output_type": "error", "traceback": ["t", "u"]},
            ],
            "source": "s",
        },
        {
            "attachments": {"a": {"image/png": "p"}},
            "cell_type": "markdown",
            "id": "b-B_9",
            "metadata": {},
            "source": "",
        },
        {"cell_type": "raw", "id": "c" * 64, "metadata": {"format": "f", "name": "n", "tags": ["t"]}, "source": ""},
        {
            "cell_type": "code",
            "execution_count": None,
            "id": "d",
            "metadata": {"execution": {"shell.execute_reply": "then"}},
            "outputs": [],
            "source": "",
        },
    ],
    "metadata": {"kernelspec": {"display_name": "d", "name": "n"}, "language_info": {"name": "l"}, "title": "t"},
    "nbformat": 4,
    "nbformat_minor": 5,
}
OTHER_VALUES = [
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        1.0,
        1.5,
        10**20,
        "",
        "text",
        "a\n",
        "a b",
        "a,b",
        "d",
        "é",
        "x" * 65,
        "code",
        "stream",
    ),
    *([], ["a"], ["a", "a"], ["a\n"], ["a,b"], [1], [[]], [{}], {}, {"a": 1}, {"a": "b"}, {"a": ["b"]}, {"a": None}),
]
OTHER_KEYS = [
    *("surplus", "id", "metadata", "source", "outputs", "execution_count", "attachments", "cell_type", "output_type"),
    *("name", "tags", "jupyter", "execution", "collapsed", "scrolled", "format", "trusted", "source_hidden", "title"),
    *("data", "text", "application/json", "application/x+json", "text/html", "authors", "orig_nbformat", "cells"),
]


def _storage(thing):
    """Every dictionary or list in a notebook, with its keys."""
    if isinstance(thing, dict | list):
        yield thing, list(thing) if isinstance(thing, dict) else list(range(len(thing)))
        for item in thing.values() if isinstance(thing, dict) else thing:
            yield from _storage(item)


def _changed():
    """The notebook with each of its values left out, and with each value there can be in each place."""
    notebook = json.loads(json.dumps(VALID))
    for container, keys in list(_storage(notebook)):
        others = [key for key in OTHER_KEYS if key not in keys] if isinstance(container, dict) else []
        for key in [*keys, *others]:
            kept = dict(container) if isinstance(container, dict) else list(container)
            for value in OTHER_VALUES:
                container[key] = value
                yield notebook
            del container[key]
            yield notebook
            container.clear()
            container.update(kept) if isinstance(container, dict) else container.extend(kept)
    yield notebook


@pytest.mark.filterwarnings("ignore::nbformat.warnings.MissingIDFieldWarning")
@pytest.mark.filterwarnings("ignore::nbformat.warnings.DuplicateCellId")
def test_what_is_certainly_valid_is_valid():
    accepted = refused = 0
    for notebook in _changed():
        if is_certainly_valid(notebook):
            accepted += 1
            before = json.dumps(notebook)
            nbformat.validate(notebook)
            assert json.dumps(notebook) == before, "there was something to mend"
        else:
            refused += 1
    assert min(accepted, refused) > 1000, "the changes are too harmless, or not harmless enough"


def test_most_notebooks_are_certainly_valid():
    names = ["as Jupyter writes it", "no cells", "stream and error", "attachments", "big numbers"]
    doubted = [
        name
        for name in names
        if not is_certainly_valid(nbformat.reads(sample_notebooks.PLAIN[name].decode(), as_version=4))
    ]
    assert doubted == []
