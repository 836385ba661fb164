"""What a deletion does on the disk: first reversibly, only to what was planned, and to the trash where that is on."""

import asyncio
import contextlib
import os
import shutil
from urllib.parse import unquote

import pytest
from environments import Environment, directory_in_memory, shared_bucket, until

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault
from jupyter_terra_env.notebooks.moves import trash
from jupyter_terra_env.notebooks.moves.aside import Aside
from jupyter_terra_env.rules.errors import BucketRefused, FilesStay, OperationRefused, WorkspaceConflict
from jupyter_terra_env.rules.status import Place

DELETE = "objects.delete"
NOBODY = 65534


@pytest.fixture
def the_trash(tmp_path, monkeypatch):
    folder = tmp_path / "home" / "Trash"
    monkeypatch.setattr(trash.plat_other, "HOMETRASH_B", os.fsencode(folder))
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder


def to_trash(env, name, *, is_folder=False):
    env.run(env.moves.delete(env.at(name), is_folder=is_folder, to_trash=True))


def in_trash(folder):
    return {file.relative_to(folder / "files").as_posix() for file in (folder / "files").rglob("*") if file.is_file()}


def asides(env):
    return list(env.root.rglob(".terra-env-aside-*"))


class TestWhatIsPlanned:
    @pytest.mark.parametrize("moment", ["before", "while the bucket is asked", "while the files go"])
    def test_a_notebook_made_in_the_folder_meanwhile_stays(self, env, outsider, monkeypatch, moment):
        outsider.put("deep/a.ipynb", b"a")
        env.open("deep/a.ipynb")
        loop_of, discard, objects, set_aside = [], Aside.discard, env.executor.objects, env.executor.set_aside

        async def saved_meanwhile(move, steps):
            loop_of.append(asyncio.get_running_loop())
            if moment == "while the bucket is asked":
                await env.storage.save(env.at("deep/new.ipynb"), b"acknowledged")
            return await objects(move, steps)

        async def saved_before(move):
            if moment == "before":
                await env.storage.save(env.at("deep/new.ipynb"), b"acknowledged")
            await set_aside(move)

        def saved_then(aside, **kwargs):
            if moment == "while the files go":
                saving = env.storage.save(env.at("deep/new.ipynb"), b"acknowledged")
                asyncio.run_coroutine_threadsafe(saving, loop_of[0]).result(10)
            discard(aside, **kwargs)

        monkeypatch.setattr(env.executor, "set_aside", saved_before)
        monkeypatch.setattr(env.executor, "objects", saved_meanwhile)
        monkeypatch.setattr(Aside, "discard", saved_then)
        env.delete_folder("deep")
        assert (env.read("deep/new.ipynb"), env.read("deep/a.ipynb")) == (b"acknowledged", None)
        assert env.owed() == ["ws/edit/deep/new.ipynb"]
        assert (env.begun(), asides(env)) == ([], [])

    def test_what_a_program_writes_at_the_last_moment_stays(self, env, monkeypatch):
        env.save("deep/a.ipynb", b"a")
        env.file("deep/log.txt").write_bytes(b"begun")
        objects = env.executor.objects

        async def written_meanwhile(move, steps):
            open_file.write(b" and more")
            open_file.flush()
            return await objects(move, steps)

        monkeypatch.setattr(env.executor, "objects", written_meanwhile)
        with env.file("deep/log.txt").open("ab") as open_file:
            env.delete_folder("deep")
        assert env.read("deep/log.txt") == b"begun and more"
        assert env.read("deep/a.ipynb") is None

    def test_links_and_empty_folders_go_along(self, env, tmp_path):
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "kept.txt").write_text("kept")
        env.file("deep/empty/emptier").mkdir(parents=True)
        env.file("deep/link").symlink_to(tmp_path / "elsewhere")
        env.file("deep/broken").symlink_to("nowhere")
        env.delete_folder("deep")
        assert not env.file("deep").exists()
        assert (tmp_path / "elsewhere" / "kept.txt").read_text() == "kept"

    def test_of_what_the_bucket_refuses_everything_is_in_its_place_again(self, env, outsider):
        env.save("deep/sub/a.ipynb", b"a")
        env.file("deep/notes.txt").write_bytes(b"notes")
        env.file("deep/empty").mkdir()
        env.faults.add(Fault(operation=DELETE, action=AnswerWith(status=403, reason="forbidden"), times=9))
        with pytest.raises(BucketRefused):
            env.delete_folder("deep")
        assert (env.read("deep/sub/a.ipynb"), env.read("deep/notes.txt")) == (b"a", b"notes")
        assert env.file("deep/empty").is_dir()
        assert (env.begun(), asides(env)) == ([], [])
        assert env.save("deep/sub/a.ipynb", b"next").place is Place.IN_WORKSPACE

    def test_a_version_that_was_downloaded_meanwhile_is_not_replaced(self, env, outsider, monkeypatch):
        """The notebook is opened while its file is aside: both contents are there when the deletion fails."""
        env.save("a.ipynb", b"one")
        env.file("a.ipynb").write_bytes(b"not sent")
        objects = env.executor.objects

        async def opened_meanwhile(move, steps):
            outsider.put("a.ipynb", b"theirs")
            env.file("a.ipynb").write_bytes(b"theirs")
            return await objects(move, steps)

        monkeypatch.setattr(env.executor, "objects", opened_meanwhile)
        with pytest.raises(WorkspaceConflict):
            env.delete("a.ipynb")
        assert env.read("a.ipynb") == b"theirs"
        assert env.read("a (deleted 1).ipynb") == b"not sent"


