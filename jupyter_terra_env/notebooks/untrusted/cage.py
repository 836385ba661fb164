"""The server's side of work on content that others wrote. Protocol and races: docs/protocol/untrusted-work.md."""

import asyncio
import contextlib
import errno
import importlib.util
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from jupyter_terra_env.notebooks.untrusted.limits import OVER_A_LIMIT, SENTENCES, Death, Limits
from jupyter_terra_env.notebooks.untrusted.memory_file import MemoryFile
from jupyter_terra_env.notebooks.untrusted.zygote import MESSAGE_BYTES
from jupyter_terra_env.rules.errors import RefusalReason

_START = Path(__file__).with_name("start.py")
_PACKAGES = ("nbformat", "nbconvert", "nh3", "msgspec", "jupyter_server", "nbdime")
"""What jobs import; they are taken from where this server has them."""
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "SYSTEMROOT")
_ANSWER_BYTES = 1 << 20
_STOPPING_SECONDS = 5.0
_NO_SUCH_SOCKETS = {errno.EPROTONOSUPPORT, errno.EPROTOTYPE, errno.ESOCKTNOSUPPORT, errno.EOPNOTSUPP, errno.EINVAL}
"""The errors of systems whose local sockets keep no messages apart, such as macOS."""
_GRACE_SECONDS = 5.0
"""For a child that the kernel is about to end."""


class Lane(StrEnum):
    """Jobs of one kind, which wait for each other and for no others."""

    NOTEBOOKS = "notebooks"
    PREVIEWS = "previews"
    COMPARISONS = "comparisons"
    CHECKS = "checks"
    EXPORTS = "exports"


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """How many jobs of a lane there may be.

    Attributes:
        at_once: run.
        waiting: wait; further ones are refused.
    """

    at_once: int
    waiting: int


QUEUES = {
    Lane.NOTEBOOKS: Queue(at_once=2, waiting=1000),
    Lane.PREVIEWS: Queue(at_once=2, waiting=8),
    Lane.COMPARISONS: Queue(at_once=2, waiting=8),
    Lane.CHECKS: Queue(at_once=1, waiting=1000),
    Lane.EXPORTS: Queue(at_once=2, waiting=8),
}


class NotDoneError(Exception):
    """A job died, or was never begun. The server does not do the work itself then.

    Args:
        death: why.
    """

    def __init__(self, death: Death) -> None:
        super().__init__(SENTENCES[death])
        self.death = death

    @property
    def reason(self) -> RefusalReason:
        """The cause, for machines: the content demands too much, or what reads it has failed."""
        return RefusalReason.TOO_DEMANDING if self.death in OVER_A_LIMIT else RefusalReason.READER_FAILED


class DeclinedError(Exception):
    """A job found that this is no content of the kind it is for."""


