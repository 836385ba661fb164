"""Kills a process at the n-th durable step of an act: before or after it, for every n until the act completes.

A child is forked from the warm test process; each call that makes something durable, on the disk, in the journal or in
the bucket, counts twice: before and after its effect. At the n-th count the child is killed as ``kill -9`` does.
"""

import asyncio
import contextlib
import itertools
import os
import shutil
import signal
import sys
import threading
import traceback
from pathlib import Path

import requests.adapters
from environments import Environment, Outsider

from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME, EmbeddedBucket

_DISK = ("fsync", "rename", "replace", "link", "unlink", "rmdir", "mkdir")
_COMPLETED, _FAILED = 0, 1
_MOST_STEPS = 400


class Failpoints:
    """Counts durable steps, and ends the process at one of them."""

    def __init__(self, kill_at):
        self._kill_at = kill_at
        self._count = 0
        self._guard = threading.Lock()

    def step(self):
        with self._guard:
            self._count += 1
            if self._count == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    def around(self, function):
        def counted(*args, **kwargs):
            self.step()
            try:
                return function(*args, **kwargs)
            finally:
                self.step()

        return counted

    def install(self, env):
        """Count from now on: calls of the disk, commits of the journal, and requests that change the bucket."""
        for name in _DISK:
            setattr(os, name, self.around(getattr(os, name)))
        env.database._connection = _CountedConnection(env.database._connection, self)
        send = requests.adapters.HTTPAdapter.send
        counted = self.around(send)

        def sent(adapter, request, *args, **kwargs):
            return (send if request.method == "GET" else counted)(adapter, request, *args, **kwargs)

        requests.adapters.HTTPAdapter.send = sent


class _CountedConnection:
    """The journal's connection; each statement that makes something durable counts."""

    def __init__(self, connection, failpoints):
        self._connection = connection
        self._failpoints = failpoints

    def execute(self, statement, *values):
        durable = statement == "COMMIT" or (
            not self._connection.in_transaction and not statement.startswith(("SELECT", "BEGIN"))
        )
        execute = self._failpoints.around(self._connection.execute) if durable else self._connection.execute
        return execute(statement, *values)

    def close(self):
        self._connection.close()


class Disk:
    """A disk and a bucket that can be put back to how they were."""

    def __init__(self, directory: Path):
        self.root = directory / "mine"
        self.bucket = directory / "bucket"
        self._saved = directory / "saved"

    def save(self):
        for folder in (self.root, self.bucket):
            shutil.copytree(folder, self._saved / folder.name, symlinks=True)

    def put_back(self):
        for folder in (self.root, self.bucket):
            shutil.rmtree(folder)
            shutil.copytree(self._saved / folder.name, folder, symlinks=True)

    @contextlib.contextmanager
    def environment(self, *, name="mine", **settings):
        """The environment on this disk, and the bucket as an outsider sees it."""
        self.bucket.mkdir(exist_ok=True)
        with EmbeddedBucket(self.bucket / DATABASE_NAME) as engine, asyncio.Runner() as runner:
            outsider = Outsider.__new__(Outsider)
            outsider.engine = engine
            with contextlib.suppress(Exception):
                Outsider.__post_init__(outsider)
            env = Environment(self.root, engine, runner, name=name, **settings)
            try:
                yield env, outsider
            finally:
                env.close()
                outsider.close()


def deaths(disk, act, *, least=1):
    """Kill the process that does ``act(env, outsider)`` at each of its durable steps, one after another.

    Args:
        disk: put back before each life.
        act: what the process does.
        least: how many steps the act has at least; how many it had is written out (``pytest -rP``).

    Yields:
        The number of the step, after each death; the disk is as the dead process left it.
    """
    for number in itertools.count(1):
        assert number < _MOST_STEPS, "the act has no end"
        disk.put_back()
        ended = _run_child(disk, act, kill_at=number)
        if ended == _COMPLETED:
            assert number > least
            sys.stdout.write(f"{os.environ['PYTEST_CURRENT_TEST']}: {number - 1} durable steps, a death at each\n")
            return
        yield number


def _run_child(disk, act, *, kill_at):
    child = os.fork()
    if child == 0:
        _be_the_child(disk, act, kill_at)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return None
    assert os.WEXITSTATUS(status) == _COMPLETED, "the act failed: see the captured output"
    return _COMPLETED


def _be_the_child(disk, act, kill_at):
    try:
        with disk.environment() as (env, outsider):
            Failpoints(kill_at).install(env)
            act(env, outsider)
            sys.stdout.flush()
            os._exit(_COMPLETED)
    except BaseException:  # noqa: BLE001 - the child must end here in any case
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(_FAILED)
