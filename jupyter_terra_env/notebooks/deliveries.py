"""Everything that the bucket does not have yet: naming it, and trying to bring it there."""

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from jupyter_terra_env.notebooks.statuses import NotebookStatus, Statuses
from jupyter_terra_env.notebooks.storage.foreign_debts import on_the_disk, payable_as, sentence
from jupyter_terra_env.notebooks.storage.journal import Debt
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.sync.delocalizer import Delocalizer
from jupyter_terra_env.notebooks.sync.foreign_edits import ForeignEdits
from jupyter_terra_env.rules.shown_names import shown
from jupyter_terra_env.rules.workspace import Location, Workspaces


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryResult:
    """What became of everything the bucket was owed.

    Attributes:
        paid: API paths of the notebooks that are in the workspace now.
        unpaid: the others; they stay on the disk and in the journal.
        foreign: debts to buckets of workspaces that are not configured here; they stay, too.
    """

    paid: tuple[str, ...]
    unpaid: tuple[NotebookStatus, ...]
    foreign: tuple[Debt, ...] = ()


class Deliveries:
    """Knows what is owed, and pays it.

    Args:
        workspaces: whose buckets can be paid.
        storage: the journal.
        delocalizer: uploads what is owed.
        foreign_edits: what programs write into working copies.
        statuses: say what became of each notebook.
        log: the server's log.
    """

    def __init__(
        self,
        workspaces: Workspaces,
        storage: NotebookStorage,
        delocalizer: Delocalizer,
        foreign_edits: ForeignEdits,
        statuses: Statuses,
        *,
        log: logging.Logger | logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._workspaces = workspaces
        self._storage = storage
        self._delocalizer = delocalizer
        self._foreign_edits = foreign_edits
        self._statuses = statuses
        self._log = log

    async def start(self) -> None:
        """Go on with the uploads that were owed when the last server ended."""
        for location in await self.owed():
            self._delocalizer.start(location)
        await self._log_foreign_debts()

    async def owed(self) -> tuple[Location, ...]:
        """The notebooks that hold saves the bucket has not, by the journal; see also ``foreign_debts``."""
        located = [payable_as(debt, self._workspaces) for debt in await self._storage.debts()]
        return tuple(location for location in located if location is not None)

    async def foreign_debts(self) -> tuple[Debt, ...]:
        """Saves that are owed to buckets of workspaces that are not configured here."""
        foreign = [debt for debt in await self._storage.debts() if payable_as(debt, self._workspaces) is None]
        return await self._storage.run(on_the_disk, foreign, self._storage.entry(""))

    async def undelivered(self) -> tuple[Location, ...]:
        """All that the bucket has not: what is owed, and what programs wrote and nothing brings there by itself."""
        places = {location.api_path: location for location in await self.owed()}
        places.update((location.api_path, location) for location in await self._foreign_edits.undelivered())
        return tuple(places[path] for path in sorted(places))

    async def pay(self, deadline_seconds: float) -> DeliveryResult:
        """Try to bring everything that is owed to the bucket.

        Args:
            deadline_seconds: how long to try.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline_seconds):
                await self._foreign_edits.look()
        owed = await self.owed()
        await self._delocalizer.pay(owed, deadline_seconds)
        return await self.result([location.api_path for location in owed])

    async def result(self, sent: Iterable[str]) -> DeliveryResult:
        """What the journal says became of debts.

        Args:
            sent: API paths of the notebooks that were sent to the bucket.
        """
        still = {location.api_path: location for location in await self.undelivered()}
        unpaid = [await self._statuses.of_debt(still[path]) for path in sorted(still)]
        paid = tuple(path for path in sent if path not in still)
        return DeliveryResult(paid=paid, unpaid=tuple(unpaid), foreign=await self.foreign_debts())

    async def look(self) -> DeliveryResult:
        """What is not delivered now, after a look for files that programs have written. Pays nothing."""
        await self._foreign_edits.look()
        return await self.result(())

    async def delivered_generation(self, path: str) -> str:
        """The generation of the object that a notebook was delivered as; empty when it is not known.

        Args:
            path: the notebook's API path.
        """
        location = self._workspaces.locate(path)
        baseline = None if location is None else await self._storage.baseline(location)
        return "" if baseline is None else str(baseline.generation)

    async def log_undelivered(self) -> None:
        """Name in the log what is not delivered when the server ends."""
        for location in await self.undelivered():
            debt = await self._statuses.of_debt(location)
            self._log.warning("Not in the workspace at the end: %s. %s", shown(location.api_path), debt.work.message)
        await self._log_foreign_debts()

    async def _log_foreign_debts(self) -> None:
        for debt in await self.foreign_debts():
            self._log.warning("Not in the workspace: %s. %s", debt.path, sentence(debt))
