"""One environment, or two, on one bucket."""

import pytest
from environments import environments, shared_bucket


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
