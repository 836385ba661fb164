"""What is imported is declared, and what is declared is imported."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAMES = {
    "google.api_core": "google-api-core",
    "google.auth": "google-auth",
    "google.cloud.storage": "google-cloud-storage",
    "google.cloud": "google-cloud-storage",
    "google.cloud.compute_v1": "google-cloud-compute",
    "google_crc32c": "google-crc32c",
    "zmq": "pyzmq",
}
"""Of modules that are not named like their packages."""
EXTRAS = {"jupyterlab": "lab", "notebook": "lab", "nbdime": "merge", "google-cloud-compute": "compute-engine"}
"""Imported only where their extra is installed, and without it said in a sentence."""


def plain(requirement):
    return re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower().replace("_", "-")


def declared(extra=None):
    found = PROJECT["dependencies"] if extra is None else PROJECT["optional-dependencies"][extra]
    return {plain(requirement) for requirement in found}


def imported():
    for file in (ROOT / "jupyter_terra_env").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Import(names=names):
                    yield from (name.name for name in names)
                case ast.ImportFrom(module=str(module), level=0, names=names):
                    yield from (f"{module}.{name.name}" for name in names)


def package_of(module):
    parts = module.split(".")
    named = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    known = next((NAMES[name] for name in named if name in NAMES), None)
    return known or parts[0].lower().replace("_", "-")


def packages():
    ours = {"jupyter-terra-env", *(name.replace("_", "-") for name in sys.stdlib_module_names)}
    return {package_of(module) for module in imported()} - ours


@pytest.mark.parametrize("package", sorted(packages()))
def test_what_is_imported_is_declared(package):
    assert package in declared() | declared(EXTRAS.get(package))


def test_what_is_declared_is_imported():
    assert declared() - packages() == set()


def test_interfaces_are_an_extra():
    assert not {"jupyterlab", "notebook"} & declared()
    assert declared("lab") == {"jupyterlab", "notebook"}
    assert declared("lab") <= declared("test")
