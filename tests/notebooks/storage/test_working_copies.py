"""Files on the persistent disk: whole or not at all, and never outside their folder."""

import asyncio
import base64
import errno
import hashlib
import os
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import google_crc32c
import pytest

from jupyter_terra_env.notebooks.storage import known_files, temporary_files, working_copies
from jupyter_terra_env.notebooks.storage.durable_moves import move_file
from jupyter_terra_env.notebooks.storage.file_digests import digest_file
from jupyter_terra_env.notebooks.storage.pinned_folders import resolve_inside
from jupyter_terra_env.notebooks.storage.temporary_files import (
    TEMPORARY_PREFIX,
    sweep,
    temporary_file,
    temporary_prefix,
    temporary_sibling,
)
from jupyter_terra_env.notebooks.storage.working_copies import Download, WorkingCopies


@pytest.fixture
def copies():
    copies = WorkingCopies()
    yield copies
    copies.close()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "folder" / "a.ipynb"


def write(copies, file, content):
    asyncio.run(copies.write(file, content))


def crc32c(content):
    return base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode()


class TestWriting:
    def test_makes_the_file_and_its_folder(self, copies, file):
        write(copies, file, b"one")
        assert file.read_bytes() == b"one"
        assert [entry.name for entry in file.parent.iterdir()] == ["a.ipynb"]

    def test_is_a_rename_an_open_reader_keeps_what_it_had(self, copies, file):
        write(copies, file, b"one")
        before = file.stat().st_ino
        with file.open("rb") as reader:
            write(copies, file, b"two")
            assert reader.read() == b"one"
        assert file.stat().st_ino != before

    def test_a_reader_never_sees_half(self, copies, file):
        contents = [bytes([number]) * 200_000 for number in (1, 2)]
        write(copies, file, contents[0])
        seen, stop = set(), threading.Event()

        def read():
            while not stop.is_set():
                seen.add(file.read_bytes())

        reader = threading.Thread(target=read)
        reader.start()
        for number in range(30):
            write(copies, file, contents[number % 2])
        stop.set()
        reader.join()
        assert seen <= set(contents)

    def test_file_and_folder_are_synced_before_it_returns(self, copies, file, monkeypatch):
        write(copies, file, b"one")
        done = []
        real_fsync, real_replace = os.fsync, Path.replace

        def fsync(descriptor):
            done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
            real_fsync(descriptor)

        def replace(path, target):
            done.append("rename")
            return real_replace(path, target)

        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(Path, "replace", replace)
        write(copies, file, b"two")
        assert done == ["file", "rename", "folder"]

    def test_keeps_the_mode(self, copies, file):
        write(copies, file, b"one")
        file.chmod(0o640)
        write(copies, file, b"two")
        assert stat.S_IMODE(file.stat().st_mode) == 0o640

    @pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
    def test_a_new_file_has_the_mode_open_would_give(self, copies, file, mask):
        old = os.umask(mask)
        try:
            write(copies, file, b"one")
        finally:
            os.umask(old)
        assert stat.S_IMODE(file.stat().st_mode) == 0o666 & ~mask

    @pytest.mark.parametrize("step", ["fsync", "replace"])
    def test_a_full_disk_leaves_the_old_file_and_no_litter(self, copies, file, monkeypatch, step):
        write(copies, file, b"one")

        def full(*_args):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(os if step == "fsync" else Path, step, full)
            with pytest.raises(OSError, match="No space left"):
                write(copies, file, b"two")
        assert file.read_bytes() == b"one"
        assert [entry.name for entry in file.parent.iterdir()] == ["a.ipynb"]
        assert asyncio.run(copies.digest(file)).crc32c == crc32c(b"one")

    def test_a_truly_full_device(self, copies, file, monkeypatch):
        """Writing itself fails, through a descriptor of a device that is always full."""
        write(copies, file, b"one")
        monkeypatch.setattr(
            temporary_files.tempfile,
            "mkstemp",
            lambda **_kwargs: (os.open("/dev/full", os.O_RDWR), str(file.parent / "unlinked")),
        )
        with pytest.raises(OSError, match="No space left"):
            write(copies, file, b"two" * 100_000)
        assert file.read_bytes() == b"one"

    def test_many_at_once_leave_one_whole_file(self, copies, file):
        contents = [b"%d" % number * 1000 for number in range(20)]

        async def story():
            await asyncio.gather(*(copies.write(file, content) for content in contents))
            return await copies.digest(file)

        digest = asyncio.run(story())
        assert file.read_bytes() in contents
        assert digest.crc32c == crc32c(file.read_bytes())


