"""A server that is killed after every single step of Welder's clients: each step finds what the one before has done."""

import json
import os

import pytest
import requests
from machines import free_port
from real_server import RealServer
from welder_kit import CLOUD, link
from workspace_kit import BUCKET, another_persons_lock, notebook, sources, text_of

A, SAFE = "Terra/edit/a.ipynb", "Terra/safe/a.ipynb"


@pytest.fixture
def bucket_of_a_server(bucket):
    return bucket


class MortalWelder:
    """Answers Welder's calls; after each that changes something it dies, and starts again on the same disk."""

    def __init__(self, home):
        self.home = home
        self.root = home / "root"
        self.server = None

    def start(self):
        self.port = free_port()
        self.server = RealServer(
            self.home,
            "--ServerApp.contents_manager_class=jupyter_terra_env.server.contents.TerraContentsManager",
            f"--TerraEnvApp.welder_port={self.port}",
            "--TerraEnvApp.pace_seconds=0",
            STORAGE_EMULATOR_HOST=os.environ["STORAGE_EMULATOR_HOST"],
            OWNER_EMAIL="owner@example.org",
        ).wait_until_it_serves()

    def ask(self, path, body):
        answer = requests.post(f"http://127.0.0.1:{self.port}/{path}", json=body, timeout=60)
        if answer.ok and path not in {"objects/metadata", "cache/flush"}:
            self.server.kill()
            self.start()
        return answer.status_code, answer.json() if answer.content else None

    def code(self, path, body):
        status, answer = self.ask(path, body)
        return status, answer and answer.get("errorCode")

    def localize(self, path=A):
        entry = {"sourceUri": f"{CLOUD}/a.ipynb", "localDestinationPath": path}
        return self.code("objects", {"action": "localize", "entries": [entry]})

    def save(self, path=A):
        return self.code("objects", {"action": "safeDelocalize", "localPath": path})

    def delete(self, path=A):
        return self.code("objects", {"action": "delete", "localPath": path})

    def lock(self, path=A):
        return self.code("objects/lock", {"localPath": path})

    def status(self, path=A):
        return self.ask("objects/metadata", {"localPath": path})[1].get("syncStatus")

    def write(self, text, path=A):
        (self.root / path).write_text(text_of(notebook(text)))

    def text(self, path=A):
        return sources(json.loads((self.root / path).read_text()))


@pytest.fixture
def mortal(tmp_path, bucket):
    welder = MortalWelder(tmp_path / "home")
    welder.start()
    yield welder
    welder.server.kill()


DONE, CHANGED, LOCKED = (204, None), (412, 0), (412, 4)


def lock_as(bucket, metadata):
    blob = bucket.client.bucket(BUCKET).blob("notebooks/a.ipynb")
    blob.metadata = metadata
    blob.patch()


def test_every_step_finds_what_the_one_before_has_done(mortal, bucket):
    bucket.put_notebook("a.ipynb", "1")
    assert mortal.code("storageLinks", link()) == (200, None)
    assert mortal.lock() == DONE
    assert mortal.localize() == DONE
    mortal.write("2")
    assert (mortal.save(), mortal.status(), bucket.sources("a.ipynb")) == (DONE, "LIVE", ["2"])
    mortal.write("mine")
    bucket.put_notebook("a.ipynb", "theirs")
    assert (mortal.save(), mortal.status()) == (CHANGED, "REMOTE_CHANGED")
    assert (mortal.localize(), mortal.text(), bucket.sources("a.ipynb")) == (DONE, ["theirs"], ["theirs"])
    assert mortal.text("Terra/edit/a (my edits).ipynb") == ["mine"]
    mortal.write("mine again")
    lock_as(bucket, another_persons_lock())
    assert (mortal.save(), mortal.delete()) == (LOCKED, LOCKED)
    lock_as(bucket, another_persons_lock(-30))
    assert (mortal.lock(), mortal.save(), bucket.sources("a.ipynb")) == (DONE, DONE, ["mine again"])
    assert (mortal.localize(SAFE), mortal.save(SAFE), mortal.delete(SAFE)) == (DONE, (412, 2), (412, 3))
    assert mortal.code("cache/flush", {}) == DONE
    assert (mortal.delete(), mortal.delete(), mortal.status()) == (DONE, DONE, "REMOTE_NOT_FOUND")
    assert (mortal.text(), "notebooks/a.ipynb" in bucket.names()) == (["mine again"], False)
    mortal.write("made again")
    assert (mortal.save(), bucket.sources("a.ipynb")) == (DONE, ["made again"])
