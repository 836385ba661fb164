"""An environment id belongs to one machine: a disk that was cloned gets one of its own, once."""

import itertools

import pytest

from jupyter_terra_env.environment.identity import environment_id, known_environment_id
from jupyter_terra_env.environment.machine_identity import is_another_machine, machine_identity

HERE, ELSEWHERE = f"machine-id:{'a' * 32}", f"machine-id:{'b' * 32}"
INSTANCE = "compute-engine:1234567890"


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def start(state):
    """A server starts; gives its id."""
    ids = (f"environment-{number}" for number in itertools.count())
    noticed = []

    def started(machine):
        found = environment_id(
            state, new_id=lambda: next(ids), machine=machine, on_other_machine=lambda: noticed.append(machine)
        )
        return found, len(noticed)

    return started


def test_the_same_machine_keeps_its_id(start):
    assert start(HERE) == start(HERE) == ("environment-0", 0)


def test_a_cloned_disk_gets_an_id_of_its_own_and_it_is_said_once(start, state):
    start(HERE)
    assert start(ELSEWHERE) == ("environment-1", 1)
    assert start(ELSEWHERE) == ("environment-1", 1)
    assert known_environment_id(state, machine=ELSEWHERE) == "environment-1"


def test_a_look_from_another_machine_finds_no_id_and_writes_nothing(start, state):
    start(HERE)
    before = {file.name: file.read_bytes() for file in state.iterdir()}
    assert known_environment_id(state, machine=ELSEWHERE) is None
    assert known_environment_id(state, machine=HERE) == "environment-0"
    assert {file.name: file.read_bytes() for file in state.iterdir()} == before


@pytest.mark.parametrize("found", [None, INSTANCE])
def test_what_cannot_be_compared_changes_nothing(start, found):
    """The metadata server may be silent once; a container may have no machine id."""
    start(HERE)
    assert start(found) == ("environment-0", 0)
    assert start(HERE) == ("environment-0", 0)


def test_an_id_from_before_machines_were_remembered_is_kept(start):
    start(None)
    assert start(HERE) == ("environment-0", 0)
    assert start(ELSEWHERE) == ("environment-1", 1)


def test_a_death_between_the_two_files_makes_one_more_id(start, state):
    start(HERE)
    (state / "environment-id").write_text("made-but-not-remembered\n")
    assert start(ELSEWHERE) == ("environment-1", 1)


@pytest.mark.parametrize("remembered", ["", "\xff\xfe"])
def test_a_file_that_says_nothing_is_as_good_as_none(start, state, remembered):
    start(HERE)
    (state / "environment-machine").write_text(remembered, encoding="latin-1")
    assert start(ELSEWHERE) == ("environment-0", 0)


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [(HERE, ELSEWHERE, True), (HERE, HERE, False), (HERE, INSTANCE, False), (None, HERE, False), (HERE, None, False)],
)
def test_only_identities_of_one_source_are_compared(one, other, differ):
    assert is_another_machine(one, other) is differ


class TestMachineIdentity:
    @pytest.mark.parametrize(
        ("content", "identity"),
        [("a" * 32 + "\n", HERE), ("", None), ("uninitialized\n", None), ("A" * 32, None), (None, None)],
    )
    def test_is_the_operating_systems(self, tmp_path, content, identity):
        file = tmp_path / "machine-id"
        if content is not None:
            file.write_text(content)
        assert machine_identity({"NO_GCE_CHECK": "true"}, machine_id_file=file) == identity
