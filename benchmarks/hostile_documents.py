"""The documents of ``tests/hostile``, and larger ones of the same kinds."""

import importlib.util
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

_FOLDER = Path(__file__).parent.parent / "tests" / "hostile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file that means no good.

    Attributes:
        name: its name in the table.
        content: its bytes, as stored.
        encoding: the object's ``contentEncoding``; empty for none.
        is_for_stock: whether Jupyter's own contents manager is asked too: some would take all of the machine's memory.
    """

    name: str
    content: bytes
    encoding: str = ""
    is_for_stock: bool = True


def documents() -> Iterator[Document]:
    """All of them, one after the other: some are large."""
    for name, text in _module("corpus").hostile_notebooks():
        yield Document(name=name, content=text.encode("utf-8", "surrogatepass"))
    made = _module("hostile_notebooks")
    for name, content in {
        "script everywhere": made.acting(),
        "quadratic LaTeX, 144 KB": made.latex(16_000),
        "quadratic LaTeX in 50 cells": made.latex_everywhere(4000, 50),
        "1,000 tags that are objects": made.tags(1000),
        "400 cells alike": made.alike(400, "a"),
        "deep lists in metadata": made.deep(900),
    }.items():
        yield Document(name=name, content=content)
    yield Document(name="gzip bomb, 250 MB", content=made.bomb(250 << 20), encoding="gzip", is_for_stock=False)
    yield Document(name="10,000 cells", content=made.text_of(*(made.code("1", id=f"c{n}") for n in range(10_000))))
    yield Document(name="outputs of 100 MB", content=made.text_of(made.code("1", made.stream("x" * 100_000_000))))
    number = b"9" * 3_000_000
    yield Document(name="a number of 3 MB", content=b'{"nbformat":4,"metadata":{"a":%s},"cells":[]}' % number)
    yield Document(name="deep JSON, 4 MB", content=b"[" * 4_000_000)
    for name, content in {
        "1,000,000 cells that are none": b'{"nbformat":4,"cells":[%s1]}' % (b"1," * 999_999),
        "1,000,000 outputs of nothing": _outputs(made, [{}] * 1_000_000),
        "900,000 keys": _keys(made),
    }.items():
        yield Document(name=name, content=content, is_for_stock=False)


def _outputs(made: ModuleType, outputs: list[Any]) -> bytes:
    return bytes(made.text_of(made.code("1", *outputs)))


def _keys(made: ModuleType) -> bytes:
    metadata = {f"k{number}": number for number in range(900_000)}
    return json.dumps({**json.loads(made.text_of(made.code("1"))), "metadata": metadata}).encode()


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, _FOLDER / f"{name}.py")
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
