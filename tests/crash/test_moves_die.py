"""Renames and deletions that die at any durable step: finished at the next start, nothing lost, nothing twice."""

import os
import shutil
from dataclasses import replace

import environments
import pytest
from environments import BUCKET, directory_in_memory
from moves_failpoints import Disk, deaths

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault
from jupyter_terra_env.notebooks.moves import trash
from jupyter_terra_env.rules.errors import BucketRefused, WorkspaceConflict
from jupyter_terra_env.rules.status import Place

pytestmark = pytest.mark.timeout(300)

NEIGHBOUR = "deep2/z.ipynb"


@pytest.fixture
def disk():
    with directory_in_memory() as directory:
        yield Disk(directory)


def prepare(disk, story):
    with disk.environment() as (env, outsider):
        outsider.put(NEIGHBOUR, b"a neighbour")
        story(env, outsider)
    disk.save()


def folder_of_three(env, outsider):
    env.save("deep/a.ipynb", b"a")
    env.save("deep/sub/b.ipynb", b"b")
    outsider.put("deep/never-opened.ipynb", b"c", {"team": "blue"})
    env.file("deep/notes.txt").write_bytes(b"notes")


def after_death(disk):
    """The next start on the same disk."""
    return disk.environment(pause_seconds=0.05)


def in_bucket(outsider):
    blobs = outsider.client.list_blobs(BUCKET)
    found = {blob.name.removeprefix("notebooks/"): blob.download_as_bytes() for blob in blobs}
    assert found.pop(NEIGHBOUR) == b"a neighbour"
    return found


def on_disk(env):
    files = (file for file in env.root.rglob("*") if file.is_file() and ".jupyter-terra-env" not in file.parts)
    return {file.relative_to(env.root).as_posix(): file.read_bytes() for file in files}


def recovered(env):
    env.recover()
    assert env.begun() == []
    for path in env.owed():
        env.run(env.delocalizer.settle(env.locate(path)))
    assert env.owed() == []
    # Temporary files of the dead process are hidden, and swept by the next start.
    return {path: content for path, content in on_disk(env).items() if "/.terra-env-" not in f"/{path}"}


def each_death(disk, act):
    """Both sides after each death and the start that follows; ``reached`` collects which ends were reached."""
    reached = set()
    for number in deaths(disk, act):
        with after_death(disk) as (env, outsider):
            files = recovered(env)
            yield env, files, in_bucket(outsider), reached, number
    assert reached == {"old", "new"}, "the steps on both sides of the point of no return were met"


def refuse(env, *operations, status=403, **more):
    for operation in operations:
        env.faults.add(Fault(operation=operation, action=AnswerWith(status=status), times=1000, **more))


def check_saves(env, *names):
    for name in names:
        assert env.save(name, f"next {name}".encode()).place is Place.IN_WORKSPACE, name


def test_renaming_a_notebook(disk):
    prepare(disk, lambda env, _: env.save("a.ipynb", b"a"))
    for env, files, objects, reached, number in each_death(disk, lambda env, _: env.rename("a.ipynb", "b.ipynb")):
        [name] = objects
        assert objects == {name: b"a"}, number
        assert files == {f"ws/edit/{name}": b"a"}, number
        reached.add("old" if name == "a.ipynb" else "new")
        check_saves(env, name)


def test_renaming_a_notebook_that_has_a_debt(disk):
    def story(env, _):
        env.save("a.ipynb", b"a")
        env.file("a.ipynb").write_bytes(b"edited")

    prepare(disk, story)
    for _env, files, objects, reached, number in each_death(disk, lambda env, _: env.rename("a.ipynb", "b.ipynb")):
        [path] = files
        assert files[path] == b"edited", number
        [name] = objects
        assert path == f"ws/edit/{name}"
        # Written by a program, not saved: before the rename has uploaded it, there is no debt.
        assert objects[name] in ({b"a", b"edited"} if name == "a.ipynb" else {b"edited"})
        reached.add("old" if name == "a.ipynb" else "new")


