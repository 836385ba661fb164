"""The debts of this server's notebooks to the bucket, for the flush before a pause."""

import asyncio
import contextlib
from collections.abc import Iterable
from pathlib import Path

from jupyter_terra_env.autopause.flush import FlushResult, SafeFile, UnsafeFile
from jupyter_terra_env.notebooks.storage.foreign_debts import NOT_CONFIGURED, on_the_disk, recorded_debts
from jupyter_terra_env.notebooks.storage.journal import Debt
from jupyter_terra_env.notebooks.workspace_notebooks import WorkspaceNotebooks
from jupyter_terra_env.rules.errors import TerraEnvError
from jupyter_terra_env.rules.shown_names import shown
from jupyter_terra_env.rules.workspace import Location


class NotebookDebts:
    """Uploads the saves that have not reached the bucket.

    Args:
        notebooks: the wired parts.
    """

    def __init__(self, notebooks: WorkspaceNotebooks) -> None:
        self._notebooks = notebooks

    async def pay(self, deadline_seconds: float) -> FlushResult:
        """Upload what is owed.

        Args:
            deadline_seconds: how long to try.
        """
        delivery_result = await self._notebooks.pay(deadline_seconds)
        unsafe = tuple(
            UnsafeFile(path=status.location.api_path, reason=status.work.reason or status.work.place.value)
            for status in delivery_result.unpaid
        )
        unsafe += foreign_files(delivery_result.foreign)
        return FlushResult(safe=tuple([await self._safe(path) for path in delivery_result.paid]), unsafe=unsafe)

    async def release_locks(self, deadline_seconds: float) -> None:
        """Give back every lock this server holds; those that cannot be expire by themselves."""
        held = [location for location, _ in self._notebooks.locks.held()]
        async with asyncio.timeout(deadline_seconds):
            outcomes = await asyncio.gather(*(self._release(location) for location in held), return_exceptions=True)
        for location, outcome in zip(held, outcomes, strict=True):
            if isinstance(outcome, Exception):
                self._notebooks.log.warning(
                    "The edit lock of %s could not be given back (%s); it expires by itself.",
                    shown(location.api_path),
                    type(outcome).__name__,
                )

    async def _safe(self, path: str) -> SafeFile:
        location = self._notebooks.workspaces.locate(path)
        baseline = None if location is None else await self._notebooks.storage.baseline(location)
        return SafeFile(path=path, generation="" if baseline is None else str(baseline.generation))

    async def _release(self, location: Location) -> None:
        with contextlib.suppress(TerraEnvError):
            await self._notebooks.locks.release(location, unless=lambda: False)


class ForeignDebts:
    """The debts that a server without a workspace finds on its disk; it cannot pay them.

    Args:
        root: the server's root folder.
        state_directory: folder of the journal.
    """

    def __init__(self, root: Path, state_directory: Path) -> None:
        self._root = root
        self._state_directory = state_directory

    async def pay(self, deadline_seconds: float) -> FlushResult:  # noqa: ARG002 - nothing can be paid
        """Report them as unsafe."""
        return FlushResult(unsafe=foreign_files(await asyncio.to_thread(self._read)))

    async def release_locks(self, deadline_seconds: float) -> None:
        """Nothing is edited without a workspace."""

    def _read(self) -> tuple[Debt, ...]:
        return on_the_disk(recorded_debts(self._state_directory), self._root)


def foreign_files(debts: Iterable[Debt]) -> tuple[UnsafeFile, ...]:
    """Debts to workspaces that are not configured here, as files that are not safe."""
    return tuple(UnsafeFile(path=debt.path, reason=NOT_CONFIGURED) for debt in debts)
