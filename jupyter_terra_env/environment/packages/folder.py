"""The folder of packages: where it is, what lies where in it, and the variables that direct pip, R and conda to it."""

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from jupyter_terra_env.rules.errors import SettingsError

FOLDER_VARIABLE = "TERRA_ENV_PACKAGES_FOLDER"
R_PROFILE_VARIABLE = "TERRA_ENV_R_PROFILE_USER"
STARTUP = Path(__file__).parent / "startup"
"""What Python and R run at their start: ``sitecustomize.py`` and ``profile.R``."""

_SETTING = f"TerraEnvApp.packages_folder or {FOLDER_VARIABLE}"
_FULL_BYTES = 10_000_000
"""With less than this, hardly any package can be installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagesFolder:
    """A folder of packages.

    Attributes:
        path: its absolute path; it need not exist yet.
    """

    path: Path

    @property
    def commands(self) -> Path:
        """Where pip puts the commands of packages, of all versions of Python."""
        return self.path / "bin"

    def python_packages(self) -> Iterator[tuple[str, Path]]:
        """Yield each version of Python that the folder has packages for, as ``3.11``, with their directory."""
        for path in sorted(self.path.glob("lib/python*/site-packages"), key=_natural):
            yield path.parent.name.removeprefix("python"), path

    def r_packages(self) -> Iterator[tuple[str, Path]]:
        """Yield each version of R that the folder has packages for, as ``4.3``, with their directory."""
        for path in sorted(self.path.glob("R[0-9]*.*"), key=_natural):
            if re.fullmatch(r"R\d+\.\d+", path.name) and path.is_dir():
                yield path.name.removeprefix("R"), path

    def conda_environments(self) -> Iterator[tuple[str, Path]]:
        """Yield the names and directories of the conda environments in the folder."""
        for path in sorted(self.path.glob("conda/envs/*/conda-meta")):
            yield path.parent.name, path.parent

    def variables(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The variables by which pip, R and conda use the folder.

        Args:
            environ: the variables that a program would have otherwise; where they have these already, nothing is added.

        Returns:
            The variables to set; an empty value removes the effect of one.
        """
        return {
            FOLDER_VARIABLE: str(self.path),
            "PYTHONUSERBASE": str(self.path),
            # For a server it may be set; its kernels are to import what people install.
            "PYTHONNOUSERSITE": "",
            "PYTHONPATH": _joined([str(STARTUP)], environ.get("PYTHONPATH", "")),
            "PIP_USER": "1",
            "PATH": _joined(environ.get("PATH", os.defpath).split(os.pathsep), str(self.commands)),
            "R_LIBS_USER": str(self.path / "R%v"),
            "R_PROFILE_USER": str(STARTUP / "profile.R"),
            R_PROFILE_VARIABLE: _own_profile(environ),
            "CONDA_ENVS_DIRS": str(self.path / "conda" / "envs"),
            "CONDA_PKGS_DIRS": str(self.path / "conda" / "pkgs"),
        }

    def imported_by(self, search_path: Iterable[str]) -> bool:
        """Whether a process imports from the folder.

        Args:
            search_path: its ``sys.path``.
        """
        real = self.path.resolve()
        return any(Path(entry).resolve().is_relative_to(real) for entry in search_path if entry)

    def free_bytes(self) -> int:
        """The room left on the folder's disk."""
        existing = next(path for path in (self.path, *self.path.parents) if path.exists())
        return shutil.disk_usage(existing).free

    def why_not_usable(self) -> str | None:
        """Return why nothing can be installed into the folder, as one sentence; None if something can."""
        existing = next(path for path in (self.path, *self.path.parents) if os.path.lexists(path))
        if not existing.is_dir():
            return f"The packages folder {self.path} cannot be used: {existing} is not a folder."
        if not os.access(existing, os.W_OK | os.X_OK):
            return (
                f"The packages folder {self.path} cannot be written to: {existing} belongs to another user or is "
                "read-only. Give it to the user of the Jupyter server (chown), or set another folder "
                f"({_SETTING})."
            )
        if self.free_bytes() < _FULL_BYTES:
            return (
                f"The disk of the packages folder {self.path} is full: delete files that you do not need, for example "
                f"{self.path / 'conda' / 'pkgs'}, or enlarge the disk."
            )
        return None


def packages_folder(configured: str, environ: Mapping[str, str]) -> PackagesFolder | None:
    """The folder that an operator has set.

    Args:
        configured: the setting ``packages_folder``; empty if it is not set.
        environ: environment variables, used if the setting is empty.

    Returns:
        The folder, or None if packages are left where pip, R and conda put them.

    Raises:
        SettingsError: it is not an absolute path, or contains the character that separates paths.
    """
    setting = "TerraEnvApp.packages_folder" if configured else FOLDER_VARIABLE
    value = configured or environ.get(FOLDER_VARIABLE, "")
    if not value:
        return None
    path = Path(value).expanduser()
    if not path.is_absolute() or path == Path(path.anchor):
        raise SettingsError(f"{setting}: expected an absolute path or one below ~, such as ~/packages, got {value!r}.")
    if os.pathsep in value:
        raise SettingsError(f"{setting}: a folder with {os.pathsep!r} in its name cannot be searched, got {value!r}.")
    return PackagesFolder(path=Path(os.path.normpath(path)))


def ignores_packages(prefix: Path) -> bool:
    """Whether a Python environment is a virtual environment that cannot see the folder.

    Args:
        prefix: the environment's folder, ``sys.prefix``.
    """
    try:
        text = (prefix / "pyvenv.cfg").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    found = re.search(r"^include-system-site-packages\s*=\s*(\w+)", text, re.MULTILINE | re.IGNORECASE)
    return found is None or found[1].lower() != "true"


def _own_profile(environ: Mapping[str, str]) -> str:
    """Return the profile of R that was set before this package's own."""
    named = environ.get("R_PROFILE_USER", "")
    return environ.get(R_PROFILE_VARIABLE, "") if named == str(STARTUP / "profile.R") else named


def _joined(entries: Iterable[str], more: str) -> str:
    """Join search paths; each entry counts once, and an empty one, which means the working directory, never."""
    return os.pathsep.join(dict.fromkeys(entry for entry in (*entries, *more.split(os.pathsep)) if entry))


def _natural(path: Path) -> list[tuple[int, str]]:
    return [(int(part or 0), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", str(path))]
