"""Notebook files of all kinds, as bytes; what is special about each is its name."""

import base64
import json

from nbformat import v3, v4
from workspace_kit import notebook, text_of

IMAGE = base64.b64encode(bytes(range(256)) * 40).decode() + "\n"


def _v4(minor, *, ids=True, cells=None, metadata=None, **extra):
    cells = cells if cells is not None else [_code(), _markdown()]
    if not ids:
        for cell in cells:
            cell.pop("id", None)
    return {"cells": cells, "metadata": metadata or {}, "nbformat": 4, "nbformat_minor": minor, **extra}


def _code(**changes):
    return {
        "cell_type": "code",
        "execution_count": 1,
        "id": "a-code-cell",
        "metadata": {},
        "outputs": [],
        "source": ["print(1)\n", "print(2)"],
        **changes,
    }


def _markdown(**changes):
    return {"cell_type": "markdown", "id": "some-prose", "metadata": {}, "source": "# Ünïcode ✓", **changes}


def _with_output(*outputs):
    return _v4(5, cells=[_code(outputs=list(outputs)), _markdown()])


def _display(**data):
    return {"output_type": "display_data", "metadata": {}, "data": data}


def _plain(value):
    return json.dumps(value, indent=1).encode()


PLAIN = {
    "as Jupyter writes it": text_of(notebook("1 + 1", "2 + 2", kernelspec={"name": "x", "display_name": "X"})).encode(),
    "no cells": _plain(_v4(5, cells=[])),
    "image": _plain(_with_output(_display(**{"image/png": IMAGE, "text/plain": ["<Figure", " 1>"]}))),
    "image with DEL in it": _plain(_with_output(_display(**{"image/png": IMAGE + "\x7f" + IMAGE}))),
    "image that is not ASCII": _plain(_with_output(_display(**{"image/png": IMAGE + "é" + IMAGE}))),
    "image of many lines": _plain(_with_output(_display(**{"image/svg+xml": [f"<path {n}/>\n" * 90 for n in "123"]}))),
    "two images and the text that stands for them": _plain(
        _with_output(
            _display(**{"image/png": IMAGE, "text/plain": "a long string belongs here: 0"}),
            _display(**{"image/png": IMAGE[::-1], "text/plain": "a long string belongs here: 7"}),
        )
    ),
    "stream and error": _plain(
        _with_output(
            {"output_type": "stream", "name": "stdout", "text": ["a\n", "b\n"]},
            {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["\x1b[31mred", "tr\u2028ace"]},
        )
    ),
    "result with JSON": _plain(
        _with_output(
            {
                "output_type": "execute_result",
                "execution_count": 3,
                "metadata": {"application/json": {"expanded": True}},
                "data": {"application/json": {"a": [1, 2.5, None]}, "text/plain": ["x"], "application/json+x": ["y"]},
            }
        )
    ),
    "keys out of order": b'{"nbformat_minor":5,"nbformat":4,"metadata":{"z":1,"a":2},"cells":[]}',
    "escapes nobody writes": b'{"nbformat_minor":5,"nbformat":4,"metadata":{"\\u0061":"\\/\\u00e9"},"cells":[]}',
    "a key twice": b'{"nbformat_minor":5,"nbformat":4,"metadata":{"a":1,"b":2,"a":3},"cells":[]}',
    "big numbers": _plain(_v4(5, metadata={"a": 2**70, "b": -(2**63), "c": 1e300, "d": 0.1, "e": -0.0, "f": 1e-7})),
    "NaN and Infinity": _plain(_v4(5, metadata={"a": float("nan"), "b": float("-inf")})),
    "trusted by itself": _plain(_v4(5, cells=[_code(metadata={"trusted": True})])),
    "attachments": _plain(_v4(5, cells=[_markdown(attachments={"a.png": {"image/png": [IMAGE, IMAGE]}})])),
    "tags and names": _plain(_v4(5, cells=[_code(metadata={"tags": ["a", "b"], "name": "n", "collapsed": False})])),
    "from the future": _plain(_v4(9, cells=[_code(novelty=1), {"cell_type": "novel", "metadata": {}, "id": "n"}])),
    "original version in the metadata": _plain(_v4(5, metadata={"orig_nbformat": 3, "signature": "sha256:abc"})),
}
"""Read without loss, and always the same."""

OLDER = {
    "4.0": _plain(_v4(0, ids=False)),
    "4.4": _plain(_v4(4, ids=False, cells=[_code(outputs=[_display(**{"image/png": IMAGE})])])),
    "4.5 without ids": _plain(_v4(5, ids=False)),
    "4.5 with an id twice": _plain(_v4(5, cells=[_code(), _code()])),
    "3": v3.writes_json(
        v3.new_notebook(
            metadata=v3.new_metadata(name="n"),
            worksheets=[
                v3.new_worksheet(
                    cells=[
                        v3.new_code_cell(input="1+1", outputs=[v3.new_output("display_data", output_png="aGk=")]),
                        v3.new_heading_cell("title", level=2),
                    ]
                )
            ],
        )
    ).encode(),
}
"""Jupyter gives their cells new, random ids whenever it reads them."""

INVALID = {
    "a cell with a key too many": _plain(_v4(5, cells=[_code(surplus=1), _markdown()])),
    "a cell of no known type": _plain(_v4(5, cells=[{**_markdown(), "cell_type": "mark"}])),
    "an output without data": _plain(_with_output({"output_type": "display_data", "metadata": {}})),
    "an id that is none": _plain(_v4(5, cells=[_code(id="spaces are not allowed")])),
    "a surplus key of the notebook": _plain(_v4(5, surplus={"image": IMAGE})),
    "kernelspec without a name": _plain(_v4(5, metadata={"kernelspec": {"display_name": "é"}})),
    "source that is a number": _plain(_v4(5, cells=[_code(source=7)])),
}
"""Shown, with a message."""

UNREADABLE = {
    "empty": b"",
    "no JSON": b"{" + b" " * 100,
    "a list": b"[]",
    "no UTF-8": b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {"a": "\xff"}, "cells": []}',
    "UTF-8 that is none": b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {"a": "\xed\xa0\x80"}, "cells": []}',
    "byte order mark": b'\xef\xbb\xbf{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}',
    "no cells at all": b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
    "no metadata": b'{"nbformat": 4, "nbformat_minor": 5, "cells": []}',
    "cells without metadata": b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "raw"}]}',
    "version 17": b'{"nbformat": 17, "nbformat_minor": 5, "metadata": {}, "cells": []}',
    "version as text": b'{"nbformat": "4", "nbformat_minor": 5, "metadata": {}, "cells": []}',
    "lone surrogate": b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {"a": "\\ud800"}, "cells": []}',
    "nested too deeply": b'{"nbformat": 4, "nbformat_minor": 5, "cells": [], "metadata": {"a": ' + b"[" * 50_000,
}
"""Refused, whatever Jupyter says of them; some only by the signature."""

assert v4.nbformat_minor == 5, "a new minor version: the samples and certainly_valid.py are to be looked at"
