"""Disks with less and less room: no matter what step no longer fits, nothing is lost and the journal stays whole."""

import contextlib
import errno
import logging
import sqlite3

import pytest
from environments import environments, shared_bucket
from small_disks import PAGE_BYTES, fill, free, mount, small_disk

from jupyter_terra_env.notebooks.storage.journal_database import JournalDatabase
from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.rules.status import Place

NAME = "a.ipynb"
CONTENT_PAGES = 8
PAGES = range(CONTENT_PAGES + 24)
LOG = logging.getLogger()


@pytest.fixture
def disk(tmp_path):
    root = tmp_path / "mine"
    root.mkdir()
    with small_disk(root, size="2m") as disk:
        yield disk


@pytest.fixture
def outsider():
    with shared_bucket() as outsider:
        outsider.keep_history()
        yield outsider


@pytest.fixture
def env(disk, tmp_path, outsider):
    with environments(tmp_path, outsider.engine, "mine", pause_seconds=0.02) as [env]:
        yield env


def content(number, *, pages=CONTENT_PAGES):
    return f"{number:04}".encode() * (pages * PAGE_BYTES // 4)


def is_whole(env):
    """Whether the journal's database passes SQLite's own check, and none was ever put aside."""
    with contextlib.closing(sqlite3.connect(env.journal_file)) as connection:
        whole = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return whole and not list(env.journal_file.parent.glob("*.damaged*"))


def saving_finds_room(env, mine):
    try:
        env.run(env.storage.save(env.at(NAME), mine))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False
    return True


def test_saving_into_every_amount_of_room(env, outsider):
    outsider.put(NAME, content(0))
    env.open(NAME)
    acknowledged, refused, newest = 0, 0, content(0)
    for pages in PAGES:
        fill(env.root, but_bytes=pages * PAGE_BYTES)
        mine = content(pages + 1)
        if saving_finds_room(env, mine):
            acknowledged += 1
            newest = mine
        else:
            refused += 1
        assert env.read(NAME) == newest, pages
        assert env.litter() == [], pages
        told = env.run(env.delocalizer.settle(env.at(NAME)))
        assert told.place in {Place.IN_WORKSPACE, Place.ON_DISK}, pages
        free(env.root)
        assert env.run(env.delocalizer.settle(env.at(NAME))).place is Place.IN_WORKSPACE, pages
        assert (outsider.content(NAME), env.owed()) == (newest, []), pages
    assert acknowledged > 3
    assert refused > CONTENT_PAGES, "the content fits or does not, and so does the journal"
    assert is_whole(env)
    versions = list(outsider.history(NAME).values())
    assert len(versions) == len(set(versions)) == acknowledged + 1, "each save that was acknowledged, once"


def test_opening_into_every_amount_of_room(env, outsider):
    for pages in PAGES:
        # Each other one is larger than the working copy: what fits beside it may not fit in its place.
        new = content(pages, pages=CONTENT_PAGES * (1 + pages % 2))
        outsider.put(NAME, new)
        before = env.read(NAME)
        fill(env.root, but_bytes=pages * PAGE_BYTES)
        with contextlib.suppress(OSError):
            env.open(NAME)
        assert env.read(NAME) in {before, new}, pages
        assert env.litter() == [], pages
        free(env.root)
        env.give_back(NAME)
        assert env.open(NAME).place is Place.IN_WORKSPACE, pages
        assert env.read(NAME) == new, pages
    assert is_whole(env)


@pytest.mark.parametrize("shut_down", [True, False], ids=["after an orderly end", "after a death"])
def test_starting_in_every_amount_of_room(env, outsider, shut_down):
    """A start that the disk has no room for is reported as such; the journal is not taken for a damaged one."""
    env.save(NAME, content(0))
    if shut_down:
        env.database.close()
    refused = 0
    for pages in PAGES:
        fill(env.root, but_bytes=pages * PAGE_BYTES)
        try:
            JournalDatabase(env.journal_file, log=LOG).close()
        except SettingsError:
            refused += 1
        free(env.root)
    assert refused > 0 or not shut_down, "after a death, what SQLite needs is there already"
    env.restart()
    assert env.baseline(NAME).crc32c is not None
    assert is_whole(env)


def test_starting_on_a_read_only_disk(env, outsider):
    env.save(NAME, content(0))
    env.database.close()
    mount("-o", "remount,ro", env.root)
    with pytest.raises(SettingsError, match="state_directory"):
        JournalDatabase(env.journal_file, log=LOG)
    mount("-o", "remount,rw", env.root)
    env.restart()
    assert env.save(NAME, content(1)).place is Place.IN_WORKSPACE
    assert outsider.content(NAME) == content(1)
    assert is_whole(env)
