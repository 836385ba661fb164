"""Prices of Compute Engine by region, in US dollars, as Terra shows them; dated, and open to a newer table.

Source: DataBiosphere/terra-ui, ``gce-machines.ts``, as of autumn 2026. ``-`` is a price that is not known, which is
not the same as free. Disks are per gigabyte and month, the rest per hour.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from jupyter_terra_env.rules.errors import SettingsError

UNKNOWN = "-"
COLUMNS = (
    "disk-standard", "disk-ssd", "disk-balanced", "cpu", "ram", "cpu-preemptible", "ram-preemptible",
    "t4", "p4", "k80", "v100", "p100",
)  # fmt: skip
_DATED = "2026-09"
_EXTERNAL_IP = Decimal("0.004")
_TABLE = """
ASIA-EAST1                0.04  0.17   0.1   0.036602   0.004906    0.00732   0.000981   0.35      -   0.49  2.48   1.6
ASIA-EAST2              0.0498 0.187  0.11   0.044231   0.005928   0.004433   0.000597      -      -      -     -     -
ASIA-NORTHEAST1          0.052 0.221  0.13   0.040618   0.005419    0.00883   0.001178   0.37      -      -     -     -
ASIA-NORTHEAST2          0.052 0.221  0.13   0.040618   0.005419    0.00883   0.001178   0.37   0.65      -     -   1.6
ASIA-NORTHEAST3          0.052 0.221  0.13   0.040618   0.005419    0.00883   0.001178   0.37   0.65      -     -   1.6
ASIA-SOUTH1              0.048 0.204  0.12    0.03797   0.005088   0.006655   0.000892   0.41      -      -     -     -
ASIA-SOUTHEAST1          0.044 0.187  0.11   0.038999   0.005226     0.0078    0.00105   0.37   0.65      -     -     -
ASIA-SOUTHEAST2          0.052 0.221  0.13 0.04250891 0.00569634   0.008502  0.0011445 0.4033 0.7085 0.5559     - 1.744
AUSTRALIA-SOUTHEAST1     0.054  0.23 0.135   0.044856   0.006011    0.00898     0.0012   0.44   0.65      -     -   1.6
EUROPE-NORTH1            0.044 0.187  0.11   0.034806   0.004664    0.00732   0.000981      -      -      -     -     -
EUROPE-WEST1              0.04  0.17   0.1   0.034773   0.004661   0.007321   0.000981   0.35      -   0.49     -   1.6
EUROPE-WEST2             0.048 0.204  0.12    0.04073   0.005458    0.00815    0.00109   0.41      -      -     -     -
EUROPE-WEST3             0.048 0.204  0.12    0.04073   0.005458    0.00815    0.00109   0.41      -      -     -     -
EUROPE-WEST4             0.044 0.187  0.11   0.034802   0.004664   0.007325   0.000987   0.35   0.65      -  2.55   1.6
EUROPE-WEST6             0.052 0.221  0.13   0.044231   0.005928   0.009309   0.001254   0.45   0.84   0.63 3.472 2.044
NORTHAMERICA-NORTHEAST1  0.044 0.187  0.11   0.034802   0.004664   0.007325   0.000987  0.385   0.65      -     -     -
SOUTHAMERICA-EAST1        0.06 0.255  0.15    0.05018   0.006725    0.00478   0.000641   0.48      -      -     -     -
US-CENTRAL1               0.04  0.17   0.1   0.031611   0.004237   0.006655   0.000892   0.35    0.6   0.45  2.48  1.46
US-EAST1                  0.04  0.17   0.1   0.031611   0.004237   0.006655   0.000892   0.35    0.6   0.45  2.48  1.46
US-EAST4                 0.044 0.187  0.11   0.035605   0.004771 0.00712085 0.00095444   0.35    0.6      -     -     -
US-WEST1                  0.04  0.17   0.1   0.031611   0.004237   0.006655   0.000892   0.35    0.6   0.45  2.48  1.46
US-WEST2                 0.048 0.204  0.12    0.03797   0.005089   0.007986   0.001076   0.41   0.72   0.54     -     -
US-WEST3                 0.048 0.204  0.12    0.03797   0.005089   0.007986   0.001076   0.41   0.72   0.54 2.976 1.752
US-WEST4                 0.044 0.187  0.11   0.035605   0.004771   0.003391   0.000454   0.37    0.6   0.48  2.48  1.46
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """What things cost.

    Attributes:
        dated: when these prices were read.
        external_ip: an address for an hour, US dollars.
        regions: by region in lower case, then by column; None for a price that is not known.
    """

    dated: str
    external_ip: Decimal | None
    regions: Mapping[str, Mapping[str, Decimal | None]]

    def price(self, region: str, column: str) -> Decimal | None:
        """One price, or None when it is not known."""
        return self.regions.get(region.lower(), {}).get(column)


def built_in() -> PriceTable:
    """The table that comes with this package."""
    rows = (line.split() for line in _TABLE.strip().splitlines())
    regions = {
        name.lower(): {
            column: None if cell == UNKNOWN else Decimal(cell) for column, cell in zip(COLUMNS, cells, strict=True)
        }
        for name, *cells in rows
    }
    return PriceTable(dated=_DATED, external_ip=_EXTERNAL_IP, regions=regions)


def overridden(table: PriceTable, record: Any, *, setting: str) -> PriceTable:
    """A table with newer prices in it.

    Args:
        table: the prices that stand where the record says nothing.
        record: ``{"dated": TEXT, "external-ip": PRICE, "regions": {REGION: {COLUMN: PRICE}}}``, all optional but the
            date; a price is a text such as ``"0.031611"``, or null for not known.
        setting: where the record came from, for the error's text.

    Raises:
        SettingsError: the record is not of this shape.
    """
    if not isinstance(record, Mapping) or not isinstance(record.get("dated"), str):
        raise SettingsError(f"{setting}: expected an object with the date of its prices under the key 'dated'.")
    given = record.get("regions", {})
    if not isinstance(given, Mapping) or not all(isinstance(row, Mapping) for row in given.values()):
        raise SettingsError(f"{setting}: 'regions' must map regions to prices.")
    regions = dict(table.regions)
    for region, row in given.items():
        unknown = sorted(set(row) - set(COLUMNS))
        if unknown:
            raise SettingsError(f"{setting}: unknown price {unknown[0]!r}; known are {', '.join(COLUMNS)}.")
        read = {column: _read(price, setting) for column, price in row.items()}
        regions[region.lower()] = {**regions.get(region.lower(), dict.fromkeys(COLUMNS)), **read}
    external_ip = _read(record["external-ip"], setting) if "external-ip" in record else table.external_ip
    return PriceTable(dated=record["dated"], external_ip=external_ip, regions=regions)


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
