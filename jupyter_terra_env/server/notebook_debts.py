"""What the notebooks of this server owe to the bucket, for the flush before a pause."""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from jupyter_terra_env.autopause.flush import Paid, SafeFile, Unsafe, UnsafeFile
from jupyter_terra_env.notebooks.workspace_notebooks import WorkspaceNotebooks
from jupyter_terra_env.rules.errors import TerraEnvError
from jupyter_terra_env.rules.status import Place
from jupyter_terra_env.rules.workspace import Location, Mode

_UPLOADS_AT_ONCE = 4
_SAFE = {Place.IN_WORKSPACE, Place.OFFLINE}
_RESERVE_SECONDS = 0.5
"""Left at the end, to say what became of it."""


class NotebookDebts:
    """Pays what was saved here and has not reached the bucket.

    Args:
        notebooks: the wired parts.
        root: the server's root folder.
    """

    def __init__(self, notebooks: WorkspaceNotebooks, root: Path) -> None:
        self._notebooks = notebooks
        self._root = root

    async def pay(self, deadline_seconds: float) -> Paid:
        """Upload what is owed, the smallest notebook first.

        Args:
            deadline_seconds: when to come back, whatever is left.
        """
        loop = asyncio.get_running_loop()
        ends = loop.time() + max(0.0, deadline_seconds - _RESERVE_SECONDS)
        turns = asyncio.Semaphore(_UPLOADS_AT_ONCE)
        found = await self._notebooks.places.copies.run(self._working_copies)
        settling = {asyncio.create_task(self._settled(location, turns)): location for location in found}
        if not settling:
            return Paid()
        done, late = await asyncio.wait(settling, timeout=max(0.0, ends - loop.time()))
        # Only the waiting ends: an upload that is under way goes on.
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        told = [task.result() for task in done]
        late_files = [UnsafeFile(path=settling[task].api_path, reason=Unsafe.TIMEOUT) for task in late]
        return Paid(
            safe=tuple(file for file in told if isinstance(file, SafeFile)),
            unsafe=(*(file for file in told if isinstance(file, UnsafeFile)), *late_files),
        )

    async def release_locks(self, deadline_seconds: float) -> None:
        """Give back every lock this server holds; those that cannot be expire by themselves."""
        held = [location for location, _ in self._notebooks.locks.held()]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline_seconds):
                await asyncio.gather(*(self._release(location) for location in held))

    async def _settled(self, location: Location, turns: asyncio.Semaphore) -> SafeFile | UnsafeFile | None:
        """What became of a file; None for one that was put there past Jupyter: never saved here, it owes nothing."""
        async with turns:
            try:
                if await self._notebooks.places.baseline(location) is None:
                    return None
                news = await self._notebooks.delocalizer.current_status(location)
                if news.place not in _SAFE:
                    news = await self._notebooks.delocalizer.settle(location)
                baseline = await self._notebooks.places.baseline(location)
            except TerraEnvError:
                return UnsafeFile(path=location.api_path, reason=Unsafe.ERROR)
        if news.place in _SAFE and baseline is not None:
            return SafeFile(path=location.api_path, generation=str(baseline.generation))
        return UnsafeFile(path=location.api_path, reason=news.reason or news.place.value)

    async def _release(self, location: Location) -> None:
        with contextlib.suppress(TerraEnvError):
            await self._notebooks.keeper.give_back(location)

    def _working_copies(self) -> list[Location]:
        sized = []
        for path in self._files():
            location = self._notebooks.workspaces.locate(path.relative_to(self._root).as_posix())
            if location is None or not location.is_delocalized:
                continue
            with contextlib.suppress(OSError):
                sized.append((path.stat().st_size, location.api_path, location))
        return [location for _, _, location in sorted(sized, key=lambda entry: entry[:2])]

    def _files(self) -> Iterator[Path]:
        for workspace in self._notebooks.workspaces.all:
            for directory, mode in workspace.directories():
                if mode is Mode.EDIT:
                    for folder, _, names in os.walk(self._root / directory):
                        yield from (Path(folder) / name for name in names)
