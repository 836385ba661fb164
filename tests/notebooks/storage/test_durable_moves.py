"""Files that move while a program writes to them: nothing it wrote is removed with the old name."""

import shutil
from pathlib import Path

import pytest
from environments import directory_in_memory

from jupyter_terra_env.notebooks.storage.durable_moves import move_entry, move_file


@pytest.fixture
def elsewhere(tmp_path):
    """A folder on another file system."""
    with directory_in_memory() as folder:
        if folder.stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("there is no other file system here")
        yield folder


def after(monkeypatch, owner, name, act):
    """Have something happen right after the first call of a function."""
    real, happened = getattr(owner, name), []

    def called(*args, **kwargs):
        result = real(*args, **kwargs)
        if not happened:
            happened.append(1)
            act()
        return result

    monkeypatch.setattr(owner, name, called)


def replaced(file, content):
    fresh = file.with_name("fresh")
    fresh.write_bytes(content)
    fresh.replace(file)


def test_another_file_that_takes_the_old_name_between_the_two_names_stays(tmp_path, monkeypatch):
    old, new = tmp_path / "a", tmp_path / "b"
    old.write_bytes(b"old")
    after(monkeypatch, Path, "hardlink_to", lambda: replaced(old, b"newer"))
    assert move_file(old, new)
    assert (old.read_bytes(), new.read_bytes()) == (b"newer", b"old")


def test_a_file_that_changes_while_it_is_copied_to_another_disk(tmp_path, elsewhere, monkeypatch):
    old, new = tmp_path / "a", elsewhere / "b"
    old.write_bytes(b"old")
    after(monkeypatch, shutil, "copy2", lambda: replaced(old, b"newer"))
    move_entry(old, new)
    assert (old.exists(), new.read_bytes()) == (False, b"newer")


def test_a_file_that_never_rests(tmp_path, elsewhere, monkeypatch):
    old, new, real = tmp_path / "a", elsewhere / "b", shutil.copy2
    old.write_bytes(b"0")

    def copied(*args, **kwargs):
        real(*args, **kwargs)
        old.write_bytes(old.read_bytes() + b"0")

    monkeypatch.setattr(shutil, "copy2", copied)
    with pytest.raises(OSError, match="busy"):
        move_entry(old, new)
    assert (old.read_bytes(), list(elsewhere.iterdir())) == (b"0000", [])


def test_a_file_made_in_a_folder_after_it_was_copied_to_another_disk_stays(tmp_path, elsewhere, monkeypatch):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a").write_bytes(b"a")
    after(monkeypatch, Path, "rename", lambda: (tmp_path / "deep" / "new").write_bytes(b"new"))
    move_entry(tmp_path / "deep", elsewhere / "deep")
    assert (elsewhere / "deep" / "a").read_bytes() == b"a"
    found = [folder / "deep" / "new" for folder in (tmp_path, elsewhere)]
    assert [file.read_bytes() for file in found if file.exists()] == [b"new"]


def test_never_onto_a_file_that_takes_the_name_while_it_is_copied(tmp_path, elsewhere, monkeypatch):
    old, new = tmp_path / "a", elsewhere / "b"
    old.write_bytes(b"mine")
    after(monkeypatch, shutil, "copy2", lambda: new.write_bytes(b"theirs"))
    with pytest.raises(FileExistsError):
        move_entry(old, new)
    assert (old.read_bytes(), new.read_bytes()) == (b"mine", b"theirs")
    assert list(elsewhere.iterdir()) == [new]
