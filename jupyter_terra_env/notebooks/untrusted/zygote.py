"""The process whose children do the work: it has loaded what they need, never sees any content, and forks one per job.

It ends when the server's end of its socket does, however the server ended, and so do its children.
"""

import contextlib
import errno
import fcntl
import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

from jupyter_terra_env.notebooks.untrusted import limits
from jupyter_terra_env.notebooks.untrusted.limits import Death, Limits

MESSAGE_BYTES = 65_536
MOST_DESCRIPTORS = 16
_QUICK_SECONDS = 2.0
_QUICK_BYTES_PER_SECOND = 5 << 20
_MAY_ENTER, _PRIVATE = 0o500, 0o700


class Conversation:
    """A child's side of one job.

    Args:
        answers: where the server listens.
        files: descriptors of the files that came with the request.
    """

    def __init__(self, answers: socket.socket, files: list[int]) -> None:
        self._answers = answers
        self.files = files

    def send(self, answer: dict[str, Any]) -> None:
        """Answer.

        Raises:
            ConnectionError: no one is waiting for it any more.
        """
        self._answers.sendall(json.dumps(answer).encode("ascii") + b"\n")

    def receive(self) -> dict[str, Any]:
        """What the server says next.

        Raises:
            ConnectionError: it has gone.
        """
        with self._answers.makefile("rb") as said:
            heard: dict[str, Any] | None = json.loads(said.readline() or "null")
        if heard is None:
            raise BrokenPipeError
        return heard


Job = Callable[[dict[str, Any], Conversation], dict[str, Any]]


def serve(descriptor: int, folder: str) -> None:
    """Serve until the server is gone.

    Args:
        descriptor: the socket that requests come through.
        folder: an empty folder to work in, of this process alone; removed in the end.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.chdir(folder)
    os.chmod(folder, _MAY_ENTER)  # noqa: PTH101 - nothing is ever put into it
    try:
        with socket.socket(fileno=descriptor) as requests:
            _Children(requests).serve()
    finally:
        with contextlib.suppress(OSError):
            os.chmod(folder, _PRIVATE)  # noqa: PTH101
        shutil.rmtree(folder, ignore_errors=True)


class _Children:
    """Forks children, and reports what they died of."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._answers: dict[int, socket.socket] = {}
        self._loaded: set[str] = set()
        self._woken, self._waking = socket.socketpair()
        self._woken.settimeout(0)
        self._waking.settimeout(0)

    def serve(self) -> None:
        """Serve until the server is gone."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waking.fileno(), warn_on_full_buffer=False)
        while True:
            ready, _, _ = select.select([self._requests, self._woken], [], [])
            if self._woken in ready:
                self._reap()
            if self._requests in ready and not self._take():
                break
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        for child in self._answers:
            # One that has ended by itself is gone already.
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    def _take(self) -> bool:
        """Take a request; False when the server is gone."""
        message, descriptors, _, _ = socket.recv_fds(self._requests, MESSAGE_BYTES, MOST_DESCRIPTORS)
        if not message:
            return False
        *files, answers, lifeline = descriptors
        answering, request = socket.socket(fileno=answers), json.loads(message)
        try:
            self._load(request["do"].partition(":")[0])
            child = os.fork()
        except (OSError, ImportError):
            _send(answering, {"died": Death.UNAVAILABLE})
            answering.close()
        else:
            if child == 0:
                self._be_child(request, answering, lifeline, files)
            self._answers[child] = answering
        for descriptor in (*files, lifeline):
            os.close(descriptor)
        return True

    def _load(self, module: str) -> None:
        """Load what a job needs, once for all of its kind. Its function ``warm_up`` makes ready for them."""
        if module in self._loaded:
            return
        getattr(importlib.import_module(module), "warm_up", lambda: None)()
        self._loaded.add(module)
        # The collector would look at each of a notebook's many parts, in vain, and copy what children share.
        gc.collect()
        gc.freeze()
        gc.disable()

    def _be_child(self, request: dict[str, Any], answering: socket.socket, lifeline: int, files: list[int]) -> None:
        """Do the job, and end."""
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            # What others talk through ends with them, not with this child.
            for other in (self._requests, self._woken, self._waking, *self._answers.values()):
                other.close()
            limits.apply(Limits(**request["limits"]))
            _die_with(lifeline)
            _work(request, Conversation(answering, files))
        finally:
            os._exit(0)

    def _reap(self) -> None:
        """Report what children died of, and let go of their conversations."""
        with contextlib.suppress(BlockingIOError):
            while self._woken.recv(4096):
                pass
        while self._answers:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                return
            answering = self._answers.pop(child)
            if os.WIFSIGNALED(status):
                _send(answering, {"died": limits.death_by(os.WTERMSIG(status))})
            answering.close()


def _work(request: dict[str, Any], conversation: Conversation) -> None:
    module, _, name = request["do"].partition(":")
    # No one is waiting for the answer any more.
    with contextlib.suppress(ConnectionError):
        try:
            job: Job = getattr(importlib.import_module(module), name)
            answer = job(request, conversation)
        except MemoryError:
            answer = {"died": Death.MEMORY}
        except ConnectionError:
            raise
        except OSError as error:
            answer = {"died": Death.OUTPUT} if error.errno == errno.EFBIG else {"declined": type(error).__name__}
        except Exception as error:  # noqa: BLE001 - the caller decides what it means
            answer = {"declined": type(error).__name__} if _was_quick(conversation.files) else {"died": Death.CPU}
        conversation.send(answer)


def _was_quick(files: list[int]) -> bool:
    """Whether the job was so quick that other code may do the same work in an acceptable time."""
    with contextlib.suppress(OSError):
        size_bytes = sum(os.fstat(file).st_size for file in files)
        return time.process_time() < _QUICK_SECONDS + size_bytes / _QUICK_BYTES_PER_SECOND
    return False


def _die_with(lifeline: int) -> None:
    """End this process as soon as the other end of a socket is closed; nothing is sent through it."""
    # What SIGIO does by itself is to end a process.
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        os.read(lifeline, 1)
        os._exit(0)  # It was closed before.


def _send(answering: socket.socket, answer: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        answering.sendall(b"\n" + json.dumps(answer).encode("ascii") + b"\n", socket.MSG_DONTWAIT)
