"""Large notebooks when something is wrong: who asks, the process, the server's hooks."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import threading
from pathlib import Path
from urllib.parse import quote

import pytest
from jupyter_server.auth.authorizer import Authorizer
from workspace_kit import WORKSPACE, notebook, sources, text_of

from jupyter_terra_env.notebooks.untrusted import cage
from jupyter_terra_env.server.contents.large_notebooks.manager import StandIn


def _body(*cell_sources):
    return json.dumps({"type": "notebook", "format": "json", "content": notebook(*cell_sources)}).encode()


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_strangers_get_nothing(bucket, letters, sizes, edit, method):
    bucket.put_notebook("a.ipynb", "1")
    await letters("GET", "a.ipynb")
    before = (edit / "a.ipynb").read_bytes()
    answers = []
    for make_sizes in (sizes.all_are_small, sizes.all_are_large):
        make_sizes()
        body = _body("evil") if method == "PUT" else None
        answer = await letters(method, "a.ipynb", body=body, headers={"Authorization": "token wrong"})
        answers.append((answer.code, answer.body))
    assert answers[0] == answers[1]
    assert answers[0][0] == 403
    assert (edit / "a.ipynb").read_bytes() == before
    assert sizes.manager.converter.cage.process is None, "a stranger had work done"


@pytest.fixture
def cookie_server(jp_serverapp, monkeypatch):
    """A server whose users are known without a token: then only the XSRF cookie keeps other sites out."""
    provider = jp_serverapp.identity_provider
    monkeypatch.setattr(provider, "token", "")
    monkeypatch.setattr(provider, "get_user", provider.generate_anonymous_user)
    return jp_serverapp


async def test_other_sites_cannot_save(cookie_server, letters, sizes, edit):
    answers = []
    for make_sizes in (sizes.all_are_small, sizes.all_are_large):
        make_sizes()
        answer = await letters("PUT", "a.ipynb", body=_body("1"), headers={"Authorization": ""})
        answers.append((answer.code, answer.body))
    assert answers[0] == answers[1]
    assert answers[0][0] == 403
    assert list(edit.iterdir()) == []


class ReadersOnly(Authorizer):
    """No one may write."""

    def is_authorized(self, handler, user, action, resource):
        return action == "read" and resource == "contents"


async def test_who_may_only_read_cannot_save(jp_serverapp, letters, sizes, edit):
    jp_serverapp.web_app.settings["authorizer"] = ReadersOnly(parent=jp_serverapp)
    answers = []
    for make_sizes in (sizes.all_are_small, sizes.all_are_large):
        make_sizes()
        answer = await letters("PUT", "a.ipynb", body=_body("1"))
        answers.append((answer.code, answer.body))
    assert answers[0] == answers[1]
    assert answers[0][0] == 403
    assert list(edit.iterdir()) == []
    assert sizes.manager.converter.cage.process is None, "work was done for somebody who may not have it done"


async def test_a_process_that_was_killed_is_started_again(bucket, letters, sizes):
    bucket.put_notebook("a.ipynb", "1")
    sizes.all_are_large()
    expected = [await letters("GET", "a.ipynb") for _ in "12"][1]
    process = sizes.manager.converter.cage.process
    process.kill()
    process.wait()
    assert await letters("GET", "a.ipynb") == expected
    assert await letters("GET", "a.ipynb") == expected
    assert sizes.converted >= 3
    assert sizes.manager.converter.cage.process.pid != process.pid


class DyingProcess:
    """In the place of the process: takes each request, says what it is asked to say of one to show, and is gone."""

    def __init__(self, cage, *words):
        self._words = words
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._cage, self._real = cage, cage._requests
        cage._requests = theirs
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        with self._requests:
            while True:
                message, descriptors, _, _ = socket.recv_fds(self._requests, 65536, 16)
                if not message:
                    return
                for word in self._words if b':show"' in message else (b'{"outl',):
                    os.write(descriptors[-2], word)
                for descriptor in descriptors:
                    os.close(descriptor)

    def make_way(self):
        """Have the real process back."""
        self._cage._requests.close()
        self._cage._requests = self._real
        self._thread.join(10)


@pytest.mark.parametrize(
    "words",
    [
        (),
        (b'{"signature": "cut o',),
        (b'{"signature": "00", "invalid": null}\n',),
        (b'{"signature": "00", "invalid": null}\n', b'{"content_bytes": 1'),
    ],
    ids=["says nothing", "dies while it speaks", "dies before it writes", "dies while it tells what it wrote"],
)
async def test_what_a_conversion_died_of_is_not_done_by_the_server(bucket, contents, letters, sizes, edit, words):
    bucket.put_notebook("a.ipynb", "1")
    sizes.all_are_large()
    expected = [await letters("GET", "a.ipynb") for _ in "12"][1]
    dying = DyingProcess(sizes.manager.converter.cage, *words)
    before = sizes.converted
    refused = await letters("GET", "a.ipynb")
    assert (refused.code, refused.model["reason"]) == (503, "reader-failed")
    refused = await letters("PUT", "b.ipynb", body=_body("kept"))
    assert (refused.code, refused.model["reason"]) == (503, "reader-failed")
    refused = await contents.new(copy_from=f"{WORKSPACE}/edit/a.ipynb")
    assert (refused.code, refused.reason) == (503, "reader-failed")
    assert [file.name for file in edit.iterdir()] == ["a.ipynb"]
    assert sizes.converted == before
    dying.make_way()
    assert await letters("GET", "a.ipynb") == expected
    assert (await letters("PUT", "b.ipynb", body=_body("kept"))).code == 201
    assert (edit / "b.ipynb").read_text() == text_of(notebook("kept"))


async def test_hooks_are_shown_the_notebook(letters, sizes):
    seen = []

    def hook(model, **_):
        seen.append([cell["source"] for cell in model["content"]["cells"]])

    sizes.manager.register_pre_save_hook(hook)
    sizes.all_are_large()
    await letters("PUT", "a.ipynb", body=_body("1", "2"))
    assert seen == [["1", "2"]]


async def test_others_who_read_get_the_notebook_itself(bucket, letters, sizes):
    """Stand-ins are for the request's own handler: not for extensions, nor for listeners to its events."""
    bucket.put_notebook("a.ipynb", "1")
    manager, seen = sizes.manager, []
    sizes.all_are_large()
    path = f"{WORKSPACE}/edit/a.ipynb"

    async def listener(logger, schema_id, data):
        if data["action"] == "get" and not seen:
            seen.append(None)
            seen.append(await manager.get(path))

    manager.event_logger.add_listener(
        schema_id="https://events.jupyter.org/jupyter_server/contents_service/v1", listener=listener
    )
    await letters("GET", "a.ipynb")
    for _ in range(100):
        await asyncio.sleep(0.02)
        if len(seen) == 2:
            break
    assert seen[1]["content"]["cells"][0]["source"] == "1"
    assert (await manager.get(path))["content"]["cells"][0]["source"] == "1"


