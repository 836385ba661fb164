"""The classic notebook page in a frame, as Terra shows it: what its scripts ask Welder for, answered here.

Terra's image brings scripts for this page: one that ticks while a notebook is edited, one for the playground, one that
talks with the page around the frame. ``PAGE`` does what they do. Leonardo's routes are the browser's here: what goes
to ``/proxy/…/welder/`` goes to the port of its own. Skipped where there is no nbclassic: ``.ci/run`` installs it.
"""

import json
import time

import pytest
import requests
from bucket_in_folder import bucket_in
from environments import BUCKET, taken_by
from machines import free_port
from real_server import RealServer

pytest.importorskip("nbclassic")

BASE, PROXY = "/notebooks/p/r/", "/proxy/p/r/welder/"
CLOUD = f"gs://{BUCKET}/notebooks"
PAGE = """
(() => {
  const path = decodeURIComponent(location.pathname.split('/notebooks/').pop());
  const ask = async (call, body) => {
    // The page of another origin may not read answers: Terra's is of the same.
    const headers = {'Content-Type': 'text/plain;charset=UTF-8'};
    const answer = await fetch(`/proxy/p/r/welder/${call}`, {method: 'POST', headers, body: JSON.stringify(body)});
    return {status: answer.status, body: answer.status === 204 ? null : await answer.json()};
  };
  window.tick = async () => {
    const found = (await ask('objects/metadata', {localPath: path})).body;
    if (found.syncMode !== 'EDIT') {
      return found.syncMode;
    }
    return `${found.syncStatus} ${(await ask('objects/lock', {localPath: path})).status}`;
  };
  window.reloadWorkspaceVersion = async () => {
    const found = (await ask('objects/metadata', {localPath: path})).body;
    const sourceUri = `gs://${found.storageLink.cloudStorageDirectory}/${path.split('/').pop()}`;
    const entries = [{sourceUri, localDestinationPath: path}];
    return (await ask('objects', {action: 'localize', entries})).status;
  };
  window.addEventListener('message', event => {
    if (event.data === 'save') { Jupyter.notebook.save_notebook(); }
  });
  Jupyter.notebook.events.on('set_dirty.Notebook', (event, data) => {
    parent.postMessage(data.value ? 'dirty' : 'saved', '*');
  });
  Jupyter.notebook.set_autosave_interval(0);
})()
"""
AROUND = """<body><script>
window.heard = [];
window.addEventListener('message', event => window.heard.push(event.data));
</script><iframe src="%s" width="1200" height="800"></iframe></body>"""


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def notebook(text):
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": text}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 2}).encode()


class Terra:
    """Leonardo, Terra UI and a person's browser, around one server."""

    def __init__(self, server, port, page):
        self.server, self.port, self.page = server, port, page
        self.origin = server.info["url"].removesuffix(BASE)
        page.route(f"**{PROXY}**", self._pass_on)

    def _pass_on(self, route):
        call = route.request.url.partition(PROXY)[2]
        headers = {**route.request.headers, "X-Forwarded-For": "10.0.0.1", "Host": "localhost"}
        url = f"http://127.0.0.1:{self.port}/{call}"
        answer = requests.request(route.request.method, url, data=route.request.post_data, headers=headers, timeout=60)
        route.fulfill(status=answer.status_code, body=answer.content, content_type="application/json")

    def welder(self, call, body):
        return requests.post(f"http://127.0.0.1:{self.port}/{call}", json=body, timeout=60).status_code

    def localize(self, name, path):
        entry = {"sourceUri": f"{CLOUD}/{name}", "localDestinationPath": path}
        assert self.welder("objects", {"action": "localize", "entries": [entry]}) == 204

    def show(self, path):
        """Show a notebook in a frame; the frame, once its scripts run."""
        url = f"{self.origin}{BASE}nbclassic/notebooks/{path}?token={self.server.info['token']}"
        self.page.route("**/terra-ui", lambda route: route.fulfill(body=AROUND % url, content_type="text/html"))
        self.page.goto(f"{self.origin}/terra-ui")
        return self.ready()

    def ready(self):
        frame = self.page.query_selector("iframe").content_frame()
        frame.wait_for_function("window.Jupyter?.notebook?._fully_loaded", timeout=30_000)
        frame.evaluate(PAGE)
        return frame

    def heard(self, word):
        self.page.wait_for_function("word => window.heard.includes(word)", arg=word, timeout=20_000)
        self.page.evaluate("window.heard.length = 0")


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    with bucket_in(tmp_path_factory.mktemp("bucket")) as outsider:
        yield outsider


