"""Others change objects and files between the look and the write."""

import pytest
from copy_kit import done, reasons
from environments import taken_by

from jupyter_terra_env.rules.copy_decisions import IfExists
from jupyter_terra_env.transfers import part_files


def test_an_object_that_appeared_stays(desk):
    desk.write("a", b"mine")
    copied = desk.copy("a", to="workspace:a", between=lambda: desk.put("a", b"theirs"), if_exists=IfExists.REPLACE)
    assert reasons(copied) == {"a": "changed-meanwhile"}
    assert desk.objects() == {"a": b"theirs"}


def test_an_object_that_appeared_with_the_same_content_is_what_was_wanted(desk):
    desk.write("a", b"same")
    assert done(desk.copy("a", to="workspace:a", between=lambda: desk.put("a", b"same"))) == (1, 0, 0)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda desk: desk.put("notebooks/a", b"newer"), id="replaced"),
        pytest.param(lambda desk: desk.outsider.lock("a", **taken_by("other@example.org")), id="locked"),
        pytest.param(lambda desk: desk.outsider.delete("a"), id="deleted"),
    ],
)
def test_an_object_that_changed_is_not_replaced(desk, change):
    desk.write("a", b"mine")
    desk.put("notebooks/a", b"theirs")
    copied = desk.copy("a", to="workspace:notebooks/a", between=lambda: change(desk), if_exists=IfExists.REPLACE)
    assert reasons(copied) == {"a": "changed-meanwhile"}
    assert b"mine" not in desk.objects().values()


@pytest.mark.parametrize("change", ["replaced", "deleted"])
@pytest.mark.parametrize("to", ["down", "workspace:copy"])
def test_a_source_in_the_bucket_that_changed_is_not_copied(desk, change, to):
    blob = desk.put("a", b"seen")
    act = (lambda: desk.put("a", b"newer")) if change == "replaced" else blob.delete
    copied = desk.copy("workspace:a", to=to, between=act)
    assert reasons(copied) == {"a": "changed-meanwhile"}
    assert (desk.files(), "copy" in desk.objects()) == ({}, False)


def test_a_file_that_appeared_stays(desk):
    desk.put("a", b"theirs")
    copied = desk.copy("workspace:a", to="a", between=lambda: desk.write("a", b"mine"), if_exists=IfExists.REPLACE)
    assert reasons(copied) == {"a": "changed-meanwhile"}
    assert desk.files()["a"] == b"mine"


@pytest.mark.parametrize("change", ["written", "removed", "replaced by a link"])
def test_a_file_that_changed_is_not_replaced(desk, change):
    desk.put("a", b"theirs")
    file = desk.write("a", b"seen")

    def act():
        if change != "written":
            file.unlink()
        if change == "written":
            file.write_bytes(b"edit")
        elif change != "removed":
            file.symlink_to("/etc/hostname")

    copied = desk.copy("workspace:a", to="a", between=act, if_exists=IfExists.REPLACE)
    assert reasons(copied) == {"a": "changed-meanwhile"}
    assert b"theirs" not in [content for name, content in desk.files().items() if name == "a"]


def test_a_file_that_changes_while_its_replacement_is_synced_stays(desk, monkeypatch):
    desk.put("a", b"theirs")
    file = desk.write("a", b"seen")
    monkeypatch.setattr(part_files, "sync", lambda descriptor: file.write_bytes(b"an edit"))
    copied = desk.copy("workspace:a", to="a", if_exists=IfExists.REPLACE)
    assert (reasons(copied), desk.files()) == ({"a": "changed-meanwhile"}, {"a": b"an edit"})


def test_a_source_on_the_disk_that_went(desk):
    file = desk.write("d/a")
    desk.write("d/b")
    copied = desk.copy("d/", to="workspace:d/", between=file.unlink)
    assert (done(copied), reasons(copied)) == ((1, 0, 1), {"a": "disk-refuses"})


def test_a_source_on_the_disk_that_became_a_link(desk):
    file = desk.write("d/a")

    def act():
        file.unlink()
        file.symlink_to("/etc/hostname")

    assert done(desk.copy("d/", to="workspace:d/", between=act)) == (0, 0, 1)
    assert desk.objects() == {}


def test_a_folder_that_became_a_link_leads_nowhere(desk):
    outside = desk.home.parent / "outside"
    outside.mkdir()
    desk.put("d/s/a", b"theirs")

    def act():
        (desk.home / "t").mkdir()
        (desk.home / "t" / "s").symlink_to(outside)

    copied = desk.copy("workspace:d/", to="t/", between=act)
    assert reasons(copied) == {"a": "folder-in-the-way"}
    assert list(outside.iterdir()) == []
