"""All kernels of a server: which are busy, which wait for a person, and which state the server reports."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from jupyter_server.utils import ensure_async
from tornado import web
from tornado.ioloop import IOLoop

from jupyter_terra_env.rules.autopause.activity import Work, WorkKind
from jupyter_terra_env.rules.autopause.processes import ProcessRoot
from jupyter_terra_env.server.activity.kernel_observer import KernelObserver, Observing

ACTIONS_SCHEMA = "https://events.jupyter.org/jupyter_server/kernel_actions/v1"
_SOON_SECONDS = 0.1
_SOON_TIMES = 100
"""A kernel's start is announced before the server has finished it; waiting for a tick would miss its first cell."""
_NAMES_SECONDS = 2.0
_STARTING_SECONDS = 60.0
"""For how long ``starting`` is believed: a kernel that no one has talked to reports it for ever."""


class KernelWatch:
    """Observes each kernel of a server from its start to its end.

    Args:
        kernels: the server's mapping kernel manager.
        event_logger: the server's event logger, which reports starts and ends at once.
        how: how they are observed.
        on_restart: called with the id of a kernel that was restarted.
        sessions: the server's session manager: it knows which notebook a kernel belongs to. None where there is none.
    """

    def __init__(
        self,
        kernels: Any,
        event_logger: Any,
        how: Observing,
        *,
        on_restart: Callable[[str], None] = lambda _: None,
        sessions: Any = None,
    ) -> None:
        self._kernels = kernels
        self._on_restart = on_restart
        self._sessions = sessions
        self._files: dict[str, str] = {}
        self._event_logger = event_logger
        self._how = how
        self._monotonic = how.monotonic
        self._observers: dict[str, KernelObserver] = {}
        self._work_ended: float | None = None
        self._unobservable: set[str] = set()
        self._soon: dict[str, Any] = {}

    def start(self) -> None:
        """Begin to observe."""
        self._event_logger.add_listener(schema_id=ACTIONS_SCHEMA, listener=self._on_action)
        self.reconcile()

    def close(self) -> None:
        """Stop observing."""
        self._event_logger.remove_listener(schema_id=ACTIONS_SCHEMA, listener=self._on_action)
        for waiting in self._soon.values():
            IOLoop.current().remove_timeout(waiting)
        self._soon.clear()
        for observer in self._observers.values():
            observer.close()
        self._observers.clear()

    def reconcile(self) -> None:
        """Observe new kernels, drop those that have ended, and audit the others."""
        running = {id_: manager for id_ in self._kernels.list_kernel_ids() if (manager := self._manager(id_))}
        for id_, observer in list(self._observers.items()):
            if running.get(id_) is not observer.manager:
                self._forget(id_)
        for id_, manager in running.items():
            if id_ in self._observers:
                self._observers[id_].audit()
            elif manager.iopub_port and manager.execution_state is not None:
                self._observe(id_, manager)

    async def learn_names(self) -> None:
        """Ask which notebook each kernel belongs to; they can be renamed. Nothing waits long for names."""
        if self._sessions is None:
            return
        try:
            async with asyncio.timeout(_NAMES_SECONDS):
                sessions = await self._sessions.list_sessions()
        except (KeyError, sqlite3.Error, web.HTTPError, TimeoutError):
            return  # then kernels are named by their ids: who works is known all the same
        self._files = {
            session["kernel"]["id"]: PurePosixPath(session["path"]).name for session in sessions if session.get("path")
        }

    def find(self, kernel_id: str) -> KernelObserver | None:
        """The observer of a kernel."""
        return self._observers.get(kernel_id)

    def work(self) -> tuple[Work, ...]:
        """The kernels that are busy."""
        now = self._monotonic()
        observed = (self._work_of(observer, now) for observer in self._observers.values() if not self._waits(observer))
        return tuple(work for work in (*observed, *self._work_of_unobservable()) if work is not None)

    def waits(self) -> tuple[Work, ...]:
        """The kernels whose cell waits for a person to answer ``input()``."""
        now = self._monotonic()
        return tuple(
            Work(
                kind=WorkKind.KERNEL,
                id=observer.id,
                detail=f"{self._cell(observer)} waits for input.",
                age_seconds=now - (observer.busy.waits_since_seconds or now),
            )
            for observer in self._observers.values()
            if self._waits(observer)
        )

    def work_ended_seconds(self) -> float | None:
        """When the last work of any kernel ended, by the clock; None when there was none."""
        ended = [self._work_ended, *(observer.busy.work_ended_seconds for observer in self._observers.values())]
        return max((at for at in ended if at is not None), default=None)

    def busy_ids(self) -> frozenset[str]:
        """Kernels that run a cell."""
        return frozenset(work.id for work in self.work())

    def roots(self) -> tuple[ProcessRoot, ...]:
        """The kernels' processes, where they are on this machine."""
        found = []
        for id_, observer in self._observers.items():
            pid = getattr(getattr(observer.manager, "provisioner", None), "pid", None)
            if isinstance(pid, int):
                found.append(ProcessRoot(pid=pid, kind=WorkKind.KERNEL, id=id_))
        return tuple(found)

    def reported_busy(self) -> bool | None:
        """Whether any kernel is not idle in what Leonardo reads; None when that cannot be read."""
        try:
            return any(manager.execution_state != "idle" for manager in self._managers())
        except (AttributeError, KeyError):
            return None

    def report(self) -> list[dict[str, Any]]:
        """What is known of each kernel, ready for JSON; times are ages in seconds."""
        now = self._monotonic()
        return [
            {
                "id": observer.id,
                "name": observer.manager.kernel_name,
                "state": observer.state,
                "reported_state": observer.reported_state,
                "corrected": observer.state != observer.reported_state,
                "busy_seconds": _age(observer.busy.busy_since_seconds, now),
                "waits_for_input_seconds": _age(observer.busy.waits_since_seconds, now),
            }
            for observer in self._observers.values()
        ]

    async def _on_action(self, logger: Any, schema_id: str, data: dict[str, Any]) -> None:  # noqa: ARG002
        if data.get("status") == "error":
            return
        kernel_id = data.get("kernel_id", "")
        observer = self._observers.get(kernel_id)
        if data.get("action") == "restart" and observer is not None:
            observer.on_restart()
            self._on_restart(kernel_id)
        self._reconcile_soon(kernel_id, _SOON_TIMES if data.get("action") == "start" else 0)

    def _reconcile_soon(self, kernel_id: str, times: int) -> None:
        """Look now, and again and again until a kernel is observed that has just been started."""
        self.reconcile()
        waiting = self._soon.pop(kernel_id, None)
        if waiting is not None:
            IOLoop.current().remove_timeout(waiting)
        if times > 0 and kernel_id not in self._observers:
            again = IOLoop.current().call_later(_SOON_SECONDS, self._reconcile_soon, kernel_id, times - 1)
            self._soon[kernel_id] = again

    def _observe(self, kernel_id: str, manager: Any) -> None:
        observer = KernelObserver(kernel_id, manager, self._how)
        self._observers[kernel_id] = observer
        observer.attach()

    def _forget(self, kernel_id: str) -> None:
        observer = self._observers.pop(kernel_id)
        now = self._monotonic()
        ended = now if observer.busy.works(now) else observer.busy.work_ended_seconds
        if ended is not None:
            self._work_ended = max(ended, self._work_ended or ended)
        observer.close()

    def _manager(self, kernel_id: str) -> Any:
        """A kernel's manager, or None for one that cannot be observed from here, as a gateway's."""
        try:
            manager = self._kernels.get_kernel(kernel_id)
        except KeyError:
            return None
        is_local = manager.has_trait("execution_state") and hasattr(manager, "connect_iopub")
        (self._unobservable.discard if is_local else self._unobservable.add)(kernel_id)
        return manager if is_local else None

    def _managers(self) -> list[Any]:
        return [self._kernels.get_kernel(id_) for id_ in self._kernels.list_kernel_ids()]

    def _work_of(self, observer: KernelObserver, now: float) -> Work | None:
        state, since = observer.state, observer.busy.busy_since_seconds
        fresh = now - observer.attached_seconds < _STARTING_SECONDS
        if state == "busy" and observer.busy.is_busy and not observer.busy.works(now):
            # Brief talk of a program with the kernel, as an inspector's.
            return None
        if state == "busy":
            detail = f"{self._cell(observer)} runs."
        elif state == "starting" and fresh:
            detail, since = f"{self._name(observer)} starts.", observer.attached_seconds
        else:
            return None
        return Work(kind=WorkKind.KERNEL, id=observer.id, detail=detail, age_seconds=_age(since, now) or 0.0)

    def _work_of_unobservable(self) -> list[Work]:
        """Kernels on other machines cannot be observed: the state that the server reports is taken."""
        known = set(self._kernels.list_kernel_ids())
        self._unobservable &= known
        return [
            Work(kind=WorkKind.KERNEL, id=id_, detail=f"Kernel {id_[:8]} is busy.")
            for id_ in sorted(self._unobservable)
            if getattr(self._kernels.get_kernel(id_), "execution_state", None) == "busy"
        ]

    def _waits(self, observer: KernelObserver) -> bool:
        return (
            self._how.input_wait_is_idle and observer.busy.waits_since_seconds is not None and observer.state == "busy"
        )

    def _cell(self, observer: KernelObserver) -> str:
        file = self._files.get(observer.id)
        return f"A cell of {file}" if file else f"A cell of kernel {_label(observer)}"

    def _name(self, observer: KernelObserver) -> str:
        file = self._files.get(observer.id)
        return f"The kernel of {file}" if file else f"Kernel {_label(observer)}"


