"""The debts of this server's notebooks to the bucket, for the flush before a pause."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from jupyter_terra_env.autopause.flush import FlushResult, SafeFile, UnsafeFile
from jupyter_terra_env.notebooks.deliveries import Deliveries
from jupyter_terra_env.notebooks.locks.lock_keeper import LockKeeper
from jupyter_terra_env.notebooks.storage.foreign_debts import NOT_CONFIGURED, on_the_disk, recorded_debts
from jupyter_terra_env.notebooks.storage.journal import Debt


class NotebookDebts:
    """Uploads the saves that have not reached the bucket.

    Args:
        deliveries: uploads them.
        keeper: gives the locks back.
    """

    def __init__(self, deliveries: Deliveries, keeper: LockKeeper) -> None:
        self._deliveries = deliveries
        self._keeper = keeper

    async def pay(self, deadline_seconds: float) -> FlushResult:
        """Upload what is owed.

        Args:
            deadline_seconds: how long to try.
        """
        delivery_result = await self._deliveries.pay(deadline_seconds)
        unsafe = tuple(
            UnsafeFile(path=status.location.api_path, reason=status.work.reason or status.work.place.value)
            for status in delivery_result.unpaid
        )
        unsafe += foreign_files(delivery_result.foreign)
        return FlushResult(safe=tuple([await self._safe(path) for path in delivery_result.paid]), unsafe=unsafe)

    async def release_locks(self, deadline_seconds: float) -> None:
        """Give back every lock this server holds; those that cannot be expire by themselves."""
        await self._keeper.give_all_back(deadline_seconds)

    async def _safe(self, path: str) -> SafeFile:
        return SafeFile(path=path, generation=await self._deliveries.delivered_generation(path))


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
