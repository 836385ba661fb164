"""The part of the contents manager that leaves large notebooks to the converting process.

Jupyter's verbs run unchanged; what they handle is not the notebook itself but a stand-in for it. Only requests whose
caller knows stand-ins get one: extensions get notebooks.
"""

import asyncio
import contextlib
import hashlib
import io
import os
from collections.abc import AsyncIterator, Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from tornado.web import HTTPError

from jupyter_terra_env.notebooks.untrusted.cage import NotDoneError
from jupyter_terra_env.notebooks.untrusted.memory_file import MemoryFile
from jupyter_terra_env.rules.workspace import Location
from jupyter_terra_env.server.contents.large_notebooks.conversions import NotConvertedError
from jupyter_terra_env.server.contents.large_notebooks.converter import Envelope, RenderJob
from jupyter_terra_env.server.contents.large_notebooks.model_json import json_around, json_pieces
from jupyter_terra_env.server.contents.large_notebooks.ordinary import is_ordinary
from jupyter_terra_env.server.contents.large_notebooks.own_methods import has_only_own_methods
from jupyter_terra_env.server.contents.large_notebooks.prepared_notebook import (
    PreparedNotebook,
    check_written,
    not_saved,
)
from jupyter_terra_env.server.contents.large_notebooks.unusual import UnusualNotebooks, not_opened, not_stored

_LATER = None
"""In the place of a message that quotes the notebook and is written with it."""


@dataclass(slots=True, kw_only=True)
class StandIn:
    """A large notebook in the place of a model's content.

    Attributes:
        showing: the notebook.
        trusted: whether it is; known after ``mark_trusted_cells``.
    """

    showing: RenderJob
    trusted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _UnreadFile:
    """In the place of a file's bytes, which only their hash would be computed from.

    Attributes:
        file: the open file.
    """

    file: io.BufferedReader


@dataclass(frozen=True, slots=True, kw_only=True)
class _Showing:
    """A task within ``stand_ins``.

    Attributes:
        task: the task; those that it starts inherit the variable, but get notebooks.
        stack: closes what the stand-ins need.
    """

    task: asyncio.Task[Any]
    stack: contextlib.AsyncExitStack


_showing: ContextVar[_Showing | None] = ContextVar("showing", default=None)


def _showing_here() -> _Showing | None:
    showing = _showing.get()
    return showing if showing is not None and showing.task is asyncio.current_task() else None


