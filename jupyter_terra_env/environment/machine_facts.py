"""The facts about this machine that determine its cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from jupyter_terra_env.rules.autopause.cost import Machine, region_of_zone


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceName:
    """The name of a machine.

    Attributes:
        project: its project's id.
        zone: its zone, for example ``us-central1-a``.
        name: its name.
    """

    project: str
    zone: str
    name: str


class Metadata(Protocol):
    """The port to the metadata server."""

    async def get(self, path: str) -> str | None:
        """Return a key's value."""


async def instance_name(metadata: Metadata) -> InstanceName | None:
    """Return this machine's name, or None if the metadata server does not say.

    Raises:
        ConnectionError: it does not answer.
    """
    project = await metadata.get("project/project-id")
    zone = await metadata.get("instance/zone")
    name = await metadata.get("instance/name")
    if not project or not zone or not name:
        return None
    return InstanceName(project=project, zone=_last(zone), name=name)


async def machine_of_metadata(metadata: Metadata, *, boot_disk_gb: int | None) -> Machine:
    """Return what the metadata server says about the machine. It says nothing about disks and graphics cards.

    Args:
        metadata: the metadata server.
        boot_disk_gb: size of the boot disk, if it is configured.

    Raises:
        ConnectionError: it does not answer.
    """
    machine_type = await metadata.get("instance/machine-type")
    zone = await metadata.get("instance/zone")
    preemptible = await metadata.get("instance/scheduling/preemptible")
    address = await metadata.get("instance/network-interfaces/0/access-configs/0/external-ip")
    return Machine(
        machine_type=None if machine_type is None else _last(machine_type),
        region=None if zone is None else region_of_zone(_last(zone)),
        boot_disk_gb=boot_disk_gb,
        preemptible=preemptible == "TRUE",
        external_ips=1 if address else 0,
    )


def machine_of_leonardo(known: Machine, configuration: Mapping[str, Any]) -> Machine:
    """Add the facts of Leonardo's ``runtimeConfig`` to those known already.

    Args:
        known: the facts known already.
        configuration: the runtime's ``runtimeConfig``.
    """
    gpus, zone, boot = (configuration.get(key) for key in ("gpuConfig", "zone", "bootDiskSize"))
    cards = gpus if isinstance(gpus, Mapping) else {}
    machine_type = configuration.get("machineType")
    return Machine(
        machine_type=machine_type if isinstance(machine_type, str) else known.machine_type,
        region=region_of_zone(zone) if isinstance(zone, str) else known.region,
        boot_disk_gb=boot if isinstance(boot, int) and boot > 0 else known.boot_disk_gb,
        gpu_type=str(cards["gpuType"]) if "gpuType" in cards else known.gpu_type,
        gpu_count=_count(cards.get("numOfGpus"), known.gpu_count),
        preemptible=known.preemptible,
        external_ips=known.external_ips,
    )


def _count(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) and value >= 0 else otherwise


def _last(path: str) -> str:
    """The last part of a resource's name."""
    return path.rpartition("/")[2]
