"""What is copied to where, and what is done with what is there already."""

import json
import os
import time
from dataclasses import replace

import pytest
from copy_kit import done, parts, reasons
from environments import BUCKET, WORKSPACE, taken_by

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault
from jupyter_terra_env.rules.copy_decisions import IfExists
from jupyter_terra_env.rules.errors import BucketRefused, SettingsError


def test_a_file_to_a_name_and_into_a_folder(desk):
    desk.write("a.csv", b"content")
    desk.put("there/x")
    assert done(desk.copy("a.csv", to="workspace:b.csv")) == (1, 0, 0)
    assert done(desk.copy("a.csv", to="workspace:")) == (1, 0, 0)
    assert done(desk.copy("a.csv", to="workspace:new/")) == (1, 0, 0)
    assert done(desk.copy("a.csv", to="workspace:there")) == (1, 0, 0)
    assert {name for name, content in desk.objects().items() if content == b"content"} == {
        "b.csv",
        "a.csv",
        "new/a.csv",
        "there/a.csv",
    }


def test_an_object_to_a_name_and_into_a_folder(desk):
    desk.put("data/a.csv", b"content")
    (desk.home / "there").mkdir()
    for target in ("b.csv", "new/", "there", "deep/er/c.csv"):
        assert done(desk.copy("workspace:data/a.csv", to=target)) == (1, 0, 0)
    assert desk.names() == ["b.csv", "deep/er/c.csv", "new/a.csv", "there/a.csv"]
    assert set(desk.files().values()) == {b"content"}


def test_folders_with_and_without_a_slash(desk):
    for name in ("d/a", "d/s/b"):
        desk.write(name)
    assert reasons(desk.copy("d", to="workspace:up/")) == {"d": "needs-recursive"}
    desk.copy("d", to="workspace:up/", recursive=True)
    desk.copy("d/", to="workspace:content")
    assert set(desk.objects()) == {"up/d/a", "up/d/s/b", "content/a", "content/s/b"}
    assert reasons(desk.copy("workspace:up/d", to="down/")) == {"d": "needs-recursive"}
    desk.copy("workspace:up/d", to="down/", recursive=True)
    desk.copy("workspace:content/", to="down2")
    assert {"down/d/a", "down/d/s/b", "down2/a", "down2/s/b"} <= set(desk.names())


def test_patterns_both_ways(desk):
    for name in ("d/a.csv", "d/b.txt", "d/s/c.csv", "d/plot [1].png"):
        desk.write(name)
    desk.copy("d/*.csv", to="workspace:one/")
    desk.copy("d/**.csv", to="workspace:all/")
    desk.copy("d/plot [1].png", to="workspace:plot [1].png")
    assert set(desk.objects()) == {"one/a.csv", "all/a.csv", "all/s/c.csv", "plot [1].png"}
    desk.copy("workspace:all/*.csv", to="o1/")
    desk.copy("workspace:all/**/c.csv", to="o2/")
    desk.copy("workspace:plot [1].png", to="o3/new name.png")
    assert {"o1/a.csv", "o2/s/c.csv", "o3/new name.png"} <= set(desk.names())
    assert "o1/s/c.csv" not in desk.names()
    assert reasons(desk.copy("workspace:all/*.bam", to="o4/")) == {"*.bam": "not-found"}
    assert reasons(desk.copy("d/*.bam", to="workspace:o4/")) == {"*.bam": "not-found"}


def test_many_sources_into_a_folder_and_two_of_one_name(desk):
    for name in ("a/x", "b/x", "b/y"):
        desk.write(name, name.encode())
    copied = desk.copy("a/x", "b/x", "b/y", to="workspace:all")
    assert done(copied) == (2, 0, 1)
    assert reasons(copied) == {"x": "name-clash"}
    assert desk.objects() == {"all/x": b"a/x", "all/y": b"b/y"}


def test_from_bucket_to_bucket_nothing_passes_through_this_machine(desk):
    desk.put("a/x", b"content", metadata={"kept": "yes", **taken_by("other@example.org")})
    desk.put("b/x", b"old")
    assert done(desk.copy("workspace:a/", to=f"gs://{BUCKET}/new/")) == (1, 0, 0)
    assert reasons(desk.copy("workspace:a/x", to="workspace:b/x")) == {"x": "exists"}
    assert done(desk.copy("workspace:a/x", to="workspace:b/x", if_exists=IfExists.REPLACE)) == (1, 0, 0)
    assert {"objects.download", "objects.insert"} & {one.operation for one in desk.faults.history} == set()
    assert desk.objects() == {"a/x": b"content", "new/x": b"content", "b/x": b"content"}
    assert desk.outsider.bucket.get_blob("new/x").metadata == {"kept": "yes"}


def test_both_ends_on_the_disk_are_refused(desk):
    with pytest.raises(SettingsError, match="use cp"):
        desk.copy("a", to="b")