class LargeNotebookManager(UnusualNotebooks):
    """Reads and writes large notebooks of workspace folders beside the event loop."""

    # What handlers ask for

    @contextlib.asynccontextmanager
    async def stand_ins(self) -> AsyncIterator[None]:
        """Within it, models that this very task gets may have a ``StandIn`` for their content."""
        task = asyncio.current_task()
        if task is None or self.converter is None:
            yield
            return
        async with contextlib.AsyncExitStack() as stack:
            token = _showing.set(_Showing(task=task, stack=stack))
            try:
                yield
            finally:
                _showing.reset(token)

    async def written(self, model: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
        """A model with the JSON of the notebook in the place of its stand-in.

        Returns:
            The model, and the ``Etag`` of an answer that is this model, where it is known.

        Raises:
            NotConvertedError: the process failed; Jupyter's own code may succeed.
        """
        stand_in: StandIn = model["content"]
        before, after = json_around(model, "content")
        try:
            shown = await stand_in.showing.finish(Envelope(trusted=stand_in.trusted, before=before, after=after))
        except NotDoneError as error:
            raise not_opened(model.get("path", "The notebook"), error) from error
        message = {} if shown.message is None else {"message": shown.message}
        return {**model, "content": shown.content, **message}, shown.tag

    def is_large_save(self, path: str, size_bytes: int) -> bool:
        """Whether a request body is to be taken by ``prepare``.

        Hooks, and methods that an extension has overridden, get the notebook itself: then it is not.
        """
        return (
            self.converter is not None
            and size_bytes >= self.large_bytes
            and self.parts.workspaces.locate(path) is not None
            and not self._has_save_hooks()
            and has_only_own_methods(self)
        )

    def _has_save_hooks(self) -> bool:
        hooks = [self.pre_save_hook, self.post_save_hook, *self._pre_save_hooks, *self._post_save_hooks]
        return any(hook is not None for hook in hooks)

    async def prepare(self, path: str, body: MemoryFile) -> dict[str, Any] | None:
        """Have the body of a ``PUT`` read beside the event loop.

        Args:
            path: API path of the notebook.
            body: the request's body.

        Returns:
            A model to save in which a ``PreparedNotebook`` stands for the one that was sent, to be saved within
            ``saving_only``; None when this is for Jupyter's own code.
        """
        try:
            outline, prepared = await self.converter.prepare(body, self.notary)
        except (NotConvertedError, OSError) as error:
            self.log.debug("Left to Jupyter: %s (%s)", path, error)
            return None
        except NotDoneError as error:
            raise not_stored(path, error) from error
        model: dict[str, Any] = {**outline, "content": PreparedNotebook(prepared, outline["content"])}
        return model

    async def _without_stand_in(self, model: dict[str, Any]) -> dict[str, Any]:
        """A model to save that was got within ``stand_ins``; as it is when there is none in it.

        Raises:
            NotConvertedError: the process failed; Jupyter's own code may succeed.
        """
        showing = _showing_here()
        if showing is None or not isinstance(model.get("content"), StandIn):
            return model
        written, _ = await self.written({key: model[key] for key in ("type", "format", "content")})
        # The process takes few notebooks at once; and what reads from here on, as checkpoints may, gets notebooks.
        _showing.set(None)
        await showing.stack.aclose()
        body = MemoryFile("copied")
        await self.run_beside(_write_all, body, json_pieces(written))
        prepared = await self.prepare(model["type"], body)
        if prepared is None:
            raise NotConvertedError("it cannot be saved this way")
        return prepared

    @staticmethod
    def _checkable(model: dict[str, Any]) -> dict[str, Any]:
        """A model to save, with what the check of models judges as it does the notebook."""
        content = model.get("content")
        return {**model, "content": content.empty} if isinstance(content, PreparedNotebook) else model

    async def run_beside(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run blocking work beside the event loop."""
        return await self._storage.run(function, *args)

    # Jupyter's steps of reading

    async def _read_notebook(
        self,
        os_path: str,
        as_version: int = 4,
        capture_validation_error: dict[str, Any] | None = None,
        raw: bool = False,  # noqa: FBT001, FBT002
    ) -> Any:
        showing = _showing_here()
        if showing is not None and as_version == 4:
            found = await self._stand_in(Path(os_path), showing.stack)
            if found is not None:
                return found if raw else found[0]
        return await super()._read_notebook(os_path, as_version, capture_validation_error, raw)

    async def _stand_in(self, file: Path, stack: contextlib.AsyncExitStack) -> tuple[StandIn, _UnreadFile] | None:
        """The stand-in for a notebook file; None when it is for Jupyter's own code."""
        await stack.aclose()  # A request shows one notebook; a file that has changed is read again.
        try:
            if self._place_of(str(file)) is None or not has_only_own_methods(self):
                return None
            source = stack.enter_context(await self.run_beside(file.open, "rb"))
            if await self.run_beside(_is_quickly_checked, source, self.large_bytes):
                return None
            showing = await stack.enter_async_context(self.converter.showing(source.fileno(), self.notary))
        except (NotConvertedError, OSError) as error:
            self.log.debug("Left to Jupyter: %s (%s)", file, error)
            return None
        except NotDoneError as error:
            raise not_opened(file.name, error) from error
        return StandIn(showing=showing), _UnreadFile(file=source)

    def mark_trusted_cells(self, nb: Any, path: str = "") -> None:
        """See ``ContentsManager.mark_trusted_cells``; the process marks the cells of large notebooks."""
        if not isinstance(nb, StandIn):
            try:
                super().mark_trusted_cells(nb, path)
            except (KeyError, TypeError, AttributeError) as error:
                # A cell that is none, which reading and checking let pass.
                raise HTTPError(400, f"Unreadable Notebook: {path} {error!r}") from error
            return
        nb.trusted = self.notary.store.check_signature(nb.showing.signature, self.notary.algorithm)
        if not nb.trusted:
            self.log.warning("Notebook %s is not trusted", path)

    def validate_notebook_model(
        self, model: dict[str, Any], validation_error: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """See ``ContentsManager.validate_notebook_model``; the process did it for large notebooks."""
        content = model["content"]
        if isinstance(content, StandIn):
            invalid, message = content.showing.invalid, _LATER
        elif isinstance(content, PreparedNotebook):
            invalid, message = content.prepared.invalid, content.prepared.message
        else:
            validated: dict[str, Any] = super().validate_notebook_model(model, validation_error)
            return validated
        if invalid is not None:
            self.log.error("Notebook JSON is invalid: %s", invalid)
            model["message"] = message
        return model

    def _get_hash(self, byte_content: bytes | _UnreadFile) -> dict[str, str]:
        if not isinstance(byte_content, _UnreadFile):
            computed: dict[str, str] = super()._get_hash(byte_content)
            return computed
        byte_content.file.seek(0)
        digest = hashlib.file_digest(byte_content.file, self.hash_algorithm)
        return {"hash": digest.hexdigest(), "hash_algorithm": self.hash_algorithm}

    # Jupyter's steps of saving

    def check_and_sign(self, nb: Any, path: str = "", *, _retrying: bool = False) -> None:
        """See ``ContentsManager.check_and_sign``; the process has checked and signed large notebooks."""
        if not isinstance(nb, PreparedNotebook):
            super().check_and_sign(nb, path, _retrying=_retrying)
            return
        prepared = nb.prepared
        try:
            if prepared.signature is not None:
                self.notary.store.store_signature(prepared.signature, self.notary.algorithm)
            elif not prepared.trusted:
                self.log.warning("Notebook %s is not trusted", path)
        except Exception:
            if _retrying:
                raise
            self.log.warning("The notebook signatures of %s cannot be kept; they are begun anew.", path, exc_info=True)
            self.notary.store = self.notary.store_factory()
            self.check_and_sign(nb, path, _retrying=True)

    async def _save_notebook(
        self, os_path: str, nb: Any, capture_validation_error: dict[str, Any] | None = None
    ) -> None:
        location = self._place_of(os_path)
        if not isinstance(nb, PreparedNotebook) or location is None:
            await super()._save_notebook(os_path, nb, capture_validation_error)
            return
        await self._write(location, nb.prepared.content.text, is_notebook=True)

    async def _write(self, location: Location, content: bytes | memoryview, *, is_notebook: bool = False) -> None:
        check_written(content)
        await super()._write(location, content, is_notebook=is_notebook)

    def run_pre_save_hooks(self, model: dict[str, Any], path: str, **kwargs: Any) -> None:
        """See ``ContentsManager.run_pre_save_hooks``; one that was registered a moment ago cannot see the notebook."""
        if isinstance(model.get("content"), PreparedNotebook) and self._has_save_hooks():
            raise not_saved()
        super().run_pre_save_hooks(model, path, **kwargs)


def _is_quickly_checked(file: io.BufferedReader, large_bytes: int) -> bool:
    """Whether a file is small, and of the structure that notebooks have."""
    if os.fstat(file.fileno()).st_size >= large_bytes:
        return False
    content = file.read()
    file.seek(0)
    return is_ordinary(content)


def _write_all(file: MemoryFile, texts: Iterable[memoryview]) -> None:
    for text in texts:
        file.write(text)


def takes_stand_ins(manager: object) -> TypeGuard[LargeNotebookManager]:
    """Whether a contents manager really is one of this class: what wraps one may claim to be."""
    return issubclass(type(manager), LargeNotebookManager)


def is_unchanged(manager: object) -> bool:
    """Whether a contents manager is one of this class, and all its methods are this package's or Jupyter's."""
    return takes_stand_ins(manager) and has_only_own_methods(manager)