@pytest.mark.parametrize("new", ["new", "other/place"])
def test_renaming_a_folder(disk, new):
    prepare(disk, folder_of_three)
    contents = {"a.ipynb": b"a", "sub/b.ipynb": b"b", "never-opened.ipynb": b"c"}
    for env, files, objects, reached, number in each_death(disk, lambda env, _: env.rename_folder("deep", new)):
        where = "deep" if "ws/edit/deep/notes.txt" in files else new
        reached.add("old" if where == "deep" else "new")
        assert objects == {f"{where}/{name}": content for name, content in contents.items()}, number
        expected = {f"ws/edit/{where}/{name}": contents[name] for name in ("a.ipynb", "sub/b.ipynb")}
        assert files == {**expected, f"ws/edit/{where}/notes.txt": b"notes"}, number
        check_saves(env, f"{where}/a.ipynb", f"{where}/sub/b.ipynb")


def test_a_folder_whose_rename_is_undone(disk):
    """Another person changes an object after the plan: if the undoing dies at any step, nothing is lost or twice."""
    prepare(disk, folder_of_three)

    def act(env, outsider):
        begin = env.recovery.begin

        def changed_meanwhile(intent):
            outsider.put("deep/sub/b.ipynb", b"theirs")
            return begin(intent)

        env.recovery.begin = changed_meanwhile
        with pytest.raises(WorkspaceConflict):
            env.rename_folder("deep", "new")

    for number in deaths(disk, act):
        with after_death(disk) as (env, outsider):
            files, objects = recovered(env), in_bucket(outsider)
            assert sorted(name.rpartition("/")[2] for name in objects) == ["a.ipynb", "b.ipynb", "never-opened.ipynb"]
            if objects.get("deep/sub/b.ipynb") == b"theirs":
                assert files["ws/edit/deep/sub/b.ipynb"] == b"b", number
            for name in objects:
                if name.endswith("a.ipynb"):
                    assert files[f"ws/edit/{name}"] == b"a", number
                    check_saves(env, name)
            assert [path for path in files if path.endswith(("a.ipynb", "notes.txt"))] in (
                ["ws/edit/deep/a.ipynb", "ws/edit/deep/notes.txt"],
                ["ws/edit/deep/notes.txt", "ws/edit/deep/a.ipynb"],
                ["ws/edit/new/a.ipynb", "ws/edit/new/notes.txt"],
                ["ws/edit/new/notes.txt", "ws/edit/new/a.ipynb"],
            ), number


def test_deleting_a_notebook(disk):
    prepare(disk, lambda env, _: env.save("a.ipynb", b"a"))
    for _env, files, objects, reached, number in each_death(disk, lambda env, _: env.delete("a.ipynb")):
        assert (objects, files) in (({"a.ipynb": b"a"}, {"ws/edit/a.ipynb": b"a"}), ({}, {})), number
        reached.add("old" if files else "new")


def test_deleting_a_folder(disk):
    prepare(disk, folder_of_three)
    for _env, files, objects, reached, number in each_death(disk, lambda env, _: env.delete_folder("deep")):
        assert (len(objects), len(files)) in {(3, 3), (0, 0)}, number
        reached.add("old" if files else "new")


@pytest.mark.parametrize("target", ["a.txt", "/ws/playground/a.ipynb", "/elsewhere/a.ipynb"])
def test_taking_a_notebook_out(disk, target):
    prepare(disk, lambda env, _: env.save("a.ipynb", b"a"))
    new = target[1:] if target.startswith("/") else f"ws/edit/{target}"
    for _env, files, objects, reached, number in each_death(disk, lambda env, _: env.rename("a.ipynb", target)):
        ends = (({"a.ipynb": b"a"}, {"ws/edit/a.ipynb": b"a"}), ({}, {new: b"a"}))
        assert (objects, files) in ends, number
        reached.add("old" if objects else "new")


def test_taking_a_folder_out(disk):
    prepare(disk, folder_of_three)
    act = lambda env, _: env.rename_folder("deep", "/ws/playground/out")  # noqa: E731
    for _env, files, objects, reached, number in each_death(disk, act):
        where = "ws/edit/deep" if objects else "ws/playground/out"
        reached.add("old" if objects else "new")
        assert len(objects) in {0, 3}, number
        expected = {f"{where}/a.ipynb": b"a", f"{where}/sub/b.ipynb": b"b", f"{where}/notes.txt": b"notes"}
        assert expected.items() <= files.items(), number
        assert set(files.values()) <= {b"a", b"b", b"c", b"notes"}
        # What was never opened comes to the disk before anything moves; the bucket has it until it has left.
        assert len(files) in ({3, 4} if objects else {4}), number


