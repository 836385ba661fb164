"""Notebooks as people have them: prose, code, tables, logs and plots, made to a size and always the same."""

import base64
import json
import random
from collections.abc import Iterator
from itertools import count
from typing import Any

import nbformat

_WORDS = [
    "cohort",
    "variant",
    "genome",
    "sample",
    "reads",
    "depth",
    "coverage",
    "allele",
    "frequency",
    "phenotype",
    "table",
    "filter",
    "join",
    "merge",
]
_METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "version": "3.11.7"},
}


def with_many_outputs(size_bytes: int, *, seed: int = 1) -> dict[str, Any]:
    """A notebook of many cells whose tables, logs and small plots add up to about this size."""
    cells, size = [], 0
    for cell in _working_day(random.Random(seed)):
        cells.append(cell)
        size += len(json.dumps(cell, indent=1))
        if size >= size_bytes:
            return _notebook(cells)
    raise AssertionError("a working day never ends")


def with_big_image(size_bytes: int, *, seed: int = 1) -> dict[str, Any]:
    """A notebook of some cells, one of them with an image that makes up most of this size."""
    rng = random.Random(seed)
    small = with_many_outputs(min(50_000, size_bytes // 2), seed=seed)["cells"]
    image = _code(len(small), "plot_everything()", [_plot(rng, size_bytes - 50_000)])
    return _notebook([*small, image])


def as_stored(notebook: dict[str, Any]) -> bytes:
    """The bytes Jupyter stores a notebook as."""
    text = nbformat.writes(nbformat.from_dict(notebook), version=nbformat.NO_CONVERT)
    return (text if text.endswith("\n") else text + "\n").encode()


def _notebook(cells: list[dict[str, Any]]) -> dict[str, Any]:
    return {"cells": cells, "metadata": _METADATA, "nbformat": 4, "nbformat_minor": 5}


def _working_day(rng: random.Random) -> Iterator[dict[str, Any]]:
    for number in count():
        match number % 5:
            case 0:
                yield {"cell_type": "markdown", "id": _id(number), "metadata": {}, "source": f"## {_prose(rng, 60)}"}
            case 1:
                yield _code(number, "table.head(20)", [_table(rng)])
            case 2:
                log = "".join(f"[{line:04}] {_prose(rng, 9)}\n" for line in range(40))
                yield _code(number, "run(steps=40)", [{"name": "stdout", "output_type": "stream", "text": log}])
            case 3:
                yield _code(number, "plot(table)", [_plot(rng, 24_000)])
            case _:
                lines = [f"{rng.choice(_WORDS)}_{line} = {_prose(rng, 3).replace(' ', '.')}()" for line in range(12)]
                yield _code(number, "\n".join(lines), [])


def _code(number: int, source: str, outputs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": number + 1,
        "id": _id(number),
        "metadata": {},
        "outputs": [
            {"execution_count": number + 1, **output} if output["output_type"] == "execute_result" else output
            for output in outputs
        ],
        "source": source,
    }


def _table(rng: random.Random) -> dict[str, Any]:
    rows = [[f"{rng.random():.6f}" for _ in range(8)] for _ in range(20)]
    html = "".join("<tr>" + "".join(f"<td>{value}</td>" for value in row) + "</tr>\n" for row in rows)
    return {
        "data": {
            "text/html": f"<table>\n{html}</table>",
            "text/plain": "\n".join("  ".join(row) for row in rows),
        },
        "metadata": {},
        "output_type": "execute_result",
    }


def _plot(rng: random.Random, size_bytes: int) -> dict[str, Any]:
    image = base64.b64encode(rng.randbytes(size_bytes * 3 // 4)).decode("ascii") + "\n"
    return {
        "data": {"image/png": image, "text/plain": "<Figure size 640x480 with 1 Axes>"},
        "metadata": {},
        "output_type": "display_data",
    }


def _prose(rng: random.Random, words: int) -> str:
    return " ".join(rng.choices(_WORDS, k=words))


def _id(number: int) -> str:
    return f"cell-{number:05}"
