"""Documents, docstrings, comments and messages are in plain English: some words are signs that they are not.

The list of covered files grows as their prose is revised; what is covered stays covered.
"""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
COVERED = (
    "ARCHITECTURE.md",
    "README.md",
    "SECURITY.md",
    "benchmarks/*.py",
    "docs/**/*.md",
    "docs/*.py",
    "jupyter_terra_env/**/*.py",
    "tests/cli/*.py",
    "tests/environment/*.py",
)
BANNED = {
    r"whoever|whomever": "the person who, or name the part that acts",
    r"whatever": "regardless of, any, everything that",
    r"that which": "what, or the noun",
    r"tells?|told|telling": "returns, reports, notifies, logs, says, shows",
    r"nobody": "no one",
    r"somebody": "another person, someone",
    r"likewise|as (?:said|above)": "say it again",
    r"put right": "corrected",
    r"thrown away": "discarded",
    r"looked into": "searched",
    r"comes? to nothing": "fails, has no effect",
}
"""Each with what to write instead."""
NAMES = (
    r"`[^`]*`",  # code
    r"\{[^}]*\}",  # code within a text
    r"[\w.]+@[\w.]+",  # addresses
    r"\]\([^)]*\)",  # targets of links
    r"\*[^*\n]*\*",  # words of the interface, quoted
)


def prose_of(file: Path) -> Iterator[tuple[int, str]]:
    """Lines of prose with their numbers: of Python, comments and texts; of a document, what is not code."""
    text = file.read_text(encoding="utf-8")
    if file.suffix != ".py":
        yield from enumerate(text.splitlines(), 1)
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_text = token.type in {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", -1)}
        if is_text and (token.type == tokenize.COMMENT or " " in token.string):
            yield from enumerate(token.string.splitlines(), token.start[0])


def signs(text: str) -> Iterator[tuple[str, str]]:
    """The banned words of a line, each with what to write instead."""
    for name in NAMES:
        text = re.sub(name, "", text)
    for word, instead in BANNED.items():
        for found in re.finditer(rf"\b(?:{word})\b", text, re.IGNORECASE):
            yield found.group(), instead


FILES = sorted({file for pattern in COVERED for file in ROOT.glob(pattern)})


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_plain_english(file):
    found = [
        f"{file.relative_to(ROOT)}:{number}: {word!r}; better: {instead}"
        for number, line in prose_of(file)
        for word, instead in signs(line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The server tells whoever asks.", ["whoever", "tells"]),
        ("Nobody is told.", ["told", "Nobody"]),
        ("`tell-when-free` and *somebody else is editing* are names.", []),
        ("As above.", ["As above"]),
    ],
)
def test_signs_are_found(text, words):
    assert [word for word, _ in signs(text)] == words


SOURCES = sorted(
    file for folder in ("jupyter_terra_env", "tests", "docs", "benchmarks") for file in (ROOT / folder).rglob("*.py")
)


def test_nothing_refers_to_lists_that_are_not_here():
    """A number alone says nothing: a docstring names the rule, or a promise of ARCHITECTURE.md."""
    found = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in SOURCES
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r'"""(?:Rows? \d|P\d+\.""")', line)
    ]
    assert found == []
