"""What the commands send: only to the server of this machine; answers are checked."""

import json
import os
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from machines import COMMAND, variables_of
from real_server import RealServer

from jupyter_terra_env.cli.running_server import RunningServer, ServerRefused
from jupyter_terra_env.rules.errors import SettingsError


@contextmanager
def listening(answer):
    """A server that remembers what it was asked, and answers ``(status, headers, body)``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append((self.path, dict(self.headers)))
            status, headers, body = answer
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the standard library's name

        def log_message(self, *_):
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    server.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def as_json(value):
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def ask(server):
    running = RunningServer(url=server.url, token="secret-token", root=Path("root-folder"))
    return running.ask("GET", "terra-env/autopause", seconds=5)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_the_token_goes_past_every_proxy(monkeypatch, variable):
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with listening(as_json({})) as proxy, listening(as_json({"a": 1})) as server:
        monkeypatch.setenv(variable, proxy.url)
        assert ask(server) == {"a": 1}
        assert proxy.asked == []


def test_netrc_does_not_replace_the_token(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login person password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with listening(as_json({})) as server:
        ask(server)
        assert server.asked[0][1]["Authorization"] == "token secret-token"


def test_a_redirect_is_not_followed():
    with listening(as_json({})) as other, listening((302, {"Location": other.url}, b"")) as server:
        with pytest.raises(SettingsError, match="redirects this command"):
            ask(server)
        assert other.asked == []


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"3", b"null", b'"x"', b"\xff", b"[" * 100_000, b"{"])
def test_what_is_no_object_is_said_in_a_sentence(body):
    with listening((200, {}, body)) as server, pytest.raises(SettingsError, match="is not the Jupyter server"):
        ask(server)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"message": ["x"]}', b""])
def test_so_is_a_refusal_without_one(body):
    with listening((500, {}, body)) as server, pytest.raises(ServerRefused, match="The server answered 500"):
        ask(server)


def test_an_answer_without_an_end_is_not_read_to_it():
    with listening((200, {}, b" " * (17 << 20))) as server, pytest.raises(SettingsError, match="too long"):
        ask(server)


def test_a_connection_that_breaks_is_said_in_a_sentence():
    with listening((200, {"Content-Length": "100"}, b"{")) as server, pytest.raises(SettingsError, match="cannot be"):
        ask(server)


@pytest.mark.parametrize("answer", [{}, {"state": "active"}, {"paid": "x", "unpaid": []}])
@pytest.mark.parametrize("words", [["autopause"], ["autopause", "keep-awake", "1h"]])
def test_the_command_says_that_something_else_answers(tmp_path, answer, words):
    home = tmp_path / "home"
    (home / "runtime").mkdir(parents=True)
    with listening(as_json(answer)) as server:
        info = {"url": server.url, "port": server.server_port, "pid": os.getpid(), "token": "t", "root_dir": str(home)}
        (home / "runtime" / f"jpserver-{os.getpid()}.json").write_text(json.dumps(info))
        done = subprocess.run(
            [COMMAND, *words],
            env=variables_of(home),
            cwd=home,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("jupyter terra-env autopause: The answer is not a report")


@pytest.mark.parametrize(
    ("token", "has_password", "answer", "named"),
    [
        ("", False, (403, {}, b'{"message": "\'_xsrf\' argument missing from POST"}'), "XSRF"),
        ("", False, (403, {}, b'{"message": "\'_xsrf\' argument missing from POST"}'), "argument missing from POST"),
        ("", True, (403, {}, b""), "asks for a password"),
        ("", True, (302, {"Location": "/login"}, b""), "asks for a password"),
        ("t", False, (403, {}, b'{"message": "Forbidden for ada@example.org"}'), "does not accept the token"),
        ("t", False, (401, {}, b""), "does not accept the token"),
    ],
)
def test_why_a_server_does_not_let_the_command_in(token, has_password, answer, named):
    with listening(answer) as server:
        running = RunningServer(url=server.url, token=token, root=Path("root-folder"), has_password=has_password)
        with pytest.raises(SettingsError) as error:
            running.ask("POST", "terra-env/autopause", {})
    assert named in str(error.value)
    assert "ada@" not in str(error.value)


def test_a_server_without_a_token_that_checks_for_xsrf_is_asked_like_its_own_pages(machine):
    server = RealServer(machine.home, "--IdentityProvider.token=").wait_until_it_serves()
    try:
        done = machine.run("autopause", "keep-awake", "1h", "--json")
        assert done.returncode == 0
        assert json.loads(done.stdout)["keep_awake"]["until"]
        assert machine.run("autopause", "end-keep-awake").returncode == 0
    finally:
        server.kill()
