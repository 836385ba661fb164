"""Outputs of cells that ran with no front end connected, put into their notebooks before the kernels end.

Protocol and races: docs/protocol/autopause.md. The notebooks are saved through the server's contents manager, like
everybody's: locks, journal and conflicts are looked after there.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from jupyter_server.utils import ensure_async
from tornado.web import HTTPError

from jupyter_terra_env.autopause.flush import UnsafeFile
from jupyter_terra_env.daemon_threads import on_daemon_thread
from jupyter_terra_env.notebooks.storage.file_digests import FileDigest
from jupyter_terra_env.notebooks.storage.regular_files import open_regular, read_regular
from jupyter_terra_env.notebooks.storage.working_copies import ChangedMeanwhile
from jupyter_terra_env.notebooks.untrusted.memory_file import MemoryFile
from jupyter_terra_env.rules.workspace import Location
from jupyter_terra_env.server.activity.cell_runs import CellRuns
from jupyter_terra_env.server.activity.notebook_outputs import (
    Unattended,
    body_with_outputs,
    packed,
    requests_without_place,
)
from jupyter_terra_env.server.activity.shared_kernels import NotebookSession, shares_of
from jupyter_terra_env.server.contents.durable_files import replacing
from jupyter_terra_env.server.contents.large_notebooks.conversions import NotConvertedError
from jupyter_terra_env.server.contents.large_notebooks.converter import NotebookConverter
from jupyter_terra_env.server.contents.large_notebooks.manager import takes_stand_ins
from jupyter_terra_env.server.contents.large_notebooks.ordinary import is_ordinary
from jupyter_terra_env.server.contents.large_notebooks.prepared_notebook import saving_only

if TYPE_CHECKING:
    from jupyter_terra_env.server.contents.parts import ContentsParts

NOT_KEPT = "outputs-not-kept"
_ROUNDS = 3
_FORMAT = 4

_Body = tuple[MemoryFile | None, tuple[str, ...]]
"""A body to save a notebook, None when it has its outputs already; and requests whose outputs have no place in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A notebook's file before it is read.

    Attributes:
        inode, size_bytes, modified_ns: show whether it has changed since.
        digest: its checksums, in a workspace folder.
    """

    inode: int
    size_bytes: int
    modified_ns: int
    digest: FileDigest | None


class UnattendedOutputs:
    """Keeps the outputs that no front end was there to save.

    Args:
        runs: which cells run.
        serverapp: the Jupyter server.
        log: where trouble is logged.
    """

    def __init__(self, runs: CellRuns, serverapp: Any, *, log: logging.Logger | logging.LoggerAdapter[Any]) -> None:
        self._runs = runs
        self._serverapp = serverapp
        self._parts: ContentsParts | None = getattr(self._contents, "parts", None)
        self._sessions = serverapp.session_manager
        self._kernels = serverapp.kernel_manager
        self._log = log

    @property
    def _contents(self) -> Any:
        """The contents manager of the moment: extensions put their own in its place."""
        return self._serverapp.contents_manager

    async def keep(self, *, attended: bool) -> tuple[UnsafeFile, ...]:
        """Put the outputs of running and unattended cells into their notebooks.

        Args:
            attended: whether front ends have saved what they show: kernels with one are theirs.

        Returns:
            The notebooks that the outputs could not be put into.
        """
        found = self._runs.unattended()
        if not found:
            return ()
        sessions = await self._sessions_of_kernels()
        unsafe: list[UnsafeFile] = []
        for kernel_id, what in found.items():
            if attended and self._kernels.kernel_model(kernel_id)["connections"] > 0:
                continue
            unsafe += await self._keep_of(kernel_id, what, sessions.get(kernel_id, ()))
        return tuple(unsafe)

    async def _keep_of(self, kernel_id: str, what: Unattended, sessions: Sequence[NotebookSession]) -> list[UnsafeFile]:
        """Put outputs of one kernel into the notebooks that asked for them."""
        shares = await shares_of(kernel_id, what, sessions, runs=self._runs, os_path=self._os_path)
        unsafe = [UnsafeFile(path=path, reason=NOT_KEPT) for path in shares.unclear]
        if unsafe:
            self._log.error("Outputs are not kept: notebooks share a kernel, and which of them asked is not known.")
        for path, share in shares.by_path.items():
            without_place: list[str] = []
            unsafe += await self._keep_in(path, share, without_place)
            self._runs.kept(kernel_id, share, but=without_place)
        return unsafe

    async def _sessions_of_kernels(self) -> dict[str, list[NotebookSession]]:
        found: dict[str, list[NotebookSession]] = {}
        for session in await ensure_async(self._sessions.list_sessions()):
            if session.get("type") == "notebook" and session.get("kernel"):
                notebook = NotebookSession(id=str(session["id"]), path=session["path"].strip("/"))
                found.setdefault(session["kernel"]["id"], []).append(notebook)
        return found

    async def _keep_in(self, path: str, what: Unattended, without_place: list[str]) -> tuple[UnsafeFile, ...]:
        """Put outputs into one notebook; name it if they are lost.

        Args:
            path: the notebook's API path.
            what: what its cells have put out.
            without_place: gets the requests whose outputs have no place in it.
        """
        try:
            without_place += await self._put(path, what)
        except FileNotFoundError:
            self._log.info("Outputs of a deleted notebook are not kept.")
        except HTTPError as refused:
            # With 409 they are on the disk, and the status of the notebook shows that they are owed.
            if refused.status_code != 409:
                self._log.error("Outputs of cells that ran with no front end connected could not be saved: %s", refused)
                return (UnsafeFile(path=path, reason=NOT_KEPT),)
        except Exception:  # noqa: BLE001 - after any error the flush goes on, and reports that they are lost
            self._log.exception("Outputs of cells that ran with no front end connected could not be saved.")
            return (UnsafeFile(path=path, reason=NOT_KEPT),)
        if without_place:
            self._log.error("Outputs of cells whose sources were edited since they ran are not kept.")
            return (UnsafeFile(path=path, reason=NOT_KEPT),)
        return ()

    async def _put(self, path: str, what: Unattended) -> tuple[str, ...]:
        """Put outputs into a notebook; the requests whose outputs have no place in it."""
        if self._is_somebody_elses(path):
            self._log.info("Outputs are not put into a notebook that another person edits and this server never did.")
            return ()
        for _ in range(_ROUNDS):
            seen = await self._look(path)
            body, without_place = await self._body(path, what, seen.size_bytes)
            if body is None or await self._is_saved(path, body, seen):
                return without_place
        raise RuntimeError("the notebook kept changing")

    async def _look(self, path: str) -> _Seen:
        location = self._location(path)
        digest = None
        if self._parts is not None and location is not None:
            digest = await self._parts.storage.digest(location)
        info = await on_daemon_thread(self._os_path(path).stat)
        return _Seen(inode=info.st_ino, size_bytes=info.st_size, modified_ns=info.st_mtime_ns, digest=digest)

    def _location(self, path: str) -> Location | None:
        return None if self._parts is None else self._parts.workspaces.locate(path)

    def _is_somebody_elses(self, path: str) -> bool:
        """Whether the notebook was only looked at here; where the lock was lost, the outputs are edits of ours."""
        location = self._location(path)
        if self._parts is None or location is None or not location.is_delocalized:
            return False
        statuses = self._parts.statuses
        return statuses.is_read_only(location) and not statuses.lock_of(location).lost

    def _os_path(self, path: str) -> Path:
        return Path(self._contents._get_os_path(path))  # noqa: SLF001 - the contents managers' own word for it

    def _is_trusted(self, signature: str) -> bool:
        notary = self._contents.notary
        return bool(notary.store.check_signature(signature, notary.algorithm))

    async def _body(self, path: str, what: Unattended, size_bytes: int) -> _Body:
        """What a front end would send to save the notebook with its outputs."""
        contents = self._contents
        in_workspace = takes_stand_ins(contents) and contents.converter is not None and self._location(path) is not None
        if in_workspace and (
            size_bytes >= contents.large_bytes
            or not await asyncio.to_thread(lambda: is_ordinary(self._os_path(path).read_bytes()))
        ):
            with contextlib.suppress(NotConvertedError):
                return await self._body_beside(path, what, contents.converter)
        notebook, signature = await on_daemon_thread(self._read, path)
        trusted = self._is_trusted(signature)
        without_place = await asyncio.to_thread(requests_without_place, notebook, what)
        body = await asyncio.to_thread(body_with_outputs, notebook, what, trusted=trusted)
        return None if body is None else await asyncio.to_thread(_in_memory, body), without_place

    async def _body_beside(self, path: str, what: Unattended, converter: NotebookConverter) -> _Body:
        """By the process that converts large notebooks: Python parses on one thread at a time."""
        outputs = await asyncio.to_thread(lambda: _in_memory(packed(what)))
        with await on_daemon_thread(open_regular, self._os_path(path), follow=True) as source:
            notary = self._contents.notary
            return await converter.put_outputs(source.fileno(), outputs, notary, is_trusted=self._is_trusted)

    def _read(self, path: str) -> tuple[Any, str]:
        notebook = nbformat.reads(read_regular(self._os_path(path), follow=True).decode("utf-8"), as_version=_FORMAT)
        return notebook, self._contents.notary.compute_signature(notebook)

    async def _is_saved(self, path: str, body: MemoryFile, seen: _Seen) -> bool:
        """Save, unless another client has saved since: in a workspace, not even at the last moment."""
        if await self._look(path) != seen:
            return False
        try:
            with replacing(seen.digest):
                await self._save(path, body)
        except HTTPError as error:
            if isinstance(error.__cause__, ChangedMeanwhile):
                return False
            raise
        return True

    async def _save(self, path: str, body: MemoryFile) -> None:
        contents, model = self._contents, None
        if takes_stand_ins(contents) and contents.is_large_save(path, body.size_bytes):
            model = await contents.prepare(path, body)
        if model is None:
            await ensure_async(contents.save(json.loads(body.read()), path))
        else:
            with saving_only(model["content"]):
                await ensure_async(contents.save(model, path))
        self._log.info("Outputs of cells that ran with no front end connected are in their notebook now.")


def _in_memory(content: bytes) -> MemoryFile:
    file = MemoryFile("outputs")
    file.write(content)
    return file
