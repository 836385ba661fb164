"""Whatever has become of a file whose save the bucket has not: it is named, and keeps nothing else from being done."""

import contextlib
import json
import os
import shutil
import threading

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from nbformat import v4, writes
from real_server import RealServer

from jupyter_terra_env.bucket.embedded.api import EmbeddedBucket
from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault, FaultPlan, Hang
from jupyter_terra_env.bucket.embedded.http_front import EmbeddedServer

BUCKET = "bucket-of-tests"
HANGING_DISK = """
import os, threading
_fsync, _flag = os.fsync, {flag!r}
def fsync(descriptor):
    if os.path.exists(_flag):
        threading.Event().wait()
    _fsync(descriptor)
os.fsync = fsync
"""
AT_MOST_SECONDS = 40


class Scene:
    """A server with a bucket that takes no uploads: every save becomes a debt."""

    def __init__(self, home, front, faults, **variables):
        self.faults = faults
        self.bucket = storage.Client(
            project="test", credentials=AnonymousCredentials(), client_options={"api_endpoint": front.url}
        ).create_bucket(BUCKET)
        self.bucket.blob("notebooks/open.ipynb").upload_from_string(notebook("open"), if_generation_match=0)
        self.edit = home / "root" / "w" / "edit"
        self._home, self._variables = home, {**variables, "STORAGE_EMULATOR_HOST": front.url}
        self.start()

    def start(self):
        self.server = RealServer(
            self._home,
            "--AutopauseSettings.shutdown_budget_seconds=4",
            "--TerraEnvApp.bucket_retry_deadline_seconds=1",
            WORKSPACE_NAME="w",
            WORKSPACE_BUCKET=f"gs://{BUCKET}",
            OWNER_EMAIL="owner@example.org",
            **self._variables,
        )

    def serve(self):
        self.server.wait_until_it_serves()
        assert self.server.ask("GET", "api/contents/w/edit/open.ipynb?content=1").ok
        self.faults.add(Fault(operation="objects.insert", action=AnswerWith(status=503), times=100_000))
        (self.edit / "deep").mkdir()
        for path in ("deep/sick.ipynb", "sick.ipynb", "well.ipynb"):
            self.save(path)

    def save(self, path):
        body = {"type": "notebook", "format": "json", "content": json.loads(notebook("typed"))}
        assert self.server.ask("PUT", f"api/contents/w/edit/{path}", body).ok

    def debts(self):
        answer = self.server.ask("GET", "terra-env/debts")
        assert answer.status_code == 200, answer.text
        return {debt["path"]: debt for debt in answer.json()["debts"]}

    def lock_of(self, name):
        return self.bucket.get_blob(f"notebooks/{name}").metadata["lockExpiresAt"]


def notebook(source):
    return writes(v4.new_notebook(cells=[v4.new_code_cell(source, id="one")]))


@pytest.fixture
def scene(tmp_path):
    faults = FaultPlan()
    with (
        EmbeddedBucket(tmp_path / "bucket" / "bucket.sqlite3") as engine,
        EmbeddedServer(engine, faults=faults) as front,
    ):
        flag, site = tmp_path / "the-disk-hangs", tmp_path / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text(HANGING_DISK.format(flag=str(flag)))
        scene = Scene(
            tmp_path / "home", front, faults, PYTHONPATH=os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
        )
        scene.flag = flag
        try:
            scene.serve()
            yield scene
        finally:
            scene.server.kill()
            faults.release()


def suppress_all(act, *arguments):
    """Do what the end of the server interrupts."""
    with contextlib.suppress(Exception):
        act(*arguments)


def link_out(edit):
    (edit / "deep").rename(edit.parent.parent / "outside")
    (edit / "deep").symlink_to(edit.parent.parent / "outside")


def link_of_the_file(edit):
    outside = edit.parent.parent / "outside.ipynb"
    (edit / "sick.ipynb").rename(outside)
    (edit / "sick.ipynb").symlink_to(outside)


def removed(edit):
    (edit / "sick.ipynb").unlink()


def folder_removed(edit):
    shutil.rmtree(edit / "deep")


