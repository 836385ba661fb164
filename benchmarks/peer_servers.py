"""Packaged contents managers over a bucket, each in a Jupyter server of its own, as its documentation sets it up."""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers import Client, running

PINNED = (
    "gcsfs==2026.10.1",
    "google-cloud-storage==3.17.1",
    "ipykernel==7.4.0",
    "jgscm==0.1.9",
    "jupyter_server==2.21.1",
    "notebook==7.6.5",
    "s3contents==0.11.2",
)
"""What the peers run with: their newest releases for Python 3.11, on the server this project is measured with."""

_VARIABLES = {
    "GOOGLE_CLOUD_PROJECT": "benchmark",
    # Else gcsfs asks over gRPC what type the bucket is, for a minute: emulators have no such interface.
    "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One packaged contents manager.

    Attributes:
        name: its name in reports.
        bucket: the bucket that is its own.
        manager: its class.
        options: given the bucket, its part of the command line.
        folder: given the bucket, where the notebooks are in its paths.
    """

    name: str
    bucket: str
    manager: str
    options: Callable[[str], tuple[str, ...]]
    folder: Callable[[str], str]


def _s3contents_options(bucket: str) -> tuple[str, ...]:
    settings = {"bucket": bucket, "prefix": "notebooks", "project": "benchmark", "token": "anon"}
    return tuple(f"--GCSContentsManager.{name}={value}" for name, value in settings.items())


PEERS = (
    Peer(
        name="jgscm",
        bucket="benchmark-jgscm",
        manager="benchmarks.jgscm_today.GoogleStorageContentManager",
        # Naming a project makes it ask for a key file: the project comes from the environment.
        options=lambda _: (),
        folder=lambda bucket: f"{bucket}/notebooks",
    ),
    Peer(
        name="s3contents",
        bucket="benchmark-s3contents",
        manager="s3contents.gcs.GCSContentsManager",
        options=_s3contents_options,
        folder=lambda _: "",
    ),
)


@contextlib.contextmanager
def peer_server(peer: Peer, home: Path, emulator: str, venv: Path) -> Iterator[Client]:
    """A server with a peer's contents manager, over the bucket behind an emulator's address."""
    with running(
        peer.name,
        home,
        {"STORAGE_EMULATOR_HOST": emulator, **_VARIABLES},
        manager=peer.manager,
        options=peer.options(peer.bucket),
        extensions={},
        python=str(_python(venv)),
        folder=peer.folder(peer.bucket),
    ) as client:
        yield client


def ensure_peers(venv: Path) -> None:
    """Make a virtual environment with the peers, unless it is there."""
    if _python(venv).exists():
        return
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    subprocess.run([str(_python(venv)), "-m", "pip", "install", "--quiet", *PINNED], check=True)


def _python(venv: Path) -> Path:
    return venv / "bin" / "python"
