"""A notebook's two forms: what Jupyter's contents API shows and takes, and what it stores in a file.

Everything is done by ``nbformat`` itself, as Jupyter does it, but for two shortcuts that give the same: faster JSON,
and dictionaries with attributes only where ``nbformat`` asks for attributes.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import nbformat
from nbformat.notebooknode import NotebookNode
from nbformat.sign import MemorySignatureStore, NotebookNotary
from nbformat.v4.rwbase import rejoin_lines, strip_transient

from jupyter_terra_env.notebooks.untrusted.json_text import parse, written
from jupyter_terra_env.server.contents.large_notebooks.certainly_valid import is_certainly_valid


class NotConvertedError(Exception):
    """This is for Jupyter's own code to do, and to say what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A notebook as it is to be shown, but for the trust in it.

    Attributes:
        notebook: in the current format, checked.
        signature: what the trust depends on.
        invalid: why it is no valid notebook; None for a valid one.
    """

    notebook: NotebookNode
    signature: str
    invalid: nbformat.ValidationError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A notebook that a client sent, as it is to be stored.

    Attributes:
        outline: the client's model with an empty notebook of the same version in the place of the content.
        content: the file's bytes, in pieces; to be taken once.
        signature: to be kept when the content is trusted; None when it is not trusted, or too old to be signed.
        trusted: whether all its cells are.
        invalid: why it is no valid notebook; None for a valid one.
    """

    outline: dict[str, Any]
    content: Iterator[bytes]
    signature: str | None
    trusted: bool
    invalid: nbformat.ValidationError | None


def notary(secret: bytes, algorithm: str) -> NotebookNotary:
    """A notary that computes signatures; which of them are trusted the server's own notary knows."""
    return NotebookNotary(secret=secret, algorithm=algorithm, store_factory=MemorySignatureStore, data_dir="")


def read(text: memoryview, signer: NotebookNotary) -> Rendered:
    """Read a file as ``ContentsManager.get`` does, up to the question whether the notebook is trusted.

    Raises:
        Exception: it cannot be read; Jupyter's own code knows the answer to give.
    """
    errors: dict[str, Any] = {}
    notebook = _read(text, errors)
    return Rendered(
        notebook=notebook, signature=signer.compute_signature(notebook), invalid=errors.get("ValidationError")
    )


def stored(body: memoryview, signer: NotebookNotary) -> Stored:
    """Read and check the body of a ``PUT`` as the contents API does, and serialise the notebook in it.

    Raises:
        NotConvertedError: this is no notebook to save, or not a simple one.
        Exception: it cannot be saved; Jupyter's own code knows the answer to give.
    """
    model = parse(body)
    if not isinstance(model, dict) or model.get("type") != "notebook" or model.keys() & {"chunk", "copy_from"}:
        raise NotConvertedError("no notebook to save")
    content = model.pop("content", None)
    outline = {**model, "content": _empty_like(content)}
    notebook = nbformat.from_dict(content)
    trusted = signer.check_cells(notebook)
    signature = signer.compute_signature(notebook) if trusted and notebook.nbformat >= 3 else None
    errors: dict[str, Any] = {}
    if is_certainly_valid(notebook):
        content = written(notebook, nbformat.versions[notebook.nbformat].writes_json)
    else:
        text = nbformat.writes(notebook, version=nbformat.NO_CONVERT, capture_validation_error=errors)
        content = iter([text.encode("utf-8")])
    return Stored(
        outline=outline,
        content=chain(content, [b"\n"]),
        signature=signature,
        trusted=trusted,
        invalid=errors.get("ValidationError"),
    )


def validation_message(invalid: nbformat.ValidationError) -> str:
    """What Jupyter says in a model about an invalid notebook."""
    # Heavy, and seldom needed.
    from jupyter_server.services.contents.manager import ContentsManager  # noqa: PLC0415

    model: dict[str, str] = {}
    say: Any = ContentsManager.validate_notebook_model
    say(None, model, {"ValidationError": invalid})
    return model["message"]


def _read(text: memoryview, errors: dict[str, Any]) -> NotebookNode:
    """What ``nbformat.reads`` makes of a file, as version 4, in a shorter way if the notebook is as most are."""
    content = parse(text)
    if isinstance(content, dict) and content.get("nbformat") == 4:
        notebook: NotebookNode = nbformat.convert(strip_transient(rejoin_lines(_with_attributes(content))), 4)
        if is_certainly_valid(notebook):
            return notebook
    usual: NotebookNode = nbformat.reads(bytes(text).decode("utf-8"), as_version=4, capture_validation_error=errors)
    return usual


def _with_attributes(content: dict[str, Any]) -> NotebookNode:
    """``nbformat.from_dict`` for the dictionaries whose attributes are asked for."""
    content["metadata"] = nbformat.from_dict(content["metadata"])
    cells = []
    for cell in content["cells"]:
        cell["metadata"] = nbformat.from_dict(cell["metadata"])
        if "outputs" in cell:
            cell["outputs"] = [NotebookNode(output) for output in cell["outputs"]]
        cells.append(NotebookNode(cell))
    content["cells"] = cells
    return NotebookNode(content)


def _empty_like(content: Any) -> dict[str, Any]:
    """A notebook that the check of models judges as it does this one.

    Raises:
        NotConvertedError: the check would refuse it.
    """
    if not isinstance(content, dict):
        raise NotConvertedError("the content is no notebook")
    version = {key: content[key] for key in ("nbformat", "nbformat_minor")}
    cells = content.get("cells", [])
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise NotConvertedError("the content has no list of cells")
    if not isinstance(content.get("metadata"), dict):
        raise NotConvertedError("the content has no metadata")
    return {**version, "cells": [], "metadata": {}}


def as_json(value: Any) -> bytes:
    """A small value as JSON."""
    return json.dumps(value).encode("ascii")