def pipe(edit):
    (edit / "sick.ipynb").unlink()
    os.mkfifo(edit / "sick.ipynb")


def link_loop(edit):
    (edit / "sick.ipynb").unlink()
    (edit / "sick.ipynb").symlink_to("sick.ipynb")


def folder_loop(edit):
    folder_removed(edit)
    (edit / "deep").symlink_to("deep")


def folder(edit):
    (edit / "sick.ipynb").unlink()
    (edit / "sick.ipynb").mkdir()


def device(edit):
    (edit / "sick.ipynb").unlink()
    (edit / "sick.ipynb").symlink_to("/dev/zero")


def file_in_place_of_the_folder(edit):
    folder_removed(edit)
    (edit / "deep").write_text("")


SICK = [
    link_out,
    link_of_the_file,
    removed,
    folder_removed,
    pipe,
    link_loop,
    folder_loop,
    folder,
    device,
    file_in_place_of_the_folder,
]


@pytest.mark.parametrize("make_sick", SICK, ids=lambda function: function.__name__)
def test_a_sick_debt_keeps_nothing_from_being_done(scene, make_sick):
    make_sick(scene.edit)
    assert "w/edit/well.ipynb" in scene.debts()
    flushed = scene.server.ask("POST", "terra-env/flush", {"deadline_seconds": 2})
    assert flushed.status_code == 200, flushed.text
    assert "w/edit/well.ipynb" in {status["path"] for status in flushed.json()["unpaid"]}
    for debt in scene.debts().values():
        assert debt["place"] == "on-disk"
        assert debt["message"]
    listing = scene.server.ask("GET", "api/contents/w/edit?content=1")
    assert {"open.ipynb", "well.ipynb"} <= {entry["name"] for entry in listing.json()["content"]}
    assert scene.server.ask("GET", "terra-env/autopause").ok
    assert scene.lock_of("open.ipynb") != "0"
    scene.server.terminate()
    assert scene.server.end(AT_MOST_SECONDS) < 25
    assert scene.lock_of("open.ipynb") == "0"
    assert "Traceback" not in scene.server.output


def test_a_start_with_sick_debts(scene):
    """Found at the start of a server: it serves, names them, and ends as ever."""
    link_out(scene.edit)
    pipe(scene.edit)
    scene.server.kill()
    scene.start()
    scene.server.wait_until_it_serves()
    named = scene.debts()
    assert "w/edit/well.ipynb" in named
    assert named["w/edit/sick.ipynb"]["reason"] == "not-a-file"
    assert named["w/edit/deep/sick.ipynb"]["reason"] == "outside-workspace"
    for path in named:
        assert scene.server.ask("GET", f"terra-env/status?path={path}").status_code < 500
    scene.server.terminate()
    scene.server.end(AT_MOST_SECONDS)
    for path in named:
        assert f"Not in the workspace at the end: {path}." in scene.server.output
    assert "Traceback" not in scene.server.output


def test_a_healthy_debt_is_paid_beside_a_sick_one(scene):
    pipe(scene.edit)
    scene.faults.clear()
    flushed = scene.server.ask("POST", "terra-env/flush", {"deadline_seconds": 10}).json()
    assert {"w/edit/well.ipynb", "w/edit/deep/sick.ipynb"} <= set(flushed["paid"])
    assert [status["reason"] for status in flushed["unpaid"]] == ["not-a-file"]


def test_a_disk_that_hangs_does_not_hold_the_end(scene):
    scene.flag.touch()
    saving = threading.Thread(target=suppress_all, args=(scene.save, "well.ipynb"), daemon=True)
    saving.start()
    saving.join(1)
    assert saving.is_alive()
    scene.server.terminate()
    scene.server.end(AT_MOST_SECONDS)
    assert scene.lock_of("open.ipynb") == "0"


def test_a_bucket_that_hangs_does_not_hold_the_end(scene):
    scene.faults.clear()
    scene.faults.add(Fault(operation="*", action=Hang(), times=100_000))
    scene.server.terminate()
    assert scene.server.end(AT_MOST_SECONDS) < 30
