"""The client library: imported late, connected once, its connections bounded and given back."""

import asyncio
import json
import subprocess
import sys
import threading
import time

import google.auth.exceptions
import pytest
import requests
from environments import BUCKET, Environment, environments, shared_bucket
from google.cloud import storage

from jupyter_terra_env.bucket import gcs, gcs_client
from jupyter_terra_env.bucket.connection import Connection
from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME
from jupyter_terra_env.bucket.embedded.faults import AnswerWith, CutBody, Fault
from jupyter_terra_env.bucket.embedded.http_front import EmbeddedServer
from jupyter_terra_env.bucket.threaded import BucketThreads
from jupyter_terra_env.rules.errors import BucketError, BucketRefused, BucketTrouble, BucketUnavailable


def imported_after(code):
    """Modules of the client library that a fresh interpreter has after some code."""
    ending = "import json, sys; print(json.dumps([name for name in sys.modules if name.startswith('google.')]))"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{ending}"], capture_output=True, text=True, check=True)
    return [name for name in json.loads(done.stdout) if name.startswith(("google.cloud", "google.auth"))]


class TestImports:
    def test_the_extension_does_not_import_the_client(self):
        assert imported_after("import jupyter_terra_env.app, jupyter_terra_env.server.contents.manager") == []

    def test_nor_does_naming_a_bucket(self):
        assert (
            imported_after(
                "from jupyter_terra_env.bucket.connection import Connection\n"
                "from jupyter_terra_env.bucket.threaded import BucketThreads\n"
                "BucketThreads(Connection(), monotonic=lambda: 0.0).bucket('b', None)"
            )
            == []
        )

    def test_using_one_does(self, tmp_path):
        assert "google.cloud.storage" in imported_after(
            "import asyncio, pathlib\n"
            "from jupyter_terra_env.bucket.connection import Connection\n"
            "from jupyter_terra_env.bucket.threaded import BucketThreads\n"
            f"there = Connection(embedded_directory=pathlib.Path({str(tmp_path)!r}))\n"
            "threads = BucketThreads(there, monotonic=float)\n"
            "try:\n    asyncio.run(threads.bucket('b', None).stat('a'))\nexcept Exception: pass\n"
        )


class TestConnections:
    @pytest.fixture
    def env(self, tmp_path):
        with (
            shared_bucket() as outsider,
            environments(tmp_path, outsider.engine, "mine") as [env],
        ):
            env.outsider = outsider
            yield env

    @pytest.mark.parametrize("concurrency", [1, 8])
    @pytest.mark.parametrize("scheme", ["https://", "http://"])
    def test_the_pool_has_the_size_asked_for(self, monkeypatch, concurrency, scheme):
        """Pins the attribute of the client through which it is set."""
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
        connection = Connection(concurrency=concurrency)
        client = gcs_client.connect(connection)
        adapter = client._http.get_adapter(f"{scheme}example.org/")
        assert adapter._pool_maxsize == connection.requests_at_once
        assert adapter._pool_connections == connection.requests_at_once
        client.close()

    @pytest.mark.parametrize("action", [AnswerWith(status=503), CutBody(after_bytes=10)], ids=["503", "cut"])
    def test_failing_downloads_do_not_use_up_the_connections(self, env: Environment, monkeypatch, action):
        """An answer that no one reads keeps its connection; the client's own retries must not wait for it."""
        env.outsider.put("a.ipynb", b"x" * 1000)
        generation = env.outsider.get("a.ipynb").generation
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", env._front.url)
        connection = Connection(concurrency=1, retry_deadline_seconds=10)
        client = gcs_client.connect(connection)
        done = []

        def read():
            bucket = gcs.GcsBucket(client, BUCKET, None, connection)
            with (env.root / "file").open("w+b") as file:
                bucket.read_into("notebooks/a.ipynb", generation, file)
                done.append(file.tell())

        env.faults.add(Fault(operation="objects.download", action=action, times=3))
        # If it waits, it waits for ever.
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        reader.join(10)
        assert done == [1000]
        client.close()

    def test_no_one_listens(self, monkeypatch):
        with EmbeddedServer(None) as front:
            url = front.url
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
        threads = BucketThreads(Connection(retry_deadline_seconds=0.5), monotonic=time.monotonic)
        with pytest.raises(BucketUnavailable) as error:
            asyncio.run(threads.bucket(BUCKET, None).stat("a"))
        assert error.value.trouble is BucketTrouble.UNREACHABLE
        threads.close()


