"""Notices of the cloud that the machine is about to go: each begins a flush, within the time that is left."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from jupyter_terra_env.autopause.flush import FlushCause

_WAIT_SECONDS = 60.0
_FIRST_BACKOFF_SECONDS = 1.0
_LAST_BACKOFF_SECONDS = 60.0


class ChangingValue(Protocol):
    """A metadata key's value."""

    @property
    def text(self) -> str | None:
        """The value; None where the machine does not have the key."""


class Metadata(Protocol):
    """The port to the metadata server."""

    def change_of(self, path: str, last: Any, wait_seconds: float) -> Awaitable[Any]:
        """Wait for a key to change; raises ``ConnectionError`` for silence, anything else for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A key of the metadata server.

    Attributes:
        path: the key.
        values: those that mean that the machine is about to go.
        cause: what that is called.
        seconds_left: until it goes, at least, as Compute Engine's documentation has it.
    """

    path: str
    values: frozenset[str]
    cause: FlushCause
    seconds_left: float


WATCHED = (
    Watched(path="instance/preempted", values=frozenset({"TRUE"}), cause=FlushCause.PREEMPTED, seconds_left=30.0),
    Watched(
        path="instance/maintenance-event",
        values=frozenset({"TERMINATE_ON_HOST_MAINTENANCE"}),
        cause=FlushCause.MAINTENANCE,
        seconds_left=60.0,
    ),
    Watched(
        path="instance/shutdown-details/stop-state",
        values=frozenset({"PENDING_STOP"}),
        cause=FlushCause.STOPPING,
        seconds_left=60.0,
    ),
)


class NoticeWatch:
    """Watches the keys, one task each.

    Args:
        metadata: the metadata server.
        on_notice: begins the flush: the cause, and the seconds left.
        sleep: waits.
        log: where trouble is logged, once each time it begins.
    """

    def __init__(
        self,
        metadata: Metadata,
        *,
        on_notice: Callable[[FlushCause, float], Awaitable[None]],
        sleep: Callable[[float], Awaitable[None]],
        log: logging.Logger | logging.LoggerAdapter[Any],
    ) -> None:
        self._metadata = metadata
        self._on_notice = on_notice
        self._sleep = sleep
        self._log = log
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to watch."""
        self._tasks = [asyncio.create_task(self._watch(key), name=f"watch {key.path}") for key in WATCHED]

    async def close(self) -> None:
        """Stop watching."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def is_watching(self) -> bool:
        """Whether any key is still watched."""
        return any(not task.done() for task in self._tasks)

    async def _watch(self, key: Watched) -> None:
        last: Any = None
        backoff = _FIRST_BACKOFF_SECONDS
        while True:
            try:
                value = await self._metadata.change_of(key.path, last, _WAIT_SECONDS)
            except ConnectionError as error:
                if backoff == _FIRST_BACKOFF_SECONDS:
                    self._log.warning("Notices under %s cannot be read for now: %s", key.path, error)
                await self._sleep(backoff)
                backoff = min(backoff * 2, _LAST_BACKOFF_SECONDS)
                continue
            except Exception as error:  # noqa: BLE001 - the task's boundary: this key is of no use here
                self._log.warning("Notices under %s are not watched: %s", key.path, error)
                return
            if value.text is None:
                self._log.debug("This machine has no %s.", key.path)
                return
            backoff = _FIRST_BACKOFF_SECONDS
            changed = last is None or value.text != last.text
            last = value
            if changed and value.text in key.values:
                self._log.warning("The cloud is about to stop this machine (%s): saving everything.", key.cause.value)
                await self._on_notice(key.cause, key.seconds_left)
