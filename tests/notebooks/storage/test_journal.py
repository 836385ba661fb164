"""The journal: compare-and-set, on the disk when it returns."""

import itertools
import logging
import sqlite3
import threading

import pytest

from jupyter_terra_env.notebooks.storage.journal import Debt, Journal, Moved
from jupyter_terra_env.notebooks.storage.journal_database import _STEPS, SCHEMA_VERSION, JournalDatabase
from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.rules.sync import ABSENT_GENERATION

LOG = logging.getLogger("journal")
KEY = ("ws/edit/a.ipynb", "a-bucket", "notebooks/a.ipynb")
VERSION = {"generation": 7, "metageneration": 1, "crc32c": "AAAAAA==", "metadata": {"k": "v", "ü": "\x00\n'"}}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "state" / "journal.sqlite3"


@pytest.fixture
def new_journal(file):
    opened = []
    tokens = (f"token-{number}" for number in itertools.count())

    def new():
        opened.append(Journal(JournalDatabase(file, log=LOG), new_token=lambda: next(tokens)))
        return opened[-1]

    yield new
    for journal in opened:
        journal._database.close()


@pytest.fixture
def journal(new_journal):
    return new_journal()


def test_nothing_is_known_at_first(journal):
    assert journal.baseline(*KEY) is None


def test_a_version_becomes_the_baseline(journal):
    assert journal.advance(*KEY, expected=None, **VERSION) is True
    baseline = journal.baseline(*KEY)
    assert (baseline.generation, baseline.metageneration, baseline.crc32c) == (7, 1, "AAAAAA==")
    assert baseline.metadata == VERSION["metadata"]


def test_generations_of_63_bits_are_kept_exactly(journal):
    journal.advance(*KEY, expected=None, **{**VERSION, "generation": 2**63 - 1})
    assert journal.baseline(*KEY).generation == 2**63 - 1


def test_each_generation_has_a_token_of_its_own(journal):
    tokens = set()
    for generation in range(1, 6):
        journal.advance(*KEY, expected=journal.baseline(*KEY), **{**VERSION, "generation": generation})
        tokens.add(journal.baseline(*KEY).row_token)
    assert len(tokens) == 5


def test_absence_is_recorded_once(journal):
    first = journal.expect_absent(*KEY)
    assert (first.generation, first.crc32c) == (ABSENT_GENERATION, None)
    assert journal.expect_absent(*KEY) == first == journal.baseline(*KEY)


def test_absence_does_not_replace_a_version(journal):
    journal.advance(*KEY, expected=None, **VERSION)
    assert journal.expect_absent(*KEY) == journal.baseline(*KEY)
    assert journal.baseline(*KEY).generation == 7


def test_only_the_expected_row_is_replaced(journal):
    journal.advance(*KEY, expected=None, **VERSION)
    old = journal.baseline(*KEY)
    assert journal.advance(*KEY, expected=old, **{**VERSION, "generation": 8}) is True
    assert journal.advance(*KEY, expected=old, **{**VERSION, "generation": 9}) is False
    assert journal.advance(*KEY, expected=None, **{**VERSION, "generation": 9}) is False
    assert journal.baseline(*KEY).generation == 8


def test_another_task_that_recorded_the_same_version_is_no_failure(journal):
    journal.advance(*KEY, expected=None, **VERSION)
    assert journal.advance(*KEY, expected=None, **VERSION) is True
    token = journal.baseline(*KEY).row_token
    journal.advance(*KEY, expected=None, **VERSION)
    assert journal.baseline(*KEY).row_token == token


def test_a_forgotten_row_is_not_brought_back_by_a_part_that_knew_it(journal):
    journal.advance(*KEY, expected=None, **VERSION)
    known = journal.baseline(*KEY)
    journal.forget(KEY[0])
    assert journal.advance(*KEY, expected=known, **{**VERSION, "generation": 8}) is False
    assert journal.baseline(*KEY) is None


@pytest.mark.parametrize("other", [(KEY[0], "b-bucket", KEY[2]), (KEY[0], KEY[1], "other/a.ipynb")])
def test_a_row_of_another_object_does_not_count(journal, other):
    journal.advance(*KEY, expected=None, **VERSION)
    assert journal.baseline(*other) is None
    assert journal.advance(*other, expected=None, **{**VERSION, "generation": 9}) is True
    assert journal.baseline(*other).generation == 9
    assert journal.baseline(*KEY) is None


def test_everything_survives_a_second_opening(journal, new_journal):
    journal.advance(*KEY, expected=None, **VERSION)
    known = journal.baseline(*KEY)
    journal._database.close()
    assert new_journal().baseline(*KEY) == known


def test_what_one_process_records_another_reads(journal, new_journal):
    other = new_journal()
    journal.advance(*KEY, expected=None, **VERSION)
    assert other.baseline(*KEY) == journal.baseline(*KEY)
    assert other.advance(*KEY, expected=None, **{**VERSION, "generation": 8}) is False


def test_it_is_durable_when_it_returns(journal):
    [[mode]] = journal._database.rows("PRAGMA journal_mode")
    [[synchronous]] = journal._database.rows("PRAGMA synchronous")
    assert (mode, synchronous) == ("wal", 2)


