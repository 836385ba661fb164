"""Copies on systems that do not have Linux's functions."""

import pytest
from copy_kit import Desk, done, parts, reasons
from without_linux import take_linux_away

from jupyter_terra_env.rules.copy_decisions import IfExists


@pytest.fixture
def desk(tmp_path, monkeypatch):
    take_linux_away(monkeypatch)
    home = tmp_path / "home"
    home.mkdir()
    desk = Desk(home, tmp_path / "bucket")
    yield desk
    desk.close()


def test_both_ways(desk):
    desk.write("d/s/a", b"content")
    assert done(desk.copy("d/", to="workspace:d/")) == (1, 0, 0)
    assert done(desk.copy("workspace:d/", to="new/folder/")) == (1, 0, 0)
    assert desk.files()["new/folder/s/a"] == b"content"
    desk.put("d/s/a", b"newer")
    assert done(desk.copy("workspace:d/", to="new/folder/", if_exists=IfExists.REPLACE)) == (1, 0, 0)
    assert desk.files()["new/folder/s/a"] == b"newer"
    assert parts(desk.home) == []


def test_a_link_in_the_target_folder_is_not_followed(desk):
    outside = desk.home.parent / "outside"
    outside.mkdir()
    (desk.home / "t").mkdir()
    (desk.home / "t" / "s").symlink_to(outside)
    desk.put("d/s/a")
    desk.put("d/s/deep/b")
    assert set(reasons(desk.copy("workspace:d/", to="t/")).values()) == {"folder-in-the-way"}
    assert list(outside.iterdir()) == []
