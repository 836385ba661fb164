"""What the notebooks of this server owe to the bucket, for the flush before a pause."""

import asyncio
import contextlib

from jupyter_terra_env.autopause.flush import Paid, SafeFile, UnsafeFile
from jupyter_terra_env.notebooks.workspace_notebooks import WorkspaceNotebooks
from jupyter_terra_env.rules.errors import TerraEnvError
from jupyter_terra_env.rules.shown_names import shown
from jupyter_terra_env.rules.workspace import Location


class NotebookDebts:
    """Pays what was saved here and has not reached the bucket.

    Args:
        notebooks: the wired parts.
    """

    def __init__(self, notebooks: WorkspaceNotebooks) -> None:
        self._notebooks = notebooks

    async def pay(self, deadline_seconds: float) -> Paid:
        """Upload what is owed.

        Args:
            deadline_seconds: how long to try.
        """
        payment = await self._notebooks.pay(deadline_seconds)
        unsafe = tuple(
            UnsafeFile(path=status.location.api_path, reason=status.work.reason or status.work.place.value)
            for status in payment.unpaid
        )
        return Paid(safe=tuple([await self._safe(path) for path in payment.paid]), unsafe=unsafe)

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
        baseline = None if location is None else await self._notebooks.places.baseline(location)
        return SafeFile(path=path, generation="" if baseline is None else str(baseline.generation))

    async def _release(self, location: Location) -> None:
        with contextlib.suppress(TerraEnvError):
            await self._notebooks.locks.release(location, unless=lambda: False)
