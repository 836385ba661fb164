"""One environment, or two, on one bucket."""

import pytest
from environments import environments, shared_bucket

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault, ResetConnection


@pytest.fixture
def outsider():
    with shared_bucket() as outsider:
        outsider.keep_history()
        yield outsider


@pytest.fixture
def environment_settings():
    """Settings of the environments; tests override it."""
    return {}


@pytest.fixture
def env(tmp_path, outsider, environment_settings):
    with environments(tmp_path, outsider.engine, "mine", **environment_settings) as [env]:
        yield env


@pytest.fixture
def two(tmp_path, outsider, environment_settings):
    with environments(tmp_path, outsider.engine, "ann", "bob", **environment_settings) as found:
        yield found


@pytest.fixture
def changed_meanwhile(env, outsider, monkeypatch):
    """Have someone change an object between the plan of an act and its first step."""

    def to_be_changed(name):
        begin = env.recovery.begin

        def changed(intent):
            outsider.put(name, b"theirs")
            return begin(intent)

        monkeypatch.setattr(env.recovery, "begin", changed)

    return to_be_changed


@pytest.fixture
def goes_away_halfway(env):
    """Have the bucket go away once the first object has been deleted, or moved."""

    def to_go_away(operation):
        env.faults.add(
            Fault(operation=operation, action=ResetConnection(), after_effect=True),
            Fault(operation="objects.get", action=AnswerWith(status=503), times=8),
        )

    return to_go_away
