"""A wrong GOOGLE_APPLICATION_CREDENTIALS: the cause is named, and never the file's content."""

import json

import pytest

from jupyter_terra_env.bucket.connection import Connection
from jupyter_terra_env.bucket.gcs_client import connect
from jupyter_terra_env.bucket.known_causes import problem_of, with_known_cause
from jupyter_terra_env.rules.errors import BucketRefused, BucketTrouble
from jupyter_terra_env.rules.refused_access import CredentialsFileRefused, CredentialsProblem

KEY = "-----BEGIN PRIVATE KEY-----\nnot one\n-----END PRIVATE KEY-----\n"
SERVICE = {"type": "service_account", "client_email": "a@b.c", "private_key": KEY, "token_uri": "https://t.invalid"}
PROBLEMS = [
    (None, CredentialsProblem.MISSING),
    (b"", CredentialsProblem.NOT_JSON),
    (b"-----BEGIN", CredentialsProblem.NOT_JSON),
    (b"\xff\xfe\x00", CredentialsProblem.NOT_JSON),
    (b"[" * 100_000, CredentialsProblem.NOT_JSON),
    (b"[]", CredentialsProblem.WRONG_TYPE),
    (b"{}", CredentialsProblem.WRONG_TYPE),
    (b'{"type": ["service_account"]}', CredentialsProblem.WRONG_TYPE),
    (b'{"installed": {"client_id": "x"}}', CredentialsProblem.WRONG_TYPE),
    (b'{"type": "service_account"}', CredentialsProblem.DAMAGED),
    (json.dumps({**SERVICE, "private_key": "gone"}).encode(), CredentialsProblem.DAMAGED),
    (json.dumps({**SERVICE, "private_key": ["x"]}).encode(), CredentialsProblem.DAMAGED),
]


@pytest.fixture
def named(tmp_path, monkeypatch):
    """Let the variable name a file with this content."""

    def name(content):
        file = tmp_path / "key.json"
        if content is not None:
            file.write_bytes(content)
        monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
        return file

    return name


@pytest.mark.parametrize(("content", "problem"), PROBLEMS)
def test_the_problem_is_found(named, content, problem):
    assert problem_of(named(content)) is problem


def test_a_folder_is_no_file(tmp_path):
    assert problem_of(tmp_path) is CredentialsProblem.UNREADABLE
    (tmp_path / "file").write_text("")
    assert problem_of(tmp_path / "file" / "key.json") is CredentialsProblem.MISSING


def test_what_looks_right_was_not_accepted(named):
    assert problem_of(named(json.dumps(SERVICE).encode())) is CredentialsProblem.NOT_ACCEPTED


@pytest.mark.parametrize(("content", "problem"), [PROBLEMS[0], PROBLEMS[2], PROBLEMS[6], PROBLEMS[9]])
def test_connecting_says_what_is_wrong_with_the_file(named, content, problem):
    named(content)
    with pytest.raises(CredentialsFileRefused) as refused:
        connect(Connection())
    assert refused.value.problem is problem
    assert refused.value.trouble is BucketTrouble.NO_CREDENTIALS
    sentence = refused.value.about("my-bucket", "").sentence
    assert "GOOGLE_APPLICATION_CREDENTIALS" in sentence
    assert "my-bucket" in sentence
    assert "gcloud" not in sentence


def test_other_errors_stay_as_they_are(named):
    named(b"{}")
    error = BucketRefused("b", BucketTrouble.NO_PERMISSION, "")
    assert with_known_cause(error, {"GOOGLE_APPLICATION_CREDENTIALS": "/x"}) is error
    own_login = BucketRefused("b", BucketTrouble.NO_CREDENTIALS, "")
    assert with_known_cause(own_login, {}) is own_login
    assert "gcloud auth application-default login" in own_login.sentence
