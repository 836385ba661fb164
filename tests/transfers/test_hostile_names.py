"""Names from a bucket are anyone's: none leads out of the target folder, and each is refused by itself."""

import os

import pytest
from copy_kit import done, reasons
from hypothesis import given
from hypothesis import strategies as st

from jupyter_terra_env.rules.copy_decisions import IfExists
from jupyter_terra_env.rules.copy_names import clashing, is_hidden, why_no_object, why_not_below
from jupyter_terra_env.transfers import plan

LONGEST = "n" * 255
HOSTILE = {
    "d/../out": "bad-name",
    "d/s/../../out": "bad-name",
    "d//etc/out": "bad-name",
    "d/./out": "bad-name",
    "d/\x1b[31mred": "bad-name",
    "d/\x9b2J": "bad-name",
    f"d/{LONGEST}n": "bad-name",
    f"d/{'é' * 128}": "bad-name",
    "d/both": "name-clash",
    "d/.bashrc": "hidden",
    "d/.jupyter/jupyter_server_config.py": "hidden",
    "d/folder/": "folder-marker",
}


def test_each_is_refused_by_itself_and_the_rest_goes_on(desk):
    for name in HOSTILE:
        desk.put(name, b"hostile")
    for name in ("d/both/below", "d/good", f"d/{LONGEST}"):
        desk.put(name, b"good")
    copied = desk.copy("workspace:d/", to="t/")
    assert done(copied) == (3, 3, len(HOSTILE) - 3)
    assert sorted(one.reason for one in copied.outcomes if one.reason) == sorted(HOSTILE.values())
    assert desk.files() == {"t/both/below": b"good", "t/good": b"good", f"t/{LONGEST}": b"good"}
    assert sorted(path.name for path in desk.home.parent.iterdir()) == ["home"]


def test_own_names_are_not_taken_from_a_bucket(desk):
    desk.put("d/.terra-env-part-x")
    desk.put("d/.jupyter-terra-env/journal.sqlite3")
    assert set(reasons(desk.copy("workspace:d/", to="t/", hidden=True)).values()) == {"bad-name"}


@pytest.mark.parametrize("name", ["..", ".", "a\nb", "x" * 256])
def test_an_object_that_is_named_itself_with_a_name_that_is_none(desk, name):
    if name != "a\nb":
        desk.put(f"d/{name}")
        assert done(desk.copy(f"workspace:d/{name}", to="t/")) == (0, 0, 1)
    assert done(desk.copy("workspace:d/", to=f"t{name}" if "\n" in name else "t")) in {(0, 0, 0), (0, 0, 1)}
    assert desk.files() == {}


def test_names_that_differ_in_case_where_the_disk_does_not(desk, monkeypatch):
    for name in ("d/Report", "d/report", "d/REPORT/x", "d/caf\u00e9", "d/cafe\u0301"):
        desk.put(name, name.encode())
    monkeypatch.setattr(plan, "distinguishes_case", lambda folder: False)
    copied = desk.copy("workspace:d/", to="t/")
    assert done(copied) == (2, 0, 3)
    assert {one.reason for one in copied.outcomes if one.reason} == {"name-clash"}


def test_names_that_differ_in_case_where_the_disk_does(desk):
    for name in ("d/Report", "d/report"):
        desk.put(name, name.encode())
    assert done(desk.copy("workspace:d/", to="t/")) == (2, 0, 0)


def test_links_and_files_in_the_target_folder_are_in_the_way(desk):
    outside = desk.home.parent / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"precious")
    (desk.home / "t").mkdir()
    (desk.home / "t" / "link").symlink_to(outside)
    (desk.home / "t" / "to-file").symlink_to(outside / "file")
    desk.write("t/file", b"mine")
    (desk.home / "t" / "folder").mkdir()
    for name in ("d/link/x", "d/to-file", "d/file/x", "d/folder", "d/good"):
        desk.put(name, b"theirs")
    copied = desk.copy("workspace:d/", to="t/", if_exists=IfExists.REPLACE)
    assert done(copied) == (1, 0, 4)
    assert set(reasons(copied).values()) == {"folder-in-the-way"}
    assert desk.files() == {"t/file": b"mine", "t/good": b"theirs"}
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert (outside / "file").read_bytes() == b"precious"


def test_a_target_folder_that_is_a_link_itself_is_the_person_s_wish(desk):
    (desk.home / "real").mkdir()
    (desk.home / "t").symlink_to("real")
    desk.put("d/a")
    assert done(desk.copy("workspace:d/", to="t")) == (1, 0, 0)
    assert desk.names() == ["real/a"]


def test_names_of_files_that_no_object_can_have(desk):
    for name in (b"new\nline", b"\xff\xfe", b"good"):
        desk.write(os.fsdecode(name))
    copied = desk.copy(f"{desk.home}/", to="workspace:d/")
    assert done(copied) == (1, 0, 2)
    assert set(reasons(copied).values()) == {"bad-name"}
    assert set(desk.objects()) == {"d/good"}


@given(st.text(max_size=40).map(lambda text: text.replace("a", "/").replace("b", "..")))
def test_no_accepted_name_leads_out(name):
    if why_not_below(name) is None:
        parts = name.split("/")
        assert not {"", ".", ".."} & set(parts)
        assert not name.startswith("/")
        assert all(len(part.encode()) <= 255 for part in parts)


@given(st.lists(st.sampled_from(["a", "A", "a/b", "A/B", "a/b/c", "b"]), max_size=6), st.booleans())
def test_what_is_left_can_be_on_one_disk(names, distinguishes):
    left_out = clashing(names, distinguishes_case=distinguishes)
    kept = [name if distinguishes else name.lower() for at, name in enumerate(names) if at not in left_out]
    assert len(kept) == len(set(kept))
    assert not any(other.startswith(f"{name}/") for name in kept for other in kept)


def test_rules_of_names():
    assert is_hidden("a/.b/c")
    assert not is_hidden("a/b.c")
    assert why_no_object("x" * 1025) is not None
    assert why_no_object("x" * 1024) is None
    assert why_no_object("") is not None
