"""A service behind a proxy that it is told to trust: its own credentials, and only host names that it knows."""

import pytest
from preview_kit import running_service
from workspace_kit import notebook, text_of

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault


@pytest.fixture(scope="module")
def proxied(shared_bucket_with_token):
    """Its own credentials are in the emulator's address."""
    address = shared_bucket_with_token.front.url
    hosts = frozenset({"previews.example.org"})
    with running_service(shared_bucket_with_token, emulator=address, hosts=hosts) as readers:
        yield readers


@pytest.mark.parametrize("host", ["previews.example.org", "PREVIEWS.example.org:443", "localhost:8090", "127.0.0.1"])
def test_the_service_reads_with_its_own_credentials(bucket, proxied, name, host):
    bucket.put(name, text_of(notebook("everyone")))
    answer = proxied.preview(name, token="", Host=host)
    assert answer.code == 200
    assert "everyone" in answer.page
    assert "Vary" not in answer.headers


@pytest.mark.parametrize("host", ["evil.example.org", "previews.example.org.evil.org", "[", ""])
def test_a_name_that_someone_let_point_here_reads_nothing(bucket, proxied, name, host):
    bucket.put(name, text_of(notebook("everyone")))
    bucket.mark()
    assert proxied.preview(name, token="", Host=host).code in {400, 403}
    assert bucket.requests == []


def test_credentials_that_are_not_accepted_are_the_operators(bucket, proxied, name):
    bucket.faults.add(Fault(operation="objects.get", action=AnswerWith(status=401, reason="authError")))
    answer = proxied.preview(name, token="")
    assert (answer.code, "ask its operator" in answer.page) == (403, True)
