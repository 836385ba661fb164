"""A real Jupyter Server over a real client of an embedded bucket, and a second, plain client to look behind it."""

import asyncio
import json
import sys

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from tornado.httpclient import HTTPClientError
from workspace_kit import BUCKET, WORKSPACE, Answer, BucketBehind, notebook

from jupyter_terra_env.app import TerraEnvApp
from jupyter_terra_env.bucket.embedded.api import EmbeddedBucket
from jupyter_terra_env.bucket.embedded.faults import FaultPlan
from jupyter_terra_env.bucket.embedded.http_front import EmbeddedServer
from jupyter_terra_env.notebooks.locks.lock_keeper import KeepingTimes


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """An embedded bucket behind a loopback front, and what the server's client needs to find it."""
    faults = FaultPlan()
    with (
        EmbeddedBucket(tmp_path / "bucket-data" / "bucket.sqlite3") as engine,
        EmbeddedServer(engine, faults=faults) as front,
        EmbeddedServer(engine) as other,
    ):
        client = storage.Client(
            project="test", credentials=AnonymousCredentials(), client_options={"api_endpoint": other.url}
        )
        client.create_bucket(BUCKET)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", front.url)
        yield BucketBehind(client=client, faults=faults, front=front)
        faults.release()
        client.close()


@pytest.fixture
def bucket_of_a_server(request):
    """The bucket, where the test has a server."""
    return request.getfixturevalue("bucket") if "jp_serverapp" in request.fixturenames else None


@pytest.fixture(autouse=True)
def jp_server_cleanup(bucket_of_a_server, jp_server_cleanup):
    """Jupyter's own, while the bucket is still there: a server that stops gives its locks back."""
    return jp_server_cleanup


@pytest.fixture
def workspace_environ(monkeypatch):
    """The variables Terra sets."""
    monkeypatch.setenv("WORKSPACE_NAME", WORKSPACE)
    monkeypatch.setenv("WORKSPACE_BUCKET", f"gs://{BUCKET}")
    monkeypatch.setenv("OWNER_EMAIL", "owner@example.org")


@pytest.fixture(autouse=True)
def no_pace(monkeypatch):
    """Tests save twice within a second; that this is spread out is tested where it is decided."""
    monkeypatch.setattr(TerraEnvApp, "pace_seconds", 0.0)
    # Nor does a file that a test writes have to be still first: that is tested where it is decided.
    monkeypatch.setattr(TerraEnvApp, "still_seconds", 0.0)


@pytest.fixture
def quick_keeping(monkeypatch):
    """Edit locks are looked after many times a second."""
    monkeypatch.setattr(TerraEnvApp, "keeping_times", KeepingTimes(look=0.05, grace=0.5, wait=0.1))


@pytest.fixture
def terra_settings():
    """Traitlets of TerraEnvApp; tests override it."""
    return {"bucket_retry_deadline_seconds": 1.0, "listing_max_age_seconds": 0.0}


@pytest.fixture
def jp_server_config(terra_settings, bucket, workspace_environ):
    return {
        "ServerApp": {
            "jpserver_extensions": {"jupyter_terra_env": True},
            "contents_manager_class": "jupyter_terra_env.server.contents.TerraContentsManager",
        },
        "FileContentsManager": {"delete_to_trash": False},
        # A machine that is busy with other tests is slow; what a slow upload looks like is a test of its own.
        "TerraEnvApp": {"save_wait_seconds": 10.0, **terra_settings},
        # Tests that leave debts behind do not wait for them at the end.
        "AutopauseSettings": {"shutdown_budget_seconds": 0.1},
    }


@pytest.fixture
def marks(tmp_path):
    """A file that is there when the machine was paused, by ``pausing``."""
    return tmp_path / "paused"


@pytest.fixture
def pausing(marks):
    """Traitlets of AutopauseSettings by which a machine is paused within seconds."""
    code = f"import pathlib; pathlib.Path('{marks}').touch()"
    return {
        "tick_seconds": 0.2,
        "idle_timeout_seconds": 3.0,
        "warning_lead_seconds": 0.5,
        "resume_grace_seconds": 0.0,
        "process_scope": "server",
        "flush_seconds": 1.5,
        "shutdown_budget_seconds": 0.1,
        "watch_metadata": "off",
        "pause_chain": ["command"],
        "pause_command": [sys.executable, "-c", code],
    }


@pytest.fixture
def autopause(api):
    """Ask ``/terra-env/autopause``."""

    async def ask(body=None):
        method = "GET" if body is None else "POST"
        return (await api(method, "autopause", base="terra-env", body=body)).model

    return ask


@pytest.fixture
def edit(jp_root_dir):
    """The edit folder on the disk."""
    return jp_root_dir / WORKSPACE / "edit"


@pytest.fixture
def playground(jp_root_dir):
    """The playground folder on the disk."""
    return jp_root_dir / WORKSPACE / "playground"


@pytest.fixture
def api(jp_fetch):
    """Ask the server's REST API: ``await api("GET", "contents", path, …)``."""

    async def ask(method, *path, body=None, base="api", **params):
        parts = [part for piece in path for part in piece.split("/")]
        try:
            response = await jp_fetch(
                base,
                *parts,
                method=method,
                params=params,
                body=None if body is None else json.dumps(body),
                allow_nonstandard_methods=True,
                request_timeout=60,
            )
        except HTTPClientError as error:
            return Answer(error.code, error.response.body)
        return Answer(response.code, response.body)

    return ask


@pytest.fixture
def contents(api):  # noqa: C901 - a list of shortcuts
    """Shortcuts for contents of the workspace's folders."""

    class Contents:
        async def open(self, path, folder="edit", **params):
            return await api("GET", "contents", f"{WORKSPACE}/{folder}/{path}", **{"content": 1, "hash": 1, **params})

        async def stat(self, path, folder="edit", **params):
            return await api("GET", "contents", f"{WORKSPACE}/{folder}/{path}", content=0, **params)

        async def list(self, path="", folder="edit"):
            return await api("GET", "contents", f"{WORKSPACE}/{folder}/{path}".rstrip("/"), content=1)

        async def save(self, path, *cell_sources, folder="edit", **metadata):
            nb = notebook(*cell_sources, **metadata)
            return await self.put(path, {"type": "notebook", "format": "json", "content": nb}, folder)

        async def put(self, path, model, folder="edit"):
            return await api("PUT", "contents", f"{WORKSPACE}/{folder}/{path}", body=model)

        async def new(self, path="", folder="edit", **model):
            return await api("POST", "contents", f"{WORKSPACE}/{folder}/{path}".rstrip("/"), body=model)

        async def rename(self, old, new, folder="edit"):
            return await api(
                "PATCH", "contents", f"{WORKSPACE}/{folder}/{old}", body={"path": f"{WORKSPACE}/{folder}/{new}"}
            )

        async def delete(self, path, folder="edit"):
            return await api("DELETE", "contents", f"{WORKSPACE}/{folder}/{path}")

        async def status(self, path, folder="edit"):
            answer = await api("GET", "status", base="terra-env", path=f"{WORKSPACE}/{folder}/{path}")
            return answer.model

        async def settled(self, path, place="in-workspace"):
            """Wait until the work is where it should be."""
            for _ in range(200):
                status = await self.status(path)
                if status["place"] == place:
                    return status
                await asyncio.sleep(0.05)
            raise AssertionError(f"{path} never got to {place!r}: {status}")

    return Contents()
