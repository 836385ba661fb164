"""A server without workspaces at its start, and clients of Welder's API on both mounts."""

import json
import logging

import pytest
from machines import free_port
from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from workspace_kit import Answer, notebook, parts_of, text_of

from jupyter_terra_env.notebooks.storage_links import StorageLinks
from jupyter_terra_env.rules.workspace import Workspaces


@pytest.fixture
def workspace_environ(monkeypatch):
    """No workspace at the start: links make them."""
    monkeypatch.setenv("OWNER_EMAIL", "owner@example.org")


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def terra_settings(port):
    return {"bucket_retry_deadline_seconds": 1.0, "listing_max_age_seconds": 0.0, "welder_port": port}


@pytest.fixture
def on_port(port):
    """Ask on the port of its own, as Leonardo's proxy does."""

    async def ask(method, path, body=None, **headers):
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        try:
            answer = await AsyncHTTPClient().fetch(
                f"http://127.0.0.1:{port}/{path}",
                method=method,
                body=content,
                headers=headers,
                allow_nonstandard_methods=True,
                request_timeout=60,
            )
        except HTTPClientError as error:
            return Answer(error.code, error.response.body)
        return Answer(answer.code, answer.body)

    return ask


@pytest.fixture
def within_jupyter(api):
    """Ask below the base URL, with Jupyter's token."""

    async def ask(method, path, body=None):
        return await api(method, path, base="welder", body=body)

    return ask


@pytest.fixture(params=["on_port", "within_jupyter"])
def welder(request, jp_serverapp):
    return request.getfixturevalue(request.param)


@pytest.fixture
def objects(welder):
    async def ask(action, **fields):
        return await welder("POST", "objects", {"action": action, **fields})

    return ask


@pytest.fixture
def localize(objects):
    async def ask(source, path):
        return await objects("localize", entries=[{"sourceUri": source, "localDestinationPath": path}])

    return ask


@pytest.fixture
def status_of(welder):
    async def ask(path):
        return (await welder("POST", "objects/metadata", {"localPath": path})).model["syncStatus"]

    return ask


@pytest.fixture
def disk(jp_root_dir):
    def write(path, *cell_sources):
        file = jp_root_dir / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text_of(notebook(*cell_sources)))
        return file

    return write


@pytest.fixture
def links_of_another_server(jp_serverapp, jp_root_dir):
    """The links that a server on the same disk would read when it starts."""

    def make(workspaces=None):
        running = parts_of(jp_serverapp)
        return StorageLinks(
            Workspaces() if workspaces is None else workspaces,
            running.storage,
            running.listings,
            running.localizer,
            running.delocalizer,
            root=jp_root_dir,
            state=jp_root_dir / ".jupyter-terra-env",
            user_project=None,
            log=logging.getLogger("test"),
        )

    return make
