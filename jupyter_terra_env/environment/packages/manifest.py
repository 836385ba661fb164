"""Manifests: for each version of Python and for R, a file of packages from which another machine installs them anew."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from jupyter_terra_env.environment.packages.installed import Language, PackageSet
from jupyter_terra_env.rules.errors import SettingsError

_HEADER = "# Packages for {}. Install them anew with: jupyter terra-env packages restore FOLDER\n"
_LOCAL = "# {}=={} came from a file or folder of a machine, and has to be installed from there.\n"
_FILES = {
    Language.PYTHON: re.compile(r"requirements-python(\d+\.\d+)\.txt"),
    Language.R: re.compile(r"packages-R(\d+\.\d+)\.txt"),
}
_REQUIREMENT = re.compile(r"([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*(==\s*[\w.!+*-]+|@\s*[a-z][a-z+]*://\S+)")
_R_PACKAGE = re.compile(r"([A-Za-z][A-Za-z0-9.]*)(?:\s+([\d.-]+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A package to install.

    Attributes:
        name: its name.
        version: its version; None for any, and for one that comes from a URL.
        requirement: as pip takes it.
    """

    name: str
    version: str | None
    requirement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The packages of one file.

    Attributes:
        path: the file.
        language: Python or R.
        version: the version that they were installed for.
        wanted: the packages.
    """

    path: Path
    language: Language
    version: str
    wanted: tuple[Wanted, ...]


def write_manifests(sets: Iterable[PackageSet], folder: Path) -> tuple[Path, ...]:
    """Write a file for each version of Python and R; conda has its own (``conda env export``).

    Args:
        sets: what is installed.
        folder: where to; created if it does not exist.

    Returns:
        The files.

    Raises:
        SettingsError: one cannot be written.
    """
    texts = {_name(each): _text(each) for each in sets if each.language in _FILES}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"The manifest cannot be written to {folder}: {error.strerror or error}.") from error
    return tuple(folder / name for name in texts)


def read_manifests(folder: Path) -> tuple[Manifest, ...]:
    """Read the files of a folder.

    Args:
        folder: where ``write_manifests`` wrote them.

    Raises:
        SettingsError: there is none, or one is malformed or cannot be read.
    """
    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        raise SettingsError(f"The folder {folder} cannot be read: {error.strerror or error}.") from error
    found = [
        _manifest(path, language, matched[1])
        for path in files
        for language, pattern in _FILES.items()
        if (matched := pattern.fullmatch(path.name))
    ]
    if not found:
        raise SettingsError(
            f"There is no manifest in {folder}: expected requirements-pythonVERSION.txt or packages-RVERSION.txt, "
            "as 'jupyter terra-env packages freeze' writes them."
        )
    return tuple(found)


def _name(packages: PackageSet) -> str:
    stem = "requirements-python" if packages.language is Language.PYTHON else "packages-R"
    return f"{stem}{packages.version}.txt"


def _text(packages: PackageSet) -> str:
    if packages.language is Language.R:
        return _HEADER.format(f"R {packages.version}") + "".join(
            f"{package.name} {package.version}\n" for package in packages.packages
        )
    lines = [_HEADER.format(f"Python {packages.version}")]
    for package in packages.packages:
        # An index may have another package of this name, which someone else wrote.
        if package.is_local:
            lines.append(_LOCAL.format(package.name, package.version))
        elif package.url is not None:
            lines.append(f"{package.name} @ {package.url}\n")
        else:
            lines.append(f"{package.name}=={package.version}\n")
    return "".join(lines)


def _manifest(path: Path, language: Language, version: str) -> Manifest:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise SettingsError(f"The manifest {path} cannot be read: {error}.") from error
    read = _python_line if language is Language.PYTHON else _r_line
    wanted = []
    for number, line in enumerate(lines, 1):
        text = re.sub(r"(^|\s)#.*", "", line).strip()
        if text:
            found = read(text)
            if found is None:
                expected = "NAME==VERSION or NAME @ URL" if language is Language.PYTHON else "NAME VERSION"
                raise SettingsError(f"{path}, line {number}: expected {expected}, got {text!r}.")
            wanted.append(found)
    return Manifest(path=path, language=language, version=version, wanted=tuple(wanted))


def _python_line(text: str) -> Wanted | None:
    found = _REQUIREMENT.fullmatch(text)
    if found is None:
        return None
    version = found[2].removeprefix("==").strip() if found[2].startswith("==") else None
    return Wanted(name=found[1], version=version, requirement=text)


def _r_line(text: str) -> Wanted | None:
    found = _R_PACKAGE.fullmatch(text)
    return None if found is None else Wanted(name=found[1], version=found[2], requirement=found[1])
