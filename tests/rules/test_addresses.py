"""Addresses that are sent secrets: what looks like a safe one and is not is refused."""

import pytest

from jupyter_terra_env.rules.addresses import is_loopback, is_loopback_address, require_safe_address
from jupyter_terra_env.rules.errors import SettingsError


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org",
        "https://example.org:8443/hooks/pause?x=1",
        "https://10.0.0.1/x",
        "http://127.0.0.1:9000/x",
        "http://127.9.9.9/x",
        "http://localhost:1/x",
        "http://LOCALHOST/x",
        "http://[::1]:9000/x",
    ],
)
def test_what_may_be_set(url):
    require_safe_address("the_setting", url)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org",
        "http://localhost.evil.example",
        "http://localhost.evil.example:80/x",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1@evil.example",
        "http://localhost:80@evil.example/",
        "https://example.org@evil.example",
        "https://user:password@example.org",
        "https://@example.org",
        "http://127.1/x",
        "http://0/x",
        "http://0.0.0.0/x",
        "http://2130706433/x",
        "http://10.0.0.1/x",
        "http://[::]/x",
        "http://evil.example\\@127.0.0.1",
        "http://evil.example#@127.0.0.1",
        "https://example.org/#x",
        "https://example.org/ x",
        " https://example.org",
        "https://example.org\n",
        "https://exa\tmple.org",
        "https://ex\u0430mple.org",
        "https:///x",
        "https:example.org",
        "//example.org",
        "example.org",
        "ftp://example.org",
        "file:///etc/passwd",
        "HTTP://example.org",
        "https://example.org:port/",
        "https://example.org:99999/",
        "https://[::1/",
    ],
)
def test_what_may_not(url):
    with pytest.raises(SettingsError, match=r"^the_setting: expected"):
        require_safe_address("the_setting", url)


def test_loopback_is_judged_by_the_host_as_a_whole():
    assert is_loopback("localhost")
    assert not is_loopback("localhost.evil.example")
    assert is_loopback_address("127.0.0.1:9000")
    assert is_loopback_address("http://127.0.0.1:9000/token")
    assert not is_loopback_address("http://127.0.0.1:9000@evil.example/token")
    assert not is_loopback_address("storage.example.org")
