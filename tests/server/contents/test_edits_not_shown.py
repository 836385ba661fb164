"""Edits that were not shown, through the REST API: clients that ignore ``writable: false``, servers that are killed."""

import json

import pytest
from environments import taken_by
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from real_server import RealServer
from workspace_kit import BUCKET, WORKSPACE, BucketBehind, notebook, sources, text_of

from jupyter_terra_env.bucket.embedded.api import EmbeddedBucket
from jupyter_terra_env.bucket.embedded.http_front import EmbeddedServer

COLLEAGUE = "colleague@example.org"


@pytest.fixture
def shown_theirs(bucket, contents, jp_serverapp):
    """Edits are kept back by someone's lock, and someone was shown the workspace's version in their place."""

    async def come_about(name):
        bucket.put_notebook(name, "one")
        await contents.open(name)
        bucket.put_notebook(name, "theirs", metadata=taken_by(COLLEAGUE))
        await contents.save(name, "my edits")
        await contents.settled(name, "conflict")
        model = (await contents.open(name)).model
        assert (sources(model["content"]), model["writable"]) == (["theirs"], False)

    return come_about


def kept_in(folder):
    return {file.name: sources(json.loads(file.read_bytes())) for file in folder.glob("*(my edits*")}


async def test_a_save_keeps_them(shown_theirs, contents, edit):
    await shown_theirs("a.ipynb")
    answer = await contents.save("a.ipynb", "theirs", "typed over")
    assert answer.code == 409
    assert kept_in(edit) == {"a (my edits).ipynb": ["my edits"]}
    listed = (await contents.list()).names
    assert listed == ["a (my edits).ipynb", "a.ipynb"]


async def test_a_checkpoint_that_is_restored_keeps_them(shown_theirs, bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "one")
    await contents.open("a.ipynb")
    manager = jp_serverapp.contents_manager
    await manager.create_checkpoint(f"{WORKSPACE}/edit/a.ipynb")
    await shown_theirs("a.ipynb")
    await manager.restore_checkpoint("checkpoint", f"{WORKSPACE}/edit/a.ipynb")
    assert sources(json.loads((edit / "a.ipynb").read_bytes())) == ["one"]
    assert kept_in(edit) == {"a (my edits).ipynb": ["my edits"]}


async def test_once_they_are_shown_they_are_replaced(shown_theirs, bucket, contents, edit):
    await shown_theirs("a.ipynb")
    bucket.put_notebook("a.ipynb", "theirs, and their lock has gone")
    assert sources((await contents.open("a.ipynb")).model["content"]) == ["my edits"]
    await contents.save("a.ipynb", "my edits", "and on")
    assert kept_in(edit) == {}


async def test_edits_that_cannot_be_shown_were_not(shown_theirs, bucket, contents, edit):
    """Someone merged by hand, and is not done with it."""
    await shown_theirs("a.ipynb")
    bucket.put_notebook("a.ipynb", "theirs, and their lock has gone")
    (edit / "a.ipynb").write_text("<<<<<<< mine")
    assert (await contents.open("a.ipynb")).code == 400
    await contents.save("a.ipynb", "theirs", "typed over")
    assert (edit / "a (my edits).ipynb").read_text() == "<<<<<<< mine"


async def test_a_file_that_is_uploaded_in_chunks_keeps_them(shown_theirs, contents, edit):
    await shown_theirs("a.ipynb")
    for chunk, text in ((1, "{"), (-1, "}")):
        await contents.put("a.ipynb", {"type": "file", "format": "text", "content": text, "chunk": chunk})
    assert (edit / "a.ipynb").read_text() == "{}"
    assert kept_in(edit) == {"a (my edits).ipynb": ["my edits"]}


async def test_saves_of_large_notebooks_keep_them(shown_theirs, contents, edit, jp_serverapp):
    manager = jp_serverapp.contents_manager
    manager.large_bytes = 0
    await shown_theirs("a.ipynb")
    converted = manager.converter.converted
    await contents.save("a.ipynb", "theirs", "typed over")
    assert manager.converter.converted > converted
    assert kept_in(edit) == {"a (my edits).ipynb": ["my edits"]}


class Machine:
    """A disk, and a bucket on which another person works; servers come and go."""

    def __init__(self, home, bucket, data):
        self.home, self.bucket, self._data = home, bucket, data
        self.server = None

    def start(self):
        self.server = RealServer(
            self.home,
            "--TerraEnvApp.save_wait_seconds=10",
            WORKSPACE_NAME="w",
            WORKSPACE_BUCKET=f"gs://{BUCKET}",
            OWNER_EMAIL="owner@example.org",
            TERRA_ENV_EMBEDDED_BUCKET=str(self._data),
        ).wait_until_it_serves()

    def kill(self):
        self.server.kill()

    def open(self, name):
        return self.server.ask("GET", f"api/contents/w/edit/{name}?content=1").json()

    def save(self, name, *cells):
        body = {"type": "notebook", "format": "json", "content": json.loads(text_of(notebook(*cells)))}
        return self.server.ask("PUT", f"api/contents/w/edit/{name}", body)

    @property
    def edit(self):
        return self.home / "root" / "w" / "edit"


@pytest.fixture
def machine(tmp_path):
    data = tmp_path / "bucket"
    with EmbeddedBucket(data / "bucket.sqlite3") as engine, EmbeddedServer(engine) as front:
        client = storage.Client(
            project="test", credentials=AnonymousCredentials(), client_options={"api_endpoint": front.url}
        )
        client.create_bucket(BUCKET)
        machine = Machine(tmp_path / "home", BucketBehind(client=client, faults=None, front=front), data)
        machine.start()
        try:
            yield machine
        finally:
            machine.kill()
            client.close()


@pytest.mark.parametrize("journal", ["whole", "lost"])
def test_a_server_that_is_killed_between_showing_and_saving(machine, journal):
    machine.bucket.put_notebook("a.ipynb", "one")
    machine.open("a.ipynb")
    machine.bucket.put_notebook("a.ipynb", "theirs", metadata=taken_by(COLLEAGUE))
    assert machine.save("a.ipynb", "my edits").status_code == 409
    shown = machine.open("a.ipynb")
    assert (sources(shown["content"]), shown["writable"]) == (["theirs"], False)
    machine.kill()
    if journal == "lost":
        for file in (machine.home / "root" / ".jupyter-terra-env").glob("journal.sqlite3*"):
            file.unlink()
    machine.start()
    assert machine.save("a.ipynb", "theirs", "typed over").status_code == 409
    assert kept_in(machine.edit) == {"a (my edits).ipynb": ["my edits"]}
    assert machine.bucket.sources("a.ipynb") == ["theirs"]
