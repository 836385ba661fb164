"""Machine types of Compute Engine: how many processors and how much memory each is billed for.

Source: Compute Engine's documentation, "General-purpose machine family".
"""

from dataclasses import dataclass
from decimal import Decimal

_N1 = (1, 2, 4, 8, 16, 32, 64, 96)
_N2 = (2, 4, 8, 16, 32, 48, 64, 80)
_C3 = (4, 8, 22, 44, 88, 176)
_SIZES: dict[tuple[str, str], tuple[str, tuple[int, ...]]] = {
    ("n1", "standard"): ("3.75", _N1),
    ("n1", "highmem"): ("6.5", _N1),
    ("n1", "highcpu"): ("0.9", _N1),
    ("e2", "standard"): ("4", (2, 4, 8, 16, 32)),
    ("e2", "highmem"): ("8", (2, 4, 8, 16)),
    ("e2", "highcpu"): ("1", (2, 4, 8, 16, 32)),
    ("n2", "standard"): ("4", (*_N2, 96, 128)),
    ("n2", "highmem"): ("8", _N2),
    ("n2", "highcpu"): ("1", (*_N2, 96)),
    ("n2d", "standard"): ("4", (*_N2, 96, 128, 224)),
    ("n2d", "highmem"): ("8", (*_N2, 96)),
    ("n2d", "highcpu"): ("1", (*_N2, 96, 128, 224)),
    ("c3", "standard"): ("4", _C3),
    ("c3", "highmem"): ("8", _C3),
    ("c3", "highcpu"): ("2", _C3),
}
"""Gigabytes of memory for each processor, and the sizes there are."""
_SHARED = {"e2-micro": ("0.25", "1"), "e2-small": ("0.5", "2"), "e2-medium": ("1", "4")}
"""Processors that are billed, and gigabytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSize:
    """What a machine is billed for.

    Attributes:
        family: for example ``n1``.
        cpus: processors; a part of one on a shared core.
        ram_gb: memory.
    """

    family: str
    cpus: Decimal
    ram_gb: Decimal


def machine_size(machine_type: str) -> MachineSize | None:
    """The size of a machine type, or None for one that is not known here."""
    if machine_type in _SHARED:
        cpus, ram = _SHARED[machine_type]
        return MachineSize(family=machine_type.partition("-")[0], cpus=Decimal(cpus), ram_gb=Decimal(ram))
    family, _, rest = machine_type.partition("-")
    kind, _, number = rest.partition("-")
    ram_per_cpu, sizes = _SIZES.get((family, kind), ("0", ()))
    size = next((size for size in sizes if str(size) == number), None)
    if size is None:
        return None
    return MachineSize(family=family, cpus=Decimal(size), ram_gb=size * Decimal(ram_per_cpu))
