"""A quick check that recognises most valid notebooks; ``nbformat`` has to check the others.

The types below are narrower than the schema of notebook format 4.5, never wider: tests hold them to it.
"""

from typing import Annotated, Any

import msgspec
import nbformat
from msgspec import UNSET, Meta, Struct, UnsetType

_Count = Annotated[int, Meta(ge=0)] | None
_Name = Annotated[str, Meta(pattern=r"\A\w+\Z")]
_Tags = Annotated[list[Annotated[str, Meta(pattern=r"\A\w+\Z")]], Meta(max_length=1)]
_Object = dict[str, Any]


class _Stream(Struct, tag_field="output_type", tag="stream", forbid_unknown_fields=True):
    name: str
    text: str


class _Display(Struct, tag_field="output_type", tag="display_data", forbid_unknown_fields=True):
    data: dict[str, str]
    metadata: _Object


class _Result(Struct, tag_field="output_type", tag="execute_result", forbid_unknown_fields=True):
    data: dict[str, str]
    metadata: _Object
    execution_count: _Count


class _Error(Struct, tag_field="output_type", tag="error", forbid_unknown_fields=True):
    ename: str
    evalue: str
    traceback: list[str]


class _Metadata(Struct):
    """Other keys may have any value."""

    name: _Name | UnsetType = UNSET
    tags: _Tags | UnsetType = UNSET
    jupyter: _Object | UnsetType = UNSET
    execution: dict[str, str] | UnsetType = UNSET
    collapsed: bool | UnsetType = UNSET
    scrolled: bool | UnsetType = UNSET
    format: str | UnsetType = UNSET


class _Cell(Struct, tag_field="cell_type", forbid_unknown_fields=True):
    id: Annotated[str, Meta(pattern=r"\A[a-zA-Z0-9_-]{1,64}\Z")]
    metadata: _Metadata
    source: str


class _Markdown(_Cell, tag="markdown"):
    attachments: dict[str, dict[str, str]] | UnsetType = UNSET


class _Raw(_Cell, tag="raw"):
    attachments: dict[str, dict[str, str]] | UnsetType = UNSET


class _Code(_Cell, tag="code"):
    outputs: list[_Stream | _Display | _Result | _Error]
    execution_count: _Count


def is_certainly_valid(notebook: dict[str, Any]) -> bool:
    """Whether ``nbformat.validate`` would surely find nothing to say, and nothing to mend.

    Args:
        notebook: with joined lines, of any version.
    """
    if (notebook.get("nbformat"), notebook.get("nbformat_minor")) != (4, 5):
        return False
    try:
        cells = msgspec.convert(notebook.get("cells"), list[_Markdown | _Raw | _Code])
        nbformat.validate({**notebook, "cells": []})
    except (msgspec.ValidationError, nbformat.ValidationError):
        return False
    return len({cell.id for cell in cells}) == len(cells)
