"""Questions about odd paths are answered as Jupyter's own manager answers them, and never with an error of ours."""

import pytest
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from jupyter_server.utils import ensure_async
from tornado.web import HTTPError
from workspace_kit import WORKSPACE

LONG = "n" * 300
PATHS = [
    "",
    "/",
    "..",
    ".",
    "../..",
    "../../etc/passwd",
    WORKSPACE,
    f"{WORKSPACE}/edit",
    f"{WORKSPACE}/edit/..",
    f"{WORKSPACE}/edit/../edit/x.ipynb",
    f"{WORKSPACE}/edit/../../..",
    f"{WORKSPACE}//edit/x.ipynb",
    f"{WORKSPACE}/edit/./x.ipynb",
    f"{WORKSPACE}/edit/nothing.ipynb",
    f"{WORKSPACE}/edit/nothing/x.ipynb",
    f"{WORKSPACE}/edit/nul\0.ipynb",
    f"{WORKSPACE}/playground/nul\0.ipynb",
    f"{WORKSPACE}/edit/{LONG}.ipynb",
    f"{WORKSPACE}/edit/{LONG}",
    f"{WORKSPACE}/edit/" + "/".join(["d" * 200] * 30) + "/x.ipynb",
    f"{WORKSPACE}/edit/file.txt/below.ipynb",
    f"{WORKSPACE}/edit/loop",
    f"{WORKSPACE}/edit/loop/x.ipynb",
    f"{WORKSPACE}/edit/broken",
    f"{WORKSPACE}/edit/broken/x.ipynb",
    f"{WORKSPACE}/edit/out",
    f"{WORKSPACE}/edit/out/x.ipynb",
    f"{WORKSPACE}/edit/tab\there.ipynb",
    f"{WORKSPACE}/edit/line\nbreak.ipynb",
    f"{WORKSPACE}/edit/.hidden/x.ipynb",
    f"{WORKSPACE}/edit/%2e%2e/x.ipynb",
    f"{WORKSPACE}/edit/caf\udce9.ipynb",
    f"{WORKSPACE}/edit/\ud800.ipynb",
    "C:/x.ipynb",
]


@pytest.fixture
def stock(jp_serverapp, edit, jp_root_dir):
    """Jupyter's own manager of the same folder, which has links of all kinds."""
    (edit / "file.txt").write_text("x")
    (edit / "loop").symlink_to("loop")
    (edit / "broken").symlink_to("nowhere")
    (jp_root_dir / "elsewhere").mkdir()
    (edit / "out").symlink_to(jp_root_dir / "elsewhere", target_is_directory=True)
    return AsyncLargeFileManager(root_dir=str(jp_root_dir), parent=jp_serverapp)


async def answer_of(question, path):
    try:
        return await ensure_async(question(path))
    except HTTPError as error:
        return error.status_code
    except (OSError, ValueError):
        return 500


@pytest.mark.parametrize("question", ["dir_exists", "file_exists", "is_hidden", "exists"])
async def test_questions_are_answered_as_jupyter_answers(jp_serverapp, stock, question):
    different = {}
    for path in PATHS:
        theirs = await answer_of(getattr(stock, question), path)
        ours = await answer_of(getattr(jp_serverapp.contents_manager, question), path)
        if ours != theirs and not (theirs == 500 and ours is False):
            different[ascii(path)] = (ours, theirs)
    assert different == {}


async def test_a_session_begins_or_not_as_in_jupyter(api, jp_serverapp, stock, monkeypatch):
    monkeypatch.setattr(jp_serverapp.kernel_manager, "start_kernel", _no_kernel)
    ours = jp_serverapp.session_manager.contents_manager
    different = {}
    for path in (path for path in PATHS if path.strip("/")):
        codes = []
        for manager in (ours, stock):
            monkeypatch.setattr(jp_serverapp.session_manager, "contents_manager", manager)
            body = {"path": path, "type": "notebook", "name": "x", "kernel": {"name": "python3"}}
            codes.append((await api("POST", "sessions", body=body)).code)
        if codes[0] != codes[1]:
            different[ascii(path)] = codes
    assert different == {}


async def _no_kernel(**_):
    raise HTTPError(418, "Here a kernel would start.")


@pytest.mark.parametrize("escape", ["%E9.ipynb", "%FF", "%ED%A0%80.ipynb", "nul%00.ipynb", "%C3%28.ipynb"])
async def test_escapes_that_are_no_utf8_get_jupyters_status(api, jp_serverapp, stock, escape):
    from tornado.httpclient import AsyncHTTPClient, HTTPRequest

    codes = []
    for folder in (WORKSPACE + "/edit", "elsewhere"):
        url = f"{jp_serverapp.connection_url.rstrip('/')}/api/contents/{folder.replace(' ', '%20')}/{escape}"
        headers = {"Authorization": f"token {jp_serverapp.identity_provider.token}"}
        request = HTTPRequest(url, headers=headers)
        codes.append((await AsyncHTTPClient().fetch(request, raise_error=False)).code)
    assert codes[0] == codes[1]
