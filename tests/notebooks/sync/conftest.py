"""Notebooks in conflict."""

import pytest
from conflict_kit import BASE, MINE, NAME, THEIRS

from jupyter_terra_env.rules.status import Place


@pytest.fixture
def parted(env, outsider):
    """Opened, changed by another person, saved here."""
    outsider.put(NAME, BASE)
    env.open(NAME)
    outsider.put(NAME, THEIRS)
    assert env.save(NAME, MINE).place is Place.CONFLICT
    return env


@pytest.fixture
def deleted(env, outsider):
    outsider.put(NAME, BASE)
    env.open(NAME)
    outsider.delete(NAME)
    assert env.save(NAME, MINE).place is Place.CONFLICT
    return env
