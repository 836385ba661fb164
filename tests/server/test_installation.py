"""What `pip install` puts in place, seen from outside: real processes, real commands, a user's own folders."""

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
import venv
from pathlib import Path
from typing import ClassVar

import pytest
from machines import free_port

TOKEN = "only-for-this-test"


@pytest.fixture
def environ(tmp_path):
    """The environment of a user who has never started Jupyter."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("WORKSPACE_", "JUPYTER", "TERRA_", "STORAGE_EMULATOR", "OWNER_"))
    }
    home = tmp_path / "home"
    home.mkdir()
    return {
        **clean,
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
    }


def jupyter(*arguments, environ, python=sys.executable):
    """Run a jupyter command to its end."""
    return subprocess.run(
        [python, "-m", "jupyter", *arguments],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(autouse=True)
def nothing_goes_on():
    """End what a failed test left running."""
    yield
    for process in Server.started:
        if process.poll() is None:
            process.kill()
            process.communicate()
    Server.started.clear()


class Server:
    """A running Jupyter Server."""

    started: ClassVar[list[subprocess.Popen]] = []

    def __init__(self, root, environ, *arguments, python=sys.executable):
        self.port = free_port()
        self.process = subprocess.Popen(
            [
                *(python, "-m", "jupyter", "server", "--no-browser", "--allow-root"),
                *(f"--port={self.port}", "--port-retries=0", f"--IdentityProvider.token={TOKEN}"),
                *(f"--ServerApp.root_dir={root}", *arguments),
            ],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(self.process)

    def wait(self):
        for _ in range(300):
            try:
                return self.get("/api")
            except urllib.error.URLError:
                time.sleep(0.1)
        raise AssertionError(self.stop())

    def get(self, path):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", headers={"Authorization": f"token {TOKEN}"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=30)[0]


def test_the_extension_is_on_and_valid(environ):
    listed = jupyter("server", "extension", "list", environ=environ)
    lines = [line for line in listed.stdout.splitlines() if "jupyter_terra_env" in line]
    assert any("enabled" in line for line in lines)
    assert any("OK" in line for line in lines)


@pytest.mark.parametrize("application", ["lab", "notebook"])
def test_autosave_is_five_seconds_by_default(environ, application):
    paths = json.loads(jupyter("--paths", "--json", environ=environ).stdout)["config"]
    files = [Path(path) / "labconfig" / "default_setting_overrides.d" / "jupyter_terra_env.json" for path in paths]
    (installed,) = [file for file in files if file.exists()]
    overrides = json.loads(installed.read_text())
    assert overrides == {"@jupyterlab/docmanager-extension:plugin": {"autosaveInterval": 5}}


def test_without_a_workspace_it_is_a_plain_jupyter_and_says_so_once(environ, tmp_path):
    server = Server(tmp_path, environ)
    server.wait()
    assert "terra" not in server.get("/api/contents")
    assert server.stop().count("no workspace is configured") == 1


@pytest.fixture
def python(tmp_path):
    """The Python of an installation of its own: the commands change its configuration, other tests keep theirs."""
    prefix = tmp_path / "prefix"
    venv.create(prefix)
    (packages,) = prefix.glob("lib/python*/site-packages")
    here = sysconfig.get_path("purelib")
    (packages / "shared.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    shutil.copytree(Path(sys.prefix) / "etc" / "jupyter", prefix / "etc" / "jupyter")
    command = prefix / "bin" / "jupyter-server"
    command.write_text(f"#!{prefix}/bin/python\nfrom jupyter_server.serverapp import main\nmain()\n")
    command.chmod(0o755)
    return prefix / "bin" / "python"


def test_a_disabled_extension_gives_back_a_plain_jupyter(environ, tmp_path, python):
    root = tmp_path / "root"
    root.mkdir()
    embedded = str(tmp_path / "bucket")
    workspace = {
        **environ,
        "WORKSPACE_NAME": "w",
        "WORKSPACE_BUCKET": "gs://b-1",
        "TERRA_ENV_EMBEDDED_BUCKET": embedded,
    }
    disabled = jupyter("server", "extension", "disable", "jupyter_terra_env", environ=environ, python=python)
    assert disabled.returncode == 0, disabled.stdout
    server = Server(root, workspace, "--log-level=DEBUG", python=python)
    server.wait()
    assert server.get("/api/contents")["content"] == []
    assert "TerraContentsManager" not in server.stop()
    assert list(root.iterdir()) == []
    enabled = jupyter("server", "extension", "enable", "jupyter_terra_env", environ=environ, python=python)
    assert enabled.returncode == 0, enabled.stdout
    server = Server(root, workspace, python=python)
    server.wait()
    assert [entry["name"] for entry in server.get("/api/contents")["content"]] == ["w"]
    server.stop()


@pytest.mark.parametrize(
    ("variables", "arguments", "named"),
    [
        ({"WORKSPACE_NAME": "w", "WORKSPACE_BUCKET": "not-a-url"}, (), "WORKSPACE_BUCKET"),
        ({}, ("--TerraEnvApp.save_wait_seconds=soon",), "save_wait_seconds"),
        ({"WORKSPACE_NAME": "w", "WORKSPACE_BUCKET": "gs://b-1"}, ("--TerraEnvApp.pattern=(",), "pattern"),
    ],
)
def test_a_wrong_setting_ends_the_start_with_one_sentence(environ, tmp_path, variables, arguments, named):
    server = Server(tmp_path, {**environ, **variables}, *arguments)
    output, _ = server.process.communicate(timeout=60)
    assert server.process.returncode == 1
    last = output.strip().splitlines()[-1]
    assert named in last
    assert "Traceback" not in output
