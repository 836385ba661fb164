"""What a save may replace, what the file keeps, and what is never opened."""

import asyncio
import os
import socket
import stat
from pathlib import Path

import pytest
from permissions import ACCESS_LIST, give_access_list, without_powers

from jupyter_terra_env.notebooks.storage.regular_files import open_regular, read_regular, refuse_special
from jupyter_terra_env.notebooks.storage.working_copies import WorkingCopies
from jupyter_terra_env.rules.errors import OperationRefused

SAVE = """
import asyncio, sys
from pathlib import Path
from jupyter_terra_env.notebooks.storage.working_copies import WorkingCopies
copies = WorkingCopies()
part = Path(sys.argv[1] + ".part")
for act in ("write", "adopt"):
    try:
        if act == "write":
            asyncio.run(copies.write(Path(sys.argv[1]), b"new"))
        else:
            part.write_bytes(b"new")
            asyncio.run(copies.adopt(part, Path(sys.argv[1])))
        print("saved")
    except PermissionError:
        print("refused")
part.unlink(missing_ok=True)
copies.close()
"""


@pytest.fixture
def copies():
    copies = WorkingCopies()
    yield copies
    copies.close()


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "a.ipynb"
    file.write_bytes(b"old")
    return file


def save(copies, file, content=b"new"):
    asyncio.run(copies.write(file, content))


def saved_without_powers(file, **options):
    """Save as a user to whom permissions apply."""
    done = without_powers("-P", "-c", SAVE, file, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


class TestPermissions:
    @pytest.mark.parametrize("mode", [0o444, 0o200, 0o000])
    def test_what_may_not_be_read_and_written_is_not_replaced(self, file, mode):
        before = file.stat().st_ino
        file.chmod(mode)
        assert saved_without_powers(file) == ["refused", "refused"]
        file.chmod(0o600)
        assert (file.stat().st_ino, file.read_bytes()) == (before, b"old")
        assert [entry.name for entry in file.parent.iterdir()] == ["a.ipynb"]

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of others")
    def test_nor_is_another_persons_file(self, file):
        os.chown(file, 65534, 65534)
        file.chmod(0o644)
        assert saved_without_powers(file) == ["refused", "refused"]
        assert file.read_bytes() == b"old"

    def test_what_may_is(self, file):
        assert saved_without_powers(file) == ["saved", "saved"]
        assert file.read_bytes() == b"new"


class TestWhatAFileKeeps:
    def test_its_mode(self, copies, file):
        file.chmod(0o664)
        save(copies, file)
        assert stat.S_IMODE(file.stat().st_mode) == 0o664

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
    def test_its_owner_and_group(self, copies, file):
        os.chown(file, 65534, 12345)
        save(copies, file)
        assert (file.stat().st_uid, file.stat().st_gid) == (65534, 12345)

    def test_its_group_where_it_is_one_of_ours(self, file):
        may_join = os.geteuid() == 0
        groups = {12345} if may_join else set(os.getgroups()) - {file.stat().st_gid}
        if not groups:
            pytest.skip("this user is in one group only")
        group = groups.pop()
        os.chown(file, -1, group)
        assert saved_without_powers(file, **({"extra_groups": [group]} if may_join else {})) == ["saved", "saved"]
        assert file.stat().st_gid == group

    def test_its_extended_attributes(self, copies, file):
        try:
            os.setxattr(file, "user.origin", b"a sequencer")
        except OSError:
            pytest.skip("this file system has no extended attributes")
        save(copies, file)
        assert os.getxattr(file, "user.origin") == b"a sequencer"

    def test_its_access_list(self, copies, file):
        try:
            give_access_list(file, 65534)
        except OSError:
            pytest.skip("this file system has no access lists")
        before = os.getxattr(file, ACCESS_LIST)
        save(copies, file)
        assert os.getxattr(file, ACCESS_LIST) == before

    def test_its_access_list_without_the_superusers_powers(self, file):
        try:
            give_access_list(file, 65534)
        except OSError:
            pytest.skip("this file system has no access lists")
        before = os.getxattr(file, ACCESS_LIST)
        assert saved_without_powers(file) == ["saved", "saved"]
        assert os.getxattr(file, ACCESS_LIST) == before


@pytest.fixture(params=["pipe", "socket", "device", "link to a pipe", "loop"])
def special(request, tmp_path):
    path = tmp_path / "special.ipynb"
    match request.param:
        case "pipe":
            os.mkfifo(path)
        case "socket":
            with socket.socket(socket.AF_UNIX) as listener:
                os.chdir(tmp_path)
                listener.bind(path.name)
        case "device":
            try:
                os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))
            except OSError:
                pytest.skip("this user makes no devices")
        case "link to a pipe":
            os.mkfifo(tmp_path / "pipe")
            path.symlink_to("pipe")
        case "loop":
            path.symlink_to("special.ipynb")
    return path


class TestSpecialFiles:
    @pytest.fixture(autouse=True)
    def same_folder(self, monkeypatch):
        monkeypatch.chdir(Path.cwd())

    @pytest.mark.parametrize("opening", [open_regular, read_regular, refuse_special])
    def test_none_is_opened(self, special, opening):
        with pytest.raises(OperationRefused, match=r"special\.ipynb is not a file"):
            opening(special)

    def test_none_is_read_or_replaced_by_a_working_copy(self, copies, special):
        for act in (copies.digest(special), copies.snapshot(special), copies.write(special, b"new")):
            with pytest.raises(OperationRefused):
                asyncio.run(act)
        assert not stat.S_ISREG(special.lstat().st_mode)

    def test_files_are_opened_and_folders_are_not(self, tmp_path, file):
        assert read_regular(file) == b"old"
        refuse_special(file)
        refuse_special(tmp_path)
        refuse_special(tmp_path / "nothing")
        with pytest.raises(IsADirectoryError):
            open_regular(tmp_path)
        with pytest.raises(FileNotFoundError):
            open_regular(tmp_path / "nothing")
