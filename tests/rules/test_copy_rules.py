"""What a person names in a copy, and what becomes of each file."""

import re
from dataclasses import replace

import pytest
from environments import WORKSPACE
from hypothesis import given
from hypothesis import strategies as st

from jupyter_terra_env.rules.copy_addresses import BucketAddress, fixed_part, is_one_level, is_pattern, matcher, parse
from jupyter_terra_env.rules.copy_decisions import CopyReason, Existing, IfExists, Step, decide
from jupyter_terra_env.rules.errors import SettingsError

OTHER = replace(WORKSPACE, name="other ws", bucket="other-bucket", user_project="payer")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("workspace:", ("a-bucket", "", None)),
        ("workspace:a/b", ("a-bucket", "a/b", None)),
        ("workspace:/a", ("a-bucket", "a", None)),
        ("workspace/ws:a:b", ("a-bucket", "a:b", None)),
        ("gs://any-bucket", ("any-bucket", "", None)),
        ("gs://any-bucket/a//b", ("any-bucket", "a//b", None)),
        ("gs://a-bucket/x", ("a-bucket", "x", None)),
        ("./workspace:x", None),
        ("a/b", None),
        ("C:x", None),
    ],
)
def test_addresses(text, address):
    found = parse(text, [WORKSPACE])
    expected = None if address is None else BucketAddress(bucket=address[0], path=address[1], user_project=address[2])
    assert found == expected


def test_addresses_where_there_are_several_workspaces():
    both = [WORKSPACE, OTHER]
    assert parse("workspace/other ws:x", both) == BucketAddress(bucket="other-bucket", path="x", user_project="payer")
    assert parse("gs://other-bucket/x", both).user_project == "payer"
    assert parse("workspace:x", [WORKSPACE, replace(WORKSPACE, name="same bucket")]).bucket == "a-bucket"


@pytest.mark.parametrize(
    ("text", "workspaces", "says"),
    [
        ("workspace:x", [], "No workspace is configured"),
        ("workspace:x", [WORKSPACE, OTHER], "workspace/NAME:PATH (ws, other ws)"),
        ("workspace/none:x", [WORKSPACE], "There is no workspace 'none'"),
        ("gs://Capital/x", [], "capital letters"),
        ("gs:///x", [], "name is missing"),
    ],
)
def test_addresses_that_are_none(text, workspaces, says):
    with pytest.raises(SettingsError, match=re.escape(says)):
        parse(text, workspaces)


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("a/*.csv", ["a/x.csv", "a/.csv"], ["a/b/x.csv", "x.csv", "a/x.csvx"]),
        ("a/**.csv", ["a/x.csv", "a/b/c/x.csv"], ["b/x.csv"]),
        ("a/**/x", ["a/x", "a/b/x", "a/b/c/x"], ["a/bx", "x"]),
        ("**", ["a", "a/b"], []),
        ("?[a-c]", ["xa"], ["x/", "/a", "xd", "xab"]),
        ("[!a]", ["b"], ["a", "/"]),
        ("a[", ["a["], ["a"]),
        ("a.b", ["a.b"], ["axb"]),
    ],
)
def test_patterns(pattern, matching, others):
    matches = matcher(pattern)
    assert [name for name in matching if not matches.fullmatch(name)] == []
    assert [name for name in others if matches.fullmatch(name)] == []


def test_a_pattern_that_is_none():
    with pytest.raises(SettingsError, match="no pattern"):
        matcher("[z-a]")


@given(st.text(alphabet="ab/*?[]!^-\\", max_size=8))
def test_every_text_is_a_pattern_or_says_why_not(pattern):
    try:
        matches = matcher(pattern)
    except SettingsError:
        return
    if not is_pattern(pattern):
        assert matches.fullmatch(pattern)
        assert fixed_part(pattern) == pattern[: pattern.rfind("/") + 1]
    assert pattern.startswith(fixed_part(pattern))
    assert not is_one_level(pattern) or "/" not in pattern[len(fixed_part(pattern)) :]


NEW, OLD, MINE = (
    Existing(is_equal=False, changed=200.0),
    Existing(is_equal=False, changed=50.0),
    Existing(is_equal=True, changed=50.0),
)


@pytest.mark.parametrize(
    ("if_exists", "existing", "step", "reason"),
    [
        *((choice, None, Step.CREATE, None) for choice in IfExists),
        *((choice, MINE, Step.SKIP, CopyReason.EQUAL) for choice in IfExists),
        (IfExists.ASK, OLD, Step.ASK, CopyReason.EXISTS),
        (IfExists.REFUSE, OLD, Step.REFUSE, CopyReason.EXISTS),
        (IfExists.SKIP, OLD, Step.SKIP, CopyReason.EXISTS),
        (IfExists.REPLACE, NEW, Step.REPLACE, None),
        (IfExists.NEWER, OLD, Step.REPLACE, None),
        (IfExists.NEWER, NEW, Step.SKIP, CopyReason.NOT_NEWER),
        (IfExists.NEWER, Existing(is_equal=False, changed=100.0), Step.SKIP, CopyReason.NOT_NEWER),
    ],
)
def test_decisions(if_exists, existing, step, reason):
    assert decide(if_exists, existing, 100.0) == (step, reason)