class TestTrash:
    def test_a_notebook(self, env, outsider, the_trash):
        env.save("a.ipynb", b"a")
        to_trash(env, "a.ipynb")
        assert (in_trash(the_trash), outsider.names(), asides(env)) == ({"a.ipynb"}, [], [])
        info = (the_trash / "info" / "a.ipynb.trashinfo").read_text()
        assert unquote(info.split("Path=")[1].splitlines()[0]) == str(env.file("a.ipynb"))

    def test_a_folder_stays_one_folder(self, env, outsider, the_trash):
        env.save("deep/a.ipynb", b"a")
        env.file("deep/sub").mkdir()
        env.file("deep/sub/x.txt").write_text("x")
        to_trash(env, "deep", is_folder=True)
        assert in_trash(the_trash) == {"deep/a.ipynb", "deep/sub/x.txt"}
        assert (outsider.names(), env.file("deep").exists()) == ([], False)

    @pytest.mark.parametrize("is_folder", [False, True])
    def test_that_cannot_be_used(self, env, outsider, the_trash, is_folder):
        env.save("deep/a.ipynb", b"a")
        the_trash.parent.mkdir()
        the_trash.write_text("a file where the trash would be")
        name = "deep" if is_folder else "deep/a.ipynb"
        env.faults.clear()
        for _ in range(2):
            with pytest.raises(OperationRefused) as refused:
                to_trash(env, name, is_folder=is_folder)
            assert refused.value.reason == "no-trash"
        assert (env.operations, env.read("deep/a.ipynb"), env.begun()) == ([], b"a", [])
        env.rename("deep/a.ipynb", "deep/b.ipynb")
        assert env.save("deep/b.ipynb", b"next").place is Place.IN_WORKSPACE
        the_trash.unlink()
        to_trash(env, "deep", is_folder=True)
        assert outsider.names() == []

    def test_is_not_needed_where_there_is_no_file(self, env, outsider, the_trash):
        outsider.put("a.ipynb", b"a")
        the_trash.parent.mkdir()
        the_trash.write_text("a file where the trash would be")
        to_trash(env, "a.ipynb")
        assert outsider.names() == []

    @pytest.mark.parametrize("is_folder", [False, True])
    def test_that_fails_when_the_objects_have_gone(self, env, outsider, the_trash, monkeypatch, is_folder):
        env.save("deep/a.ipynb", b"a")
        objects = env.executor.objects

        async def full_by_then(move, steps):
            done = await objects(move, steps)
            shutil.rmtree(the_trash)
            the_trash.write_text("no trash any more")
            return done

        monkeypatch.setattr(env.executor, "objects", full_by_then)
        name = "deep" if is_folder else "deep/a.ipynb"
        with pytest.raises(FilesStay, match="its files are where they were"):
            to_trash(env, name, is_folder=is_folder)
        assert (env.read("deep/a.ipynb"), outsider.names(), env.begun(), asides(env)) == (b"a", [], [], [])
        monkeypatch.undo()
        assert env.baseline("deep/a.ipynb") is None, "it is a file that the workspace never had"
        assert env.save("deep/a.ipynb", b"again").place is Place.IN_WORKSPACE
        env.delete_folder("deep")
        assert not env.file("deep").exists()


@contextlib.contextmanager
def as_nobody(folder):
    """Act without the superuser's rights; what the folder holds is this user's."""
    if os.getuid() != 0:
        yield
        return
    for entry in [folder, *folder.rglob("*")]:
        os.chown(entry, NOBODY, NOBODY, follow_symlinks=False)
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.fixture
def unprivileged():
    """An environment on a disk that is another user's, and the bucket from outside."""
    with directory_in_memory() as directory, shared_bucket() as outsider, asyncio.Runner() as runner:
        directory.chmod(0o755)
        env = Environment(directory / "mine", outsider.engine, runner, name="mine")
        try:
            with contextlib.ExitStack() as stack:
                yield env, outsider, lambda: stack.enter_context(as_nobody(directory))
        finally:
            for folder in [entry for entry in directory.rglob("*") if entry.is_dir()]:
                folder.chmod(0o755)
            env.close()


