"""Sends changes of a notebook's status to Jupyter's events and to the tabs that show it."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

from jupyter_terra_env.notebooks.statuses import NotebookStatus
from jupyter_terra_env.rules.errors import TerraEnvError
from jupyter_terra_env.rules.gone import How
from jupyter_terra_env.rules.lock_view import LockAction, LockState
from jupyter_terra_env.rules.status import Place
from jupyter_terra_env.rules.workspace import Location, Mode
from jupyter_terra_env.server.status_fields import status_fields

Listener = Callable[[dict[str, Any]], None]
"""Takes a status as JSON."""

SCHEMA_ID = "https://jupyter-terra-env.invalid/events/notebook-status/v1"
_TEXT = {"type": "string"}
_MAYBE_TEXT = {"type": ["string", "null"]}
_YES_NO = {"type": "boolean"}

SCHEMA: dict[str, Any] = {
    "$id": SCHEMA_ID,
    "version": "1",
    "title": "Status of a workspace notebook",
    "description": "Sent when it has changed where the work of a notebook is, or who edits it.",
    "personal-data": True,
    "type": "object",
    "required": ["path", "mode", "place", "message", "writable", "lock"],
    "properties": {
        "path": _TEXT,
        "workspace": _TEXT,
        "bucket": _TEXT,
        "object": _MAYBE_TEXT,
        "mode": {"enum": [mode.value for mode in Mode]},
        "place": {"enum": [place.value for place in Place]},
        "message": _TEXT,
        "reason": _MAYBE_TEXT,
        "saved_at": _MAYBE_TEXT,
        "writable": _YES_NO,
        "edit_path": _MAYBE_TEXT,
        "playground_path": _MAYBE_TEXT,
        "lock": {
            "type": "object",
            "required": ["state", "message", "holder", "until", "lost", "actions"],
            "properties": {
                "state": {"enum": [state.value for state in LockState]},
                "message": _TEXT,
                "holder": _MAYBE_TEXT,
                "email": {"type": "null"},
                "until": _MAYBE_TEXT,
                "lost": _YES_NO,
                "actions": {"type": "array", "items": {"enum": [action.value for action in LockAction]}},
            },
        },
        "workspace_version": _MAYBE_TEXT,
        "workspace_saved_at": _MAYBE_TEXT,
        "gone": {
            "type": ["object", "null"],
            "required": ["how", "path"],
            "properties": {"how": {"enum": [how.value for how in How]}, "path": _MAYBE_TEXT},
        },
    },
}
"""Events have no e-mail addresses: every client gets them all, and an operator may log them."""


class Announcements:
    """Announces changes, one at a time for each notebook, and nothing twice.

    Args:
        status_of: returns a notebook's status.
        email_of_holder: returns the address of its lock's holder, or None.
        emit: sends an event of the schema.
        log: where unexpected failures go.
    """

    def __init__(
        self,
        *,
        status_of: Callable[[Location], Awaitable[NotebookStatus]],
        email_of_holder: Callable[[Location], str | None],
        emit: Callable[[dict[str, Any]], None],
        log: logging.Logger | logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._status_of = status_of
        self._email_of_holder = email_of_holder
        self._emit = emit
        self._log = log
        self._listeners: defaultdict[str, list[Listener]] = defaultdict(list)
        self._announced: dict[str, NotebookStatus] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._closed = False

    def changed(self, location: Location) -> None:
        """Read a notebook's status again, and announce it if it has changed."""
        if self._closed:
            return
        path = location.api_path
        self._again.add(path)
        task = self._tasks.get(path)
        if task is None or task.done():
            self._tasks[path] = asyncio.create_task(self._announce_all(location), name=f"announce {path}")

    async def status(self, location: Location) -> dict[str, Any]:
        """A notebook's status as JSON, for this person.

        Raises:
            ObjectNotFound: there is no such notebook.
        """
        return status_fields(await self._status_of(location), email=self._email_of_holder(location))

    def listen(self, location: Location, listener: Listener) -> Callable[[], None]:
        """Call a listener with every change of one notebook.

        Returns:
            What ends the listening.
        """
        path = location.api_path
        self._listeners[path].append(listener)

        def end() -> None:
            self._listeners[path].remove(listener)
            if not self._listeners[path]:
                del self._listeners[path]

        return end

    @property
    def listeners(self) -> int:
        """Number of listeners."""
        return sum(len(listeners) for listeners in self._listeners.values())

    async def close(self) -> None:
        """Announce nothing more."""
        self._closed = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _announce_all(self, location: Location) -> None:
        path = location.api_path
        while path in self._again:
            self._again.discard(path)
            try:
                await self._announce(location)
            except TerraEnvError:
                self._announced.pop(path, None)  # It has gone.
            except Exception:  # noqa: BLE001 - the task's boundary: the next change is announced again
                self._log.exception("Announcing a change failed.")
        self._tasks.pop(path, None)

    async def _announce(self, location: Location) -> None:
        status = await self._status_of(location)
        if self._announced.get(location.api_path) == status:
            return
        self._announced[location.api_path] = status
        fields = status_fields(status, email=self._email_of_holder(location))
        self._send(self._emit, status_fields(status, email=None))
        for listener in list(self._listeners.get(location.api_path, ())):
            self._send(listener, fields)

    def _send(self, listener: Listener, fields: dict[str, Any]) -> None:
        """Call one listener; one that fails, as a tab that has just been closed, keeps no other from being called."""
        try:
            listener(fields)
        except Exception:  # noqa: BLE001 - the next listener is called in any case
            self._log.exception("Announcing a change failed.")
