"""API paths and object names: one mapping, its own inverse, never outside the folder."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jupyter_terra_env.notebooks.storage.pinned_folders import resolve_inside
from jupyter_terra_env.rules.status import kept_on_disk
from jupyter_terra_env.rules.workspace import (
    MAX_COMPONENT_BYTES,
    Mode,
    Workspace,
    Workspaces,
    is_notebook_name,
    join,
    why_not_shown,
)


def workspace(name="ws", **values):
    return Workspace(
        **{
            "name": name,
            "bucket": "bucket",
            "prefix": "notebooks/",
            "edit_directory": f"{name}/edit",
            "playground_directory": f"{name}/playground",
            "pattern": re.compile(r".*\.ipynb"),
        }
        | values
    )


WS = workspace()
LAYOUTS = {
    "one": Workspaces((WS,)),
    "two": Workspaces((WS, workspace("ws2", prefix=""))),
    "spaces": Workspaces((workspace("my ünïcode work [1]"),)),
    "no prefix": Workspaces((workspace(prefix=""),)),
    "root": Workspaces((workspace(edit_directory="", playground_directory=None),)),
    "nested": Workspaces((workspace(edit_directory="a/b/c/d", playground_directory="a/b/c"),)),
}

NASTY = [
    *("", "/", "//", ".", "..", "../x", "a/../b", "./a", "a/.", "a//b", "/a", "a/", ".hidden", "a/.git/b"),
    *("a\\b", "..\\x", "C:\\x", "#?%", "%2e%2e%2fx", "a%00b", "a\x00b", "a\nb", "a\tb", "a\x7f", "a\x85b", "a\u2028b"),
    *("\u00e9.ipynb", "e\u0301.ipynb", "\ufeffx", "\u202etxt", " ", " a", "a ", "~", "~root", "-rf", "*", "con", "a:b"),
    *("x" * 244, "x" * 245, "é" * 122, "é" * 123, "/".join("x" * 512), "..a", "a..", "...", "a/...b"),
]

pieces = st.sampled_from(
    ["", ".", "..", "a", "b.ipynb", ".x", "\\", "%2F", "é", "e\u0301", "\n", "x" * 250, "ws", "edit"]
)
object_names = st.one_of(
    st.sampled_from(NASTY),
    st.lists(pieces, max_size=6).map("/".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=400),
).filter(lambda name: len(name.encode()) <= 1024)


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    root = tmp_path_factory.mktemp("disk")
    (root / "ws" / "edit").mkdir(parents=True)
    return root


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=object_names, layout=st.sampled_from(sorted(set(LAYOUTS) - {"nested"})))
def test_a_name_is_refused_or_is_a_path_and_back(name, layout, disk):
    workspaces = LAYOUTS[layout]
    first = workspaces.all[0]
    if why_not_shown(name) is not None:
        return
    location = workspaces.locate(join(first.edit_directory, name))
    assert location is not None
    assert location.workspace is first
    assert location.mode is Mode.EDIT
    assert location.object_name == first.prefix + name
    assert location.api_path == join(first.edit_directory, name)
    folder = disk / "ws" / "edit"
    path = resolve_inside(folder, location.relative_path)
    assert path is not None
    assert path.is_relative_to(folder)
    assert path != folder
    assert str(path.relative_to(folder)) == name


@pytest.mark.parametrize("name", NASTY)
def test_known_troublemakers_are_refused_or_can_be_files(name, tmp_path):
    if why_not_shown(name) is not None:
        return
    path = resolve_inside(tmp_path, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    assert [str(found.relative_to(tmp_path)) for found in tmp_path.rglob("*") if found.is_file()] == [name]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        ("a//b", "empty"),
        ("a/", "empty"),
        ("/a", "empty"),
        (".", "'.'"),
        ("a/../b", "'..'"),
        ("a\x00", "control"),
        ("a\rb", "control"),
        ("a\x7f", "control"),
        ("x" * (MAX_COMPONENT_BYTES + 1), "244"),
        ("é" * 123, "244"),
        ("a/.git/config", "hidden"),
        ("a\x00/../.b", "'..'"),
        ("caf\udce9.ipynb", "UTF-8"),
        ("caf\udce9/a.ipynb", "UTF-8"),
        ("\ud800", "UTF-8"),
    ],
)
def test_reasons(name, reason):
    assert reason in why_not_shown(name)


@pytest.mark.parametrize("name", ["a", "a b/c", "x" * MAX_COMPONENT_BYTES, "é" * 122, "a\\b", "#?%", "...a"[3:], "a.."])
def test_plain_names_are_shown(name):
    assert why_not_shown(name) is None


@given(first=object_names, second=object_names)
@example(first="é.ipynb", second="e\u0301.ipynb")
def test_two_names_never_have_one_path(first, second):
    if first == second or why_not_shown(first) is not None or why_not_shown(second) is not None:
        return
    paths = {LAYOUTS["one"].locate(join("ws/edit", name)).api_path for name in (first, second)}
    assert len(paths) == 2


@given(
    path=st.one_of(object_names, st.lists(pieces, max_size=6).map("/".join)), layout=st.sampled_from(sorted(LAYOUTS))
)
def test_nothing_of_a_playground_is_ever_delocalized(path, layout):
    for candidate in (path, join("ws/playground", path), join("ws/edit", path)):
        location = LAYOUTS[layout].locate(candidate)
        if location is not None and location.mode is Mode.PLAYGROUND:
            assert not location.is_delocalized
        if location is not None and location.is_delocalized:
            assert why_not_shown(location.relative_path) is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("ws/edit", (Mode.EDIT, "")),
        ("/ws/edit/", (Mode.EDIT, "")),
        ("ws/edit/sub/a.ipynb", (Mode.EDIT, "sub/a.ipynb")),
        ("ws/playground/a.ipynb", (Mode.PLAYGROUND, "a.ipynb")),
        ("ws/a.ipynb", None),
        ("ws/edit2/a.ipynb", None),
        ("ws/editor", None),
        ("ws", None),
        ("", None),
        ("WS/edit/a.ipynb", None),
    ],
)
def test_locate(path, expected):
    location = LAYOUTS["one"].locate(path)
    assert (None if location is None else (location.mode, location.relative_path)) == expected


def test_the_spec_of_the_storage_link():
    location = LAYOUTS["one"].locate("ws/edit/sub/a.ipynb")
    assert location.object_name == "notebooks/sub/a.ipynb"
    assert location.directory == "ws/edit"
    assert LAYOUTS["one"].locate("ws/playground/a.ipynb").object_name == "notebooks/a.ipynb"


def test_the_longest_folder_wins():
    nested = LAYOUTS["nested"]
    assert nested.locate("a/b/c/x.ipynb").mode is Mode.PLAYGROUND
    assert nested.locate("a/b/c/d/x.ipynb").mode is Mode.EDIT
    assert nested.locate("a/b/c/dd/x.ipynb").relative_path == "dd/x.ipynb"
    for order in (nested.all, tuple(reversed(nested.all))):
        both = Workspaces((*order, workspace("root", edit_directory="", playground_directory=None)))
        assert both.locate("a/b/c/d/x.ipynb").workspace.name == "ws"
        assert both.locate("elsewhere.ipynb").workspace.name == "root"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("ws", True),
        ("/ws/", True),
        ("ws/edit", True),
        ("ws/playground", True),
        ("ws/edit/sub", False),
        ("ws/other", False),
        ("w", False),
        ("ws/edi", False),
        ("elsewhere", False),
    ],
)
def test_holds_workspace_folder(path, expected):
    assert LAYOUTS["one"].holds_workspace_folder(path) is expected


def test_the_root_as_an_edit_folder_holds_only_itself():
    assert LAYOUTS["root"].holds_workspace_folder("anything") is False


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        (r".*\.ipynb", "a.ipynb", True),
        (r".*\.ipynb", "a.ipynb.bak", False),
        (r".*\.ipynb", "a.ipynb\n", False),
        (r".*\.ipynb", "a.IPYNB", False),
        (r".*\.ipynb", "aipynb", False),
        (r".+(\.ipynb|\.Rmd|\.R)$", "a.Rmd", True),
        (r".+(\.ipynb|\.Rmd|\.R)$", ".R", False),
        (r".*\.ipynb|x", "xy", False),
    ],
)
def test_the_whole_name_must_match(pattern, name, expected):
    assert is_notebook_name(workspace(pattern=re.compile(pattern)), name) is expected


def test_places():
    folder = LAYOUTS["one"].locate("ws/edit")
    assert folder.object_prefix == "notebooks/"
    assert (folder.name, folder.belongs_in_bucket) == ("", False)
    child = folder.child("sub").child("a.ipynb")
    assert (child.api_path, child.object_name, child.name) == (
        "ws/edit/sub/a.ipynb",
        "notebooks/sub/a.ipynb",
        "a.ipynb",
    )
    assert folder.child("sub").object_prefix == "notebooks/sub/"
    assert child.belongs_in_bucket
    assert child.is_delocalized
    assert child.is_edit
    hidden = folder.child(".a.ipynb")
    assert not hidden.belongs_in_bucket
    played = LAYOUTS["one"].locate("ws/playground/a.ipynb")
    assert played.belongs_in_bucket
    assert not played.is_delocalized
    assert not played.is_edit


def test_without_a_playground_there_is_one_folder():
    assert [*workspace(playground_directory=None).directories()] == [("ws/edit", Mode.EDIT)]


@pytest.mark.parametrize(
    ("directory", "name", "joined"), [("a", "b", "a/b"), ("", "b", "b"), ("a", "", "a"), ("", "", "")]
)
def test_join(directory, name, joined):
    assert join(directory, name) == joined


def test_the_bound_leaves_room_for_a_checkpoint(tmp_path):
    longest = "x" * MAX_COMPONENT_BYTES
    Path(tmp_path, f"{longest}-checkpoint").write_bytes(b"")


def test_a_name_that_no_disk_knows_the_letters_of_is_kept_on_the_disk():
    place = LAYOUTS["one"].locate("ws/edit/caf\udce9.ipynb")
    assert not place.belongs_in_bucket
    status = kept_on_disk(place)
    assert "UTF-8" in status.message
    assert status.message.isascii()


def test_an_object_name_has_an_end():
    folder = "/".join(["d" * 200] * 5)
    place = LAYOUTS["one"].locate(
        f"ws/edit/{folder}/{'n' * (1024 - 1005 - len('.ipynb') - len(LAYOUTS['one'].all[0].prefix))}.ipynb"
    )
    assert len(place.object_name) == 1024
    assert place.belongs_in_bucket
    longer = place.sibling("n" + place.name)
    assert not longer.belongs_in_bucket
    assert "1024 bytes" in kept_on_disk(longer).message