@pytest.mark.parametrize("way", ["up", "down"])
def test_what_exists(desk, way):
    desk.write("a", b"mine")
    desk.put("a", b"theirs")
    source, target = ("a", "workspace:a") if way == "up" else ("workspace:a", "a")

    def now():
        return desk.objects()["a"] if way == "up" else desk.files()["a"]

    before = now()
    assert reasons(desk.copy(source, to=target)) == {"a": "exists"}
    assert done(desk.copy(source, to=target, if_exists=IfExists.SKIP)) == (0, 1, 0)
    old, new = time.time() - 9999, time.time() + 9999
    os.utime(desk.home / "a", (old, old) if way == "up" else (new, new))
    assert reasons(desk.copy(source, to=target, if_exists=IfExists.NEWER)) == {"a": "not-newer"}
    assert now() == before
    os.utime(desk.home / "a", (new, new) if way == "up" else (old, old))
    copied = desk.copy(source, to=target, if_exists=IfExists.NEWER)
    assert done(copied) == (1, 0, 0)
    assert copied.outcomes[0].replaced
    assert now() != before
    for choice in IfExists:
        assert reasons(desk.copy(source, to=target, if_exists=choice)) == {"a": "equal"}


def test_a_replaced_file_keeps_its_permissions(desk):
    desk.put("a", b"new")
    desk.write("a", b"old").chmod(0o640)
    desk.copy("workspace:a", to="a", if_exists=IfExists.REPLACE)
    assert (desk.home / "a").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("holder", "clause"),
    [
        (["other@example.org"], "another person is editing it"),
        (["me@example.org"], "you are editing it in another environment"),
        (["me@example.org", "env-1234"], "you are editing it here"),
    ],
)
def test_a_notebook_that_is_being_edited_is_not_replaced(desk, holder, clause):
    desk.write("n.ipynb", b"mine")
    desk.put("notebooks/n.ipynb", b"theirs", metadata=taken_by(*holder))
    copied = desk.copy("n.ipynb", to="workspace:notebooks/", if_exists=IfExists.REPLACE)
    assert reasons(copied) == {"n.ipynb": "locked"}
    assert clause in copied.outcomes[0].message
    assert "@" not in copied.outcomes[0].message
    assert desk.objects() == {"notebooks/n.ipynb": b"theirs"}


def test_an_expired_lock_protects_nothing(desk):
    desk.write("n.ipynb", b"mine")
    desk.put("notebooks/n.ipynb", b"theirs", metadata=taken_by("other@example.org", left_seconds=-60))
    assert done(desk.copy("n.ipynb", to="workspace:notebooks/", if_exists=IfExists.REPLACE)) == (1, 0, 0)


def test_a_working_copy_is_not_replaced_and_a_new_notebook_is_put_beside(desk):
    desk.write("ws/edit/n.ipynb", b"edits that the bucket has not")
    desk.put("notebooks/n.ipynb", b"theirs")
    desk.put("notebooks/new.ipynb", b"new")
    copied = desk.copy("workspace:notebooks/", to="ws/edit/", if_exists=IfExists.REPLACE)
    assert reasons(copied) == {"n.ipynb": "working-copy"}
    assert desk.files() == {"ws/edit/n.ipynb": b"edits that the bucket has not", "ws/edit/new.ipynb": b"new"}


def test_folders_of_storage_links_are_protected_as_well(desk):
    link = {
        "localBaseDirectory": "linked",
        "localSafeModeBaseDirectory": "safe",
        "cloudStorageDirectory": f"gs://{BUCKET}/notebooks",
        "pattern": r".*\.ipynb",
    }
    desk.write(".jupyter-terra-env/storage-links.json", json.dumps({"linked": link, "safe": link}).encode())
    desk.write("linked/n.ipynb", b"edits")
    desk.write("safe/p.ipynb")
    desk.put("notebooks/n.ipynb", b"theirs")
    assert reasons(desk.copy("workspace:notebooks/", to="linked/", if_exists=IfExists.REPLACE)) == {
        "n.ipynb": "working-copy"
    }
    assert reasons(desk.copy("", to="workspace:all/", recursive=True))["safe"] == "playground"


def test_the_playground_is_copied_only_when_it_is_named(desk):
    desk.write("ws/playground/p.ipynb")
    desk.write("ws/edit/e.ipynb")
    copied = desk.copy("ws", to="workspace:backup/", recursive=True)
    assert reasons(copied) == {"playground": "playground"}
    desk.copy("**.ipynb", to="workspace:found/")
    assert set(desk.objects()) == {"backup/ws/edit/e.ipynb", "found/ws/edit/e.ipynb"}
    desk.copy("ws/playground/p.ipynb", to="workspace:named/")
    desk.copy("ws/playground/", to="workspace:named2/")
    assert {"named/p.ipynb", "named2/p.ipynb"} <= set(desk.objects())


