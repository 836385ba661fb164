"""Small file systems of their own, for disks that run full or become read-only. Mounting them takes root."""

import contextlib
import os
import shutil
import subprocess

import pytest

CANNOT_MOUNT = "TERRA_ENV_TESTS_CANNOT_MOUNT"
"""Set, it says that this machine lets no one mount: the tests that must are skipped instead of failing."""

PAGE_BYTES = 4096


@contextlib.contextmanager
def small_disk(folder, *, size):
    """A file system in memory, of ``size`` as ``mount`` reads it, on an existing folder."""
    if os.environ.get(CANNOT_MOUNT):
        pytest.skip(f"{CANNOT_MOUNT} is set")
    mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder)
    try:
        yield folder
    finally:
        unmount(folder)


def mount(*arguments):
    subprocess.run(["mount", *map(str, arguments)], check=True)


def unmount(folder):
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(root, *, but_bytes=0):
    """Use up what is left of a disk."""
    with (root / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(b"\0" * PAGE_BYTES)
    assert shutil.disk_usage(root).free == 0
    if but_bytes:
        os.truncate(root / "filler", (root / "filler").stat().st_size - but_bytes)


def free(root):
    """Make room again."""
    (root / "filler").unlink()
