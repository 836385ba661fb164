"""The server's side of the converting process. Protocol and races: docs/protocol/large-notebooks.md."""

import asyncio
import base64
import contextlib
import errno
import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

from nbformat.sign import NotebookNotary

from jupyter_terra_env.server.large_notebooks.conversions import NotConvertedError
from jupyter_terra_env.server.large_notebooks.memory_file import MemoryFile

_PROCESS = "jupyter_terra_env.server.large_notebooks"
_AT_ONCE = 2
_ANSWER_BYTES = 1 << 20
_LONGEST_SECONDS = 60.0
"""For how long the process may be silent."""
_STOPPING_SECONDS = 5.0
_NO_SUCH_SOCKETS = {errno.EPROTONOSUPPORT, errno.EPROTOTYPE, errno.ESOCKTNOSUPPORT, errno.EOPNOTSUPP, errno.EINVAL}
"""The errors of systems whose local sockets keep no messages apart, such as macOS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonText:
    """JSON that is written already.

    Attributes:
        text: the JSON, as UTF-8.
    """

    text: memoryview


_Texts = tuple[JsonText, JsonText | None]
"""A content, and what a model says of it when it is no valid notebook."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the process has to know of an answer to serialise the notebook in it.

    Attributes:
        trusted: whether the notebook is.
        before: JSON of the answer up to the content.
        after: JSON of the answer from the content on; nothing is known of a message in it.
    """

    trusted: bool
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A notebook as it is shown.

    Attributes:
        content: the content.
        message: the model's ``message`` about an invalid notebook.
        tag: the answer's ``Etag``; None when the answer has a message.
    """

    content: JsonText
    message: JsonText | None
    tag: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A notebook a client sent, read, checked and serialised.

    Attributes:
        content: the bytes to store.
        signature: to be kept when the content is trusted; None when it is not trusted, or too old to be signed.
        trusted: whether all its cells are.
        invalid: why it is no valid notebook; None for a valid one.
        message: the model's ``message`` about an invalid notebook.
    """

    content: JsonText
    signature: str | None
    trusted: bool
    invalid: str | None
    message: JsonText | None


class Showing:
    """A notebook that is being read: the process waits to be told whether it is trusted.

    Attributes:
        signature: what the trust depends on.
        invalid: why it is no valid notebook; None for a valid one.
    """

    def __init__(self, first: dict[str, Any], finish: Callable[[Surroundings], Awaitable[Shown]]) -> None:
        self.signature: str = first["signature"]
        self.invalid: str | None = first["invalid"]
        self._finish = finish

    async def finish(self, around: Surroundings) -> Shown:
        """Have it serialised.

        Raises:
            NotConvertedError: the process failed.
        """
        return await self._finish(around)


class NotebookConverter:
    """Asks the converting process, which is started when it is needed first.

    Args:
        log: the server's log.

    Attributes:
        converted: how many notebooks were.
    """

    def __init__(self, log: logging.Logger | logging.LoggerAdapter[logging.Logger]) -> None:
        self.converted = 0
        self._log = log
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._starting = asyncio.Lock()
        self._requests: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._is_possible = True

    @contextlib.asynccontextmanager
    async def showing(self, source: int, notary: NotebookNotary) -> AsyncIterator[Showing]:
        """Read a notebook file for showing it.

        Args:
            source: descriptor of the file.
            notary: the server's notary.

        Raises:
            NotConvertedError: it cannot be read this way.
        """
        target = MemoryFile("shown")
        async with self._talk("show", source, target, notary) as talk:

            async def finish(around: Surroundings) -> Shown:
                await talk.say(asdict(around))
                answer = await talk.hear()
                content, message = self._done(target, answer)
                return Shown(content=content, message=message, tag=answer["tag"] if message is None else None)

            yield Showing(await talk.hear(), finish)

    async def prepare(self, body: MemoryFile, notary: NotebookNotary) -> tuple[dict[str, Any], Prepared]:
        """Read, check and serialise what a client sent to be saved.

        Args:
            body: the request's body.
            notary: the server's notary.

        Returns:
            The client's model with an empty notebook in the place of the content, and what became of the content.

        Raises:
            NotConvertedError: it cannot be saved this way.
        """
        target = MemoryFile("stored")
        async with self._talk("store", body.fileno(), target, notary) as talk:
            answer = await talk.hear()
        content, message = self._done(target, answer)
        prepared = Prepared(
            content=content,
            signature=answer["signature"],
            trusted=answer["trusted"],
            invalid=answer["invalid"],
            message=message,
        )
        return answer["outline"], prepared

    async def put_outputs(
        self, source: int, outputs: MemoryFile, notary: NotebookNotary, *, is_trusted: Callable[[str], bool]
    ) -> tuple[MemoryFile | None, tuple[str, ...]]:
        """Put what cells have put out into a notebook file's content.

        Args:
            source: descriptor of the file.
            outputs: what they have put out, packed.
            notary: the server's notary.
            is_trusted: whether a signature is.

        Returns:
            The body of a request to save it, None when nothing changes; and the requests whose outputs have no place in
            it, because their cells were edited since.

        Raises:
            NotConvertedError: it cannot be done this way.
        """
        target = MemoryFile("outputs")
        async with self._talk("put-outputs", source, target, notary, outputs) as talk:
            first = await talk.hear()
            await talk.say({"trusted": is_trusted(first["signature"])})
            answer = await talk.hear()
        self.converted += 1
        return target if answer["changed"] else None, tuple(answer["without_place"])

    async def close(self) -> None:
        """Stop the process."""
        if self._requests is not None:
            self._requests.close()
        if self._process is not None:
            await asyncio.to_thread(self._process.wait, _STOPPING_SECONDS)

    @contextlib.asynccontextmanager
    async def _talk(
        self, what: str, source: int, target: MemoryFile, notary: NotebookNotary, *more: MemoryFile
    ) -> AsyncIterator["_Talk"]:
        request = {
            "do": what,
            "secret": base64.b64encode(notary.secret).decode("ascii"),
            "algorithm": notary.algorithm,
        }
        async with self._turns:
            ours = await self._ask(
                json.dumps(request).encode("ascii"), [source, target.fileno(), *(file.fileno() for file in more)]
            )
            reader, writer = await asyncio.open_unix_connection(sock=ours, limit=_ANSWER_BYTES)
            try:
                yield _Talk(reader, writer)
            finally:
                writer.close()

    def _done(self, target: MemoryFile, answer: dict[str, Any]) -> _Texts:
        """The content and the message in what the process wrote."""
        self.converted += 1
        view, content_bytes = target.view(), answer["content_bytes"]
        message = JsonText(text=view[content_bytes:]) if answer["message_bytes"] else None
        return JsonText(text=view[:content_bytes]), message

    async def _ask(self, request: bytes, descriptors: list[int]) -> socket.socket:
        """Hand a request to the process.

        Returns:
            Our end of the socket that the answers come through.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                requests = await self._started()
                socket.send_fds(requests, [request], [*descriptors, theirs.fileno()])
            except OSError as error:
                ours.close()
                raise NotConvertedError("the converting process cannot be asked") from error
        return ours

    async def _started(self) -> socket.socket:
        async with self._starting:
            if not self._is_possible:
                raise OSError(errno.EPROTONOSUPPORT, os.strerror(errno.EPROTONOSUPPORT))
            if self._requests is None or self._process is None or self._process.poll() is not None:
                if self._requests is not None:
                    self._requests.close()
                    self._log.warning("jupyter_terra_env: the process that converts large notebooks is started again.")
                self._requests, theirs = self._connected()
                with theirs:
                    self._process = await asyncio.to_thread(_start, theirs.fileno())
            return self._requests

    def _connected(self) -> tuple[socket.socket, socket.socket]:
        try:
            return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as error:
            if error.errno not in _NO_SUCH_SOCKETS:
                raise
            self._is_possible = False
            self._log.warning(
                "jupyter_terra_env: this system (%s) cannot run the process that converts large notebooks: while a "
                "notebook of 1 MB or more is opened or saved, the server answers nothing else, as Jupyter alone does.",
                sys.platform,
            )
            raise


