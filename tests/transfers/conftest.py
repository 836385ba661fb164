"""A disk and a bucket to copy between."""

import pytest
from copy_kit import Desk
from environments import directory_in_memory


@pytest.fixture
def desk(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    with directory_in_memory() as directory:
        desk = Desk(home, directory)
        yield desk
        desk.close()