async def test_many_at_once_are_all_answered(bucket, letters, sizes):
    bucket.put_notebook("a.ipynb", "1")
    sizes.all_are_large()
    await letters("GET", "a.ipynb")
    answers = await asyncio.gather(*(letters("GET", "a.ipynb") for _ in range(12)))
    assert {answer.body for answer in answers} == {answers[0].body}


async def test_the_process_ends_with_the_server(bucket, letters, sizes):
    sizes.all_are_large()
    await letters("PUT", "a.ipynb", body=_body("1"))
    await sizes.manager.converter.cage.close()
    assert sizes.manager.converter.cage.process.returncode == 0


async def test_a_conflict_is_reported(bucket, letters, sizes, edit):
    bucket.put_notebook("a.ipynb", "1")
    sizes.all_are_large()
    await letters("GET", "a.ipynb")
    bucket.put_notebook("a.ipynb", "theirs")
    codes = []
    for _ in range(50):  # A large save does not wait for its upload, so the next one is reported.
        answer = await letters("PUT", "a.ipynb", body=_body("mine"))
        codes.append(answer.code)
        if answer.code == 409:
            break
        await asyncio.sleep(0.05)
    assert codes[-1] == 409
    assert (edit / "a.ipynb").read_text() == text_of(notebook("mine"))
    assert bucket.sources("a.ipynb") == ["theirs"]