class Conversation:
    """The server's side of one job."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        limits: Limits,
        on_silence: Callable[[], None],
    ) -> None:
        self._on_silence = on_silence
        self._reader = reader
        self._writer = writer
        self._longest_seconds = limits.wall_seconds + _GRACE_SECONDS

    async def send(self, words: dict[str, Any]) -> None:
        """Send the job a message.

        Raises:
            NotDoneError: it is gone.
        """
        try:
            self._writer.write(json.dumps(words).encode("ascii") + b"\n")
            await self._writer.drain()
        except ConnectionError as error:
            raise NotDoneError(Death.KILLED) from error

    async def receive(self) -> dict[str, Any]:
        """The next answer.

        Raises:
            NotDoneError: it died.
            DeclinedError: it cannot be done with this content.
        """
        try:
            async with asyncio.timeout(self._longest_seconds):
                answer = await self._answer()
        except (ConnectionError, ValueError) as error:
            raise NotDoneError(Death.KILLED) from error
        except TimeoutError as error:
            # The kernel ends a child in time: it is the process that starts them that does not answer.
            self._on_silence()
            raise NotDoneError(Death.KILLED) from error
        if "died" in answer:
            raise NotDoneError(Death(answer["died"]))
        if "declined" in answer:
            raise DeclinedError(answer["declined"])
        return answer

    async def _answer(self) -> dict[str, Any]:
        while line := await self._reader.readline():
            # What a child was saying when it died is no answer; what it died of comes after it.
            with contextlib.suppress(ValueError):
                answer: dict[str, Any] = json.loads(line)
                return answer
        return {"died": Death.KILLED}


class Cage:
    """Has jobs done in child processes with limits. The first process is started when the first job comes.

    Args:
        log: the server's log.

    Attributes:
        process: the process whose children do the work; None before the first job.
        is_possible: whether this system can run that process; known once the first job has come.
    """

    def __init__(self, log: logging.Logger | logging.LoggerAdapter[logging.Logger]) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._log = log
        self._turns = {lane: asyncio.Semaphore(queue.at_once) for lane, queue in QUEUES.items()}
        self._jobs = dict.fromkeys(QUEUES, 0)
        self._starting = asyncio.Lock()
        self._requests: socket.socket | None = None
        self._folder: str | None = None
        self._closed = False
        self.is_possible = True

    @contextlib.asynccontextmanager
    async def talk(
        self, job: str, request: dict[str, Any], files: Sequence[int], limits: Limits, *, lane: Lane
    ) -> AsyncIterator[Conversation]:
        """Run a job; processes of it that still run when the context is left are killed.

        Args:
            job: ``MODULE:FUNCTION``, a ``zygote.Job``.
            request: what to do, as JSON of at most 60 KB.
            files: descriptors of files that the job reads or writes.
            limits: what it may use.
            lane: which jobs it waits for.

        Raises:
            NotDoneError: too many wait already, or no process can be started.
        """
        async with self._turn(lane):
            message = json.dumps({**request, "do": job, "limits": asdict(limits)}).encode("ascii")
            ours, lifeline = await self._ask(message, files)
            process = self.process
            with lifeline:
                reader, writer = await asyncio.open_unix_connection(sock=ours, limit=_ANSWER_BYTES)
                try:
                    yield Conversation(reader, writer, limits, lambda: self._discard(process))
                finally:
                    writer.close()

    async def run(
        self, job: str, request: dict[str, Any], contents: Sequence[bytes], limits: Limits, *, lane: Lane
    ) -> tuple[dict[str, Any], bytes]:
        """Have a job done that reads contents and writes one.

        Args:
            job: as for ``talk``; its files are one for each content, and last the one to write.
            request: as for ``talk``.
            contents: what it reads.
            limits: as for ``talk``.
            lane: as for ``talk``.

        Returns:
            The job's answer, and what it wrote.

        Raises:
            NotDoneError, DeclinedError: as for ``talk`` and ``Conversation.hear``.
        """
        files = [await asyncio.to_thread(_in_memory, content) for content in contents]
        target = MemoryFile("result")
        descriptors = [file.fileno() for file in (*files, target)]
        async with self.talk(job, request, descriptors, limits, lane=lane) as conversation:
            answer = await conversation.receive()
        return answer, await asyncio.to_thread(target.read)

    async def close(self) -> None:
        """Stop the process and its children; jobs that wait are refused."""
        self._closed = True
        async with self._starting:
            if self._requests is not None:
                self._requests.close()
                self._requests = None
            if self.process is not None:
                await asyncio.to_thread(_end, self.process)
            self._remove_folder()

    @contextlib.asynccontextmanager
    async def _turn(self, lane: Lane) -> AsyncIterator[None]:
        queue = QUEUES[lane]
        if self._jobs[lane] >= queue.at_once + queue.waiting:
            raise NotDoneError(Death.BUSY)
        self._jobs[lane] += 1
        try:
            async with self._turns[lane]:
                yield
        finally:
            self._jobs[lane] -= 1

    async def _ask(self, message: bytes, files: Sequence[int]) -> tuple[socket.socket, socket.socket]:
        """Hand a request to the process.

        Returns:
            Our end of the socket that answers come through, and of the one whose end is the job's.
        """
        if len(message) > MESSAGE_BYTES:
            raise NotDoneError(Death.MEMORY)
        ours, theirs = socket.socketpair()
        lifeline, their_lifeline = socket.socketpair()
        try:
            with theirs, their_lifeline:
                requests = await self._started()
                socket.send_fds(requests, [message], [*files, theirs.fileno(), their_lifeline.fileno()])
        except OSError as error:
            ours.close()
            lifeline.close()
            raise NotDoneError(Death.UNAVAILABLE) from error
        except BaseException:
            ours.close()
            lifeline.close()
            raise
        return ours, lifeline

    async def _started(self) -> socket.socket:
        async with self._starting:
            if self._closed or not self.is_possible:
                raise NotDoneError(Death.UNAVAILABLE)
            if self._requests is None or self.process is None or self.process.poll() is not None:
                if self._requests is not None:
                    self._requests.close()
                    self._log.warning("jupyter_terra_env: the process that reads notebooks is started again.")
                    self._remove_folder()
                self._requests, theirs = self._connected()
                # A process that hangs must not hold the event loop.
                self._requests.settimeout(0)
                with theirs:
                    self._folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="terra-env-")
                    self.process = await asyncio.to_thread(_start, theirs.fileno(), self._folder)
            return self._requests

    def _connected(self) -> tuple[socket.socket, socket.socket]:
        try:
            return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as error:
            if error.errno not in _NO_SUCH_SOCKETS:
                raise
            self.is_possible = False
            self._log.warning(
                "jupyter_terra_env: this system (%s) cannot run the process that reads notebooks: previews and merges "
                "are refused; while a notebook of 1 MB or more is opened or saved, the server answers nothing else.",
                sys.platform,
            )
            raise

    def _discard(self, process: "subprocess.Popen[bytes] | None") -> None:
        """Have the next job begin with another process."""
        if process is not None and process is self.process:
            process.kill()
            process.wait()

    def _remove_folder(self) -> None:
        """Remove the folder of a process that could not do it itself."""
        if self._folder is not None:
            with contextlib.suppress(OSError):
                os.chmod(self._folder, 0o700)  # noqa: PTH101
            shutil.rmtree(self._folder, ignore_errors=True)


def _in_memory(content: bytes) -> MemoryFile:
    file = MemoryFile("content")
    file.write(content)
    return file


def _start(requests: int, folder: str) -> "subprocess.Popen[bytes]":
    # -I: no variables, no user site, no working directory to import from.
    command = [sys.executable, "-I", "-W", "ignore", str(_START)]
    command += [str(requests), folder, json.dumps(_folders_of_packages())]
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    # Large pages, where the system has them: tens of megabytes are touched for the first time, again and again.
    environment = {**kept, "HOME": folder, "TMPDIR": folder, "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
    return subprocess.Popen(  # noqa: S603 - our own program
        command,
        pass_fds=[requests],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        cwd=folder,
        env=environment,
        start_new_session=True,
    )


def _end(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(_STOPPING_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _folders_of_packages() -> list[str]:
    """The folders that this server has the packages in which jobs need."""
    found = []
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            folder = str(Path(spec.origin).parents[1])
            if folder not in found:
                found.append(folder)
    return found
