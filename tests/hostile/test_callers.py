"""Who asks: no one, a page of another site, someone who may do nothing, someone who may only read."""

import asyncio
import contextlib
import json

import pytest
from jupyter_server.auth.authorizer import Authorizer
from tornado import routing
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.websocket import websocket_connect
from workspace_kit import BUCKET, WORKSPACE, Answer, notebook, parts_of

from jupyter_terra_env.server.api.about import ABOUT_HANDLERS
from jupyter_terra_env.server.api.handlers import HANDLERS
from jupyter_terra_env.server.autopause.handlers import AUTOPAUSE_HANDLERS
from jupyter_terra_env.server.welder.api import WelderApi

PATH = f"{WORKSPACE}/edit/a.ipynb"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
QUERY = f"?path={PATH.replace(' ', '%20')}"
SOURCE = f"gs://{BUCKET}/notebooks/a.ipynb"
ENDPOINTS = [
    *(f"terra-env/{path}{QUERY}" for path, _ in (*HANDLERS, *AUTOPAUSE_HANDLERS, *ABOUT_HANDLERS)),
    *(
        f"welder/{path}"
        for path in WelderApi(None, None, None, take_over=None, flush=None, new_id=None, log=None)._calls
    ),
    "api/localize",
    f"api/contents/{PATH}?content=1&hash=1",
    f"api/contents/{PATH}?content=0",
    f"api/contents/{WORKSPACE}/edit",
    f"api/contents/{PATH}/checkpoints",
    f"api/contents/{PATH}/checkpoints/checkpoint",
    f"api/contents/{PATH}/trust",
    f"files/{PATH}",
    f"nbconvert/html/{PATH}",
]
WITH_EFFECTS = [
    f"api/contents/{PATH}?content=1",
    f"api/contents/{WORKSPACE}/edit",
    f"files/{PATH}",
    f"nbconvert/html/{PATH}",
    f"terra-env/preview{QUERY}",
    f"terra-env/conflict{QUERY}",
]
BODIES = [
    {"path": PATH, "action": "acquire"},
    {"path": PATH, "action": "take-over"},
    {"path": PATH, "action": "keep-both", "deadline_seconds": 1},
    {"path": f"{WORKSPACE}/edit/moved.ipynb"},
    {"type": "notebook", "content": notebook("evil")},
    {"type": "notebook", "content": notebook("x" * (2 << 20))},
    {"action": "safeDelocalize", "localPath": PATH},
    {"action": "delete", "localPath": PATH},
    {"action": "localize", "entries": [{"sourceUri": SOURCE, "localDestinationPath": f"{WORKSPACE}/edit/a.ipynb"}]},
    {"action": "localize", "entries": [{"sourceUri": "data:text/plain;base64,eA==", "localDestinationPath": "x"}]},
    {
        "localBaseDirectory": "evil/edit",
        "localSafeModeBaseDirectory": "evil/safe",
        "cloudStorageDirectory": f"gs://{BUCKET}/notebooks",
        "pattern": ".*",
    },
    {PATH: SOURCE},
]


