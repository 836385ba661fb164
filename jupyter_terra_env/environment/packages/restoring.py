"""Installs the packages of manifests anew, one by one: what is there already is left alone, so it can be repeated."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from jupyter_terra_env.environment.packages.folder import PackagesFolder
from jupyter_terra_env.environment.packages.installed import (
    Language,
    PackageSet,
    normalized,
    python_packages,
    r_packages,
    remove_records,
)
from jupyter_terra_env.environment.packages.interpreters import Interpreters
from jupyter_terra_env.environment.packages.manifest import Manifest, Wanted

_PIP = ("-m", "pip", "install", "--user", "--no-input", "--disable-pip-version-check", "--quiet", "--retries", "2")
_R = """
own <- commandArgs(TRUE)
# Without a repository of its own, R asks for one, which no one would answer.
if (identical(unname(getOption("repos")["CRAN"]), "@CRAN@")) chooseCRANmirror(graphics = FALSE, ind = 1)
install.packages(own[[1]], lib = own[[2]])
"""
_FULL = "No space left on device"
_NOT_FOUND = re.compile(r"No matching distribution found for (\S+)")
_LONGEST_REASON = 300


class Outcome(StrEnum):
    """What became of a package."""

    INSTALLED = "installed"
    PRESENT = "present"
    FAILED = "failed"
    NOT_TRIED = "not-tried"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a package.

    Attributes:
        language: Python or R.
        version: the version of Python or R it was installed for.
        name: the package.
        outcome: what became of it.
        message: why it failed, in one sentence; empty if it did not.
    """

    language: Language
    version: str
    name: str
    outcome: Outcome
    message: str = ""