class TestDigests:
    @pytest.mark.parametrize("content", [b"", b"123456789", bytes(3 << 20)])
    def test_are_those_of_the_bytes(self, copies, file, content):
        write(copies, file, content)
        digest = asyncio.run(copies.digest(file))
        assert digest.crc32c == crc32c(content)
        assert digest.sha256 == hashlib.sha256(content).hexdigest()
        assert digest.size_bytes == len(content)

    def test_are_as_cloud_storage_writes_them(self, file):
        file.parent.mkdir()
        file.write_bytes(b"123456789")
        with file.open("rb") as opened:
            assert digest_file(opened).crc32c == "4waSgw=="
            assert opened.tell() == 0

    def test_of_nothing(self, copies, file, tmp_path):
        assert asyncio.run(copies.digest(file)) is None
        assert asyncio.run(copies.digest(tmp_path)) is None
        (tmp_path / "plain").write_bytes(b"x")
        assert asyncio.run(copies.digest(tmp_path / "plain" / "below")) is None

    def test_are_remembered(self, copies, file, monkeypatch):
        write(copies, file, b"one")
        file.touch()
        asyncio.run(copies.digest(file))
        monkeypatch.setattr(working_copies, "digest_file", lambda _file: pytest.fail("read again"))
        assert asyncio.run(copies.digest(file)).crc32c == crc32c(b"one")

    @pytest.mark.parametrize("how", ["in place", "renamed over", "in place, with the old time put back"])
    def test_see_a_rewrite_of_the_same_size(self, copies, file, how):
        write(copies, file, b"one")
        before = file.stat()
        asyncio.run(copies.digest(file))
        if how == "renamed over":
            other = file.with_name("other")
            other.write_bytes(b"two")
            os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
            other.replace(file)
        else:
            file.write_bytes(b"two")
            if how.endswith("put back"):
                os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert asyncio.run(copies.digest(file)).crc32c == crc32c(b"two")

    def test_of_a_file_that_someone_writes_as_soon_as_it_is_in_its_place(self, copies, file, monkeypatch):
        """A program with the file open by name can change it between our rename and whatever we do next."""
        real_replace = Path.replace

        def replace_and_rewrite(path, target):
            real_replace(path, target)
            Path(target).write_bytes(b"kernel")

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", replace_and_rewrite)
            write(copies, file, b"ours!!")
        assert asyncio.run(copies.digest(file)).crc32c == crc32c(b"kernel")

    def test_are_not_remembered_without_end(self, copies, tmp_path, monkeypatch):
        monkeypatch.setattr(known_files, "_REMEMBERED", 3)
        for number in range(6):
            write(copies, tmp_path / f"{number}", b"%d" % number)
        assert len(copies._known._files) == 3
        assert asyncio.run(copies.digest(tmp_path / "0")).crc32c == crc32c(b"0")


class TestSnapshots:
    def test_survive_a_replacement(self, copies, file):
        async def story():
            await copies.write(file, b"one")
            snapshot = await copies.snapshot(file)
            await copies.write(file, b"two")
            with snapshot.file:
                return snapshot.file.read(), snapshot.digest.crc32c

        assert asyncio.run(story()) == (b"one", crc32c(b"one"))

    def test_survive_a_deletion(self, copies, file):
        async def story():
            await copies.write(file, b"one")
            snapshot = await copies.snapshot(file)
            file.unlink()
            with snapshot.file:
                return snapshot.file.read()

        assert asyncio.run(story()) == b"one"

    def test_of_nothing(self, copies, file):
        assert asyncio.run(copies.snapshot(file)) is None


