"""All settings, actions, words and errors of autopause are documented."""

import re
from pathlib import Path

import pytest

from jupyter_terra_env.autopause.actuators.port import Result
from jupyter_terra_env.autopause.flush import FlushCause
from jupyter_terra_env.rules.autopause.activity import WorkKind
from jupyter_terra_env.rules.autopause.state import Failure, PauseReason, Phase
from jupyter_terra_env.rules.errors import AutopauseRefusal
from jupyter_terra_env.server.autopause import metrics
from jupyter_terra_env.server.autopause.events import AUTOPAUSE_SCHEMA_ID
from jupyter_terra_env.server.autopause.handlers import AUTOPAUSE_HANDLERS
from jupyter_terra_env.server.autopause.requests import Action
from jupyter_terra_env.server.autopause.settings import AutopauseSettings

DOCS = Path(__file__).parent.parent.parent / "docs"
REFERENCE = (DOCS / "reference.md").read_text(encoding="utf-8")
PROTOCOL = (DOCS / "protocol" / "autopause.md").read_text(encoding="utf-8")
METRICS = [metric for metric in vars(metrics).values() if hasattr(metric, "collect") and not isinstance(metric, type)]


def test_exactly_the_settings_there_are():
    table = REFERENCE.split("`c.AutopauseSettings.…`")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(AutopauseSettings.class_own_traits(config=True))


def test_every_metric():
    assert len(METRICS) == 11
    for metric in METRICS:
        assert f"`{metric.describe()[0].name}" in REFERENCE


@pytest.mark.parametrize("word", [*Action, *Phase, *PauseReason, *Failure, *WorkKind, *FlushCause, *Result])
def test_every_word(word):
    assert f"`{word}`" in REFERENCE


@pytest.mark.parametrize("code", list(AutopauseRefusal))
def test_every_error(code):
    assert f"`{code}`" in REFERENCE


@pytest.mark.parametrize("phase", list(Phase))
def test_every_phase_is_in_the_protocol(phase):
    assert f"| `{phase}` |" in PROTOCOL


def test_endpoint_and_event():
    assert AUTOPAUSE_SCHEMA_ID in REFERENCE
    for path, _ in AUTOPAUSE_HANDLERS:
        assert f"`GET /terra-env/{path}`" in REFERENCE
