"""What became of an object that is no longer under its name."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from jupyter_terra_env.rules.edit_lock import ENVIRONMENT_KEY, EXPIRY_KEY, OWNER_KEY
from jupyter_terra_env.rules.gone import DELETED, MISSING, Gone, How, what_became_of
from jupyter_terra_env.rules.readback import WRITE_ID_KEY

BEFORE = datetime(2026, 11, 24, 8, tzinfo=UTC)
SEEN = BEFORE + timedelta(hours=1)
SINCE = SEEN + timedelta(seconds=5)


@dataclass(frozen=True)
class Found:
    name: str
    created: datetime = SINCE
    updated: datetime = SINCE
    crc32c: str = "AAAA"
    size_bytes: int = 1
    metadata: dict = field(default_factory=dict)


LAST = Found("a", created=BEFORE, updated=SEEN, metadata={WRITE_ID_KEY: "one:AAAA", OWNER_KEY: "somebody"})
RENAMED = replace(
    LAST,
    name="b",
    created=SINCE,
    updated=SINCE,
    metadata={WRITE_ID_KEY: "one:AAAA", OWNER_KEY: "else", EXPIRY_KEY: "0", "key": "new"},
)


def test_the_object_with_its_write_id_is_it():
    others = [Found("c"), RENAMED, Found("d", metadata={WRITE_ID_KEY: "two:AAAA"})]
    assert what_became_of(LAST, others) == Gone(how=How.RENAMED, new_name="b")


def test_without_a_write_id_content_and_metadata_decide():
    last = Found("a", created=BEFORE, updated=SEEN, metadata={"key": "value", OWNER_KEY: "somebody"})
    others = [Found("b"), Found("c", metadata={"key": "value"})]
    assert what_became_of(last, others) == Gone(how=How.RENAMED, new_name="c")


OLD_COPY = replace(RENAMED, name="c", created=BEFORE + timedelta(minutes=1))


def test_a_copy_that_was_there_before_is_not_it():
    assert what_became_of(LAST, [OLD_COPY, RENAMED]) == Gone(how=How.RENAMED, new_name="b")
    assert what_became_of(LAST, [OLD_COPY]) is DELETED
    unlocked = replace(LAST, updated=BEFORE)
    assert what_became_of(unlocked, [OLD_COPY, RENAMED]) is MISSING, "when it was last there is not known better"
    assert what_became_of(unlocked, [OLD_COPY, RENAMED], seen=SEEN) == Gone(how=How.RENAMED, new_name="b")


def test_a_move_by_copy_makes_the_new_one_first():
    copied = replace(RENAMED, created=SEEN - timedelta(seconds=10))
    last = replace(LAST, updated=BEFORE)
    since = SEEN - timedelta(seconds=30)
    assert what_became_of(last, [OLD_COPY, copied], seen=since) == Gone(how=How.RENAMED, new_name="b")


def test_a_renamed_folder_may_keep_the_time_of_its_objects():
    kept = replace(RENAMED, created=LAST.created)
    assert what_became_of(LAST, [OLD_COPY, kept]) == Gone(how=How.RENAMED, new_name="b")


@pytest.mark.parametrize(
    "others",
    [
        [],
        [replace(RENAMED, created=BEFORE + timedelta(minutes=1))],
        [replace(RENAMED, name="b.csv", crc32c="B")],
        [LAST],
    ],
    ids=["nothing", "older", "another kind", "itself"],
)
def test_where_nothing_can_be_it_it_was_deleted(others):
    assert what_became_of(LAST, others) is DELETED


@pytest.mark.parametrize(
    "others",
    [
        [Found("b"), Found("c")],
        [replace(RENAMED, crc32c="BBBB")],
        [replace(RENAMED, size_bytes=2)],
        [RENAMED, replace(RENAMED, name="c")],
    ],
    ids=["others", "changed", "longer", "two copies"],
)
def test_an_object_with_a_possible_successor_is_not_reported_as_deleted(others):
    assert what_became_of(LAST, others) is MISSING


def test_of_several_copies_the_one_that_the_editor_has_locked_is_it():
    def locked(one, name, environment):
        return replace(one, name=name, metadata={**LAST.metadata, ENVIRONMENT_KEY: f"{environment}@1"})

    others = [RENAMED, locked(RENAMED, "c", "there"), locked(RENAMED, "d", "here")]
    assert what_became_of(locked(LAST, "a", "here"), others) == Gone(how=How.RENAMED, new_name="d")
    assert what_became_of(Found("a", updated=SEEN), [Found("b"), Found("c")]) is MISSING


def test_an_object_of_which_nothing_is_remembered():
    assert what_became_of(None, [Found("b")]) is MISSING