class TestRights:
    """Disks on which not everything may be changed: an act that cannot be done is refused before the bucket changes."""

    def prepare(self, env, act_as_nobody):
        env.save("deep/a.ipynb", b"a")
        env.save("deep/sub/b.ipynb", b"b")
        env.save("deep/sub/c.ipynb", b"c")
        env.faults.clear()
        act_as_nobody()

    def is_untouched(self, env):
        assert [one for one in env.operations if one not in {"objects.get", "objects.list"}] == []
        assert [env.read(f"deep/{name}.ipynb") for name in ("a", "sub/b", "sub/c")] == [b"a", b"b", b"c"]
        assert (env.begun(), asides(env)) == ([], [])

    @pytest.mark.parametrize("locked", ["deep/sub", "deep"])
    @pytest.mark.parametrize("mode", [0o555, 0o000])
    def test_deleting_a_folder(self, unprivileged, locked, mode):
        env, _, act_as_nobody = unprivileged
        self.prepare(env, act_as_nobody)
        env.file(locked).chmod(mode)
        for _ in range(2):
            with pytest.raises(PermissionError):
                env.delete_folder("deep")
        env.file(locked).chmod(0o755)
        self.is_untouched(env)
        env.delete_folder("deep")
        assert not env.file("deep").exists()

    def test_deleting_a_notebook(self, unprivileged):
        env, outsider, act_as_nobody = unprivileged
        self.prepare(env, act_as_nobody)
        env.file("deep/sub").chmod(0o555)
        with pytest.raises(PermissionError):
            env.delete("deep/sub/b.ipynb")
        self.is_untouched(env)
        env.file("deep/sub").chmod(0o755)
        env.delete("deep/sub/b.ipynb")
        assert outsider.names() == ["deep/a.ipynb", "deep/sub/c.ipynb"]

    @pytest.mark.parametrize("locked", ["deep/sub", "deep"])
    def test_renaming_a_notebook(self, unprivileged, locked):
        env, _, act_as_nobody = unprivileged
        self.prepare(env, act_as_nobody)
        env.file(locked).chmod(0o555)
        with pytest.raises(PermissionError):
            env.rename("deep/sub/b.ipynb", "deep/b.ipynb")
        env.file(locked).chmod(0o755)
        self.is_untouched(env)

    def test_renaming_a_folder(self, unprivileged):
        env, _, act_as_nobody = unprivileged
        self.prepare(env, act_as_nobody)
        env.file("deep").chmod(0o555)
        with pytest.raises(PermissionError):
            env.rename_folder("deep/sub", "deep/other")
        self.is_untouched(env)

    def test_a_deletion_found_at_the_start(self, unprivileged, monkeypatch):
        """Its folder cannot be changed any more: what is left stays, and the path is free for all acts."""
        env, outsider, act_as_nobody = unprivileged
        self.prepare(env, act_as_nobody)
        with env.dead_within("set_aside"), pytest.raises(asyncio.CancelledError):
            env.delete_folder("deep")
        env.restart()
        env.file("deep/sub").chmod(0o555)
        env.recover()
        env.file("deep/sub").chmod(0o755)
        assert env.begun() == []
        assert len(outsider.names()) == 3
        assert [env.read(f"deep/{name}.ipynb") for name in ("a", "sub/b", "sub/c")] == [b"a", b"b", b"c"]
        env.rename_folder("deep", "new")

    def test_a_rename_found_at_the_start(self, unprivileged):
        """Its objects have moved and its folder cannot: they go back, and the path is free for all acts."""
        env, outsider, act_as_nobody = unprivileged
        self.prepare(env, act_as_nobody)
        with env.dead_within("end"), pytest.raises(asyncio.CancelledError):
            env.rename_folder("deep/sub", "deep/new")
        env.restart()
        env.file("deep").chmod(0o555)
        env.recover()
        env.file("deep").chmod(0o755)
        assert env.begun() == []
        assert outsider.names() == ["deep/a.ipynb", "deep/sub/b.ipynb", "deep/sub/c.ipynb"]
        assert env.save("deep/sub/b.ipynb", b"next").place is Place.IN_WORKSPACE
        env.rename_folder("deep", "new")


class TestRenamesWithoutObjects:
    def test_wait_for_a_save_of_the_file(self, env):
        env.run(env.storage.save(env.at("p.ipynb", "playground"), b"old"))
        old = env.file("p.ipynb", "playground")
        lock = env.copies.lock(old.resolve())

        async def story():
            async with lock:
                renaming = asyncio.create_task(env.renaming("/ws/playground/p.ipynb", "/ws/playground/q.ipynb"))
                await until(lambda: lock._waiters)
                old.write_bytes(b"typed meanwhile")
            await renaming

        env.run(story())
        assert (env.read("p.ipynb", "playground"), env.read("q.ipynb", "playground")) == (None, b"typed meanwhile")
