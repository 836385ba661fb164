"""Hostile notebooks, made by code: each is a name and the text of a file."""

import json

from nbformat import v4

SCRIPT = "<script>document.title='ran'</script><img src=x onerror=alert(1)><svg onload=alert(1)></svg>"
MIME = {
    "text/html": SCRIPT,
    "text/markdown": SCRIPT,
    "text/latex": "$\\href{javascript:alert(1)}{x}$",
    "image/svg+xml": f"<svg xmlns='http://www.w3.org/2000/svg'>{SCRIPT}</svg>",
    "application/javascript": "alert(1)",
    "text/vnd.mermaid": f"graph TD; A[{SCRIPT}]",
    "application/vnd.jupyter.widget-view+json": {"model_id": "../../x"},
    "application/json": {"a": SCRIPT},
}


def _nb(cells, **metadata):
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}


def _code(*outputs, source="1"):
    return v4.new_code_cell(source, outputs=list(outputs), id="one")


def _markdown(text, **fields):
    return {**v4.new_markdown_cell(text, id="one"), **fields}


def _display(data):
    return v4.new_output("display_data", data=data)


def _nested(depth):
    return '{"a":' * depth + "1" + "}" * depth


def hostile_notebooks():
    """Pairs of a name and a text."""
    for mime, data in MIME.items():
        yield f"output {mime.replace('/', ' ')}", json.dumps(_nb([_code(_display({mime: data}))]))
    texts = {
        "markup in markdown": SCRIPT,
        "javascript addresses": "[x](javascript:alert(1)) <a href='jAvAscript:alert(1)'>x</a>",
        "styles": "<style>@import 'http://evil.example/x.css'</style><link rel=preconnect href=//evil.example>",
        "quadratic latex": "\\begin{a}" * 4000,
        "many paragraphs": "<p>" * 30_000,
        "bidirectional text": "\u202e\u2066" * 100,
        "controls": "\x1b[2J\x9b31m\x07",
    }
    for name, text in texts.items():
        yield name, json.dumps(_nb([_markdown(text)]))
    yield "attachments", json.dumps(_nb([_markdown("![x](attachment:../x)", attachments={"../x": {"image/png": "!"}})]))
    yield "missing attachment", json.dumps(_nb([_markdown("![x](attachment:none.png)")]))
    ansi = v4.new_output("stream", text="\x1b[31m" * 20_000)
    yield "ansi", json.dumps(_nb([_code(ansi)]))
    yield "backspaces", json.dumps(_nb([_code(v4.new_output("stream", text="a" * 20_000 + "\b" * 20_000))]))
    yield "many cells", json.dumps(_nb([v4.new_code_cell(str(number), id=f"c{number}") for number in range(2000)]))
    yield (
        "widget state",
        json.dumps(_nb([_code()], widgets={"application/vnd.jupyter.widget-state+json": {"state": 3}})),
    )
    yield "a template's name", json.dumps(_nb([_code()], filenames="../x", kernelspec={"name": "../../x"}))
    yield "deep metadata", json.dumps(_nb([_code()])).replace('"metadata": {}', f'"metadata": {_nested(400)}', 1)
    yield "tags that are objects", json.dumps(_nb([{**_code(), "metadata": {"tags": [{}] * 200}}]))
    for field, value in (("cells", None), ("metadata", []), ("nbformat", "4"), ("nbformat_minor", 99), ("cells", {})):
        yield f"{field} {value}", json.dumps({**_nb([_code()]), field: value})
    yield "deep JSON", _nested(100_000)
    yield "no JSON", "\x00\xff{"
    yield "empty", ""
    yield "text in execution_count", json.dumps(_nb([{**_code(), "execution_count": SCRIPT}]))