def test_taking_a_folder_to_another_workspace(disk):
    prepare(disk, folder_of_three)
    contents = {"a.ipynb": b"a", "sub/b.ipynb": b"b", "never-opened.ipynb": b"c"}
    act = lambda env, _: env.rename_folder("deep", "/other/edit/new")  # noqa: E731
    for _env, files, objects, reached, number in each_death(disk, act):
        is_old = any(name.startswith("deep/") for name in objects)
        reached.add("old" if is_old else "new")
        prefix = "deep" if is_old else "other/new"
        assert objects == {f"{prefix}/{name}": content for name, content in contents.items()}, number
        assert sorted(files.values())[:2] == [b"a", b"b"]
        assert len(set(files.values())) == len(files), number


def test_bringing_a_folder_in(disk):
    def story(env, _):
        (env.root / "mine").mkdir()
        for name in "ab":
            (env.root / "mine" / f"{name}.ipynb").write_bytes(name.encode())

    prepare(disk, story)
    for _env, files, objects, reached, number in each_death(disk, lambda env, _: env.rename_folder("/mine", "mine")):
        is_old = "mine/a.ipynb" in files
        reached.add("old" if is_old else "new")
        where = "mine" if is_old else "ws/edit/mine"
        assert files == {f"{where}/a.ipynb": b"a", f"{where}/b.ipynb": b"b"}, number
        assert objects == ({} if is_old else {"mine/a.ipynb": b"a", "mine/b.ipynb": b"b"}), number


def without_moves(act):
    """An act on a bucket that does not rename."""

    def acting(env, outsider):
        refuse(env, "objects.move", status=405)
        act(env, outsider)

    return acting


@pytest.mark.parametrize("renames_again", [False, True])
def test_renaming_a_notebook_by_copy(disk, renames_again):
    prepare(disk, lambda env, _: env.save("a.ipynb", b"a"))
    reached = set()
    for number in deaths(disk, without_moves(lambda env, _: env.rename("a.ipynb", "b.ipynb"))):
        with after_death(disk) as (env, outsider):
            if not renames_again:
                refuse(env, "objects.move", status=405)
            files, objects = recovered(env), in_bucket(outsider)
            [name] = objects
            assert objects == {name: b"a"}, number
            assert files == {f"ws/edit/{name}": b"a"}, number
            reached.add(name)
            check_saves(env, name)
    assert reached == {"a.ipynb", "b.ipynb"}


def test_renaming_a_folder_by_copy(disk):
    prepare(disk, folder_of_three)
    contents = {"a.ipynb": b"a", "sub/b.ipynb": b"b", "never-opened.ipynb": b"c"}
    act = without_moves(lambda env, _: env.rename_folder("deep", "new"))
    for env, files, objects, reached, number in each_death(disk, act):
        where = "deep" if "ws/edit/deep/notes.txt" in files else "new"
        reached.add("old" if where == "deep" else "new")
        assert objects == {f"{where}/{name}": content for name, content in contents.items()}, number
        assert files[f"ws/edit/{where}/a.ipynb"] == b"a", number
        check_saves(env, f"{where}/a.ipynb", f"{where}/sub/b.ipynb")


@pytest.mark.parametrize("refused", ["objects.rewrite", "objects.delete"])
def test_a_rename_by_copy_that_the_bucket_refuses_in_the_end(disk, refused):
    """At any step of its death, and with the refusal still there at the next start: the notebook is where it was."""
    prepare(disk, lambda env, _: (env.save("a.ipynb", b"a"), env.save("z.ipynb", b"z")))

    def act(env, _):
        refuse(env, "objects.move", status=405)
        env.rename("z.ipynb", "y.ipynb")  # Now it is known that the bucket does not rename.
        refuse(env, refused, name_prefix="notebooks/a")
        with pytest.raises(BucketRefused):
            env.rename("a.ipynb", "b.ipynb")

    for number in deaths(disk, act):
        with after_death(disk) as (env, outsider):
            refuse(env, "objects.move", status=405)
            refuse(env, refused, name_prefix="notebooks/a")
            files, objects = recovered(env), in_bucket(outsider)
            [other] = {"y.ipynb", "z.ipynb"} & objects.keys()
            assert objects == {"a.ipynb": b"a", other: b"z"}, number
            assert files == {"ws/edit/a.ipynb": b"a", f"ws/edit/{other}": b"z"}, number


