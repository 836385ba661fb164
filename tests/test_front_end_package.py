"""What is built and committed of the front end; what it does is tested in labextension/test and tests/browser."""

import json
import re
from pathlib import Path

import pytest

from jupyter_terra_env import __version__
from jupyter_terra_env.rules.autopause.state import Failure, Phase
from jupyter_terra_env.rules.errors import BucketTrouble, ConflictReason, LockReason
from jupyter_terra_env.rules.lock_view import LockState
from jupyter_terra_env.rules.whole_content import Unfit
from jupyter_terra_env.server.announcements import SCHEMA_ID
from jupyter_terra_env.server.autopause.events import AUTOPAUSE_SCHEMA_ID

ROOT = Path(__file__).parent.parent
SOURCES = ROOT / "labextension"
REFERENCE = (ROOT / "docs" / "front-end.md").read_text(encoding="utf-8")


def test_it_has_the_version_of_the_package():
    assert json.loads((SOURCES / "package.json").read_text())["version"] == __version__


def test_the_lock_file_names_no_download_address():
    assert not re.search(r"https?://|^\s*resolved", (SOURCES / "yarn.lock").read_text(), re.MULTILINE)


def test_it_listens_to_the_events_that_the_server_sends():
    for schema in (SCHEMA_ID, AUTOPAUSE_SCHEMA_ID):
        assert f"'{schema}'" in (SOURCES / "src" / "tokens.ts").read_text()


def test_it_knows_every_state_of_the_pause():
    known = (SOURCES / "src" / "pause" / "report.ts").read_text().partition("] as const")[0]
    assert re.findall(r"'([a-z-]+)'[,\n]", known) == [phase.value for phase in Phase]


@pytest.mark.parametrize("schema", sorted((SOURCES / "schema").glob("*.json")), ids=lambda path: path.stem)
def test_each_settings_schema_belongs_to_a_plugin(schema):
    plugins = "".join(file.read_text() for file in (SOURCES / "src" / "plugins").iterdir())
    assert f"${{EXTENSION}}:{schema.stem}`" in plugins


def test_plugins_commands_and_settings_are_documented():
    sources = "".join(file.read_text() for file in (SOURCES / "src").rglob("*.ts*"))
    plugins = re.findall(r"`\$\{EXTENSION\}:([a-z-]+)`", sources)
    commands = re.findall(r"'(terra-env:[a-z-]+)'", sources)
    settings = [
        name for schema in (SOURCES / "schema").glob("*.json") for name in json.loads(schema.read_text())["properties"]
    ]
    assert len(plugins) >= 9
    for name in {*(f"jupyter-terra-env:{plugin}" for plugin in plugins), *commands, *settings}:
        assert f"`{name}`" in REFERENCE, name


def test_every_colour_is_jupyterlabs():
    style = "".join(file.read_text() for file in (SOURCES / "style").glob("*.css"))
    assert not re.search(r"#[0-9a-f]{3,8}\b|rgba?\(|hsl", style, re.IGNORECASE)


CODES = [
    *BucketTrouble,
    *ConflictReason,
    *LockReason,
    *(state for state in LockState if state is not LockState.NONE),
    *(f"on-disk:{reason}" for reason in Unfit),
    *(phase for phase in Phase if phase not in {Phase.IDLE, Phase.WARNING}),
    *(f"pause-failed:{failure}" for failure in Failure),
    *("idle:off", "idle:max-busy", "idle:kept", "idle:grace", "idle:nobody"),
    *("in-workspace", "in-workspace:not-on-this-disk", "in-workspace:written-by-program", "uploading", "playground"),
    *("offline:remote-changed", "local-only:name-pattern", "local-only:impossible-name"),
    *("held-by-other:lost", "held-elsewhere:lost", "free:void"),
]


@pytest.mark.parametrize("code", CODES)
def test_each_code_of_a_sentence_can_be_translated(code):
    known = "".join((SOURCES / "src" / name).read_text() for name in ("sentences.ts", "bucketsentences.ts"))
    assert f"case '{code}':" in known


def test_a_translation_of_the_template_can_be_made_without_the_sources():
    template = (SOURCES / "locale" / "jupyter_terra_env.pot").read_text(encoding="utf-8")
    assert len(re.findall(r'^msgid "[^"]', template, re.MULTILINE)) > 200
    assert all(place.startswith(("src/", "schema/")) for place in re.findall(r"^#: (.*)", template, re.MULTILINE))
