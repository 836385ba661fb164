"""Files that are replaced durably: whole, on the disk before they have the name, and the name after that."""

import os
from pathlib import Path

import pytest

from jupyter_terra_env.durable import write_durably


def test_content_first_then_the_name_then_the_folder(tmp_path, monkeypatch):
    steps = []
    fsync, replace = os.fsync, Path.replace

    def noted_sync(descriptor):
        steps.append(f"sync {str(Path(f'/proc/self/fd/{descriptor}').readlink()).removeprefix(str(tmp_path))[:6]}")
        fsync(descriptor)

    def noted_replace(self, target):
        steps.append(f"rename to {target.name} with {self.read_bytes()}")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    write_durably(tmp_path / "file", b"new")
    assert steps == ["sync /.file", "rename to file with b'new'", "sync "]


def test_makes_its_folder_and_is_for_its_owner_only(tmp_path):
    file = tmp_path / "a" / "b" / "file"
    write_durably(file, b"new")
    assert file.read_bytes() == b"new"
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("step", [(os, "fsync"), (Path, "replace")])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step):
    def fail(*_):
        raise OSError("input/output error")

    write_durably(tmp_path / "file", b"old")
    monkeypatch.setattr(*step, fail)
    with pytest.raises(OSError, match="input/output"):
        write_durably(tmp_path / "file", b"new")
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {"file": b"old"}
