"""What an environment costs while it runs and while it is paused. Exact decimals; what is not known is not free.

Source of the formulas: DataBiosphere/terra-ui, ``cost-utils.ts``. Deviations, each for honesty: an unknown machine,
region or graphics card makes the cost unknown instead of smaller, preemptible machines have their own prices, and the
external address is counted where there is one.
"""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from jupyter_terra_env.rules.autopause.machine_types import machine_size
from jupyter_terra_env.rules.autopause.prices import PriceTable

HOURS_PER_MONTH = Decimal(730)
_CENT = Decimal("0.01")
_ACCELERATOR = re.compile(r"(?:nvidia-)?tesla-(t4|p4|k80|v100|p100)")
_DISK_COLUMNS = {"pd-standard": "disk-standard", "pd-ssd": "disk-ssd", "pd-balanced": "disk-balanced"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What there is to pay for.

    Attributes:
        machine_type: for example ``n1-standard-4``; None when it is not known.
        region: for example ``us-central1``; None when it is not known.
        boot_disk_gb: size of the boot disk; None when it is not known.
        gpu_type: for example ``nvidia-tesla-t4``; None for none.
        gpu_count: how many of them.
        preemptible: whether the machine is a preemptible one.
        external_ips: how many external addresses it has.
    """

    machine_type: str | None
    region: str | None
    boot_disk_gb: int | None
    gpu_type: str | None = None
    gpu_count: int = 0
    preemptible: bool = False
    external_ips: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """US dollars per hour; None for not known.

    Attributes:
        running: while the machine runs.
        paused: while it is paused: its boot disk.
    """

    running: Decimal | None
    paused: Decimal | None


def cost_of(machine: Machine, prices: PriceTable) -> Cost:
    """What a machine costs per hour. Persistent disks cost apart, running or not.

    Args:
        machine: what there is to pay for.
        prices: what things cost.
    """
    disk = disk_per_month("pd-standard", machine.boot_disk_gb, machine.region, prices)
    computing = _computing(machine, prices)
    # Divided once, at the end: everything before is exact.
    running = None if computing is None or disk is None else (computing * HOURS_PER_MONTH + disk) / HOURS_PER_MONTH
    return Cost(running=running, paused=None if disk is None else disk / HOURS_PER_MONTH)


def disk_per_month(disk_type: str, size_gb: int | None, region: str | None, prices: PriceTable) -> Decimal | None:
    """What a disk costs per month, US dollars; None for not known.

    Args:
        disk_type: ``pd-standard``, ``pd-balanced`` or ``pd-ssd``.
        size_gb: its size; None when it is not known.
        region: where it is; None when it is not known.
        prices: what things cost.
    """
    column = _DISK_COLUMNS.get(disk_type)
    if column is None or size_gb is None or region is None:
        return None
    return _times(prices.price(region, column), Decimal(size_gb))


def region_of_zone(zone: str) -> str:
    """Region of a zone: ``us-central1-a`` is in ``us-central1``."""
    return zone.rpartition("-")[0].lower()


def in_dollars(amount: Decimal | None) -> str:
    """An amount as Terra shows it: ``$1.25``, ``< $0.01``, or ``unknown``."""
    if amount is None:
        return "unknown"
    if 0 < amount < _CENT:
        return "< $0.01"
    return f"${amount.quantize(_CENT, rounding=ROUND_HALF_UP):,}"


def _computing(machine: Machine, prices: PriceTable) -> Decimal | None:
    """Processors, memory, graphics cards and addresses, per hour."""
    if machine.machine_type is None or machine.region is None:
        return None
    addresses = _times(prices.external_ip, Decimal(machine.external_ips))
    whole = prices.machine(machine.region, machine.machine_type)
    if whole is not None:
        # It has its graphics cards in it; what a preemptible one costs is not known.
        return None if machine.preemptible or addresses is None else whole + addresses
    parts = [*_size(machine.machine_type, machine, prices), _gpus(machine, machine.region, prices), addresses]
    known = [part for part in parts if part is not None]
    return sum(known, Decimal(0)) if len(known) == len(parts) else None


def _size(machine_type: str, machine: Machine, prices: PriceTable) -> list[Decimal | None]:
    """Processors and memory."""
    size = machine_size(machine_type)
    if size is None or machine.region is None:
        return [None]
    of_family = "" if size.family == "n1" else f"{size.family}-"
    kind = "-preemptible" if machine.preemptible else ""
    return [
        _times(prices.price(machine.region, f"{of_family}{part}{kind}"), amount)
        for part, amount in (("cpu", size.cpus), ("ram", size.ram_gb))
    ]


def _gpus(machine: Machine, region: str, prices: PriceTable) -> Decimal | None:
    if machine.gpu_count == 0:
        return Decimal(0)
    matched = _ACCELERATOR.fullmatch(machine.gpu_type or "")
    if matched is None:
        return None
    return _times(prices.price(region, matched[1]), Decimal(machine.gpu_count))


def _times(price: Decimal | None, amount: Decimal) -> Decimal | None:
    # None of a thing costs nothing at any price.
    if amount == 0:
        return Decimal(0)
    return None if price is None else price * amount