def test_hidden_files_links_and_what_is_no_file(desk):
    for name in ("d/a", "d/.secret", "d/.config/key", "d/.jupyter-terra-env/journal.sqlite3"):
        desk.write(name)
    (desk.home / "d" / "link").symlink_to("a")
    (desk.home / "d" / "loop").symlink_to(".")
    os.mkfifo(desk.home / "d" / "pipe")
    copied = desk.copy("d/", to="workspace:")
    expected = {".secret": "hidden", ".config": "hidden", "link": "link", "loop": "link", "pipe": "special-file"}
    assert reasons(copied) == expected
    assert done(copied) == (1, 5, 0)
    desk.copy("d/", to="workspace:with/", hidden=True)
    assert set(desk.objects()) == {"a", "with/a", "with/.secret", "with/.config/key"}
    assert done(desk.copy("d/pipe", to="workspace:pipe")) == (0, 0, 1)
    assert done(desk.copy("d/.secret", to="workspace:named")) == (1, 0, 0)


def test_many_small_files_up_and_down_and_only_what_is_missing(desk):
    for number in range(60):
        desk.write(f"d/{number % 7}/{number}", str(number).encode())
    assert done(desk.copy("d/", to="workspace:d/")) == (60, 0, 0)
    inserts = [one for one in desk.faults.history if one.operation.startswith("objects.insert")]
    assert len(inserts) == 60
    desk.outsider.bucket.blob("d/3/3").delete()
    assert done(desk.copy("d/", to="workspace:d/")) == (1, 59, 0)
    assert done(desk.copy("workspace:d/", to="e/")) == (60, 0, 0)
    assert len([one for one in desk.faults.history if "list" not in one.operation]) == 60
    assert {name[2:]: content for name, content in desk.files().items() if name.startswith("e/")} == {
        name[2:]: content for name, content in desk.objects().items()
    }
    (desk.home / "e" / "3" / "3").unlink()
    assert done(desk.copy("workspace:d/", to="e/")) == (1, 59, 0)
    assert parts(desk.home) == []


def test_empty_files(desk):
    desk.write("empty", b"")
    desk.copy("empty", to="workspace:empty")
    desk.copy("workspace:empty", to="back")
    assert (desk.objects()["empty"], desk.files()["back"]) == (b"", b"")


def test_who_pays(desk):
    bucket = desk.outsider.bucket
    bucket.requester_pays = True
    bucket.patch()
    desk.write("a")
    with pytest.raises(BucketRefused, match="requester-pays"):
        desk.copy("a", to="workspace:a")
    assert done(desk.copy("a", to="workspace:a", user_project="a-project")) == (1, 0, 0)
    paying = replace(WORKSPACE, user_project="a-project")
    assert done(desk.copy("workspace:a", to="b", workspaces=(paying,))) == (1, 0, 0)
    assert done(desk.copy(f"gs://{BUCKET}/a", to="c", workspaces=(paying,))) == (1, 0, 0)


def test_a_trouble_of_the_whole_bucket_ends_the_copy_with_one_sentence(desk):
    for number in range(40):
        desk.write(f"d/{number:02}")
    desk.faults = type(desk.faults)()
    forbidden = Fault(operation="objects.insert", action=AnswerWith(status=403, reason="forbidden"), times=99)
    copied = desk.copy("d/", to="workspace:d/", between=lambda: desk.faults.add(forbidden), workers=2)
    assert "You have no permission" in copied.ended_by
    assert 1 <= done(copied)[2] <= 2
    assert done(copied)[2] + copied.not_tried == 40


def test_what_passes_is_tried_again_with_growing_waits(desk):
    desk.write("a")
    busy = Fault(operation="objects.insert", action=AnswerWith(status=503), times=3)
    assert done(desk.copy("a", to="workspace:a", between=lambda: desk.faults.add(busy))) == (1, 0, 0)
    assert desk.waits == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("begins", [False, True])
def test_a_full_disk_ends_the_copy_and_leaves_no_half_file(desk, monkeypatch, begins):
    for number in range(40):
        desk.put(f"d/{number:02}", b"content")
    monkeypatch.setattr("jupyter_terra_env.bucket.bounded_file._LOOK_BYTES", 1)
    monkeypatch.setattr("jupyter_terra_env.bucket.bounded_file.KEPT_FREE_BYTES", 1 << 60)
    if not begins:
        monkeypatch.setattr("jupyter_terra_env.transfers.part_files.KEPT_FREE_BYTES", 1 << 60)
    copied = desk.copy("workspace:d/", to="d/", workers=2)
    assert copied.ended_by.startswith("There is no room left on the disk of ")
    assert set(reasons(copied).values()) == {"no-space"}
    assert [one.operation for one in desk.faults.history].count("objects.download") <= (2 if begins else 0)
    assert desk.files() == {}
