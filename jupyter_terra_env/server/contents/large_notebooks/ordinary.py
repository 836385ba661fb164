"""A quick look that knows which notebooks are checked in little time, which is nearly all: the others get limits.

The check of a notebook against its schema takes time in proportion to its size, if it is valid, and much more for some
that are not. The types below accept what notebook format 4 allows, and nothing that it does not.
"""

import re
from typing import Annotated, Any

import msgspec
import nbformat
from msgspec import UNSET, Meta, Struct, UnsetType

_Lines = str | list[str]
_Object = dict[str, Any]
_Bundle = dict[str, Any]
_Count = int | None
_MOST_TAGS = 100

_JSON_TYPE = re.compile(r"application/(.*\+)?json")


class _Stream(Struct, tag_field="output_type", tag="stream", forbid_unknown_fields=True):
    name: str
    text: _Lines


class _Display(Struct, tag_field="output_type", tag="display_data", forbid_unknown_fields=True):
    data: _Bundle
    metadata: _Object


class _Result(Struct, tag_field="output_type", tag="execute_result", forbid_unknown_fields=True):
    data: _Bundle
    metadata: _Object
    execution_count: _Count


class _Error(Struct, tag_field="output_type", tag="error", forbid_unknown_fields=True):
    ename: str
    evalue: str
    traceback: list[str]


class _Metadata(Struct):
    """Other keys may have any value."""

    name: str | UnsetType = UNSET
    tags: Annotated[list[str], Meta(max_length=_MOST_TAGS)] | UnsetType = UNSET
    jupyter: _Object | UnsetType = UNSET
    execution: dict[str, str] | UnsetType = UNSET
    collapsed: bool | UnsetType = UNSET
    scrolled: bool | str | UnsetType = UNSET
    format: str | UnsetType = UNSET


class _Cell(Struct, tag_field="cell_type", forbid_unknown_fields=True):
    metadata: _Metadata
    source: _Lines
    id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    attachments: dict[str, _Bundle] | UnsetType = UNSET


class _Markdown(_Cell, tag="markdown"):
    pass


class _Raw(_Cell, tag="raw"):
    pass


class _Code(_Cell, tag="code", kw_only=True):
    outputs: list[_Stream | _Display | _Result | _Error]
    execution_count: _Count


class _Notebook(Struct):
    nbformat: int
    nbformat_minor: int
    metadata: _Object
    cells: list[_Markdown | _Raw | _Code]


def is_ordinary(content: bytes) -> bool:
    """Whether a file is a notebook whose check takes little time."""
    try:
        return _is_ordinary(msgspec.json.decode(content, type=_Notebook))
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return False


def is_ordinary_notebook(notebook: Any) -> bool:
    """Whether the check of this notebook takes little time."""
    try:
        return _is_ordinary(msgspec.convert(notebook, _Notebook))
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return False


def _is_ordinary(notebook: _Notebook) -> bool:
    if notebook.nbformat != nbformat.current_nbformat or not 0 <= notebook.nbformat_minor <= nbformat.v4.nbformat_minor:
        return False
    frame = {"nbformat": 4, "nbformat_minor": 5, "metadata": notebook.metadata, "cells": []}
    try:
        nbformat.validate(frame)
    except nbformat.ValidationError:
        return False
    return all(_is_ordinary_cell(cell) for cell in notebook.cells)


def _is_ordinary_cell(cell: _Markdown | _Raw | _Code) -> bool:
    if not isinstance(cell, _Code):
        attachments = {} if cell.attachments is UNSET else cell.attachments
        return all(_is_bundle(bundle) for bundle in attachments.values())
    return cell.attachments is UNSET and all(
        _is_bundle(output.data) for output in cell.outputs if isinstance(output, _Display | _Result)
    )


def _is_bundle(bundle: _Bundle) -> bool:
    return all(
        isinstance(value, str)
        or _JSON_TYPE.fullmatch(key) is not None
        or (isinstance(value, list) and all(isinstance(line, str) for line in value))
        for key, value in bundle.items()
    )
