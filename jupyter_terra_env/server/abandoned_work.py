"""Work for a request, given up when the client does not wait for its answer any more."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from tornado import web

T = TypeVar("T")


class AbandonsWork(web.RequestHandler):
    """Mixin of handlers whose work is long and changes nothing."""

    _work: "asyncio.Task[Any] | None" = None
    _is_abandoned = False

    async def while_connected(self, work: Coroutine[Any, Any, T]) -> T:
        """Await work; it is cancelled when the client goes away."""
        task = asyncio.ensure_future(work)
        self._work = task
        try:
            return await task
        except asyncio.CancelledError:
            if self._is_abandoned:
                raise web.Finish from None
            raise
        finally:
            self._work = None

    def on_connection_close(self) -> None:
        """See ``RequestHandler.on_connection_close``."""
        super().on_connection_close()
        if self._work is not None:
            self._is_abandoned = True
            self._work.cancel()
