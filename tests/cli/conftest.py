"""A machine for the command to run on."""

import pytest
from command_kit import Machine


@pytest.fixture
def machine(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    return Machine(home)