def _label(observer: KernelObserver) -> str:
    return f"{observer.manager.kernel_name} ({observer.id[:8]})"


def _age(since: float | None, now: float) -> float | None:
    return None if since is None else now - since


async def paths_in_use(serverapp: Any, state_of: Callable[[str], str | None]) -> frozenset[str]:
    """API paths of notebooks whose kernel is busy or has a connected client.

    Args:
        serverapp: the Jupyter server.
        state_of: the observed state of a kernel by its id; None if it is not observed, and what the
            server reports has to be believed.
    """
    sessions = await ensure_async(serverapp.session_manager.list_sessions())
    return frozenset(session["path"].strip("/") for session in sessions if _is_used(session.get("kernel"), state_of))


def _is_used(kernel: dict[str, Any] | None, state_of: Callable[[str], str | None]) -> bool:
    if kernel is None:
        return False
    state = state_of(kernel["id"]) or kernel.get("execution_state")
    return kernel.get("connections", 0) > 0 or state == "busy"


def notebook_sessions(session_manager: Any, kernel_id: str) -> frozenset[str] | None:
    """Ids of the notebook sessions of a kernel, at once; None where the session manager is not as Jupyter's.

    Args:
        session_manager: the server's.
        kernel_id: the kernel.
    """
    try:
        rows = session_manager.connection.execute(
            "SELECT session_id FROM session WHERE kernel_id = ? AND type = 'notebook'", (kernel_id,)
        )
        return frozenset(str(row[0]) for row in rows.fetchall())
    except (AttributeError, sqlite3.Error):
        return None
