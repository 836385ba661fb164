"""Parts are synced while they grow; what the system reports then is not lost."""

import errno
import os

import pytest
from copy_kit import reasons

from jupyter_terra_env.transfers import early_sync
from jupyter_terra_env.transfers.early_sync import EarlySync


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(early_sync, "_EVERY_BYTES", 100)


def test_it_syncs_now_and_then(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    with (tmp_path / "file").open("wb") as file:
        sync = EarlySync(file.fileno())
        for length in (99, 100, 150, 250):
            sync.written(length)
            sync.finish()
    assert len(synced) == 2


def test_an_error_of_writing_fails_the_download(desk, monkeypatch):
    def fail(descriptor):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fdatasync", fail)
    desk.put("a", b"x" * 1000)
    assert reasons(desk.copy("workspace:a", to="a")) == {"a": "disk-refuses"}
    assert desk.files() == {}