@pytest.fixture(scope="module")
def port():
    return free_port()


@pytest.fixture(scope="module")
def server(bucket, port, tmp_path_factory):
    started = RealServer(
        tmp_path_factory.mktemp("home"),
        f"--ServerApp.base_url={BASE}",
        "--ServerApp.contents_manager_class=jupyter_terra_env.server.contents.TerraContentsManager",
        f"--TerraEnvApp.welder_port={port}",
        "--TerraEnvApp.pace_seconds=0",
        "--TerraEnvApp.playground_folder=safe",
        OWNER_EMAIL="owner@example.org",
        TERRA_ENV_EMBEDDED_BUCKET=str(bucket.folder),
    )
    try:
        yield started.wait_until_it_serves()
    finally:
        started.kill()


@pytest.fixture
def terra(server, port, browser):
    page = browser.new_page()
    around = Terra(server, port, page)
    link = {"localBaseDirectory": "Terra/edit", "localSafeModeBaseDirectory": "Terra/safe"}
    assert around.welder("storageLinks", {**link, "cloudStorageDirectory": CLOUD, "pattern": r".*\.ipynb"}) == 200
    yield around
    page.close()


def text_in(frame):
    return frame.evaluate("Jupyter.notebook.get_cell(0).get_text()")


def type_in(frame, text):
    frame.evaluate("text => Jupyter.notebook.get_cell(0).code_mirror.setValue(text)", text)


def test_a_notebook_is_edited_saved_and_reloaded(terra, bucket):
    bucket.put("edited.ipynb", notebook("1"))
    assert terra.welder("objects/lock", {"localPath": "Terra/edit/edited.ipynb"}) == 204
    terra.localize("edited.ipynb", "Terra/edit/edited.ipynb")
    frame = terra.show("Terra/edit/edited.ipynb")
    assert (text_in(frame), frame.evaluate("tick()")) == ("1", "LIVE 204")
    type_in(frame, "typed")
    terra.heard("dirty")
    terra.page.evaluate("frames[0].postMessage('save', '*')")
    terra.heard("saved")
    until(lambda: bucket.sources("edited.ipynb") == ["typed"])
    assert frame.evaluate("tick()") == "LIVE 204"
    bucket.put("edited.ipynb", notebook("theirs"))
    assert frame.evaluate("tick()") == "REMOTE_CHANGED 204"
    assert frame.evaluate("reloadWorkspaceVersion()") == 204
    frame.evaluate("Jupyter.notebook.set_dirty(false)")
    frame = terra.show("Terra/edit/edited.ipynb")
    assert (text_in(frame), frame.evaluate("tick()")) == ("theirs", "LIVE 204")


def test_another_persons_notebook_is_played_with(terra, bucket):
    bucket.put("locked.ipynb", notebook("theirs"), metadata=taken_by("colleague@example.org"))
    terra.localize("locked.ipynb", "Terra/edit/locked.ipynb")
    frame = terra.show("Terra/edit/locked.ipynb")
    assert frame.evaluate("tick()") == "LIVE 409"
    terra.localize("locked.ipynb", "Terra/safe/locked.ipynb")
    frame = terra.show("Terra/safe/locked.ipynb")
    assert frame.evaluate("tick()") == "SAFE"
    type_in(frame, "played")
    terra.heard("dirty")
    terra.page.evaluate("frames[0].postMessage('save', '*')")
    terra.heard("saved")
    on_disk = json.loads((terra.server.home / "root/Terra/safe/locked.ipynb").read_text())
    assert ("".join(on_disk["cells"][0]["source"]), bucket.sources("locked.ipynb")) == ("played", ["theirs"])


def test_within_jupyter_the_pages_token_is_needed(terra, bucket):
    bucket.put("token.ipynb", notebook("1"))
    terra.localize("token.ipynb", "Terra/edit/token.ipynb")
    frame = terra.show("Terra/edit/token.ipynb")
    ask = """async ([url, headers]) => {
      const body = JSON.stringify({localPath: 'Terra/edit/token.ipynb'});
      return (await fetch(url, {method: 'POST', headers, body})).status;
    }"""
    url = f"{BASE}welder/objects/metadata"
    cookie = "document.cookie.match('(^|; )_xsrf=([^;]*)')[2]"
    assert frame.evaluate(ask, [url, {}]) == 403
    assert frame.evaluate(ask, [url, {"X-XSRFToken": frame.evaluate(cookie)}]) == 200
