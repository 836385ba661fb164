"""Runs at the start of every Python of a kernel or terminal, and decides whether it uses the folder of packages.

Each interpreter decides for itself, so that none gets the packages of another version or environment. An environment
of the image uses the folder, and its pip installs into it. An environment on the persistent disk, and a virtual
environment that cannot see the folder, keep what is installed in them to themselves. A Jupyter server never uses it.

Other versions of Python run this file, too: it has to be plain Python 3.6, without
imports that are slow, as pathlib is.
"""

import os
import site
import sys

FOLDER = "TERRA_ENV_PACKAGES_FOLDER"
SERVERS = (
    "jupyter-lab",
    "jupyter-labhub",
    "jupyter-notebook",
    "jupyter-server",
    "jupyter_server",
    "jupyterhub-singleuser",
    "jupyterlab",
    "notebook",
)
"""Commands and modules that start a Jupyter server, which packages installed later must not break."""
COMMANDS = ("jupyter", "jupyter-terra-env", "jupyter_terra_env.cli.main")
"""Commands of the server's environment that have to work, too; what they start may use the packages."""
ELSEWHERE = ("--target", "-t", "--prefix", "--root")
"""Options of pip that exclude an installation into the folder."""


def is_within(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies in it."""
    path, folder = os.path.realpath(path), os.path.realpath(folder)
    return path == folder or path.startswith(os.path.join(folder, ""))


def is_on_disk(folder: str) -> bool:
    """Whether this interpreter's environment is on the persistent disk, as the folder of packages is."""
    disk = os.path.dirname(os.path.realpath(folder))
    # A folder directly below / does not make the whole machine persistent.
    return is_within(sys.prefix, folder if disk == os.path.dirname(disk) else disk)


def started_as(folder: str) -> str:
    """Return the name of the command or module that this process runs; empty for a command from the folder."""
    words = getattr(sys, "argv", None) or [""]
    if words[0] != "-m":
        return "" if is_within(words[0], folder) else os.path.basename(words[0])
    started = getattr(sys, "orig_argv", [])
    return started[started.index("-m") + 1] if "-m" in started[:-1] else ""


def use(packages: str) -> None:
    """Import from the packages of this version, also from those that are installed later in this process."""
    if not os.path.isdir(packages):
        try:
            os.makedirs(packages)
        except OSError:
            return
    if packages not in sys.path:
        own = set(site.getsitepackages([sys.base_prefix, sys.base_exec_prefix]))
        sys.path.insert(next((at for at, path in enumerate(sys.path) if path in own), len(sys.path)), packages)


def leave(packages: str) -> None:
    """Do not import from the packages."""
    sys.path[:] = [path for path in sys.path if not is_within(path, packages)]
    site.ENABLE_USER_SITE = False


def direct_pip(*, into_folder: bool) -> None:
    """Decide where a pip of this process installs, unless the person has decided that already."""
    elsewhere = any(word.split("=")[0] in ELSEWHERE for word in getattr(sys, "argv", []))
    if not into_folder or elsewhere or os.environ.get("PIP_TARGET") or os.environ.get("PIP_PREFIX"):
        if os.environ.get("PIP_USER") == "1":
            del os.environ["PIP_USER"]
    elif os.environ.setdefault("PIP_USER", "1") == "1":
        # The folder is not the system's, which PEP 668 protects.
        os.environ.setdefault("PIP_BREAK_SYSTEM_PACKAGES", "1")


def decide(folder: str) -> None:
    """Decide for this process."""
    if site.getuserbase() != folder:
        return
    into_folder = bool(site.ENABLE_USER_SITE) and not is_on_disk(folder)
    name = started_as(folder)
    direct_pip(into_folder=into_folder)
    if into_folder and name not in SERVERS + COMMANDS:
        use(site.getusersitepackages())
    else:
        leave(site.getusersitepackages())
    if name in SERVERS:
        # For the processes that it starts; its kernels and terminals get another value.
        os.environ["PYTHONNOUSERSITE"] = "1"


def run_next() -> None:
    """Run the ``sitecustomize`` that this one hides, such as the one of Debian."""
    from importlib.machinery import PathFinder  # noqa: PLC0415 - not needed before

    here = os.path.dirname(os.path.realpath(__file__))
    spec = PathFinder.find_spec("sitecustomize", [path for path in sys.path if os.path.realpath(path) != here])
    if spec is not None and spec.loader is not None:
        from importlib.util import module_from_spec  # noqa: PLC0415 - slow, and rarely needed

        spec.loader.exec_module(module_from_spec(spec))


if os.environ.get(FOLDER):
    decide(os.environ[FOLDER])
run_next()
