"""The disk's part where Linux's own files and functions are missing, as on macOS."""

import asyncio
import errno
import fcntl
import io
import logging
import os
import subprocess
import sys

import pytest
from environments import Environment, shared_bucket
from without_linux import take_linux_away

from jupyter_terra_env import durable
from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault
from jupyter_terra_env.notebooks.storage import durable_names
from jupyter_terra_env.notebooks.storage.durable_moves import move_file
from jupyter_terra_env.notebooks.storage.file_attributes import copy_attributes
from jupyter_terra_env.notebooks.storage.letter_case import distinguishes_case, warn_of_shared_names
from jupyter_terra_env.notebooks.storage.nameless_files import nameless_copy
from jupyter_terra_env.notebooks.storage.running_processes import is_running, start_of
from jupyter_terra_env.notebooks.storage.temporary_files import sweep, temporary_file, temporary_prefix


@pytest.fixture
def elsewhere(monkeypatch):
    take_linux_away(monkeypatch)


@pytest.fixture
def another_process():
    """A process that runs, and is no child of a test's imagination."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.communicate(b"\n")


class TestSweeping:
    def test_the_files_of_running_processes_stay(self, tmp_path, another_process, monkeypatch):
        named_on_linux = tmp_path / f".terra-env-{another_process.pid}.{start_of(another_process.pid)}-x"
        take_linux_away(monkeypatch)
        live = [named_on_linux, tmp_path / f".terra-env-{another_process.pid}.-x", tmp_path / f"{temporary_prefix()}x"]
        for file in live:
            file.touch()
        sweep([tmp_path], os.getpid())
        assert all(file.exists() for file in live)

    def test_those_of_processes_that_ended_go(self, elsewhere, tmp_path):
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()
        left = [tmp_path / f".terra-env-{ended.pid}.{start}-x" for start in ("", "0123456789")]
        for file in left:
            file.touch()
        sweep([tmp_path], os.getpid())
        assert not any(file.exists() for file in left)

    def test_an_open_file_of_this_very_process_stays(self, elsewhere, tmp_path):
        with temporary_file(tmp_path / "a.ipynb") as (_, temporary):
            sweep([tmp_path], os.getpid())
            assert temporary.exists()

    def test_where_psutil_sees_processes_their_start_counts(self, monkeypatch, another_process):
        from jupyter_terra_env.notebooks.storage import running_processes

        monkeypatch.setattr(running_processes, "_start_in_proc", lambda pid: None)
        start = start_of(another_process.pid)
        assert start == start_of(another_process.pid) != start_of(os.getpid())
        assert len(start) == 10

    def test_a_number_that_no_process_has(self):
        assert not is_running(2**22 + 1)
        assert not is_running(10**30)
        assert is_running(os.getpid())


class TestCopiesWithoutAName:
    def test_on_the_disk_and_nothing_is_left_of_it(self, elsewhere, tmp_path):
        with nameless_copy(tmp_path, io.BytesIO(b"content")) as copy:
            assert copy.read() == b"content"
            assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
    def test_in_memory_if_the_disk_does_not_take_it(self, elsewhere, tmp_path, monkeypatch, code):
        opening = os.open

        def refuse(path, *args, **kwargs):
            if str(path).startswith(str(tmp_path)):
                raise OSError(code, os.strerror(code), str(path))
            return opening(path, *args, **kwargs)

        monkeypatch.setattr(os, "open", refuse)
        with nameless_copy(tmp_path, io.BytesIO(b"content")) as copy:
            assert copy.read() == b"content"


class TestAttributes:
    @pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
    def test_the_mask_of_a_new_file(self, elsewhere, tmp_path, mask):
        with (tmp_path / "new").open("wb") as file:
            before = os.umask(mask)
            try:
                copy_attributes(tmp_path / "none", file.fileno())
            finally:
                os.umask(before)
        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o666 & ~mask

    def test_the_mode_of_the_file_that_is_replaced(self, elsewhere, tmp_path):
        (tmp_path / "old").touch(mode=0o640)
        with (tmp_path / "new").open("wb") as file:
            copy_attributes(tmp_path / "old", file.fileno())
        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640


class TestNames:
    @pytest.mark.parametrize("code", [errno.ENOTSUP, errno.EPERM])
    def test_a_file_system_without_hard_links(self, tmp_path, monkeypatch, code):
        def refuse(*_, **__):
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(os, "link", refuse)
        (tmp_path / "a").write_text("content")
        durable_names.keep_as(tmp_path / "a", tmp_path / "b")
        assert move_file(tmp_path / "b", tmp_path / "c")
        assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a", "c"]
        assert (tmp_path / "c").read_text() == "content"

    def test_a_link_is_renamed_not_what_it_leads_to(self, tmp_path, monkeypatch):
        link = os.link

        def as_macos(source, target, *, follow_symlinks=True, **rest):
            """``link(2)`` follows links there."""
            link(os.path.realpath(source) if follow_symlinks else source, target, follow_symlinks=False, **rest)

        monkeypatch.setattr(os, "link", as_macos)
        (tmp_path / "file").write_text("content")
        (tmp_path / "old").symlink_to(tmp_path / "file")
        move_file(tmp_path / "old", tmp_path / "new")
        assert (tmp_path / "new").is_symlink()
        assert not os.path.lexists(tmp_path / "old")


class TestBringingToTheDisk:
    @pytest.fixture
    def asked(self, monkeypatch):
        """What the drive was asked for; the system has ``F_FULLFSYNC``, as macOS does."""
        asked = []
        monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
        monkeypatch.setattr(fcntl, "fcntl", lambda descriptor, command: asked.append(command))
        monkeypatch.setattr(os, "fsync", lambda descriptor: asked.append("fsync"))
        return asked

    def test_past_the_drives_cache(self, asked, tmp_path):
        durable.sync_directory(tmp_path)
        assert asked == [51]

    def test_where_the_file_system_has_no_such_thing(self, asked, monkeypatch, tmp_path):
        def refuse(*_):
            raise OSError(errno.ENOTSUP, "not supported")

        monkeypatch.setattr(fcntl, "fcntl", refuse)
        durable.sync_directory(tmp_path)
        assert asked == ["fsync"]

    def test_an_error_of_the_disk_is_one(self, asked, monkeypatch, tmp_path):
        def fail(*_):
            raise OSError(errno.EIO, "input/output error")

        monkeypatch.setattr(fcntl, "fcntl", fail)
        with pytest.raises(OSError, match="input/output"):
            durable.sync_directory(tmp_path)


def test_what_was_owed_when_a_server_stopped_is_paid_by_the_next(elsewhere, tmp_path):
    with shared_bucket() as outsider, asyncio.Runner() as runner:
        env = Environment(tmp_path / "disk", outsider.engine, runner, save_wait_seconds=0.1)
        env.save("a.ipynb", b"1")
        env.faults.add(Fault(operation="objects.insert", action=AnswerWith(status=503), times=1000))
        env.save("a.ipynb", b"2")
        assert env.owed() == ["ws/edit/a.ipynb"]
        env.faults.clear()
        env.restart()
        env.recover()
        assert env.open("a.ipynb").place == "in-workspace"
        assert outsider.content("a.ipynb") == b"2"
        assert env.litter() == []
        env.stop()


class TestLetterCase:
    @pytest.fixture
    def insensitive(self, tmp_path):
        """A folder that has its name in the other case, too."""
        (tmp_path / "edit").mkdir()
        (tmp_path / "EDIT").symlink_to("edit")
        return tmp_path / "edit"

    def test_a_disk_that_does_not_distinguish_is_named_once(self, insensitive, tmp_path, caplog):
        (tmp_path / "other").mkdir()
        warn_of_shared_names([tmp_path / "other", insensitive, insensitive], logging.getLogger("test"))
        assert caplog.text.count("does not distinguish upper and lower case") == 1

    @pytest.mark.parametrize("name", ["edit", "123"])
    def test_one_that_does_is_not(self, tmp_path, name):
        (tmp_path / name).mkdir()
        assert distinguishes_case(tmp_path / name)
