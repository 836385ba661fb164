"""The globs of listings: as documented, and in a time that no pattern makes long."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_terra_env.bucket.embedded.errors import ApiError
from jupyter_terra_env.bucket.embedded.name_glob import LONGEST_GLOB, NameGlob


@pytest.mark.parametrize(
    ("glob", "matching", "others"),
    [
        ("*.txt", ["a.txt", ".txt"], ["d/a.txt", "a.txt2", ""]),
        ("**.txt", ["a.txt", "d/e/a.txt"], ["a.txt/"]),
        ("a?c", ["abc", "a\nc"], ["a/c", "ac"]),
        ("{a,b/{c,d}}x", ["ax", "b/cx", "b/dx"], ["x", "bx", "b/x", "a,x"]),
        ("{,a}", ["", "a"], ["aa"]),
        ("{a,,b}z", ["az", "bz", "z"], [",z"]),
        ("a,b", ["a,b"], ["a", "b"]),
        ("[ab]", ["a", "b"], ["c", "[ab]"]),
        ("[!ab]", ["c"], ["a"]),
        ("[^a-c]", ["d", "^"], ["b"]),
        ("\\*", ["*"], ["a"]),
        ("\\{", ["{"], []),
        ("[", ["["], []),
        ("***", ["a/b", ""], []),
        ("{a*,**}b{c,{d,e}}", ["abc", "x/ybe"], ["abcd"]),
        ("é*", ["éx"], ["ex"]),
    ],
)
def test_what_it_matches(glob, matching, others):
    pattern = NameGlob(glob)
    assert [name for name in (*matching, *others) if pattern.matches(name)] == matching


@pytest.mark.parametrize(
    "glob", ["{a", "a}", "}{", "{a,{b}", "[z-a]", "{" * 40 + "a" + "}" * 40, "a" * (LONGEST_GLOB + 1)]
)
def test_what_is_refused(glob):
    with pytest.raises(ApiError):
        NameGlob(glob)


@pytest.mark.parametrize("glob", ["*a" * 200 + "b", "**a" * 200 + "b", "{a,a}" * 200 + "b", "{*,**}" * 170 + "b"])
def test_no_pattern_takes_long(glob):
    # With a regular expression's way of trying, none of these ends.
    assert not NameGlob(glob).matches("a" * 1000)


@given(st.text("ab/*?", max_size=8), st.text("ab/", max_size=8))
def test_it_agrees_with_a_regular_expression(glob, name):
    expression = re.sub(r"\*\*|\*|\?|.", lambda found: _EXPRESSIONS.get(found.group(), found.group()), glob)
    assert NameGlob(glob).matches(name) == (re.fullmatch(expression, name) is not None)


_EXPRESSIONS = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
