"""What is installed in the folder of packages, and what of it is broken."""

import importlib.metadata
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from jupyter_terra_env.environment.packages.folder import PackagesFolder

_HEAD_BYTES = 4096


class Language(StrEnum):
    """What a package is for."""

    PYTHON = "python"
    R = "r"
    CONDA = "conda"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """An installed package.

    Attributes:
        name: its name.
        version: its version.
        url: where it came from, as pip takes it, if not from the package index.
        is_local: whether it came from a file or folder of a machine, so that no other machine can install it.
    """

    name: str
    version: str
    url: str | None = None
    is_local: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageSet:
    """The packages of one version of Python or R, or of one conda environment.

    Attributes:
        language: which of these.
        version: the version of Python or R, as ``3.11``; the name of a conda environment.
        directory: where they are.
        packages: the packages, by name.
        broken: names of packages whose installation did not end.
    """

    language: Language
    version: str
    directory: Path
    packages: tuple[Package, ...]
    broken: tuple[str, ...] = ()


def installed(folder: PackagesFolder) -> Iterator[PackageSet]:
    """Yield the sets of packages in a folder; empty ones are left out.

    Args:
        folder: the folder.
    """
    for version, directory in folder.python_packages():
        yield from _nonempty(python_packages(version, directory))
    for version, directory in folder.r_packages():
        yield from _nonempty(r_packages(version, directory))
    for name, directory in folder.conda_environments():
        yield from _nonempty(_conda_packages(name, directory))


def python_packages(version: str, directory: Path) -> PackageSet:
    """The packages of a version of Python.

    Args:
        version: the version.
        directory: its ``site-packages``.
    """
    found, broken = [], []
    for path in _records(directory):
        package = _python_package(path)
        if package is None:
            broken.append(path.name.partition("-")[0])
        elif path.name.startswith("~"):
            # pip sets the old version aside so, and removes it when the new one is there.
            broken.append(package.name)
        else:
            found.append(package)
    counts = Counter(normalized(package.name) for package in found)
    broken = [name for name in broken if normalized(name) not in counts]
    broken += [name for name, count in counts.items() if count > 1]
    return _set(Language.PYTHON, version, directory, found, broken)


def r_packages(version: str, directory: Path) -> PackageSet:
    """The packages of a version of R.

    Args:
        version: the version.
        directory: its library.
    """
    found = []
    for description in directory.glob("*/DESCRIPTION"):
        fields = dict(re.findall(r"^(Package|Version):\s*(\S+)", _head(description), re.MULTILINE))
        if len(fields) == 2:
            found.append(Package(name=fields["Package"], version=fields["Version"]))
    # R locks its library while it installs; what is there now may be half of a package.
    broken = [path.name.removeprefix("00LOCK-") for path in directory.glob("00LOCK*")]
    return _set(Language.R, version, directory, found, broken)


def remove_records(directory: Path, name: str) -> None:
    """Remove the records of a package whose installation did not end; pip would trust them and install nothing.

    Args:
        directory: the ``site-packages`` of a version of Python.
        name: the package.
    """
    for path in _records(directory):
        if normalized(path.name.partition("-")[0]) == normalized(name):
            shutil.rmtree(path, ignore_errors=True)


def stale_commands(folder: PackagesFolder) -> tuple[str, ...]:
    """Names of commands in the folder that cannot run, because their interpreter is not here.

    Args:
        folder: the folder.
    """
    found = []
    for command in sorted(folder.commands.glob("*")):
        interpreter = re.match(r"#!\s*(/[^\s]+)", _head(command)) if command.is_file() else None
        if interpreter is not None and not os.access(interpreter[1], os.X_OK):
            found.append(command.name)
    return tuple(found)


def normalized(name: str) -> str:
    """Return the name of a Python package as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _records(directory: Path) -> list[Path]:
    return sorted([*directory.glob("*.dist-info"), *directory.glob("*.egg-info")])


def _python_package(path: Path) -> Package | None:
    """Read a package's record; None if it is not whole."""
    try:
        distribution = importlib.metadata.Distribution.at(path)
        name, version = distribution.metadata["Name"], distribution.metadata["Version"]
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    except (OSError, ValueError, KeyError):
        return None
    # pip writes the name of the installer once all files are there.
    is_whole = path.suffix != ".dist-info" or (path / "INSTALLER").exists()
    if not (name and version and is_whole):
        return None
    url, is_local = _origin(origin if isinstance(origin, dict) else {})
    return Package(name=name, version=version, url=url, is_local=is_local)


def _origin(record: dict[str, object]) -> tuple[str | None, bool]:
    """Return the URL of a package's ``direct_url.json`` (PEP 610), and whether it is of this machine."""
    url, control = record.get("url"), record.get("vcs_info")
    if not isinstance(url, str):
        return None, False
    if isinstance(control, dict):
        url = f"{control.get('vcs', 'git')}+{url}@{control.get('commit_id', 'HEAD')}"
    return url, "file:" in url.partition("//")[0]


def _conda_packages(name: str, directory: Path) -> PackageSet:
    names = (path.stem.rsplit("-", 2) for path in directory.glob("conda-meta/*.json"))
    found = [Package(name=parts[0], version=parts[1]) for parts in names if len(parts) == 3]
    return _set(Language.CONDA, name, directory, found, [])


def _set(language: Language, version: str, directory: Path, found: list[Package], broken: list[str]) -> PackageSet:
    return PackageSet(
        language=language,
        version=version,
        directory=directory,
        packages=tuple(sorted(found, key=lambda package: package.name.lower())),
        broken=tuple(sorted(broken)),
    )


def _nonempty(found: PackageSet) -> Iterator[PackageSet]:
    if found.packages or found.broken:
        yield found


def _head(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
