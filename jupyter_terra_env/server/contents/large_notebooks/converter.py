"""Converts notebooks in child processes. Protocol and races: docs/protocol/large-notebooks.md, untrusted-work.md."""

import base64
import contextlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

from nbformat.sign import NotebookNotary

from jupyter_terra_env.notebooks.untrusted.cage import Cage, Conversation, DeclinedError, Lane, NotDoneError
from jupyter_terra_env.notebooks.untrusted.limits import Death, Limits
from jupyter_terra_env.notebooks.untrusted.memory_file import MemoryFile
from jupyter_terra_env.server.contents.large_notebooks.conversions import NotConvertedError

_WORKER = "jupyter_terra_env.server.contents.large_notebooks.worker"
_MIB = 1 << 20


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
class Envelope:
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
class Rendered:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A notebook that was checked, whole.

    Attributes:
        content: the notebook.
        invalid: why it is no valid notebook; None for a valid one.
        message: the model's ``message`` about an invalid notebook.
    """

    content: bytes
    invalid: str | None
    message: str | None


class RenderJob:
    """A notebook that is being read: the process waits to hear whether it is trusted.

    Attributes:
        signature: what the trust depends on.
        invalid: why it is no valid notebook; None for a valid one.
    """

    def __init__(self, first: dict[str, Any], finish: Callable[[Envelope], Awaitable[Rendered]]) -> None:
        self.signature: str = first["signature"]
        self.invalid: str | None = first["invalid"]
        self._finish = finish

    async def finish(self, around: Envelope) -> Rendered:
        """Have it serialised.

        Raises:
            NotDoneError, NotConvertedError: as for ``NotebookConverter.showing``.
        """
        return await self._finish(around)


class NotebookConverter:
    """Has notebooks converted in child processes.

    Args:
        cage: does it.

    Attributes:
        cage: does it.
        converted: how many notebooks were.
    """

    def __init__(self, cage: Cage) -> None:
        self.converted = 0
        self.cage = cage

    @contextlib.asynccontextmanager
    async def showing(self, source: int, notary: NotebookNotary) -> AsyncIterator[RenderJob]:
        """Read a notebook file for showing it.

        Args:
            source: descriptor of the file.
            notary: the server's notary.

        Raises:
            NotConvertedError: it cannot be read this way; Jupyter's own code knows the answer to give.
            NotDoneError: the child died of it, or was ended.
        """
        target = MemoryFile("shown")
        async with self._talk("show", source, target, notary) as talk:

            async def finish(around: Envelope) -> Rendered:
                with _declined():
                    await talk.send(asdict(around))
                    answer = await talk.receive()
                content, message = self._done(target, answer)
                return Rendered(content=content, message=message, tag=answer["tag"] if message is None else None)

            with _declined():
                first = await talk.receive()
            yield RenderJob(first, finish)

    async def prepare(self, body: MemoryFile, notary: NotebookNotary) -> tuple[dict[str, Any], Prepared]:
        """Read, check and serialise what a client sent to be saved.

        Args:
            body: the request's body.
            notary: the server's notary.

        Returns:
            The client's model with an empty notebook in the place of the content, and what became of the content.

        Raises:
            NotConvertedError, NotDoneError: as for ``showing``.
        """
        target = MemoryFile("stored")
        async with self._talk("store", body.fileno(), target, notary) as talk:
            with _declined():
                answer = await talk.receive()
        content, message = self._done(target, answer)
        prepared = Prepared(
            content=content,
            signature=answer["signature"],
            trusted=answer["trusted"],
            invalid=answer["invalid"],
            message=message,
        )
        return answer["outline"], prepared

    async def checked(self, content: bytes) -> Checked:
        """Read and check a notebook that may be unusual.

        Args:
            content: as stored.

        Returns:
            JSON of the notebook in the current format.

        Raises:
            NotConvertedError, NotDoneError: as for ``showing``.
        """
        return await self._written("check", content)

    async def serialised(self, notebook: bytes) -> Checked:
        """Check and serialise a notebook that may be unusual.

        Args:
            notebook: JSON, as a client sent it.

        Returns:
            What Jupyter stores.

        Raises:
            NotConvertedError, NotDoneError: as for ``showing``.
        """
        return await self._written("serialise", notebook)

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
            NotConvertedError, NotDoneError: as for ``showing``.
        """
        target = MemoryFile("outputs")
        async with self._talk("put_outputs", source, target, notary, outputs) as talk:
            with _declined():
                first = await talk.receive()
                await talk.send({"trusted": is_trusted(first["signature"])})
                answer = await talk.receive()
        self.converted += 1
        return target if answer["changed"] else None, tuple(answer["without_place"])

    async def _written(self, what: str, content: bytes) -> Checked:
        with _declined():
            answer, result = await self.cage.run(
                f"{_WORKER}:{what}", {}, [content], limits_for(len(content)), lane=Lane.NOTEBOOKS
            )
        self.converted += 1
        message = result[answer["content_bytes"] :]
        return Checked(
            content=result[: answer["content_bytes"]],
            invalid=answer["invalid"],
            message=json.loads(message) if message else None,
        )

    @contextlib.asynccontextmanager
    async def _talk(
        self, what: str, source: int, target: MemoryFile, notary: NotebookNotary, *more: MemoryFile
    ) -> AsyncIterator[Conversation]:
        request = {"secret": base64.b64encode(notary.secret).decode("ascii"), "algorithm": notary.algorithm}
        files = [source, target.fileno(), *(file.fileno() for file in more)]
        limits = limits_for(sum(os.fstat(file).st_size for file in files))
        async with contextlib.AsyncExitStack() as stack:
            with _declined():
                talk = await stack.enter_async_context(
                    self.cage.talk(f"{_WORKER}:{what}", request, files, limits, lane=Lane.NOTEBOOKS)
                )
            yield talk

    def _done(self, target: MemoryFile, answer: dict[str, Any]) -> _Texts:
        """The content and the message in what the process wrote."""
        self.converted += 1
        view, content_bytes = target.view(), answer["content_bytes"]
        message = JsonText(text=view[content_bytes:]) if answer["message_bytes"] else None
        return JsonText(text=view[:content_bytes]), message


def limits_for(size_bytes: int) -> Limits:
    """What converting a notebook of that size may use: several times what most need, so that only a trap meets it."""
    mebibytes = size_bytes // _MIB
    return Limits(
        cpu_seconds=20 + mebibytes,
        wall_seconds=60.0 + 3 * mebibytes,
        memory_bytes=1024 * _MIB + 16 * size_bytes,
        output_bytes=64 * _MIB + 8 * size_bytes,
    )


@contextlib.contextmanager
def _declined() -> Any:
    """What no child has worked on, and what a child says is no notebook, is for Jupyter's own code."""
    try:
        yield
    except DeclinedError as error:
        raise NotConvertedError(str(error)) from error
    except NotDoneError as error:
        if error.death is not Death.UNAVAILABLE:
            raise
        raise NotConvertedError(str(error)) from error
