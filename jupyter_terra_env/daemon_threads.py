"""Threads for work that may never return: a disk or a network that hangs does not keep the process from exiting.

The standard library's pool is joined when the interpreter exits, so one call that hangs would block the exit for ever.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_Work = tuple[Future[Any], Callable[[], Any]]


class DaemonThreads(Executor):
    """A pool of daemon threads, started as they are needed.

    Args:
        most: maximum number of threads.
        name: start of their names.
    """

    def __init__(self, most: int, *, name: str) -> None:
        self._most = most
        self._name = name
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._closed = False
        self._guard = threading.Lock()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """See ``Executor.submit``.

        Raises:
            RuntimeError: the pool is closed.
        """
        future: Future[T] = Future()
        with self._guard:
            if self._closed:
                raise RuntimeError("these threads accept no more work")
            self._queue.put((future, lambda: fn(*args, **kwargs)))
            if self._idle > 0:
                self._idle -= 1
            elif len(self._threads) < self._most:
                number = len(self._threads)
                thread = threading.Thread(target=self._work, name=f"{self._name}_{number}", daemon=True)
                self._threads.append(thread)
                thread.start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - as Executor has it
        """See ``Executor.shutdown``."""
        with self._guard:
            if not self._closed:
                self._closed = True
                if cancel_futures:
                    self._cancel_waiting()
                self._queue.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def close(self, seconds: float) -> bool:
        """Accept no more work, and wait for the work accepted so far.

        Args:
            seconds: how long to wait.

        Returns:
            Whether all of it has ended; the rest is abandoned.
        """
        self.shutdown(wait=False)
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _cancel_waiting(self) -> None:
        while not self._queue.empty():
            waiting = self._queue.get()
            if waiting is not None:
                waiting[0].cancel()

    def _work(self) -> None:
        while (work := self._queue.get()) is not None:
            _do(*work)
            del work  # It would stay alive until the next work comes.
            with self._guard:
                self._idle += 1
        self._queue.put(None)  # For the next thread.


async def on_daemon_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As ``asyncio.to_thread``, on a daemon thread of its own."""
    future: Future[T] = Future()
    threading.Thread(
        target=_do, args=(future, lambda: function(*args, **kwargs)), name="terra-env-once", daemon=True
    ).start()
    return await asyncio.wrap_future(future)


def _do(future: Future[Any], function: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(function())
    except BaseException as error:  # noqa: BLE001 - the waiting caller gets it
        future.set_exception(error)