class _Talk:
    """One conversation with the process."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def say(self, words: dict[str, Any]) -> None:
        """Tell the process something.

        Raises:
            NotConvertedError: it is gone.
        """
        try:
            self._writer.write(json.dumps(words).encode("ascii") + b"\n")
            await self._writer.drain()
        except ConnectionError as error:
            raise NotConvertedError("the converting process is gone") from error

    async def hear(self) -> dict[str, Any]:
        """The next answer.

        Raises:
            NotConvertedError: there is none, or it says no.
        """
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                line = await self._reader.readline()
        except (ConnectionError, TimeoutError, ValueError) as error:
            raise NotConvertedError("the converting process gave no answer") from error
        answer: dict[str, Any] = json.loads(line) if line.endswith(b"\n") else {"declined": "the process ended"}
        if "declined" in answer:
            raise NotConvertedError(answer["declined"])
        return answer


def _start(requests: int) -> "subprocess.Popen[bytes]":
    # -P: the folder the server was started in, which is the user's, is no place to import from.
    command = [sys.executable, "-P", "-W", "ignore", "-m", _PROCESS, str(requests)]
    # Large pages, where the system has them: tens of megabytes are touched for the first time, again and again.
    environment = {**os.environ, "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
    return subprocess.Popen(  # noqa: S603 - our own module
        command,
        pass_fds=[requests],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )
