"""A folder that becomes a link between the look and the use: nothing is read or written where the link leads."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jupyter_terra_env.notebooks.storage.file_digests import digest_of
from jupyter_terra_env.notebooks.storage.pinned_folders import pinned
from jupyter_terra_env.notebooks.storage.temporary_files import temporary_file
from jupyter_terra_env.notebooks.storage.working_copies import Download, WorkingCopies
from jupyter_terra_env.rules.errors import OperationRefused

pytestmark = pytest.mark.skipif(not hasattr(os, "O_PATH"), reason="Linux only")


@pytest.fixture
def copies():
    copies = WorkingCopies()
    yield copies
    copies.close()


@pytest.fixture
def file(tmp_path):
    """A working copy, and a folder elsewhere that has a file of its name, and of its folder's."""
    file = tmp_path / "workspace" / "folder" / "a.ipynb"
    for folder in (file.parent, tmp_path / "elsewhere" / "folder"):
        folder.mkdir(parents=True)
        (folder / "a.ipynb").write_bytes(b"old")
    return file


@pytest.fixture(params=["its folder", "the folder above"])
def become_a_link(request, file, tmp_path):
    """Replace a folder on the way by a link; gives where the folder is now."""

    def swap():
        folder, target = file.parent, tmp_path / "elsewhere" / "folder"
        if request.param == "the folder above":
            folder, target = folder.parent, target.parent
        folder.rename(tmp_path / "moved")
        folder.symlink_to(target)
        return tmp_path / "moved" / file.relative_to(folder)

    return swap


@pytest.fixture
def elsewhere(tmp_path):
    yield tmp_path / "elsewhere"
    assert sorted((tmp_path / "elsewhere").rglob("*")) == [
        tmp_path / "elsewhere" / "folder",
        tmp_path / "elsewhere" / "folder" / "a.ipynb",
    ]
    assert (tmp_path / "elsewhere" / "folder" / "a.ipynb").read_bytes() == b"old"


def test_before_it_is_used(copies, file, become_a_link, elsewhere):
    become_a_link()
    assert asyncio.run(copies.digest(file)) is None
    assert asyncio.run(copies.snapshot(file)) is None
    for act in (copies.write(file, b"new"), copies.create(file.with_name("b.ipynb"), b"new")):
        with pytest.raises(OperationRefused):
            asyncio.run(act)


def test_while_it_is_written(copies, file, become_a_link, elsewhere):
    moved = []
    asyncio.run(copies.write(file, b"new", before=lambda _: moved.append(become_a_link())))
    assert moved[0].read_bytes() == b"new"
    assert [found.name for found in moved[0].parent.iterdir()] == ["a.ipynb"]


def test_while_it_is_downloaded(copies, file, become_a_link, elsewhere):
    async def install():
        with temporary_file(file) as (opened, temporary):
            opened.write(b"new")
            opened.flush()
            download = Download(temporary=temporary, digest=digest_of(b"new"), modified=datetime.now(UTC))
            moved = become_a_link()
            with pytest.raises(OSError, match="directory"):
                await copies.install(download, file, expected=digest_of(b"old"))
            return moved

    assert asyncio.run(install()).read_bytes() == b"old"


def test_folders_are_made_and_errors_name_the_path(tmp_path):
    file = tmp_path / "x" / "y" / "a.ipynb"
    with pytest.raises(FileNotFoundError, match="x"), pinned(file):
        pass
    with pinned(file, makes_folders=True) as here:
        here.write_bytes(b"1")
    assert file.read_bytes() == b"1"
    with pytest.raises(FileNotFoundError) as missing, pinned(file) as here:
        (here.parent / "b").read_bytes()
    assert missing.value.filename == str(file.with_name("b"))


def test_no_descriptor_is_left_open(copies, file, tmp_path):
    asyncio.run(copies.write(file, b"1"))
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        asyncio.run(copies.write(file, b"1"))
        with pytest.raises(OperationRefused):
            asyncio.run(copies.write(file / "b", b"1"))
        asyncio.run(copies.digest(tmp_path / "nothing" / "a"))
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1
