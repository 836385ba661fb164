"""Prices of Compute Engine by region, in US dollars: dated, and open to a newer table.

The figures are in ``environment/prices.json``. A price that is not there is not known, which is not the same as free.
Disks are per gigabyte and month, the rest per hour.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from jupyter_terra_env.rules.errors import SettingsError

FAMILIES = ("e2", "n2", "n2d", "c3")
"""Families besides N1, whose columns are ``cpu`` and ``ram``, as they have always been."""
COLUMNS = (
    "disk-standard", "disk-ssd", "disk-balanced", "cpu", "ram", "cpu-preemptible", "ram-preemptible",
    "t4", "p4", "k80", "v100", "p100", *(f"{family}-{part}" for family in FAMILIES for part in ("cpu", "ram")),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """What things cost.

    Attributes:
        dated: when these prices were read.
        external_ip: an address for an hour, US dollars.
        regions: by region in lower case, then by column; None for a price that is not known.
        machines: by region in lower case, then by machine type: whole machines with their graphics cards.
    """

    dated: str
    external_ip: Decimal | None
    regions: Mapping[str, Mapping[str, Decimal | None]]
    machines: Mapping[str, Mapping[str, Decimal | None]] = field(default_factory=dict)

    def price(self, region: str, column: str) -> Decimal | None:
        """One price, or None when it is not known."""
        return self.regions.get(region.lower(), {}).get(column)

    def machine(self, region: str, machine_type: str) -> Decimal | None:
        """The price of a whole machine with its graphics cards, or None when it is not known."""
        return self.machines.get(region.lower(), {}).get(machine_type)


NO_PRICES = PriceTable(dated="", external_ip=None, regions={})


def overridden(table: PriceTable, record: Any, *, setting: str) -> PriceTable:
    """A table with newer prices in it.

    Args:
        table: the prices that stand where the record says nothing.
        record: ``{"dated": TEXT, "external-ip": PRICE, "regions": {REGION: {COLUMN: PRICE}}, "machines": {REGION:
            {TYPE: PRICE}}}``, all optional but the date; a price is a text such as ``"0.031611"``, or null for not
            known.
        setting: where the record came from, for the error's text.

    Raises:
        SettingsError: the record is not of this shape.
    """
    if not isinstance(record, Mapping) or not isinstance(record.get("dated"), str):
        raise SettingsError(f"{setting}: expected an object with the date of its prices under the key 'dated'.")
    given = _rows(record, "regions", setting)
    for row in given.values():
        unknown = sorted(set(row) - set(COLUMNS))
        if unknown:
            raise SettingsError(f"{setting}: unknown price {unknown[0]!r}; known are {', '.join(COLUMNS)}.")
    external_ip = _read(record["external-ip"], setting) if "external-ip" in record else table.external_ip
    return PriceTable(
        dated=record["dated"],
        external_ip=external_ip,
        regions=_merged(table.regions, given, setting),
        machines=_merged(table.machines, _rows(record, "machines", setting), setting),
    )


def _rows(record: Mapping[str, Any], key: str, setting: str) -> Mapping[str, Mapping[str, Any]]:
    given = record.get(key, {})
    if not isinstance(given, Mapping) or not all(isinstance(row, Mapping) for row in given.values()):
        raise SettingsError(f"{setting}: {key!r} must map regions to prices.")
    return given


def _merged(
    older: Mapping[str, Mapping[str, Decimal | None]], given: Mapping[str, Mapping[str, Any]], setting: str
) -> Mapping[str, Mapping[str, Decimal | None]]:
    merged = dict(older)
    for region, row in given.items():
        read = {name: _read(price, setting) for name, price in row.items()}
        merged[region.lower()] = {**merged.get(region.lower(), {}), **read}
    return merged


def _read(price: Any, setting: str) -> Decimal | None:
    if price is None:
        return None
    # A JSON number has been through binary arithmetic already: prices are texts.
    try:
        read = Decimal(price) if isinstance(price, str) else None
    except InvalidOperation:
        read = None
    if read is None or not read.is_finite() or read < 0:
        raise SettingsError(f'{setting}: expected a price as a text such as "0.031611", got {price!r}.')
    return read
