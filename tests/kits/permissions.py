"""Permissions do not bind the superuser: what tests them runs in a process without those powers."""

import functools
import os
import shutil
import struct
import subprocess
import sys
import tempfile

import pytest

_WITHOUT_POWERS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner,-chown")
ACCESS_LIST = "system.posix_acl_access"


@functools.cache
def bind_us():
    """Whether what a file forbids is forbidden to this process."""
    with tempfile.NamedTemporaryFile() as file:
        os.chmod(file.name, 0)  # noqa: PTH101
        return not os.access(file.name, os.R_OK)


def without_powers(*command, **options):
    """Run a Python program as a user to whom permissions apply: this one, or the superuser without its powers.

    Args:
        command: arguments of Python.
        options: as ``subprocess.run`` takes them.
    """
    whole = [sys.executable, *map(str, command)]
    if not bind_us():
        if shutil.which(_WITHOUT_POWERS[0]) is None:
            pytest.skip("setpriv is not installed")
        whole = [*_WITHOUT_POWERS, *whole]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(whole, capture_output=True, text=True, check=False, env=environment, **options)


def passes_without_powers(request, directory):
    """Run the test that asks for it once more, in a process to which permissions apply.

    Args:
        request: of the test.
        directory: where the other process puts its files; it is made.
    """
    options = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", f"--basetemp={directory}")
    done = without_powers("-m", "pytest", *options, request.node.nodeid, cwd=request.config.rootpath)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def give_access_list(file, user):
    """Let another user, by number, read and write a file as well.

    Raises:
        OSError: the file system has no access lists.
    """
    nobody = 0xFFFFFFFF
    entries = [(0x01, 6, nobody), (0x02, 6, user), (0x04, 4, nobody), (0x10, 6, nobody), (0x20, 0, nobody)]
    os.setxattr(file, ACCESS_LIST, struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries))