async def test_a_process_that_hangs_makes_way_for_another(bucket, letters, sizes, edit, monkeypatch):
    bucket.put_notebook("a.ipynb", "1")
    sizes.all_are_large()
    expected = [await letters("GET", "a.ipynb") for _ in "12"][1]
    hanging = sizes.manager.converter.cage.process
    monkeypatch.setattr(cage, "_GRACE_SECONDS", -59.9)
    os.kill(hanging.pid, signal.SIGSTOP)
    assert (await letters("GET", "a.ipynb")).code == 503
    monkeypatch.undo()
    assert await letters("GET", "a.ipynb") == expected
    assert hanging.returncode == -signal.SIGKILL
    assert (await letters("PUT", "b.ipynb", body=_body("kept"))).code == 201
    assert (edit / "b.ipynb").read_text() == text_of(notebook("kept"))


async def test_where_no_process_can_be_started_jupyter_does_it(bucket, letters, sizes, edit, monkeypatch):
    bucket.put_notebook("a.ipynb", "1")
    await letters("GET", "a.ipynb")
    sizes.all_are_large()
    monkeypatch.setattr(cage, "_START", edit / "there is no such program")
    monkeypatch.setattr(cage.sys, "executable", str(edit / "there is no such Python"))
    assert (await letters("GET", "a.ipynb")).code == 200
    assert (await letters("PUT", "b.ipynb", body=_body("kept"))).code == 201
    assert (edit / "b.ipynb").read_text() == text_of(notebook("kept"))


async def test_a_client_that_goes_away_leaves_nothing_behind(bucket, letters, sizes, jp_serverapp):
    lines = "".join(f"line {number}\n" for number in range(200_000))
    bucket.put_notebook("a.ipynb", lines)
    sizes.all_are_large()
    expected = await letters("GET", "a.ipynb")
    address = ("127.0.0.1", jp_serverapp.port)
    for _ in range(4):
        reader, writer = await asyncio.open_connection(*address)
        path = f"{jp_serverapp.base_url}api/contents/{quote(WORKSPACE)}/edit/a.ipynb"
        request = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: token {jp_serverapp.identity_provider.token}"
        )
        writer.write(f"{request}\r\n\r\n".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.transport.abort()
    assert (await letters("GET", "a.ipynb")).model["content"] == expected.model["content"]
    assert open_files("a.ipynb") == []


def open_files(name):
    """Paths of the files of a name that this process has open."""
    paths = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # That of the listing itself is closed by now.
            paths.append(os.readlink(descriptor))  # noqa: PTH115 - a deleted file has no path to resolve
    return [path for path in paths if path.endswith(f"/{name}")]


async def test_only_the_task_of_a_request_gets_stand_ins(bucket, sizes):
    """A task that other code starts within the request inherits its context, but cannot handle stand-ins."""
    bucket.put_notebook("a.ipynb", "1")
    sizes.all_are_large()
    path = f"{WORKSPACE}/edit/a.ipynb"
    async with sizes.manager.stand_ins():
        own = await sizes.manager.get(path)
        others = await asyncio.create_task(sizes.manager.get(path))
        assert isinstance(own["content"], StandIn)
        assert sources(others["content"]) == ["1"]
    assert sources((await sizes.manager.get(path))["content"]) == ["1"]
    assert open_files("a.ipynb") == []
