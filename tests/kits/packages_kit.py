"""Images with a Python of their own, a persistent disk that outlives them, and packages to install."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from jupyter_terra_env.environment.packages.folder import PackagesFolder

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
_REPOSITORY = Path(__file__).parent.parent.parent
_OURS = ("PIP_", "PYTHON", "TERRA_", "R_", "CONDA_", "VIRTUAL_ENV", "JUPYTER", "WORKSPACE_")


@dataclass(frozen=True)
class Image:
    """A Python that is in no virtual environment, as an image has it: what the tests' own Python has is its content."""

    prefix: Path
    site_packages: Path

    @classmethod
    def create(cls, prefix):
        base = Path(sys.base_prefix)
        library = prefix / "lib" / f"python{VERSION}"
        (prefix / "bin").mkdir(parents=True)
        shutil.copy2(os.path.realpath(sys._base_executable), prefix / "bin" / f"python{VERSION}")
        for name in ("python3", "python"):
            (prefix / "bin" / name).symlink_to(f"python{VERSION}")
        (library / "site-packages").mkdir(parents=True)
        for entry in Path(os.__file__).parent.iterdir():
            if entry.name not in {"site-packages", "EXTERNALLY-MANAGED", "sitecustomize.py"}:
                (library / entry.name).symlink_to(entry)
        for entry in (base / "lib").glob("libpython*"):
            (prefix / "lib" / entry.name).symlink_to(entry)
        ask = "import site; print(site.getsitepackages()[0])"
        packages = Path(printed([prefix / "bin" / "python3", "-c", ask], {"PATH": os.defpath}))
        packages.mkdir(parents=True, exist_ok=True)
        (packages / "tests.pth").write_text(f"{sysconfig.get_path('purelib')}\n{_REPOSITORY}\n")
        return cls(prefix, packages)

    @property
    def python(self):
        return self.prefix / "bin" / "python3"

    def run(self, code, variables):
        """What code prints."""
        return printed([self.python, "-c", code], variables)

    def pip(self, *arguments, variables):
        return printed([self.python, "-m", "pip", *arguments], variables)

    def add(self, wheel):
        """Make a package part of the image."""
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(self.site_packages)

    def command(self, name, module):
        """A command of the image, as pip writes it."""
        path = self.prefix / "bin" / name
        path.write_text(f"#!{self.python}\nimport sys\nfrom {module} import main\nsys.exit(main())\n")
        path.chmod(0o755)
        return path


@dataclass(frozen=True)
class Disk:
    """The persistent disk."""

    home: Path
    wheels: Path

    @property
    def folder(self):
        return PackagesFolder(path=self.home / "packages")

    @property
    def python_packages(self):
        return self.folder.path / "lib" / f"python{VERSION}" / "site-packages"

    def variables(self, **more):
        """Those of a kernel or terminal; pip finds the tests' wheels and asks no one else."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        environ |= {"HOME": str(self.home), **self.index, **more}
        return {**environ, **self.folder.variables(environ)}

    @property
    def index(self):
        return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

    def wheel(self, name, version="1.0", *, requires=(), files=None, commands=()):
        """A wheel, as a package index offers it."""
        files = {f"{name}.py": f"version = {version!r}\n"} if files is None else files
        record = f"{name}-{version}.dist-info"
        metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"]
        metadata += [f"Requires-Dist: {other}\n" for other in requires]
        path = self.wheels / f"{name}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for file, text in files.items():
                archive.writestr(file, text)
            archive.writestr(f"{record}/METADATA", "".join(metadata))
            archive.writestr(f"{record}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            if commands:
                archive.writestr(f"{record}/entry_points.txt", "[console_scripts]\n" + "\n".join(commands) + "\n")
            archive.writestr(f"{record}/RECORD", "")
        return path


def printed(command, variables):
    """What a program prints; it must succeed."""
    done = run(command, variables)
    assert done.returncode == 0, done.stdout
    return done.stdout.strip()


def run(command, variables):
    return subprocess.run(
        [str(part) for part in command],
        env=variables,
        cwd=variables.get("HOME"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )


def virtual_environment(python, folder, *options):
    """A virtual environment whose pip is the tests' own."""
    printed([python, "-m", "venv", "--without-pip", *options, folder], {"PATH": os.defpath})
    packages = folder / "lib" / f"python{VERSION}" / "site-packages"
    (packages / "tests.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return folder / "bin" / "python3"


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    """An image; tests that change it make one of their own."""
    return Image.create(tmp_path_factory.mktemp("image") / "usr")


@pytest.fixture
def disk(tmp_path):
    """An empty persistent disk."""
    disk = Disk(home=tmp_path / "disk", wheels=tmp_path / "wheels")
    disk.home.mkdir()
    disk.wheels.mkdir()
    return disk
