"""One bucket and one service for the tests of a module: each test has notebooks of its own names."""

import itertools
import sys
from pathlib import Path

import pytest
from preview_kit import bucket_behind_a_token, running_service

sys.path.insert(0, str(Path(__file__).parent.parent / "hostile"))

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def shared_bucket_with_token():
    with bucket_behind_a_token() as bucket:
        yield bucket
        assert bucket.faults.unconditional == []


@pytest.fixture
def bucket(shared_bucket_with_token):
    shared_bucket_with_token.faults.clear()
    shared_bucket_with_token.mark()
    return shared_bucket_with_token


@pytest.fixture(scope="module")
def shared_service(shared_bucket_with_token):
    with running_service(shared_bucket_with_token) as readers:
        yield readers


@pytest.fixture
def service(bucket, shared_service):
    return shared_service


@pytest.fixture
def name():
    """The object name of a notebook that no other test has."""
    return f"notebooks/n{next(_NUMBERS)}.ipynb"
