"""What cells show after messages of their kernel."""

import copy
import re

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat import v4

from jupyter_terra_env.rules.cell_outputs import (
    MOST_BYTES,
    Candidate,
    CellRun,
    KernelMessage,
    asker_of,
    shown,
    with_outputs,
    without_place,
)


def notebook(*outputs):
    cell = v4.new_code_cell("the source", id="a", outputs=list(outputs), execution_count=1)
    return v4.new_notebook(cells=[v4.new_markdown_cell("text", id="text"), cell, v4.new_code_cell("b", id="b")])


def run(cell="a", request="r", *, from_start=True):
    return CellRun(request_id=request, cell_id=cell, from_start=from_start)


def message(type_, request="r", **content):
    return KernelMessage(request_id=request, type=type_, content=content)


def out(text, name="stdout", **more):
    return message("stream", name=name, text=text, **more)


def display(text, display_id=None, type_="display_data", **more):
    transient = {} if display_id is None else {"display_id": display_id}
    return message(type_, data={"text/plain": text}, metadata={}, transient=transient, **more)


def outputs(*messages, before=(), **how):
    after = with_outputs(notebook(*before), [run(**how)], messages)
    nbformat.validate(nbformat.from_dict(after))
    return after["cells"][1]["outputs"]


def texts(*messages, **how):
    return [(each.get("name"), each.get("text") or each["data"]["text/plain"]) for each in outputs(*messages, **how)]


def test_streams_are_one_as_long_as_nothing_comes_between():
    assert texts(out("1\n"), out("2\n"), out("!", name="stderr"), out("3")) == [
        ("stdout", "1\n2\n"),
        ("stderr", "!"),
        ("stdout", "3"),
    ]


def test_results_and_errors_are_as_the_format_has_them():
    assert outputs(
        message("execute_input", code="", execution_count=7),
        message("execute_result", data={"text/plain": "4"}, metadata={"m": 1}, execution_count=7, transient={}),
        message("error", ename="E", evalue="v", traceback=["t"]),
    ) == [
        {"output_type": "execute_result", "data": {"text/plain": "4"}, "metadata": {"m": 1}, "execution_count": 7},
        {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["t"]},
    ]


def test_only_outputs_and_count_of_the_cell_change():
    before = notebook(v4.new_output("stream", text="old"))
    kept = copy.deepcopy(before)
    after = with_outputs(before, [run()], [message("execute_input", execution_count=7), out("new")])
    assert before == kept
    cell = after["cells"][1]
    assert (cell["source"], cell["execution_count"], cell["outputs"][0]["text"]) == ("the source", 7, "new")
    assert [after["cells"][0], after["cells"][2]] == [kept["cells"][0], kept["cells"][2]]


def test_a_run_from_its_start_replaces_and_another_adds():
    before = [v4.new_output("stream", name="stdout", text="old ")]
    assert texts(out("new"), before=before) == [("stdout", "new")]
    assert texts(out("new"), before=before, from_start=False) == [("stdout", "old new")]
    assert texts(out("new", name="stderr"), before=before, from_start=False) == [("stdout", "old "), ("stderr", "new")]


def test_what_the_notebook_already_shows_is_shown_once():
    messages = [message("execute_input", execution_count=7), out("1"), display("x", "d"), out("2")]
    once = with_outputs(notebook(), [run()], messages)
    assert with_outputs(once, [run()], messages) == once


@pytest.mark.parametrize("wait", [True, False])
def test_clearing(wait):
    clear = message("clear_output", wait=wait)
    assert texts(out("old"), clear, out("new")) == [("stdout", "new")]
    assert texts(out("old"), clear) == ([("stdout", "old")] if wait else [])
    assert texts(out("old"), clear, clear, display("x")) == [(None, "x")]


def test_displays_are_updated_wherever_they_are():
    runs = [run("a", "r"), run("b", "s")]
    update = message(
        "update_display_data", request="s", data={"text/plain": "new"}, metadata={}, transient={"display_id": "d"}
    )
    messages = [display("old", "d"), display("old", "d"), display("other", "e"), update]
    after = with_outputs(notebook(), runs, messages)
    assert [each["data"]["text/plain"] for each in after["cells"][1]["outputs"]] == ["new", "new", "other"]
    assert after["cells"][2]["outputs"] == []


@pytest.mark.parametrize(
    ("runs", "messages"),
    [
        ([run()], []),
        ([run()], [message("status", execution_state="idle"), message("comm_msg", data={})]),
        ([run("gone")], [out("x")]),
        ([run("text")], [out("x")]),
        ([], [out("x")]),
        ([run("a", "later")], [out("x", request="r")]),
    ],
    ids=["no message", "no output", "cell deleted", "no code", "not ours", "run anew"],
)
def test_what_changes_nothing(runs, messages):
    before = notebook(v4.new_output("stream", text="old"))
    assert with_outputs(before, runs, messages) == before


def test_a_cell_that_began_and_printed_nothing_shows_nothing():
    assert outputs(message("execute_input", execution_count=2), before=[v4.new_output("stream", text="old")]) == []