class TestInstallingAndMoving:
    def test_a_download_takes_the_place_with_its_time_and_the_old_mode(self, copies, file):
        write(copies, file, b"one")
        file.chmod(0o600)
        moment = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC)

        async def story():
            with temporary_file(file) as (temporary, path):
                temporary.write(b"two")
                temporary.flush()
                download = Download(temporary=path, digest=digest_file(temporary), modified=moment)
                assert await copies.install(download, file, expected=await copies.digest(file))

        asyncio.run(story())
        assert file.read_bytes() == b"two"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.stat().st_mtime == pytest.approx(moment.timestamp(), abs=0.001)
        assert asyncio.run(copies.digest(file)).crc32c == crc32c(b"two")
        assert [entry.name for entry in file.parent.iterdir()] == ["a.ipynb"]

    def test_a_download_does_not_replace_what_was_not_seen(self, copies, file):
        write(copies, file, b"one")

        async def story():
            seen = await copies.digest(file)
            with temporary_file(file) as (temporary, path):
                temporary.write(b"two")
                temporary.flush()
                file.write_bytes(b"written by another program")
                download = Download(temporary=path, digest=digest_file(temporary), modified=datetime.now(UTC))
                assert not await copies.install(download, file, expected=seen)

        asyncio.run(story())
        assert file.read_bytes() == b"written by another program"

    def test_what_is_kept_never_replaces_a_file(self, copies, file):
        write(copies, file, b"mine")
        other = file.with_name("kept.ipynb")
        other.write_bytes(b"precious")

        async def story():
            with temporary_file(file) as (temporary, path):
                temporary.write(b"theirs")
                temporary.flush()
                download = Download(temporary=path, digest=digest_file(temporary), modified=datetime.now(UTC))
                seen = await copies.digest(file)
                assert not await copies.install(download, file, expected=seen, keep_old_as=other)
                free = file.with_name("free.ipynb")
                assert await copies.install(download, file, expected=seen, keep_old_as=free)

        asyncio.run(story())
        assert other.read_bytes() == b"precious"
        assert file.with_name("free.ipynb").read_bytes() == b"mine"
        assert file.read_bytes() == b"theirs"

    def test_leftovers_of_a_dead_process_are_swept(self, copies, file):
        dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
        leftover = file.with_name(f"{TEMPORARY_PREFIX}{int(dead.stdout)}-x")
        living = file.with_name(f"{temporary_prefix()}x")
        file.parent.mkdir(exist_ok=True)
        for path in (leftover, living, file):
            path.write_bytes(b"x")
        copies.sweep_later([file.parent])
        copies.close()
        assert (leftover.exists(), living.exists(), file.exists()) == (False, True, True)

    @pytest.mark.parametrize("start", ["", ".", ".0123456789"])
    def test_leftovers_of_an_earlier_process_of_the_same_number_are_swept(self, file, start):
        """In a container a server has the same number at every start."""
        file.parent.mkdir()
        leftover = file.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}{start}-x")
        leftover.write_bytes(b"x")
        sweep([file.parent], os.getpid())
        assert not leftover.exists()

    def test_what_another_container_has_open_is_not_swept(self, file, monkeypatch):
        """It sees other numbers of processes than we do."""
        monkeypatch.setattr(temporary_files, "temporary_prefix", lambda: f"{TEMPORARY_PREFIX}1.abc-")
        with temporary_file(file) as (open_file, path):
            sweep([file.parent], os.getpid())
            assert path.exists()
            open_file.close()
            sweep([file.parent], os.getpid())
            assert not path.exists()

    def test_half_a_copy_of_a_folder_is_swept_and_nothing_keeps_the_sweep_from_the_rest(self, file):
        file.parent.mkdir()
        half = file.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}.old-sub")
        half.mkdir()
        (half / os.fsdecode(b"caf\xe9.txt")).write_bytes(b"x")
        link = file.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}.old-link")
        link.symlink_to(file.parent, target_is_directory=True)
        others = file.with_name(f"{TEMPORARY_PREFIX}notes-of-mine")
        others.write_bytes(b"x")
        last = file.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}.old-z")
        last.write_bytes(b"x")
        sweep([file.parent], os.getpid())
        assert (half.exists(), last.exists(), others.exists()) == (False, False, True)

    def test_the_longest_name_of_a_disk_can_be_saved_and_moved_to_another_one(self, copies, file):
        long = file.with_name("é" * 127 + "x")
        write(copies, long, b"one")
        assert long.read_bytes() == b"one"
        temporary = temporary_sibling(long)
        assert len(os.fsencode(temporary.name)) <= 255
        assert temporary.name.startswith(TEMPORARY_PREFIX)
        temporary.write_bytes(b"")

    def test_a_temporary_file_lies_beside_its_target_and_goes(self, file):
        with temporary_file(file) as (_, path):
            assert path.parent == file.parent
            assert path.name.startswith(TEMPORARY_PREFIX)
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert list(file.parent.iterdir()) == []

    def test_a_temporary_file_goes_after_a_failure(self, file):
        with pytest.raises(ZeroDivisionError), temporary_file(file):
            raise ZeroDivisionError
        assert list(file.parent.iterdir()) == []

    def test_move(self, copies, file):
        write(copies, file, b"one")
        assert move_file(file, file.parent / "deep" / "b.ipynb") is True
        assert (file.parent / "deep" / "b.ipynb").read_bytes() == b"one"
        assert not file.exists()

    def test_move_of_nothing(self, copies, file):
        file.parent.mkdir()
        assert move_file(file, file.parent / "b.ipynb") is False

    def test_the_lock_of_a_path_is_one(self, copies, file):
        lock = copies.lock(file)
        assert copies.lock(Path(str(file))) is lock
        assert copies.lock(file.with_name("b")) is not lock


