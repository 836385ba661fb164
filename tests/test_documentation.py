"""Everything that a person can set or call, and every error, is documented."""

import re
from pathlib import Path

import pytest
from settings_tables import with_tables

from jupyter_terra_env.app import TerraEnvApp
from jupyter_terra_env.cli.main import _VERBS
from jupyter_terra_env.rules.copy_decisions import CopyReason, IfExists
from jupyter_terra_env.rules.errors import BucketTrouble, ConflictReason, LockReason, RefusalReason
from jupyter_terra_env.rules.lock_view import LockAction, LockState
from jupyter_terra_env.rules.status import Place
from jupyter_terra_env.server.announcements import SCHEMA_ID
from jupyter_terra_env.server.api.handlers import HANDLERS

ROOT = Path(__file__).parent.parent
REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")

OWN_SETTINGS = [name for name, trait in TerraEnvApp.class_own_traits(config=True).items()]


@pytest.mark.parametrize("setting", OWN_SETTINGS)
def test_settings_are_documented(setting):
    assert f"| `{setting}` |" in REFERENCE


def test_the_tables_of_settings_are_up_to_date():
    """If this fails: ``python docs/settings_tables.py``."""
    assert with_tables(REFERENCE) == REFERENCE


def test_no_blank_line_splits_a_table():
    assert re.findall(r"^\|.*\|\n\n\|(?!.*\|\n\|---)", REFERENCE, re.MULTILINE) == []


@pytest.mark.parametrize("path", [path for path, _ in HANDLERS])
def test_endpoints_are_documented(path):
    assert f"/terra-env/{path}" in REFERENCE


@pytest.mark.parametrize("code", [*BucketTrouble, *ConflictReason, *LockReason, *RefusalReason, *CopyReason, *IfExists])
def test_error_codes_are_documented(code):
    assert f"`{code.value}`" in REFERENCE


@pytest.mark.parametrize("place", list(Place))
def test_places_are_documented(place):
    assert f"`{place.value}`" in README
    assert f"`{place.value}`" in REFERENCE


@pytest.mark.parametrize("word", [*LockState, *LockAction])
def test_lock_states_and_actions_are_documented(word):
    assert f"`{word.value}`" in REFERENCE


def test_events_are_documented():
    assert SCHEMA_ID in REFERENCE


@pytest.mark.parametrize("verb", _VERBS, ids=lambda verb: verb.NAME)
def test_commands_are_documented(verb):
    assert f"`jupyter terra-env {verb.NAME}`" in REFERENCE


@pytest.mark.parametrize("document", [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")], ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), target
