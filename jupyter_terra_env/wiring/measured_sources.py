"""Builds the sources of work that measure a load: processes, graphics cards and the network."""

import shutil
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from jupyter_terra_env.autopause.gpu_watch import GpuWatch
from jupyter_terra_env.autopause.network_watch import NetworkWatch
from jupyter_terra_env.autopause.observation import RateLimitedSource, WorkSource
from jupyter_terra_env.autopause.process_watch import ProcessLimits, ProcessWatch
from jupyter_terra_env.autopause.unobservable import NETWORK, PROCESSES
from jupyter_terra_env.server.activity.kernel_watch import KernelWatch
from jupyter_terra_env.server.autopause.settings import AutopauseSettings
from jupyter_terra_env.server.autopause.work_sources import Terminals


def measured_sources(
    settings: AutopauseSettings,
    kernels: KernelWatch,
    terminals: Terminals,
    *,
    marks: Mapping[str, str],
    not_observed: Collection[str],
) -> list[WorkSource]:
    """The sources of work that measure a load: processes, graphics cards, the network.

    Args:
        settings: the settings of autopause.
        kernels: the kernels.
        terminals: the terminals.
        marks: variables that the processes of this server have inherited.
        not_observed: what this system does not let autopause observe, see ``unobservable``.
    """
    measured: list[WorkSource] = [_process_watch(settings, kernels, terminals, marks, not_observed)]
    command = shutil.which("nvidia-smi")
    if command is not None and settings.gpu_active_percent > 0:
        measured.append(
            GpuWatch(
                Path(command),
                monotonic=time.monotonic,
                active_percent=settings.gpu_active_percent,
                work_samples=settings.work_samples,
            )
        )
    if settings.net_active_bytes_per_second > 0 and NETWORK not in not_observed:
        measured.append(
            NetworkWatch(
                monotonic=time.monotonic,
                active_bytes_per_second=settings.net_active_bytes_per_second,
                work_samples=settings.work_samples,
            )
        )
    return [
        RateLimitedSource(source, between_seconds=settings.tick_seconds / 2, monotonic=time.monotonic)
        for source in measured
    ]


def _process_watch(
    settings: AutopauseSettings,
    kernels: KernelWatch,
    terminals: Terminals,
    marks: Mapping[str, str],
    not_observed: Collection[str],
) -> ProcessWatch:
    limits = ProcessLimits(
        terminal_jobs=settings.terminal_jobs,
        active_cores=settings.cpu_active_cores,
        work_samples=settings.work_samples,
        server_only=settings.process_scope == "server",
        scans=PROCESSES not in not_observed,
    )
    return ProcessWatch(
        monotonic=time.monotonic,
        limits=limits,
        kernels=kernels.roots,
        busy_kernels=kernels.busy_ids,
        terminals=terminals.shells,
        marks=marks,
    )
