"""What became of an object that is no longer under its name."""

from dataclasses import dataclass, field, replace

import pytest

from jupyter_terra_env.rules.edit_lock import ENVIRONMENT_KEY, EXPIRY_KEY, OWNER_KEY
from jupyter_terra_env.rules.gone import DELETED, Gone, How, what_became_of
from jupyter_terra_env.rules.readback import WRITE_ID_KEY


@dataclass(frozen=True)
class Found:
    name: str
    crc32c: str = "AAAA"
    size_bytes: int = 1
    metadata: dict = field(default_factory=dict)


LAST = Found("a", metadata={WRITE_ID_KEY: "one:AAAA", OWNER_KEY: "somebody"})
RENAMED = replace(LAST, name="b", metadata={WRITE_ID_KEY: "one:AAAA", OWNER_KEY: "else", EXPIRY_KEY: "0", "key": "new"})


def test_the_object_with_its_write_id_is_it():
    others = [Found("c"), RENAMED, Found("d", metadata={WRITE_ID_KEY: "two:AAAA"})]
    assert what_became_of(LAST, others) == Gone(how=How.RENAMED, new_name="b")


def test_without_a_write_id_content_and_metadata_tell():
    last = Found("a", metadata={"key": "value", OWNER_KEY: "somebody"})
    others = [Found("b"), Found("c", metadata={"key": "value"})]
    assert what_became_of(last, others) == Gone(how=How.RENAMED, new_name="c")


@pytest.mark.parametrize(
    "others",
    [
        [],
        [Found("b"), Found("c")],
        [replace(RENAMED, crc32c="BBBB")],
        [replace(RENAMED, size_bytes=2)],
        [RENAMED, replace(RENAMED, name="c")],
        [LAST],
    ],
    ids=["nothing", "others", "changed", "longer", "two copies", "itself"],
)
def test_what_is_not_certain_counts_as_deleted(others):
    assert what_became_of(LAST, others) is DELETED


def test_of_several_copies_the_one_that_the_editor_has_locked_is_it():
    def locked(name, environment):
        return replace(LAST, name=name, metadata={**LAST.metadata, ENVIRONMENT_KEY: f"{environment}@1"})

    others = [RENAMED, locked("c", "there"), locked("d", "here")]
    assert what_became_of(locked("a", "here"), others) == Gone(how=How.RENAMED, new_name="d")
    assert what_became_of(Found("a"), [Found("b"), Found("c")]) is DELETED


def test_an_object_of_which_nothing_is_remembered():
    assert what_became_of(None, [Found("b")]) is DELETED
