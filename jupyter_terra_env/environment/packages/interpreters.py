"""The Pythons and the R of this machine that use the folder of packages."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from jupyter_terra_env.environment.packages.folder import PackagesFolder, ignores_packages

_PYTHON = re.compile(r"python(3(\.\d+)?)?")
_MINOR_VERSIONS = range(8, 30)
_ASKED = "import site, sys; print('%d.%d' % sys.version_info[:2], int(bool(site.ENABLE_USER_SITE)))"
_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreters:
    """What can run packages here.

    Attributes:
        pythons: by version, as ``3.11``, a Python that uses the folder.
        apart: virtual environments that are not on the folder's disk, and keep to themselves what is installed in them.
        rscript: the program ``Rscript``; None if R is not here.
        r_version: R's version, as ``4.3``.
    """

    pythons: Mapping[str, Path]
    apart: tuple[Path, ...] = ()
    rscript: Path | None = None
    r_version: str | None = None


def find_interpreters(
    folder: PackagesFolder, environ: Mapping[str, str], kernel_programs: Iterable[str] = ()
) -> Interpreters:
    """Start each Python once and ask whether it uses the folder; only it knows.

    Args:
        folder: the folder of packages.
        environ: environment variables.
        kernel_programs: the programs of the kernels that this machine has.
    """
    variables = {**environ, **folder.variables(environ)}
    pythons: dict[str, Path] = {}
    apart: dict[Path, None] = {}
    for python in _candidates(folder, variables["PATH"], kernel_programs):
        version, uses_folder = _ask(python, variables)
        if uses_folder:
            pythons.setdefault(version, python)
        elif version and ignores_packages(python.parent.parent) and not _is_on_disk(python, folder):
            apart[python.parent.parent] = None
    rscript = shutil.which("Rscript", path=variables["PATH"])
    r_version = None if rscript is None else _r_version(Path(rscript), variables)
    return Interpreters(
        pythons=pythons,
        apart=tuple(apart),
        rscript=None if rscript is None or r_version is None else Path(rscript),
        r_version=r_version,
    )


def _candidates(folder: PackagesFolder, search_path: str, kernel_programs: Iterable[str]) -> Iterator[Path]:
    """Yield the Pythons of this server, its kernels and the search path, each once, but none in the folder itself."""
    names = ["python3", "python", *(f"python3.{minor}" for minor in _MINOR_VERSIONS)]
    programs = [sys.executable, *kernel_programs, *names]
    # Not resolved: a virtual environment's Python is a link to another one.
    found = (shutil.which(program, path=search_path) for program in programs if _PYTHON.fullmatch(Path(program).name))
    for program in dict.fromkeys(os.path.normpath(path) for path in found if path):
        if not Path(program).is_relative_to(folder.path):
            yield Path(program)


def _ask(python: Path, variables: Mapping[str, str]) -> tuple[str, bool]:
    """Return a Python's version, empty if it does not run, and whether it uses the folder."""
    found = re.fullmatch(r"(\d+\.\d+) ([01])", _output([str(python), "-c", _ASKED], variables).strip())
    return ("", False) if found is None else (found[1], found[2] == "1")


def _is_on_disk(python: Path, folder: PackagesFolder) -> bool:
    return python.parent.resolve().is_relative_to(folder.path.parent.resolve())


def _r_version(rscript: Path, variables: Mapping[str, str]) -> str | None:
    found = re.search(r"version (\d+\.\d+)", _output([str(rscript), "--version"], variables))
    return None if found is None else found[1]


def _output(command: list[str], variables: Mapping[str, str]) -> str:
    """Return what a program prints; nothing if it cannot be run."""
    try:
        done = subprocess.run(  # noqa: S603 - an interpreter of this machine, and constant arguments
            command,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace")
