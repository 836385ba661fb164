"""What is missing or broken in the folder of packages, each in one sentence that says what to do."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from jupyter_terra_env.environment.packages.folder import PackagesFolder
from jupyter_terra_env.environment.packages.installed import Language, PackageSet, stale_commands
from jupyter_terra_env.environment.packages.interpreters import Interpreters

LANGUAGE_NAMES = {Language.PYTHON: "Python", Language.R: "R", Language.CONDA: "conda environment"}
_AGAIN = {
    Language.PYTHON: "install it with 'pip install --ignore-installed --no-deps NAME'",
    Language.R: "delete the folder 00LOCK… and install it again",
    Language.CONDA: "create the environment again",
}


class TroubleKind(StrEnum):
    """What is wrong."""

    NOT_USABLE = "not-usable"
    VERSION_NOT_HERE = "version-not-here"
    BROKEN_PACKAGE = "broken-package"
    STALE_COMMAND = "stale-command"
    VIRTUAL_ENVIRONMENT = "virtual-environment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something that is wrong.

    Attributes:
        kind: what.
        message: one sentence.
    """

    kind: TroubleKind
    message: str


def is_here(packages: PackageSet, here: Interpreters) -> bool:
    """Whether this machine can use a set of packages.

    Args:
        packages: the set.
        here: the Pythons and R of this machine.
    """
    match packages.language:
        case Language.PYTHON:
            return packages.version in here.pythons
        case Language.R:
            return packages.version == here.r_version
        case Language.CONDA:
            return True


def name_of(packages: PackageSet) -> str:
    """Return what a set of packages is for, as ``Python 3.11``."""
    return f"{LANGUAGE_NAMES[packages.language]} {packages.version}"


def counted(packages: int) -> str:
    """Return a number of packages in words."""
    return "1 package" if packages == 1 else f"{packages} packages"


def find_troubles(folder: PackagesFolder, sets: Iterable[PackageSet], here: Interpreters) -> Iterator[Trouble]:
    """Yield what is wrong.

    Args:
        folder: the folder.
        sets: what is installed there.
        here: the Pythons and R of this machine.
    """
    why = folder.why_not_usable()
    if why is not None:
        yield Trouble(kind=TroubleKind.NOT_USABLE, message=why)
    for each in sets:
        yield from _troubles_of_set(each, here)
    stale = stale_commands(folder)
    if stale:
        yield Trouble(
            kind=TroubleKind.STALE_COMMAND,
            message=f"These commands in {folder.commands} cannot run, because the Python that they were installed for "
            f"is not here: {', '.join(stale)}.",
        )
    for prefix in here.apart:
        yield Trouble(
            kind=TroubleKind.VIRTUAL_ENVIRONMENT,
            message=f"{prefix} is a virtual environment that cannot see {folder.path}: what pip installs in it stays "
            "in it. An image creates such an environment with 'python -m venv --system-site-packages'.",
        )


def _troubles_of_set(packages: PackageSet, here: Interpreters) -> Iterator[Trouble]:
    name = name_of(packages)
    if not is_here(packages, here):
        yield Trouble(
            kind=TroubleKind.VERSION_NOT_HERE,
            message=f"{counted(len(packages.packages))} for {name}, which is not here: 'freeze' and 'restore' install "
            "them for the version that is.",
        )
    if packages.broken:
        yield Trouble(
            kind=TroubleKind.BROKEN_PACKAGE,
            message=f"The installation of {', '.join(packages.broken)} for {name} did not end: "
            f"{_AGAIN[packages.language]}.",
        )