class Deny(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return False


class ReadOnly(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return action == "read"


@pytest.fixture
def authorize(jp_serverapp, jp_fetch):
    def by(authorizer):
        jp_serverapp.web_app.settings["authorizer"] = authorizer(parent=jp_serverapp)

    return by


@pytest.fixture
def request_of(jp_serverapp, jp_fetch):
    """Send a request with nothing but what is given."""

    async def send(method, path, body=None, headers=(), token=True):
        url = jp_serverapp.connection_url.rstrip("/") + "/" + path.replace(" ", "%20")
        own = {"Authorization": f"token {jp_serverapp.identity_provider.token}"} if token else {}
        request = HTTPRequest(
            url,
            method=method,
            body=None if body is None else json.dumps(body),
            headers={**own, **dict(headers)},
            allow_nonstandard_methods=True,
            follow_redirects=False,
            request_timeout=60,
        )
        answer = await AsyncHTTPClient().fetch(request, raise_error=False)
        return Answer(answer.code, answer.body or b""), answer

    return send


@pytest.fixture
def cookies(request_of, jp_serverapp):
    """The cookies of a person who has logged in with a browser."""

    async def log_in():
        _, answer = await request_of("GET", "api/me", headers={}, token=True)
        _, answer = await request_of("GET", f"?token={jp_serverapp.identity_provider.token}", token=False)
        return "; ".join(cookie.partition(";")[0] for cookie in answer.headers.get_list("Set-Cookie"))

    return log_in


def disk(root):
    return {
        path: path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink() and ".jupyter-terra-env" not in path.parts
    }


def registered(router):
    """Every handler of this package's that a router leads to."""
    for rule in router.rules:
        if isinstance(rule.target, routing.RuleRouter):
            yield from registered(rule.target)
        elif getattr(rule.target, "__module__", "").startswith("jupyter_terra_env"):
            yield rule.target


def answering(web_app, method, path, headers=None):
    """The handler that a request reaches."""
    line = RequestStartLine(method, f"{web_app.settings['base_url']}{path}".replace(" ", "%20"), "HTTP/1.1")
    sent = HTTPHeaders({"Host": "localhost", **(headers or {})})
    request = HTTPServerRequest(start_line=line, headers=sent, connection=NoConnection())
    # Not the server's own, which keeps account of requests.
    return type(web_app).find_handler(web_app, request).handler_class


class NoConnection:
    context = None

    def set_close_callback(self, _):
        pass


async def test_no_endpoint_is_forgotten(bucket, jp_serverapp):
    """What the next tests ask reaches every handler that this package registers, and every method of each."""
    web_app = jp_serverapp.web_app
    large = {"Content-Length": str(2 << 20), "Content-Type": "application/json"}
    asked = {answering(web_app, "GET", path) for path in ENDPOINTS}
    asked |= {answering(web_app, "PUT", path, large) for path in ENDPOINTS}
    every = set(registered(web_app.wildcard_router)) | set(registered(web_app.default_router))
    assert len(every) > 15
    assert every - asked == set()
    for handler in every:
        own = {method for method in handler.SUPPORTED_METHODS if hasattr(handler, method.lower())}
        assert own <= {*METHODS, "OPTIONS"}


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_who_may_do_nothing_changes_and_sees_nothing(bucket, authorize, request_of, jp_root_dir, path):
    bucket.put_notebook("a.ipynb", "secret of the notebook")
    authorize(Deny)
    before = disk(jp_root_dir)
    bucket.mark()
    for method in METHODS:
        for body in BODIES if method in {"POST", "PUT", "PATCH"} else [None]:
            answer, _ = await request_of(method, path, body)
            assert answer.code in {403, 404, 405, 413}, (method, answer.code, answer.body)
            assert b"secret of the notebook" not in answer.body
    assert bucket.requests == []
    assert disk(jp_root_dir) == before


async def test_a_websocket_of_who_may_do_nothing_is_refused(bucket, authorize, jp_serverapp):
    authorize(Deny)
    assert await presence(jp_serverapp, PATH) == 403


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_who_may_only_read_writes_nothing(bucket, authorize, request_of, jp_root_dir, path):
    bucket.put_notebook("a.ipynb", "1")
    before = bucket.get("a.ipynb")
    authorize(ReadOnly)
    bucket.mark()
    for method in METHODS:
        for body in BODIES if method in {"POST", "PUT", "PATCH"} else [None]:
            answer, _ = await request_of(method, path, body)
            assert method in {"GET", "HEAD"} or answer.code in {403, 404, 405, 413}, (method, answer.code)
            assert answer.code < 500
    assert bucket.writes == []
    after = bucket.get("a.ipynb")
    assert (after.generation, after.metageneration) == (before.generation, before.metageneration)
    for file, content in disk(jp_root_dir).items():
        assert file.name == "a.ipynb"
        assert content == after.content


async def test_a_notebook_is_read_only_for_who_may_only_read(bucket, authorize, contents, request_of, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    authorize(ReadOnly)
    opened = (await contents.open("a.ipynb")).model
    assert (opened["writable"], opened["terra"]["writable"]) == (False, False)
    assert (await contents.stat("a.ipynb")).model["writable"] is False
    assert (await contents.status("a.ipynb"))["writable"] is False
    socket = await presence(jp_serverapp, PATH)
    with contextlib.closing(socket):
        assert json.loads(await socket.read_message())["writable"] is False
    bucket.put_notebook("b.ipynb", "1")
    listed = (await contents.list()).model["content"]
    assert {entry["name"]: entry["writable"] for entry in listed} == {"a.ipynb": False, "b.ipynb": False}
    # No one's lock is taken, or renewed, by looking.
    assert "lockExpiresAt" not in (bucket.get("a.ipynb").metadata or {})


async def test_a_tab_of_who_may_only_read_does_not_keep_a_lock(bucket, authorize, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    parts = parts_of(jp_serverapp)
    authorize(ReadOnly)
    socket = await presence(jp_serverapp, PATH)
    with contextlib.closing(socket):
        await socket.read_message()
        assert parts.keeper._tabs == {}


async def test_a_tab_of_who_may_only_read_takes_no_seat(bucket, authorize, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    writer = await presence(jp_serverapp, PATH)
    with contextlib.closing(writer):
        assert json.loads(await writer.read_message())["tabs"]["edits"] is True
        authorize(ReadOnly)
        reader = await presence(jp_serverapp, PATH)
        with contextlib.closing(reader):
            await reader.read_message()
            for action in ("edit-here", "keep", "give-up", "show-editor"):
                await reader.write_message(json.dumps({"action": action}))
            await reader.write_message("x" * 10_000)  # Too long: the server closes, after what came before.
            while await reader.read_message() is not None:
                pass
        [seats] = {jp_serverapp.web_app.settings["jupyter_terra_env_tab_seats"]}
        assert [seat.editor for seat in seats._seats.values()] == [next(iter(seats._tabs[PATH]))]


@pytest.mark.parametrize("path", WITH_EFFECTS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Referer": "https://evil.example/page"},
        {},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Referer": "https://evil.example/"},
    ],
    ids=str,
)
async def test_a_page_of_another_site_opens_nothing(bucket, request_of, cookies, jp_root_dir, path, headers):
    bucket.put_notebook("a.ipynb", "secret of the notebook")
    cookie = await cookies()
    before = disk(jp_root_dir)
    bucket.mark()
    answer, _ = await request_of("GET", path, headers={**headers, "Cookie": cookie}, token=False)
    assert answer.code in {403, 404}
    assert b"secret of the notebook" not in answer.body
    await asyncio.sleep(0)
    assert bucket.requests == []
    assert disk(jp_root_dir) == before


@pytest.mark.parametrize("site", ["same-origin", "none"])
async def test_this_server_s_own_pages_open(bucket, request_of, cookies, site):
    bucket.put_notebook("a.ipynb", "1")
    cookie = await cookies()
    for path in (f"api/contents/{PATH}?content=1", f"terra-env/preview{QUERY}"):
        answer, _ = await request_of("GET", path, headers={"Sec-Fetch-Site": site, "Cookie": cookie}, token=False)
        assert answer.code == 200


async def test_a_front_end_without_fetch_metadata_opens(bucket, request_of, cookies):
    bucket.put_notebook("a.ipynb", "1")
    cookie = await cookies()
    [xsrf] = [part.strip() for part in cookie.split(";") if part.strip().startswith("_xsrf")]
    headers = {"X-XSRFToken": xsrf.partition("=")[2], "Cookie": cookie}
    answer, _ = await request_of("GET", f"api/contents/{PATH}?content=1", headers=headers, token=False)
    assert answer.code == 200


async def presence(serverapp, path):
    url = serverapp.connection_url.rstrip("/").replace("http", "ws", 1)
    request = HTTPRequest(
        f"{url}/terra-env/presence?path={path.replace(' ', '%20')}",
        headers={"Authorization": f"token {serverapp.identity_provider.token}"},
    )
    try:
        return await websocket_connect(request)
    except HTTPClientError as refused:
        return refused.code


async def test_an_authorizer_is_asked_once_for_a_listing(bucket, contents, authorize):
    for number in range(20):
        await contents.save(f"n{number}.ipynb", "1")
    asked = []

    class Counting(Authorizer):
        def is_authorized(self, handler, user, action, resource):
            asked.append((action, resource))
            return True

    authorize(Counting)
    await contents.list()
    assert asked.count(("write", "contents")) == 1