@pytest.mark.parametrize("processes", [1, 2])
def test_of_many_who_advance_at_once_one_wins(journal, new_journal, processes):
    journals = [journal, *(new_journal() for _ in range(processes - 1))]
    journal.advance(*KEY, expected=None, **VERSION)
    known = journal.baseline(*KEY)
    won, barrier = [], threading.Barrier(8)

    def contend(number):
        barrier.wait()
        if journals[number % processes].advance(*KEY, expected=known, **{**VERSION, "generation": 100 + number}):
            won.append(100 + number)

    threads = [threading.Thread(target=contend, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [journal.baseline(*KEY).generation]


def test_a_newer_schema_is_refused_and_left_alone(file, new_journal):
    new_journal()._database.close()
    with sqlite3.connect(file) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(SettingsError, match=rf"state_directory: .*schema {SCHEMA_VERSION + 1}"):
        new_journal()
    with sqlite3.connect(file) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION + 1,)
    connection.close()


DAMAGE = {
    "another kind of file": lambda content: b"my diary, which is longer than a header of one hundred bytes" * 10,
    "cut off": lambda content: content[: len(content) // 2],
    "overwritten in the middle": lambda content: content[:4096] + b"\xff" * 4096 + content[8192:],
    "a header of zeros": lambda content: b"\0" * 100 + content[100:],
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_database_is_put_aside_whole_and_a_new_one_begun(file, new_journal, damage, caplog):
    journal = new_journal()
    for number in range(100):
        journal.advance(f"{number}", *KEY[1:], expected=None, **VERSION)
    journal._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    journal._database.close()
    damaged = damage(file.read_bytes())
    file.write_bytes(damaged)
    again = new_journal()
    assert again.baseline("1", *KEY[1:]) is None
    assert again.advance(*KEY, expected=None, **VERSION) is True
    assert file.with_name("journal.sqlite3.damaged-1").read_bytes() == damaged
    assert "put aside as journal.sqlite3.damaged-1" in caplog.text


def test_the_first_schema_is_brought_up_to_date(file, new_journal):
    file.parent.mkdir()
    with sqlite3.connect(file) as connection:
        for statement in _STEPS[1]:
            connection.execute(statement)
        connection.execute("PRAGMA user_version = 1")
        connection.execute("INSERT INTO baselines VALUES (?, ?, ?, 7, 1, 'AAAAAA==', '{}', 'token')", KEY)
    connection.close()
    journal = new_journal()
    assert journal.baseline(*KEY).row_token == "token"
    assert journal.debts() == ()


def test_a_journal_that_knows_nothing_begins_with_what_there_is(new_journal):
    journal = new_journal()
    assert journal.is_new()
    journal._database.close()
    journal = new_journal()
    assert journal.is_new(), "until somebody has looked"
    journal.begin_with(iter([KEY[0]]))
    journal._database.close()
    again = new_journal()
    assert not again.is_new()
    assert again.is_not_shown(KEY[0])


@pytest.mark.parametrize("known", ["baselines", "debts", None])
def test_the_second_schema_is_brought_up_to_date(file, new_journal, known):
    file.parent.mkdir()
    with sqlite3.connect(file) as connection:
        for statement in (*_STEPS[1], *_STEPS[2]):
            connection.execute(statement)
        connection.execute("PRAGMA user_version = 2")
        if known == "baselines":
            connection.execute("INSERT INTO baselines VALUES (?, ?, ?, 7, 1, 'AAAAAA==', '{}', 'token')", KEY)
        if known == "debts":
            connection.execute("INSERT INTO debts VALUES (?, ?, ?)", KEY)
    connection.close()
    journal = new_journal()
    assert journal.is_not_shown(KEY[0]) is (known == "debts")
    assert journal.is_new() is (known is None)


def test_what_is_owed_survives_and_settles_with_the_version_that_pays(journal, new_journal):
    journal.owe(*KEY)
    journal.owe(*KEY)
    journal._database.close()
    again = new_journal()
    assert again.debts() == (Debt(path=KEY[0], bucket=KEY[1], object_name=KEY[2]),)
    assert again.advance(*KEY, expected=None, **VERSION) is True
    assert again.is_owed(KEY[0]), "the working copy has changed since"
    known = again.baseline(*KEY)
    assert again.advance(*KEY, expected=known, **{**VERSION, "generation": 8}, settles=True) is True
    assert again.debts() == ()


def test_a_version_that_does_not_become_the_baseline_settles_nothing(journal):
    journal.advance(*KEY, expected=None, **VERSION)
    known = journal.baseline(*KEY)
    journal.advance(*KEY, expected=known, **{**VERSION, "generation": 8})
    journal.owe(*KEY)
    assert journal.advance(*KEY, expected=known, **{**VERSION, "generation": 9}, settles=True) is False
    assert journal.is_owed(KEY[0])


def test_rows_follow_a_move_all_or_none(journal):
    other = ("ws/edit/b.ipynb", "a-bucket", "notebooks/b.ipynb")
    journal.advance(*KEY, expected=None, **VERSION)
    journal.owe(*KEY)
    before = journal.baseline(*KEY)
    moved = Moved(
        old_path=KEY[0],
        path=other[0],
        bucket=other[1],
        object_name=other[2],
        generation=8,
        metageneration=1,
        metadata={},
    )
    with pytest.raises(AttributeError):
        journal.move([moved, None])
    assert journal.baseline(*KEY) == before
    journal.move([moved])
    assert journal.baseline(*KEY) is None
    after = journal.baseline(*other)
    assert (after.generation, after.crc32c) == (8, before.crc32c)
    assert after.row_token != before.row_token
    assert [debt.path for debt in journal.debts()] == [other[0]]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "state").write_text("a file")
    with pytest.raises(SettingsError, match="state_directory"):
        JournalDatabase(tmp_path / "state" / "journal.sqlite3", log=LOG)