class Restoring:
    """Installs into a folder.

    Args:
        folder: the folder of packages.
        here: the Pythons and R of this machine.
        environ: environment variables.
    """

    def __init__(self, folder: PackagesFolder, here: Interpreters, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._here = here
        self._variables = {**environ, **folder.variables(environ)}

    def restore(self, manifest: Manifest, version: str | None = None) -> Iterator[Result]:
        """Install the packages of a manifest; yield what became of each.

        Args:
            manifest: the packages.
            version: the version of Python to install them for; None for the manifest's own. R's are installed for the
                R that is here.
        """
        wanted_for = manifest.version if version is None or manifest.language is Language.R else version
        target = self._target(manifest, wanted_for)
        if isinstance(target, str):
            for each in manifest.wanted:
                yield _result(manifest, wanted_for, each, Outcome.NOT_TRIED, target)
            return
        is_full, now = False, target.look()
        for each in manifest.wanted:
            if is_full:
                yield _result(manifest, target.version, each, Outcome.NOT_TRIED, self._full())
            elif target.has(each, now):
                yield _result(manifest, target.version, each, Outcome.PRESENT)
            else:
                message = self._install(target, each, now)
                # With a package come those that it needs.
                is_full, now = message == self._full(), target.look()
                yield _result(manifest, target.version, each, Outcome.FAILED if message else Outcome.INSTALLED, message)

    def _target(self, manifest: Manifest, version: str) -> "_Target | str":
        """Return where a manifest's packages go, or why they cannot be installed."""
        if manifest.language is Language.R:
            if self._here.rscript is None or self._here.r_version is None:
                return "R is not here."
            directory = self._folder.path / f"R{self._here.r_version}"
            return _RTarget(version=self._here.r_version, program=self._here.rscript, directory=directory)
        python = self._here.pythons.get(version)
        if python is None:
            others = ", ".join(self._here.pythons)
            hint = f" To install it for another version, add --python VERSION (here: {others})." if others else ""
            return f"Python {version} is not here.{hint}"
        directory = self._folder.path / "lib" / f"python{version}" / "site-packages"
        return _PythonTarget(version=version, program=python, directory=directory, all=manifest.wanted)

    def _install(self, target: "_Target", wanted: Wanted, now: PackageSet) -> str:
        """Install a package.

        Returns:
            Why it failed, in one sentence; empty if it did not.
        """
        try:
            target.directory.mkdir(parents=True, exist_ok=True)
            target.prepare(wanted, now)
            with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as constraints:
                constraints.write("".join(f"{line}\n" for line in target.constraints(wanted)))
                constraints.flush()
                done = self._run(target.command(wanted, constraints.name))
        except OSError as error:
            return f"{target.program} cannot be run, or {target.directory} not be written to: {error.strerror}."
        output = done.stdout.decode("utf-8", "replace")
        if done.returncode == 0 and target.is_done(wanted):
            return ""
        return self._full() if _FULL in output else target.reason(wanted, output)

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(  # noqa: S603 - an interpreter of this machine; the names were checked
            command,
            env=self._variables,
            cwd=self._folder.path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )

    def _full(self) -> str:
        return f"The disk of {self._folder.path} is full: make room, then run this again."


@dataclass(frozen=True, slots=True, kw_only=True)
class _PythonTarget:
    version: str
    program: Path
    directory: Path
    all: tuple[Wanted, ...]

    def look(self) -> PackageSet:
        return python_packages(self.version, self.directory)

    def has(self, wanted: Wanted, now: PackageSet) -> bool:
        return not _is_broken(wanted, now) and any(
            normalized(package.name) == normalized(wanted.name) and wanted.version in {None, package.version}
            for package in now.packages
        )

    def prepare(self, wanted: Wanted, now: PackageSet) -> None:
        if _is_broken(wanted, now):
            remove_records(self.directory, wanted.name)

    def constraints(self, wanted: Wanted) -> list[str]:
        """What a package needs is installed in the manifest's version, too."""
        return [each.requirement for each in self.all if each is not wanted]

    def command(self, wanted: Wanted, constraints: str) -> list[str]:
        return [str(self.program), *_PIP, "--constraint", constraints, "--", wanted.requirement]

    def is_done(self, _wanted: Wanted) -> bool:
        """See whether pip has said so: a package that the image has in this version is not installed twice."""
        return True

    def reason(self, wanted: Wanted, output: str) -> str:
        missing = _NOT_FOUND.search(output)
        if missing is not None:
            name = re.split(r"[^\w.-]", missing[1])[0]
            needed = "" if normalized(name) == normalized(wanted.name) else f", which {wanted.name} needs,"
            return f"The package index has no {missing[1]}{needed} for Python {self.version}, or did not answer."
        errors = re.findall(r"^\s*(?:ERROR|error): (.+)", output, re.MULTILINE)
        return _sentence(errors[-1] if errors else output.strip().rpartition("\n")[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class _RTarget:
    version: str
    program: Path
    directory: Path

    def look(self) -> PackageSet:
        return r_packages(self.version, self.directory)

    def has(self, wanted: Wanted, now: PackageSet) -> bool:
        return wanted.name not in now.broken and any(package.name == wanted.name for package in now.packages)

    def prepare(self, wanted: Wanted, _now: PackageSet) -> None:
        """Remove the lock of an interrupted installation; R itself replaces the rest."""
        shutil.rmtree(self.directory / f"00LOCK-{wanted.name}", ignore_errors=True)

    def constraints(self, _wanted: Wanted) -> list[str]:
        return []

    def command(self, wanted: Wanted, _constraints: str) -> list[str]:
        return [str(self.program), "-e", _R, wanted.name, str(self.directory)]

    def is_done(self, wanted: Wanted) -> bool:
        """Look into the library: for R, a package that it could not install is worth a warning only."""
        return self.has(wanted, self.look())

    def reason(self, wanted: Wanted, output: str) -> str:
        if "not available" in output:
            return f"R's package repositories have no {wanted.name} for R {self.version}."
        errors = re.findall(r"^ERROR: (.+)", output, re.MULTILINE)
        return _sentence(errors[-1] if errors else output.strip().rpartition("\n")[2])


_Target = _PythonTarget | _RTarget


def _is_broken(wanted: Wanted, now: PackageSet) -> bool:
    return normalized(wanted.name) in map(normalized, now.broken)


def _result(manifest: Manifest, version: str, wanted: Wanted, outcome: Outcome, message: str = "") -> Result:
    return Result(language=manifest.language, version=version, name=wanted.name, outcome=outcome, message=message)


def _sentence(reason: str) -> str:
    """Return another program's reason as one sentence."""
    text = " ".join(reason.split())[:_LONGEST_REASON].rstrip(".")
    return f"{text}." if text else "The installation failed without a reason."
