"""ARCHITECTURE.md names files and functions that exist."""

import ast
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_terra_env.server.contents.parts import ContentsParts
from jupyter_terra_env.server.handler_parts import HandlerParts

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "jupyter_terra_env"
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
DIAGRAMS = re.findall(r"^```\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
PROSE = re.sub(r"^```.*?^```", "", TEXT, flags=re.MULTILINE | re.DOTALL)
CODE = re.findall(r"`([^`\n]+)`", PROSE)
PATHS = sorted({code for code in CODE if re.fullmatch(r"[\w.-]+/[\w./-]*|[\w-]+\.(py|cfg)", code)})
WALKS = dict(
    re.findall(
        r"^### (A save|An open|A folder's rename)\n\n(.*?)(?=^##)",
        TEXT,
        re.MULTILINE | re.DOTALL,
    )
)
STOPS = [
    pytest.param(" ".join(stop.split()), id=f"{name}-{stop.split('.')[0]}")
    for name, walk in WALKS.items()
    for stop in re.findall(r"^\d+\. .*?(?=^\d+\. |\Z)", walk, re.MULTILINE | re.DOTALL)
]
PROMISES = re.findall(r"^\| (P\d+) \|[^|]*\|([^|]*)\|([^|]*)\|$", TEXT, re.MULTILINE)


def defined_in(file: Path) -> Iterator[str]:
    """Functions, classes and ``Class.method`` of a file."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{node.name}.{part.name}"


DEFINED = {file.relative_to(PACKAGE).as_posix(): set(defined_in(file)) for file in PACKAGE.rglob("*.py")}
EVERYWHERE = frozenset().union(*DEFINED.values())


@pytest.mark.parametrize("path", PATHS)
def test_each_path_exists(path):
    assert (ROOT / path).exists() or (PACKAGE / path).exists()


def test_each_file_of_the_diagram_exists():
    names = {Path(file).name for file in DEFINED}
    shown = {name for diagram in DIAGRAMS for name in re.findall(r"\b(\w+\.py)\b", diagram)}
    assert shown
    assert shown - names - {"_watch.py"} == set()


def test_there_are_three_walks_of_at_most_twelve_stops():
    assert len(WALKS) == 3
    for walk in WALKS.values():
        numbers = re.findall(r"^(\d+)\. ", walk, re.MULTILINE)
        assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
        assert len(numbers) <= 12


@pytest.mark.parametrize("stop", STOPS)
def test_each_function_of_a_stop_exists(stop):
    for name in re.findall(r"`([A-Z]\w+(?:\.\w+)?)`", stop):
        assert name in EVERYWHERE or name == "PUT", name
    for file, names in re.findall(r"`([\w/]+\.py)`\s*\(([^)]*)\)", stop):
        for name in re.findall(r"`([\w.]+)`", names):
            assert name in DEFINED[file], f"{file}: {name}"


def test_every_promise_is_kept_somewhere_and_has_tests():
    assert [number for number, _, _ in PROMISES] == [f"P{number}" for number in range(1, 11)]
    for number, kept_in, tests in PROMISES:
        assert re.search(r"`[\w/]+\.py`", kept_in), number
        assert re.search(r"`tests/[\w/.]+`", tests), number


def test_the_code_refers_to_promises_that_are_in_the_table():
    known = {number for number, _, _ in PROMISES}
    folders = (PACKAGE, ROOT / "tests", ROOT / "docs")
    files = (file for folder in folders for suffix in ("py", "md") for file in folder.rglob(f"*.{suffix}"))
    named = {
        number for file in files for number in re.findall(r"\bpromises? (P\d+)\b", file.read_text(encoding="utf-8"))
    }
    assert named
    assert named <= known


def test_the_protocol_notes_name_files_and_methods_that_exist():
    known = {Path(file).name for file in DEFINED} | {file.name for file in (ROOT / "tests").rglob("*.py")}
    unknown = []
    for note in (ROOT / "docs" / "protocol").glob("*.md"):
        for code in re.findall(r"`([^`\n]+)`", note.read_text(encoding="utf-8")):
            if re.fullmatch(r"[\w./]+\.py", code) and Path(code).name not in known:
                unknown.append(f"{note.name}: {code}")
            if re.fullmatch(r"[A-Z]\w+\.[a-z_]+", code) and code not in EVERYWHERE:
                unknown.append(f"{note.name}: {code}")
    assert unknown == []


def _handed_over():
    """Names of the parts that the contents manager and the handlers are handed."""
    fields = (*dataclasses.fields(ContentsParts), *dataclasses.fields(HandlerParts))
    return {field.name for field in fields}


def _chains(file: Path) -> Iterator[list[str]]:
    """The names of each ``a.b.c`` of a file; those behind a call are a chain of their own."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in inner:
            names, part = [], node
            while isinstance(part, ast.Attribute):
                names, part = [part.attr, *names], part.value
            yield [part.id if isinstance(part, ast.Name) else "", *names]


def test_the_server_uses_what_it_is_handed_and_nothing_behind_it():
    handed = _handed_over()
    reaches = []
    for file in sorted((PACKAGE / "server").rglob("*.py")):
        for chain in _chains(file):
            behind = [chain[at + 1 :] for at, name in enumerate(chain) if name.removeprefix("_") in handed]
            if any(len(names) > 1 and names[0] not in handed for names in behind):
                reaches.append(f"{file.relative_to(PACKAGE)}: {'.'.join(chain)}")
    assert reaches == []
