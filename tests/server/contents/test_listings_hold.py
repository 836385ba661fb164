"""An error about one entry never ends a listing: links that lead nowhere, pipes, what goes away meanwhile."""

import asyncio
import os
import socket
from pathlib import Path

import permissions
import pytest
from workspace_kit import WORKSPACE, notebook, text_of

from jupyter_terra_env.server.contents import disk_entries


@pytest.fixture(params=["edit", "playground", "edit/sub"])
def folder(request, jp_root_dir, bucket, jp_serverapp):
    """A folder with a good notebook, on the disk and in the bucket; as API path and as OS path."""
    os_path = jp_root_dir / WORKSPACE / request.param
    os_path.mkdir(parents=True, exist_ok=True)
    (os_path / "here.ipynb").write_text(text_of(notebook("1")))
    bucket.put_notebook("sub/good.ipynb" if request.param == "edit/sub" else "good.ipynb", "1")
    return f"{WORKSPACE}/{request.param}", os_path


def pipe(path):
    os.mkfifo(path)


def unix_socket(path):
    here = Path.cwd()
    os.chdir(path.parent)  # Names of sockets are short.
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path.name)
    finally:
        os.chdir(here)


def link(target):
    return lambda path: path.symlink_to(target)


ODD = {
    "broken.txt": (link("nowhere.txt"), True),
    "broken.ipynb": (link("nowhere.ipynb"), True),
    "broken-folder": (link("no/such/folder"), True),
    "through-a-file": (link("here.ipynb/below"), False),
    "out": (link("/no/such/place"), True),
    "loop": (link("loop"), False),
    "a" * 200: (link("x" * 255 + "/" + "y" * 300), True),
    "pipe": (pipe, False),
    "socket": (unix_socket, False),
    "old": (lambda path: (path.write_text("x"), os.utime(path, (-(2**40), -(2**40)))), True),
    "far": (lambda path: (path.write_text("x"), os.utime(path, (2**36, 2**36))), True),
}


@pytest.mark.parametrize("name", ODD)
async def test_the_others_are_listed(folder, api, name):
    path, os_path = folder
    make, is_shown = ODD[name]
    make(os_path / name)
    listed = await api("GET", "contents", path, content=1)
    assert listed.code == 200
    assert {"good.ipynb", "here.ipynb"} <= set(listed.names)
    assert (name in listed.names) is is_shown


async def test_what_goes_away_between_listing_and_look(folder, api, monkeypatch):
    path, os_path = folder
    (os_path / "gone.txt").write_text("x")
    find = disk_entries.entries_of

    def gone(*args, **kwargs):
        found = find(*args, **kwargs)
        (os_path / "gone.txt").unlink(missing_ok=True)
        return found

    monkeypatch.setattr("jupyter_terra_env.server.contents.folders.entries_of", gone)
    listed = await api("GET", "contents", path, content=1)
    assert (listed.code, "gone.txt" in listed.names, "here.ipynb" in listed.names) == (200, False, True)


async def test_what_the_disk_does_not_reveal_of_one(folder, api, monkeypatch):
    path, os_path = folder
    (os_path / "sick.txt").write_text("x")
    lstat = os.lstat

    def fails(target, *args, **kwargs):
        if str(target).endswith("sick.txt"):
            raise OSError(5, "Input/output error")
        return lstat(target, *args, **kwargs)

    monkeypatch.setattr(disk_entries.os, "lstat", fails)
    listed = await api("GET", "contents", path, content=1)
    assert (listed.code, "sick.txt" in listed.names, "here.ipynb" in listed.names) == (200, False, True)


async def test_a_folder_that_may_not_be_read(folder, api, request, tmp_path):
    if not permissions.bind_us():
        await asyncio.to_thread(permissions.passes_without_powers, request, tmp_path / "without powers")
        return
    path, os_path = folder
    (os_path / "closed").mkdir()
    (os_path / "closed").chmod(0)
    assert (await api("GET", "contents", path, content=1)).code == 200
    (os_path / "closed").chmod(0o700)
