"""The shortcuts give what the usual ways give."""

import json

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from large_notebooks import sample_notebooks

from jupyter_terra_env.server.large_notebooks import json_text
from jupyter_terra_env.server.large_notebooks.certainly_valid import is_certainly_valid
from jupyter_terra_env.server.large_notebooks.json_text import parse, written

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


# Notebooks that are valid, but for what is changed at random.

IDS = st.sampled_from(["a", "b-c_9", "", "a b", "x" * 64, "x" * 65, "é", "a\n", 7, None])
SMALL = st.sampled_from(
    [None, True, False, 0, 1, -1, 1.0, 1.5, "", "text", "a\n", [], ["a"], ["a", "a"], [1], {}, {"a": 1}]
)
NAMES = ["name", "tags", "jupyter", "execution", "collapsed", "scrolled", "format", "trusted", "novel", "source_hidden"]
METADATA = st.dictionaries(st.sampled_from(NAMES), SMALL, max_size=2) | SMALL
MIMETYPES = st.sampled_from(["text/plain", "image/png", "application/json", "application/x+json", ""])
BUNDLES = st.dictionaries(MIMETYPES, SMALL | st.just("text"), max_size=2)
FIELDS = {
    "stream": {"name": st.just("stdout"), "text": st.just("t")},
    "display_data": {"data": BUNDLES, "metadata": METADATA},
    "execute_result": {"data": BUNDLES, "metadata": METADATA, "execution_count": st.just(1)},
    "error": {"ename": st.just("E"), "evalue": st.just("v"), "traceback": st.just(["t"])},
    "novel": {},
}


@st.composite
def _changed(draw, thing):
    """A dictionary as it is, or with one key changed, too many, or missing."""
    thing = dict(thing)
    match draw(st.integers(0, 7)):
        case 0:
            thing[draw(st.sampled_from(sorted(thing)))] = draw(SMALL)
        case 1:
            del thing[draw(st.sampled_from(sorted(thing)))]
        case 2:
            thing[draw(st.sampled_from(["surplus", "attachments", "execution_count", "outputs"]))] = draw(SMALL)
    return thing


@st.composite
def _outputs(draw):
    kind = draw(st.sampled_from(sorted(FIELDS)))
    return draw(_changed({"output_type": kind, **draw(st.fixed_dictionaries(FIELDS[kind]))}))


@st.composite
def _cells(draw):
    kind = draw(st.sampled_from(["code", "markdown", "raw", "novel"]))
    cell = {"cell_type": kind, "id": draw(IDS), "metadata": draw(METADATA), "source": "s"}
    if kind == "code":
        cell.update(outputs=draw(st.lists(_outputs(), max_size=2)), execution_count=draw(SMALL | st.just(1)))
    return draw(_changed(cell))


@st.composite
def _notebooks(draw):
    notebook = {"cells": draw(st.lists(_cells(), max_size=3)), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    notebook["metadata"] = draw(st.dictionaries(st.sampled_from(["kernelspec", "title", "authors"]), SMALL, max_size=1))
    return draw(_changed(notebook))


@pytest.mark.filterwarnings("ignore::nbformat.warnings.MissingIDFieldWarning")
@pytest.mark.filterwarnings("ignore::nbformat.warnings.DuplicateCellId")
@settings(max_examples=3000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_notebooks())
def test_what_is_certainly_valid_is_valid(notebook):
    if is_certainly_valid(notebook):
        before = json.dumps(notebook)
        nbformat.validate(notebook)
        assert json.dumps(notebook) == before, "there was something to mend"


def test_most_notebooks_are_certainly_valid():
    names = ["as Jupyter writes it", "no cells", "stream and error", "attachments", "big numbers"]
    doubted = [
        name
        for name in names
        if not is_certainly_valid(nbformat.reads(sample_notebooks.PLAIN[name].decode(), as_version=4))
    ]
    assert doubted == []
