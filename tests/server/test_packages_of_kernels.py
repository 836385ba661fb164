"""Kernels and terminals install packages onto the persistent disk; the server never imports them."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
from packages_kit import Image, disk, image, run  # noqa: F401 - fixtures
from real_server import RealServer

from jupyter_terra_env.environment.packages.folder import ignores_packages

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def terra_settings(disk):  # noqa: F811
    return {"packages_folder": str(disk.folder.path)}


@pytest.fixture
def kernel(image, disk, jp_data_dir, jp_serverapp, jp_asyncio_loop, monkeypatch):  # noqa: F811
    """Run code in a kernel of the image, and return what it prints."""
    spec = {"argv": [str(image.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "I"}
    (jp_data_dir / "kernels" / "image").mkdir(parents=True)
    (jp_data_dir / "kernels" / "image" / "kernel.json").write_text(json.dumps({**spec, "language": "python"}))
    for name, value in disk.index.items():
        monkeypatch.setenv(name, value)
    kernels, started = jp_serverapp.kernel_manager, []

    async def run_code(code, *, restart=False):
        if not started:
            started.append(await kernels.start_kernel(kernel_name="image"))
        if restart:
            await kernels.restart_kernel(started[0])
        client = kernels.get_kernel(started[0]).client()
        client.start_channels()
        await client.wait_for_ready(timeout=60)
        printed = []

        def hear(message):
            if message["msg_type"] == "stream":
                printed.append(message["content"]["text"])

        answer = await client.execute_interactive(code, output_hook=hear, timeout=60)
        client.stop_channels()
        assert answer["content"]["status"] == "ok", "".join(printed) + str(answer["content"])
        return "".join(printed).strip()

    yield run_code
    jp_asyncio_loop.run_until_complete(kernels.shutdown_all())


async def test_pip_in_a_notebook_installs_onto_the_disk(kernel, disk):  # noqa: F811
    disk.wheel("tiny")
    await kernel("%pip install tiny")
    assert await kernel("import tiny; print(tiny.__file__)") == str(disk.python_packages / "tiny.py")
    assert await kernel("import tiny; print(tiny.version)", restart=True) == "1.0"


async def test_a_terminal_has_the_same_variables(api, jp_serverapp, disk):  # noqa: F811
    made = await api("POST", "terminals", body={})
    terminals = jp_serverapp.web_app.settings["terminal_manager"]
    try:
        terminal = terminals.terminals[made.model["name"]]
        terminal.ptyproc.write('echo "<$PIP_USER|$PYTHONUSERBASE|$R_LIBS_USER|$CONDA_ENVS_DIRS>"\n')
        folder, shown = disk.folder.path, ""
        async with asyncio.timeout(20):
            while f"<1|{folder}|{folder}/R%v|{folder}/conda/envs>" not in shown.replace("\r\n", ""):
                await asyncio.sleep(0.1)
                shown = "".join(terminal.read_buffer)
    finally:
        await terminals.terminate_all()


def test_a_broken_tornado_on_the_disk_keeps_no_server_from_starting(disk, tmp_path):  # noqa: F811
    """Not even one whose start script has read the variables of ``jupyter terra-env packages env``."""
    own = Image.create(tmp_path / "own")
    disk.python_packages.mkdir(parents=True)
    (disk.python_packages / "tornado.py").write_text("raise SystemExit('not the tornado of the image')\n")
    assert run([own.python, "-c", "import tornado"], disk.variables()).returncode == 1
    command = own.command("jupyter-server", "jupyter_server.serverapp")
    server = RealServer(disk.home, program=[command], **disk.variables())
    try:
        server.wait_until_it_serves()
        assert "imports from the packages folder" not in server.output
    finally:
        server.kill()


def test_a_folder_that_cannot_be_meant_ends_the_start(tmp_path):
    server = RealServer(tmp_path, "--TerraEnvApp.packages_folder=packages")
    try:
        server.end()
        assert "TerraEnvApp.packages_folder: expected an absolute path" in server.output
    finally:
        server.kill()


def test_a_server_that_imports_them_or_whose_kernels_cannot_says_so(disk):  # noqa: F811
    """The tests' own Python is a virtual environment."""
    disk.python_packages.mkdir(parents=True)
    settings = [f"--TerraEnvApp.packages_folder={disk.folder.path}"]
    server = RealServer(disk.home, *settings, PYTHONPATH=f"{Path.cwd()}:{disk.python_packages}")
    try:
        server.wait_until_it_serves()
        assert f"this server imports from the packages folder {disk.folder.path}" in server.output
        assert ("which cannot see the packages folder" in server.output) == ignores_packages(Path(sys.prefix))
    finally:
        server.kill()
