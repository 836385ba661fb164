"""What is asked for is no more than what is needed, and what SECURITY.md promises is tested."""

import ast
import re
from pathlib import Path

import pytest

from jupyter_terra_env.environment import access_token

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)


def test_the_token_for_leonardo_opens_nothing_else():
    assert {scope.rpartition("/")[2] for scope in access_token._SCOPES} == {"userinfo.email", "userinfo.profile"}


@pytest.mark.parametrize(("file", "name"), NAMED, ids=lambda value: value)
def test_every_test_that_the_threat_table_names_exists(file, name):
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


def test_every_threat_names_a_test():
    rows = TEXT.split("## Threats")[1].split("## Dependencies")[0].splitlines()
    threats = [row for row in rows if row.startswith("| ") and not row.startswith("| threat ")]
    assert len(threats) > 10
    for row in threats:
        assert re.search(r"`tests/[\w/]+\.py::\w+`", row.split(" | ")[-1]), row
