"""Made and installed on a machine without Node: from a git checkout, from the sdist, from the wheel.

``python -m pytest tests/packaging``; takes minutes, and what pip and the front end's build need from their registries.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_NODE = {"node", "nodejs", "npm", "npx", "yarn", "yarnpkg", "pnpm", "corepack", "jlpm", "jupyter-builder"}
_BUNDLE = "share/jupyter/labextensions/jupyter-terra-env"

# A first build fetches a hundred megabytes.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def environ(tmp_path_factory):
    """The environment of a machine on which everything is installed but Node."""
    programs = tmp_path_factory.mktemp("programs")
    for folder in os.environ["PATH"].split(os.pathsep):
        for program in Path(folder).iterdir() if Path(folder).is_dir() else ():
            link = programs / program.name
            if program.name not in _NODE and not link.is_symlink():
                link.symlink_to(program)
    assert shutil.which("node", path=str(programs)) is None
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "VIRTUAL_ENV"))}
    return {**inherited, "PATH": str(programs), "HOME": str(tmp_path_factory.mktemp("home"))}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """What a git clone holds."""
    files = _run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT).split("\0")
    clone = tmp_path_factory.mktemp("checkout")
    for file in filter(None, files):
        target = clone / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, target)
    assert not (clone / "jupyter_terra_env" / "labextension").exists()
    return clone


@pytest.fixture(scope="module")
def made(checkout, environ, tmp_path_factory):
    """The folder of a wheel made from a checkout, and of the sdist."""
    python = _new_python(tmp_path_factory.mktemp("maker"))
    _run(python, "-m", "pip", "install", "--quiet", "build", env=environ)
    target = tmp_path_factory.mktemp("made")
    _run(python, "-m", "build", "--outdir", target, checkout, env=environ)
    return target


def test_making_needs_no_node_and_leaves_no_tools_behind(checkout, made):
    left = {path.name for path in (checkout / "labextension").iterdir()}
    assert not left & {"node_modules", ".yarn", "lib", "build-test"}


def test_making_leaves_no_store_of_packages_in_the_home_folder(made, environ):
    left = {path.name for path in Path(environ["HOME"]).iterdir()}
    assert not left & {".yarn", ".npm", ".yarnrc.yml", ".node-gyp"}


def test_the_readmes_command_makes_a_wheel_with_the_bundle(checkout, made, environ, tmp_path):
    (line,) = [line for line in (ROOT / "README.md").read_text().splitlines() if "pip wheel" in line]
    where = tmp_path / "clone"
    # The bundle is there by now: what is looked at here is the command.
    shutil.copytree(checkout, where)
    _run("bash", "-euo", "pipefail", "-c", line, env=environ, cwd=where)
    (wheel,) = (where / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert sum("remoteEntry" in name for name in archive.namelist()) == 1


def test_sdist_and_wheel_bring_the_bundle_and_no_tools(made):
    (sdist,) = made.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = archive.getnames()
    assert any(name.endswith("jupyter_terra_env/labextension/package.json") for name in names)
    assert any(name.endswith("labextension/src/index.ts") for name in names)
    assert not any("node_modules" in name for name in names)
    (wheel,) = made.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert sum("remoteEntry" in name for name in names) == 1
    assert not any(name.startswith("jupyter_terra_env/labextension") for name in names)
    assert wheel.stat().st_size < 1_000_000


def test_the_sdist_is_installed_without_fetching_tools(made, environ, tmp_path):
    (sdist,) = made.glob("*.tar.gz")
    python = _new_python(tmp_path)
    told = _run(python, "-m", "pip", "install", "--verbose", "--no-deps", sdist, env=environ)
    assert "nodejs" not in told
    assert "jupyter-builder" not in told
    assert (tmp_path / "venv" / _BUNDLE / "package.json").is_file()


def test_the_wheel_works_without_node(made, environ, tmp_path):
    (wheel,) = made.glob("*.whl")
    python = _new_python(tmp_path)
    _run(python, "-m", "pip", "install", "--quiet", f"{wheel}[lab]", env=environ)
    home = {"HOME": str(tmp_path / "home"), "JUPYTER_CONFIG_DIR": str(tmp_path / "home")}
    listed = _run(python, "-m", "jupyter", "labextension", "list", env=environ | home)
    (line,) = [line for line in listed.splitlines() if "jupyter-terra-env" in line]
    assert "OK" in line
    assert "enabled" in line


def _new_python(folder):
    _run(sys.executable, "-m", "venv", folder / "venv")
    return folder / "venv" / "bin" / "python"


def _run(*command, env=None, cwd=None):
    """Run a command; its whole output is printed when it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        env=env,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
