"""The table of features names tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TABLE = (ROOT / "docs" / "drop-in.md").read_text(encoding="utf-8").split("## Every feature")[1].split("## Left out")[0]
NAMED = sorted(set(re.findall(r"`(test_\w+)`", TABLE)))
DEFINED = frozenset(
    name
    for file in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^\s*(?:async )?def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
)


def test_every_feature_has_its_row():
    assert re.findall(r"^\| (\d+) \|", TABLE, re.MULTILINE) == [str(number) for number in range(1, 86)]


@pytest.mark.parametrize("name", NAMED)
def test_the_test_it_names_exists(name):
    assert name in DEFINED
