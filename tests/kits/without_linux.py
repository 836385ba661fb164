"""Takes away what other systems (macOS) do not have, for tests: functions of the system, never of ours."""

import builtins
import errno
import io
import os
import shutil
import socket
import tempfile
import time

_ONLY_ON_LINUX = (
    "memfd_create",
    "O_TMPFILE",
    "O_PATH",
    "listxattr",
    "getxattr",
    "setxattr",
    "removexattr",
    "pidfd_open",
    "sched_getaffinity",
    "posix_fadvise",
    "copy_file_range",
    "splice",
)
_FOLDERS = ("/proc", "/sys", "/dev/shm")
_FILES = ("/etc/machine-id",)
_OPENING = {
    os: ("open", "stat", "lstat", "listdir", "scandir", "access", "readlink"),
    io: ("open",),
    builtins: ("open",),
}


def take_linux_away(monkeypatch):
    """Make this process see a system without Linux's files and functions, as far as Python's functions go."""
    for name in _ONLY_ON_LINUX:
        monkeypatch.delattr(os, name, raising=False)
    # Python's own decisions at import.
    monkeypatch.setattr(shutil, "_copyxattr", lambda *_, **__: None)
    monkeypatch.setattr(tempfile, "_O_TMPFILE_WORKS", False)
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    for module, names in _OPENING.items():
        for name in names:
            monkeypatch.setattr(module, name, _without_linux_files(getattr(module, name)))
    monkeypatch.setattr(socket, "socketpair", _without_packets(socket.socketpair))


def is_linuxs(path):
    """Whether only Linux has a file there."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        return False
    name = os.path.normpath(os.fsdecode(path))
    return name in _FILES or any(name == folder or name.startswith(f"{folder}/") for folder in _FOLDERS)


def _without_linux_files(function):
    def asked(path=".", *args, **kwargs):
        if is_linuxs(path):
            if function.__name__ == "access":
                return False
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fsdecode(path))
        return function(path, *args, **kwargs)

    return asked


def _without_packets(socketpair):
    def paired(family=socket.AF_UNIX, kind=socket.SOCK_STREAM, proto=0):
        if kind == socket.SOCK_SEQPACKET:
            raise OSError(errno.EPROTONOSUPPORT, os.strerror(errno.EPROTONOSUPPORT))
        return socketpair(family, kind, proto)

    return paired
