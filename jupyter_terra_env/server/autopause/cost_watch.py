"""Keeps what the machine costs up to date: prices come from a table, the machine's facts from the cloud."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from jupyter_terra_env.autopause.report import MachineCost
from jupyter_terra_env.environment.metadata import NotMetadata
from jupyter_terra_env.rules.autopause.cost import Cost, Machine, cost_of
from jupyter_terra_env.rules.autopause.prices import PriceTable
from jupyter_terra_env.server.autopause import metrics

_INTERVAL_SECONDS = 3600.0


class CostWatch:
    """Knows the machine's cost per hour; a machine may be given another type or disk while this server is away.

    Args:
        prices: the price table.
        read_machine: asks the cloud what the machine is; raises ``ConnectionError`` or ``NotMetadata`` if there is no
            answer. None where there is no cloud to ask: the cost stays unknown.
        sleep: waits between two readings, in seconds.
        log: where it is logged that the cost is not known.
    """

    def __init__(
        self,
        prices: PriceTable,
        *,
        read_machine: Callable[[], Awaitable[Machine]] | None,
        sleep: Callable[[float], Awaitable[None]],
        log: logging.Logger | logging.LoggerAdapter[Any],
    ) -> None:
        self._prices = prices
        self._read_machine = read_machine
        self._sleep = sleep
        self._log = log
        self._task: asyncio.Task[None] | None = None
        self._current = MachineCost(cost=Cost(running=None, paused=None), dated=prices.dated)

    @property
    def current(self) -> MachineCost:
        """The cost as it was last computed; unknown before the first reading."""
        return self._current

    def start(self) -> None:
        """Read the machine's facts now, and then every hour."""
        if self._read_machine is not None:
            self._task = asyncio.create_task(self._run(self._read_machine), name="autopause prices")

    async def close(self) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, read_machine: Callable[[], Awaitable[Machine]]) -> None:
        while True:
            try:
                cost = cost_of(await read_machine(), self._prices)
                self._current = MachineCost(cost=cost, dated=self._prices.dated)
                metrics.observe_cost(cost)
            except (ConnectionError, NotMetadata) as error:
                self._log.info("What this machine costs is not known: %s", error)
            await self._sleep(_INTERVAL_SECONDS)
