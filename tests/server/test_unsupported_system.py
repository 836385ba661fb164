"""On a system that is not supported, Windows: one sentence, a plain Jupyter server, no traceback."""

import logging
import subprocess
import sys

import pytest
from jupyter_server.extension.manager import ExtensionPackage

import jupyter_terra_env

SENTENCE = "jupyter_terra_env does not run on this system (Windows): it needs Linux or macOS."
_AS_ON_WINDOWS = (
    "import argparse, asyncio, importlib.util, pathlib, psutil, shutil, subprocess, sys\n"
    "sys.modules['fcntl'] = sys.modules['termios'] = sys.modules['pwd'] = None\n"
    "sys.platform = 'win32'\n"
)


@pytest.fixture
def extension(monkeypatch):
    """What Jupyter is given there."""
    monkeypatch.setattr(sys, "platform", "win32")
    try:
        return ExtensionPackage(name="jupyter_terra_env", enabled=True)
    finally:
        monkeypatch.undo()


def test_the_extension_says_so_and_does_nothing(extension, jp_configurable_serverapp, monkeypatch, caplog):
    assert extension.validate()
    server = jp_configurable_serverapp(config={"ServerApp": {"jpserver_extensions": {"jupyter_terra_env": False}}})
    before = dict(server.web_app.settings)
    monkeypatch.setattr(sys, "platform", "win32")
    with caplog.at_level(logging.ERROR):
        for name in extension.extension_points:
            extension.link_point(name, server)
            extension.load_point(name, server)
    monkeypatch.undo()
    assert caplog.text.count(SENTENCE) == 1
    assert server.web_app.settings == before


@pytest.mark.parametrize("arguments", [[], ["check"], ["demo", "--no-browser"], ["flush"], ["--help"]])
def test_every_command_says_so(arguments):
    program = f"{_AS_ON_WINDOWS}from jupyter_terra_env.cli.main import main\nsys.exit(main({arguments!r}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"jupyter terra-env: {SENTENCE}")
    assert done.stderr.count("\n") == 1


def test_here_it_is_supported():
    (point,) = jupyter_terra_env._jupyter_server_extension_points()
    assert point["module"] == "jupyter_terra_env.app"
