"""Computes the outputs of a notebook's cells from messages of its kernel, as JupyterLab would.

Source of the rules: Jupyter's messaging protocol (messages on the IOPub channel) and the notebook format, version 4.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MOST_BYTES = 10_000_000
"""Limit for the outputs of one cell: a notebook that is too large cannot be opened."""
_LEFT_OUT = "Output beyond 10 MB was left out: no one was connected to this notebook.\n"
_OVERWRITING = re.compile(r"[\r\b]")
_NOT_TAKEN_BACK = "\n\r\b"
_UNPRINTABLE_BACKSPACE = re.compile(r"^\x08+", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelMessage:
    """A message of a kernel on its IOPub channel.

    Attributes:
        request_id: message id of the request it answers.
        type: its message type.
        content: its content.
    """

    request_id: str
    type: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRun:
    """One execution of a cell.

    Attributes:
        request_id: message id of the ``execute_request``.
        cell_id: id of the cell.
        from_start: whether the messages begin with the first one of this run; otherwise they add to the outputs that
            the notebook has already.
        source: the code that was executed; None if unknown, and the cell's source is used instead.
    """

    request_id: str
    cell_id: str
    from_start: bool
    source: str | None = None


@dataclass(slots=True)
class _Outputs:
    """The outputs of one run so far."""

    items: list[dict[str, Any]]
    execution_count: int | None = None
    size_bytes: int = 0
    clear_at_next: bool = False
    is_cut: bool = False
    streams: dict[int, list[str]] = field(default_factory=dict)

    def clear(self) -> None:
        self.items, self.streams = [], {}
        self.size_bytes, self.clear_at_next, self.is_cut = 0, False, False

    def room_for(self, size_bytes: int) -> bool:
        if self.clear_at_next:
            self.clear()
        if self.size_bytes + size_bytes > MOST_BYTES:
            self.is_cut = True
            return False
        self.size_bytes += size_bytes
        return True

    def write(self, name: str, text: str) -> None:
        if not self.room_for(len(text)):
            return
        last = self.items[-1] if self.items else {}
        if last.get("output_type") != "stream" or last.get("name") != name:
            self.items.append({"output_type": "stream", "name": name, "text": ""})
        self.streams.setdefault(len(self.items) - 1, []).append(text)

    def add(self, output: dict[str, Any]) -> dict[str, Any] | None:
        if not self.room_for(_size_of(output)):
            return None
        self.items.append(output)
        return output

    def finish(self) -> list[dict[str, Any]]:
        for index, written in self.streams.items():
            text = self.items[index]["text"]
            so_far = "".join(text) if isinstance(text, list) else text
            self.items[index] = {**self.items[index], "text": shown("".join([so_far, *written]))}
        note = {"output_type": "stream", "name": "stderr", "text": _LEFT_OUT}
        return [*self.items, note] if self.is_cut else self.items


def with_outputs(
    notebook: Mapping[str, Any], runs: Iterable[CellRun], messages: Iterable[KernelMessage]
) -> dict[str, Any]:
    """Return a notebook with the outputs that a connected browser would have stored. Sources stay unchanged.

    A run is ignored if the notebook does not have its cell, if the source of the cell differs from the executed code,
    or if it has no messages: a duplicate of a notebook has cells with the same ids, and a source may have been edited.

    Args:
        notebook: a notebook of format 4, with cell ids.
        runs: executions of its cells; the last one of a cell with its present source counts.
        messages: messages of the kernel in their order, of these runs and others.
    """
    cells = _code_cells(notebook)
    by_cell = {run.cell_id: run for run in runs if _is_of(run, cells)}
    of_request = {run.request_id: run for run in by_cell.values()}
    found = _outputs_of(of_request, cells, messages)

    def updated(cell: dict[str, Any]) -> dict[str, Any]:
        run = by_cell.get(cell.get("id", ""))
        outputs = None if run is None or cell.get("cell_type") != "code" else found.get(run.request_id)
        if outputs is None:
            return cell
        count = cell.get("execution_count") if outputs.execution_count is None else outputs.execution_count
        return {**cell, "outputs": outputs.finish(), "execution_count": count}

    return {**notebook, "cells": [updated(cell) for cell in notebook["cells"]]}


def without_place(
    notebook: Mapping[str, Any], runs: Iterable[CellRun], messages: Iterable[KernelMessage]
) -> tuple[CellRun, ...]:
    """Return the runs with outputs whose cell's source differs from the executed code.

    Args:
        notebook: a notebook of format 4, with cell ids.
        runs: executions of its cells.
        messages: messages of the kernel.
    """
    cells = _code_cells(notebook)
    put_out = {message.request_id for message in messages if shows(message)}
    return tuple(run for run in runs if run.cell_id in cells and not _is_of(run, cells) and run.request_id in put_out)


def shows(message: KernelMessage) -> bool:
    """Whether a message is an output."""
    return message.type in _OUTPUTS


def sources_of(notebook: Mapping[str, Any]) -> dict[str, str]:
    """Return the sources of a notebook's code cells, by id."""
    return {id_: _source(cell) for id_, cell in _code_cells(notebook).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A notebook that may have requested a run.

    Attributes:
        path: its API path.
        source: the source of the run's cell in its file; None if it has no such cell or cannot be read.
        is_changed: whether the file has been changed since the run began.
    """

    path: str
    source: str | None
    is_changed: bool


def asker_of(run: CellRun, candidates: Sequence[Candidate]) -> str | None:
    """Return the notebook that requested a run, of several that share a kernel; None if that is not certain.

    It is the one whose cell has the source that was executed, unless another notebook with such a cell may have had the
    same source when the run began.

    Args:
        run: the execution.
        candidates: the notebooks that shared the kernel when the run began.
    """
    if len(candidates) == 1:
        return candidates[0].path
    same = [each.path for each in candidates if each.source is not None and each.source == run.source]
    may_have_had_it = any(
        each.source is not None and each.source != run.source and each.is_changed for each in candidates
    )
    return same[0] if len(same) == 1 and not may_have_had_it else None


def _code_cells(notebook: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {cell["id"]: cell for cell in notebook["cells"] if cell.get("cell_type") == "code" and cell.get("id")}


def _source(cell: Mapping[str, Any]) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def _is_of(run: CellRun, cells: Mapping[str, Mapping[str, Any]]) -> bool:
    cell = cells.get(run.cell_id)
    return cell is not None and run.source in {None, _source(cell)}


def shown(text: str) -> str:
    """Apply the carriage returns and backspaces of a text, as a terminal would."""
    if not _OVERWRITING.search(text):
        return text
    text = _UNPRINTABLE_BACKSPACE.sub("", _taken_back(text)).replace("\r\n", "\n")
    return "\n".join(_overwritten(line) for line in text.split("\n"))


def _taken_back(text: str) -> str:
    """Apply the backspaces of a text: each removes the last remaining character before it."""
    if "\b" not in text:
        return text
    left: list[str] = []
    for character in text:
        if character == "\b" and left and left[-1] not in _NOT_TAKEN_BACK:
            left.pop()
        else:
            left.append(character)
    return "".join(left)


def _overwritten(line: str) -> str:
    if "\r" not in line:
        return line
    *before, last = line.split("\r")
    for part in reversed(before):
        last += part[len(last) :]
    # A carriage return at the end is kept: the next text overwrites the line.
    return last + "\r" if line.endswith("\r") else last


def _outputs_of(
    runs: Mapping[str, CellRun], cells: Mapping[Any, Mapping[str, Any]], messages: Iterable[KernelMessage]
) -> dict[str, _Outputs]:
    found: dict[str, _Outputs] = {}
    displays: dict[str, list[dict[str, Any]]] = {}
    for message in messages:
        if message.type == "update_display_data":
            _update(displays.get(_display_id(message.content), ()), message.content)
            continue
        run = runs.get(message.request_id)
        if run is None or message.type not in _HANDLED:
            continue
        if run.request_id not in found:
            before: Sequence[dict[str, Any]] = () if run.from_start else cells[run.cell_id].get("outputs", ())
            found[run.request_id] = _Outputs(items=list(before))
        _apply(found[run.request_id], message, displays)
    return found


_OUTPUTS = frozenset({"stream", "display_data", "execute_result", "error"})
_HANDLED = _OUTPUTS | {"execute_input", "clear_output"}


def _apply(outputs: _Outputs, message: KernelMessage, displays: dict[str, list[dict[str, Any]]]) -> None:
    content = message.content
    match message.type:
        case "execute_input":
            outputs.execution_count = content.get("execution_count")
        case "stream":
            outputs.write(str(content.get("name", "stdout")), str(content.get("text", "")))
        case "clear_output":
            if content.get("wait"):
                outputs.clear_at_next = True
            else:
                outputs.clear()
        case "error":
            outputs.add(
                {"output_type": "error", **{key: content.get(key, "") for key in ("ename", "evalue")}} | _trace(content)
            )
        case _:
            count = {"execution_count": content.get("execution_count")} if message.type == "execute_result" else {}
            data = {"data": dict(content.get("data", {})), "metadata": dict(content.get("metadata", {}))}
            output = outputs.add({"output_type": message.type, **data, **count})
            display_id = _display_id(content)
            if output is not None and display_id:
                displays.setdefault(display_id, []).append(output)


def _update(outputs: Iterable[dict[str, Any]], content: Mapping[str, Any]) -> None:
    for output in outputs:
        output["data"], output["metadata"] = dict(content.get("data", {})), dict(content.get("metadata", {}))


def _display_id(content: Mapping[str, Any]) -> str:
    return str((content.get("transient") or {}).get("display_id") or "")


def _trace(content: Mapping[str, Any]) -> dict[str, Any]:
    return {"traceback": list(content.get("traceback", ()))}


def _size_of(output: Mapping[str, Any]) -> int:
    """Estimate the bytes of an output: the length of its texts, and of the ``repr`` of nested values."""
    values = [*output.get("data", {}).values(), *output.get("traceback", ())]
    return sum(len(value) if isinstance(value, str) else len(repr(value)) for value in values)