def test_the_last_run_of_a_cell_counts():
    after = with_outputs(notebook(), [run("a", "r"), run("a", "s")], [out("first"), out("second", request="s")])
    assert [each["text"] for each in after["cells"][1]["outputs"]] == ["second"]


class TestHugeOutputs:
    def test_are_cut_and_that_is_said(self):
        line = "x" * 999_999 + "\n"
        (stream, note) = outputs(*[out(line)] * 30)
        assert len(stream["text"]) <= MOST_BYTES
        assert note["text"] == "Output beyond 10 MB was left out: no one was connected to this notebook.\n"

    def test_what_was_cleared_does_not_count(self):
        line = "x" * 6_000_000
        assert len(outputs(out(line), message("clear_output", wait=True), out(line))) == 1

    def test_pictures_count(self):
        assert len(outputs(*[display("x" * 4_000_000)] * 4)) == 3


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("10%\r20%\r30%", "30%"),
        ("long line\rshort", "shortline"),
        ("a\r\nb\r\n", "a\nb\n"),
        ("done\r", "done\r"),
        ("ab\bc", "ac"),
        ("\b\bx", "x"),
        ("1\n22\r3\n", "1\n32\n"),
    ],
)
def test_overwritten_text(text, left):
    assert shown(text) == left


@given(st.text("ab\b\r\n", max_size=12))
def test_backspaces_take_back_as_the_front_end_s_do(text):
    """JupyterLab removes a character and its backspace again and again until there is none left."""
    front_end, before = re.sub(r"[^\n\r\b]\x08", "", text), text
    while front_end != before:
        front_end, before = re.sub(r"[^\n\r\b]\x08", "", front_end), front_end
    assert shown(text) == shown(front_end)


def test_many_backspaces_take_no_longer_than_many_characters():
    # One pass over the text: with a pass for each character that is taken back, this would take hours.
    assert shown("a" * 1_000_000 + "\b" * 999_999) == "a"


@given(st.lists(st.text(alphabet="ab\r\n"), min_size=1, max_size=6))
def test_a_bar_in_pieces_is_the_same_bar(pieces):
    whole = outputs(out("".join(pieces)))
    assert outputs(*(out(piece) for piece in pieces)) == whole


_MESSAGES = st.one_of(
    st.builds(out, st.text(max_size=3), name=st.sampled_from(["stdout", "stderr"])),
    st.builds(display, st.text(max_size=3), st.sampled_from([None, "d"])),
    st.builds(lambda wait: message("clear_output", wait=wait), st.booleans()),
    st.builds(lambda: message("error", ename="E", evalue="", traceback=[])),
)


@given(st.lists(_MESSAGES, max_size=12))
def test_any_messages_give_a_valid_notebook_and_applied_twice_the_same(messages):
    once = with_outputs(notebook(), [run()], messages)
    nbformat.validate(nbformat.from_dict(once))
    assert with_outputs(once, [run()], messages) == once


_NOTEBOOK = {"cells": [{"id": "c", "cell_type": "code", "source": ["a\n", "b"], "outputs": [], "metadata": {}}]}


class TestPlaces:
    """Outputs come under the source that was executed, and nowhere else."""

    PRINTED = KernelMessage(request_id="r", type="stream", content={"name": "stdout", "text": "x"})

    @staticmethod
    def of(source, cell="c"):
        return CellRun(request_id="r", cell_id=cell, from_start=True, source=source)

    @pytest.mark.parametrize("source", ["a\nb", None])
    def test_the_source_that_was_executed(self, source):
        result = with_outputs(_NOTEBOOK, [self.of(source)], [self.PRINTED])
        assert result["cells"][0]["outputs"] != []
        assert without_place(_NOTEBOOK, [self.of(source)], [self.PRINTED]) == ()

    @pytest.mark.parametrize("source", ["a\nb\n", "a", ""])
    def test_another_source(self, source):
        run = self.of(source)
        assert with_outputs(_NOTEBOOK, [run], [self.PRINTED]) == _NOTEBOOK
        assert without_place(_NOTEBOOK, [run], [self.PRINTED]) == (run,)
        assert without_place(_NOTEBOOK, [run], []) == ()

    def test_a_cell_that_was_deleted_loses_nothing_that_is_wanted(self):
        assert without_place(_NOTEBOOK, [self.of("a", cell="gone")], [self.PRINTED]) == ()


@pytest.mark.parametrize(
    ("candidates", "asker"),
    [
        ([("a", "other", True)], "a"),
        ([("a", "x", False), ("b", None, True)], "a"),
        ([("a", "x", True), ("b", "other", False)], "a"),
        ([("a", "x", False), ("b", "other", True)], None),
        ([("a", "x", False), ("b", "x", False)], None),
        ([("a", "y", False), ("b", "other", False)], None),
        ([], None),
    ],
)
def test_who_asked(candidates, asker):
    found = [Candidate(path=path, source=source, is_changed=changed) for path, source, changed in candidates]
    run = CellRun(request_id="r", cell_id="c", from_start=True, source="x")
    assert asker_of(run, found) == asker
