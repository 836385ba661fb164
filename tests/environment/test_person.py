"""The person of an environment, as a holder of locks."""

import re

import pytest

from jupyter_terra_env.environment.identity import Person
from jupyter_terra_env.environment.settings import collaborators
from jupyter_terra_env.rules.edit_lock import owner_hash
from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.rules.workspace import Workspace

WORKSPACE = Workspace(
    name="ws",
    bucket="test-bucket",
    prefix="",
    edit_directory="ws/edit",
    playground_directory=None,
    pattern=re.compile(".*"),
)


def test_a_persons_owner_hash_is_terras():
    person = Person(email="foo@bar.com", environment="e")
    assert person.holder_in(WORKSPACE).owner == "4af48213b034805aacef2309fe802d97f2fbbfcd2ea5a641988b015e9855f394"


def test_without_an_address_the_lock_is_that_of_no_one_else():
    one, other = (Person(email="", environment=environment) for environment in ("one", "other"))
    assert one.holder_in(WORKSPACE).owner != other.holder_in(WORKSPACE).owner
    assert one.email_of(WORKSPACE, one.holder_in(WORKSPACE).owner) is None


def test_only_known_people_are_shown_by_name():
    person = Person(email="me@example.org", environment="e", collaborators=("colleague@example.org",))
    for email in ("me@example.org", "colleague@example.org"):
        assert person.email_of(WORKSPACE, owner_hash("test-bucket", email)) == email
        assert person.email_of(WORKSPACE, owner_hash("another-bucket", email)) is None
    assert person.email_of(WORKSPACE, owner_hash("test-bucket", "stranger@example.org")) is None


def test_addresses_are_not_in_a_persons_text():
    assert "@" not in repr(Person(email="me@example.org", environment="e", collaborators=("x@example.org",)))


def test_a_collaborator_that_is_no_address_is_a_setting_that_is_wrong():
    assert collaborators(["a@example.org"]) == ("a@example.org",)
    with pytest.raises(SettingsError, match=r"TerraEnvApp\.collaborators\[1\]"):
        collaborators(["a@example.org", "nobody"])