@pytest.mark.parametrize("is_folder", [False, True])
def test_taking_a_notebook_to_a_workspace_of_another_bucket(disk, is_folder, monkeypatch):
    """The object is in one of the buckets at every moment, and in one of them only in the end."""
    monkeypatch.setattr(environments, "OTHER_WORKSPACE", replace(environments.OTHER_WORKSPACE, bucket="another-bucket"))

    def story(env, outsider):
        outsider.client.create_bucket("another-bucket")
        env.save("deep/a.ipynb", b"a")
        env.save("deep/b.ipynb", b"b")

    prepare(disk, story)

    def act(env, _):
        if is_folder:
            env.rename_folder("deep", "/other/edit/deep")
        else:
            env.rename("deep/a.ipynb", "/other/edit/deep/a.ipynb")

    reached = set()
    for number in deaths(disk, act):
        with after_death(disk) as (env, outsider):
            there = {blob.name: blob.download_as_bytes() for blob in outsider.client.list_blobs("another-bucket")}
            here = in_bucket(outsider)
            assert b"a" in {*there.values(), *here.values()}, number
            files, here = recovered(env), in_bucket(outsider)
            there = {blob.name: blob.download_as_bytes() for blob in outsider.client.list_blobs("another-bucket")}
            moved = ["other/deep/a.ipynb", *(["other/deep/b.ipynb"] if is_folder else [])] if there else []
            assert sorted(there) == moved, number
            assert len(here) + len(there) == 2, number
            assert sorted(files) == sorted(
                [f"ws/edit/{name}" for name in here] + [name.replace("other/", "other/edit/") for name in there]
            ), number
            reached.add(bool(there))
    assert reached == {False, True}


@pytest.mark.parametrize("is_folder", [False, True])
def test_deleting_to_the_trash(disk, is_folder, monkeypatch):
    home = disk.root.parent / "home"
    monkeypatch.setattr(trash.plat_other, "HOMETRASH_B", os.fsencode(home / "Trash"))
    monkeypatch.setenv("HOME", str(disk.root.parent))
    prepare(disk, folder_of_three)
    name = "deep" if is_folder else "deep/a.ipynb"

    def act(env, _):
        env.run(env.moves.delete(env.at(name), is_folder=is_folder, to_trash=True))

    for number in deaths(disk, act):
        with after_death(disk) as (env, outsider):
            files, objects = recovered(env), in_bucket(outsider)
            in_trash = {file.read_bytes() for file in (home / "Trash" / "files").rglob("*") if file.is_file()}
            gone = {b"a", b"b", b"notes"} if is_folder else {b"a"}
            assert ("deep/a.ipynb" in objects) == ("ws/edit/deep/a.ipynb" in files), number
            assert (gone <= in_trash) or set(files.values()) == {b"a", b"b", b"notes"}, number
            assert list(env.root.rglob(".terra-env-aside-*")) == [], number
        shutil.rmtree(home, ignore_errors=True)


def test_a_deletion_that_the_bucket_refuses(disk):
    """Its files come back, at whichever step it dies."""
    prepare(disk, folder_of_three)

    def act(env, _):
        refuse(env, "objects.delete")
        with pytest.raises(BucketRefused):
            env.delete_folder("deep")

    for number in deaths(disk, act):
        with after_death(disk) as (env, outsider):
            refuse(env, "objects.delete")
            files, objects = recovered(env), in_bucket(outsider)
            assert (len(objects), set(files.values())) == (3, {b"a", b"b", b"notes"}), number
            assert list(env.root.rglob(".terra-env-aside-*")) == [], number
            check_saves(env, "deep/a.ipynb")
