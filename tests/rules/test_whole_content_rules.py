"""What is a notebook, and what a program may have done to a text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_terra_env.rules.status import Place, brought_for_program, not_fit
from jupyter_terra_env.rules.whole_content import (
    BROKEN,
    EMPTY_CRC32C,
    SENTENCES,
    Unfit,
    check_text,
    is_copy_of_edits,
    is_notebook_document,
)

CELL = {"cell_type": "code", "metadata": {}, "source": ""}
NOTEBOOK = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [CELL]}
MARKERS = b"a\n<<<<<<< HEAD\nmine\n=======\ntheirs\n>>>>>>> branch\nb\n"


@pytest.mark.parametrize(
    "document", [NOTEBOOK, {**NOTEBOOK, "cells": []}, {"nbformat": 3, "worksheets": [{"cells": []}], "metadata": {}}]
)
def test_notebooks(document):
    assert is_notebook_document(document)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "text",
        {},
        {**NOTEBOOK, "nbformat": "4"},
        {**NOTEBOOK, "nbformat": True},
        {**NOTEBOOK, "nbformat": 0},
        {**NOTEBOOK, "cells": None},
        {**NOTEBOOK, "cells": ["text"]},
        {**NOTEBOOK, "cells": [{"cell_type": "code"}]},
        {**NOTEBOOK, "metadata": []},
        {"nbformat": 3, "metadata": {}},
    ],
)
def test_no_notebooks(document):
    assert not is_notebook_document(document)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_json_gives_an_answer(document):
    assert is_notebook_document(json.loads(json.dumps(document))) in {True, False}


@pytest.mark.parametrize(
    ("name", "content", "baseline", "expected"),
    [
        ("a.Rmd", b"x <- 1\n", "abcdef==", None),
        ("a.Rmd", b"", "abcdef==", Unfit.EMPTIED),
        ("a.Rmd", b"", EMPTY_CRC32C, None),
        ("a.Rmd", b"", None, None),
        ("a.R", b"x\0y", None, Unfit.UNREADABLE),
        ("a.R", MARKERS, None, Unfit.UNMERGED),
        ("a.R", MARKERS.replace(b"\n", b"\r\n"), None, Unfit.UNMERGED),
        ("a.R", b"title\n=======\ntext", None, None),
        ("a.png", b"\x89PNG\0", None, None),
        ("a.png", b"", "abcdef==", Unfit.EMPTIED),
    ],
)
def test_what_a_program_wrote_into_a_text(name, content, baseline, expected):
    assert check_text(name, content, baseline) is expected


@pytest.mark.parametrize("reason", list(Unfit))
def test_each_reason_has_a_sentence_and_none_says_that_it_is_in_the_workspace(reason):
    result = not_fit(reason)
    assert result.place is Place.ON_DISK
    assert result.reason == reason.value
    assert result.message == SENTENCES[reason]
    if reason in BROKEN:
        assert "NOT" in result.message
        assert "workspace version" in result.message


def test_what_a_program_wrote_is_reported_once_it_is_in_the_workspace():
    assert brought_for_program().place is Place.IN_WORKSPACE
    assert brought_for_program().is_news_of_equal


@pytest.mark.parametrize("name", ["a (my edits).ipynb", "a (my edits 12).R", "a (my edits)"])
def test_copies_of_edits(name):
    assert is_copy_of_edits(name)


@pytest.mark.parametrize("name", ["a.ipynb", "my edits.ipynb", "a (my edits).ipynb.bak.ipynb", "(my edits).ipynb"])
def test_other_names(name):
    assert not is_copy_of_edits(name)