class TestResolveInside:
    @pytest.fixture
    def folder(self, tmp_path):
        folder = tmp_path / "work" / "edit"
        folder.mkdir(parents=True)
        (tmp_path / "work" / "edit-not").mkdir()
        return folder

    @pytest.mark.parametrize("path", ["", "a.ipynb", "sub/a.ipynb", "not/there/yet.ipynb", "a\\b", " ", "…", "~"])
    def test_plain_paths_stay(self, folder, path):
        assert resolve_inside(folder, path) == Path(folder, path)

    @pytest.mark.parametrize("path", ["..", "../x", "sub/../../x", "../edit-not", "../edit-not/x", "/../../etc/passwd"])
    def test_paths_that_climb_out_are_refused(self, folder, path):
        assert resolve_inside(folder, path) is None

    @pytest.mark.parametrize(
        "target", ["/etc/passwd", "../../outside", "../edit-not", "/nowhere/at/all", "../dangling"]
    )
    def test_links_that_lead_out_are_refused(self, folder, target):
        (folder / "link").symlink_to(target)
        assert resolve_inside(folder, "link") is None
        assert resolve_inside(folder, "link/below") is None

    def test_links_over_links_that_lead_out_are_refused(self, folder, tmp_path):
        (folder / "sub").mkdir()
        (folder / "sub" / "first").symlink_to("../second")
        (folder / "second").symlink_to(tmp_path)
        assert resolve_inside(folder, "sub/first/x") is None

    def test_links_inside_are_followed(self, folder):
        (folder / "sub").mkdir()
        (folder / "link").symlink_to("sub")
        assert resolve_inside(folder, "link/a.ipynb") == folder / "sub" / "a.ipynb"

    def test_dangling_links_inside_stay(self, folder):
        (folder / "link").symlink_to("not-yet.ipynb")
        assert resolve_inside(folder, "link") == folder / "not-yet.ipynb"

    def test_loops_end(self, folder):
        (folder / "a").symlink_to("b")
        (folder / "b").symlink_to("a")
        resolved = resolve_inside(folder, "a/x")
        assert resolved is None or resolved.is_relative_to(folder)

    def test_a_workspace_folder_that_is_itself_a_link(self, folder, tmp_path):
        (tmp_path / "alias").symlink_to(folder)
        assert resolve_inside(tmp_path / "alias", "a.ipynb") == folder / "a.ipynb"
