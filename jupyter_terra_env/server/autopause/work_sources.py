"""What autopause reads of a running server: its kernels, its terminals, and the machine it runs on."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from jupyter_terra_env.autopause.observation import Observation
from jupyter_terra_env.autopause.process_watch import TerminalShell
from jupyter_terra_env.environment.machine_facts import instance_name
from jupyter_terra_env.environment.metadata import MetadataServer
from jupyter_terra_env.rules.autopause.state import StopMode
from jupyter_terra_env.server.activity.human_activity import HumanActivity
from jupyter_terra_env.server.activity.kernel_watch import KernelWatch

if TYPE_CHECKING:
    from jupyter_terra_env.environment.compute_engine import ComputeInstance


class LazyInstance:
    """This machine at Compute Engine, looked up when it is first asked about: the metadata server may be late."""

    def __init__(self, metadata: MetadataServer) -> None:
        self._metadata = metadata
        self._found: ComputeInstance | None = None

    async def stop(self, mode: StopMode, request_id: str) -> None:
        """See ``ComputeInstance``."""
        await (await self._instance()).stop(mode, request_id)

    async def status(self) -> str:
        """See ``ComputeInstance``."""
        return await (await self._instance()).status()

    async def _instance(self) -> "ComputeInstance":
        if self._found is None:
            # Google's clients take tens of megabytes, and most servers never need them.
            from jupyter_terra_env.environment import compute_engine  # noqa: PLC0415

            name = await instance_name(self._metadata)
            if name is None:
                raise ConnectionError("The metadata server does not say which machine this is.")
            instances = await asyncio.to_thread(compute_engine.client)
            self._found = compute_engine.ComputeInstance(name, instances)
        return self._found


class KernelSource:
    """The kernels, as a source of work; looking also lets go of those that have ended."""

    name = "kernels"

    def __init__(self, kernels: KernelWatch, monotonic: Callable[[], float]) -> None:
        self._kernels = kernels
        self._monotonic = monotonic

    async def look(self) -> Observation:
        """See ``WorkSource``."""
        self._kernels.reconcile()
        await self._kernels.learn_names()
        ended = self._kernels.work_ended_seconds()
        return Observation(
            work=self._kernels.work(),
            waits=self._kernels.waits(),
            work_age=None if ended is None else self._monotonic() - ended,
        )


class Terminals:
    """The terminals of a server, where it has any.

    Args:
        settings: the web application's settings.
        human_activity: sees the keys typed into them.
    """

    def __init__(self, settings: Mapping[str, Any], human_activity: HumanActivity) -> None:
        self._settings = settings
        self._human_activity = human_activity

    def shells(self) -> list[TerminalShell]:
        """The shells that run in terminals; looking also has their keys watched."""
        manager = self._settings.get("terminal_manager")
        terminals = {} if manager is None else dict(manager.terminals)
        self._human_activity.watch_terminals(terminals)
        return [
            TerminalShell(name=name, pid=terminal.ptyproc.pid, descriptor=terminal.ptyproc.fd)
            for name, terminal in terminals.items()
        ]