class TestConnecting:
    @pytest.fixture
    def clock(self):
        return [1000.0]

    @pytest.fixture
    def threads(self, monkeypatch, clock):
        monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
        threads = BucketThreads(Connection(), monotonic=lambda: clock[0])
        yield threads
        threads.close()

    def test_without_credentials_names_the_bucket_and_is_not_tried_at_once_again(self, threads, clock, monkeypatch):
        tries = []

        def refused(**_kwargs):
            tries.append(clock[0])
            raise google.auth.exceptions.DefaultCredentialsError("none")

        monkeypatch.setattr(storage, "Client", refused)
        for seconds in (0, 1, 3.9, 1.2, 6):
            clock[0] += seconds
            with pytest.raises(BucketRefused) as error:
                asyncio.run(threads.bucket("fc-1", None).stat("a"))
            assert error.value.trouble is BucketTrouble.NO_CREDENTIALS
            assert error.value.bucket == "fc-1"
            assert "fc-1" in error.value.sentence
        assert tries == [1000.0, 1006.1, 1012.1]

    def test_one_client_for_many_who_come_at_once(self, threads, monkeypatch):
        made = []

        def connect(_connection, _clock):
            time.sleep(0.05)
            made.append(object())
            raise BucketRefused("(all)", BucketTrouble.NO_CREDENTIALS, "none")

        monkeypatch.setattr(gcs_client, "connect", connect)

        async def many():
            bucket = threads.bucket("fc-1", None)
            return await asyncio.gather(*(bucket.stat("a") for _ in range(5)), return_exceptions=True)

        assert {type(result) for result in asyncio.run(many())} == {BucketRefused}
        assert len(made) == 1

    def test_no_project_is_needed(self, monkeypatch):
        monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
        real, asked = storage.Client, []

        def client(project=None, **_kwargs):
            asked.append(project)
            if project is None:
                raise OSError("Project was not passed and could not be determined from the environment.")
            return real(project=project, credentials=gcs_client.AnonymousCredentials())

        monkeypatch.setattr(storage, "Client", client)
        gcs_client.connect(Connection()).close()
        assert asked[0] is None
        assert len(asked) == 2

    @pytest.mark.parametrize("spoiled", ["not a database", "a file in the way"])
    def test_an_unusable_embedded_bucket_is_one_of_our_errors(self, tmp_path, spoiled):
        if spoiled == "not a database":
            (tmp_path / "data").mkdir()
            (tmp_path / "data" / DATABASE_NAME).write_bytes(b"this is something else entirely, and long" * 100)
        else:
            (tmp_path / "data").write_bytes(b"")
        threads = BucketThreads(Connection(embedded_directory=tmp_path / "data"), monotonic=time.monotonic)
        with pytest.raises(BucketError):
            asyncio.run(threads.bucket(BUCKET, None).stat("a"))
        threads.close()


class TestTheEnvironmentOfOthers:
    """An emulator's address may hold a token, and a login in ``.netrc`` is not for a bucket."""

    @pytest.mark.parametrize(
        ("emulator", "asks_the_environment"),
        [
            ("http://127.0.0.1:9/a-token", False),
            ("http://localhost:9", False),
            ("https://emulator.example", True),
            ("http://127.0.0.1@emulator.example", True),
        ],
    )
    def test_no_proxy_for_this_machine(self, monkeypatch, emulator, asks_the_environment):
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator)
        client = gcs_client.connect(Connection())
        assert client._http.trust_env is asks_the_environment
        client.close()

    def test_netrc_does_not_replace_the_token(self, monkeypatch, tmp_path):
        netrc = tmp_path / "netrc"
        netrc.write_text("machine emulator.example login somebody password else\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", "https://emulator.example")
        client = gcs_client.connect(Connection())
        request = requests.Request("GET", "https://emulator.example/x", headers={"Authorization": "Bearer mine"})
        assert client._http.prepare_request(request).headers["Authorization"] == "Bearer mine"
        client.close()
