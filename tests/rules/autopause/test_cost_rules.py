"""Golden values of Terra's own tests and tables; what is not known is not free."""

from decimal import Decimal

import pytest

from jupyter_terra_env.environment.price_file import built_in
from jupyter_terra_env.rules.autopause.cost import Machine, cost_of, disk_per_month, in_dollars, region_of_zone
from jupyter_terra_env.rules.autopause.prices import overridden
from jupyter_terra_env.rules.errors import SettingsError

PRICES = built_in()


def machine(machine_type="n1-standard-4", boot=250, **more):
    return Machine(**{"machine_type": machine_type, "region": "us-central1", "boot_disk_gb": boot, **more})


def rounded(amount):
    return str(amount.quantize(Decimal("0.000001")))


@pytest.mark.parametrize(
    ("machine_type", "boot", "gpus", "running", "paused"),
    [
        ("n1-standard-1", 100, 0, "0.052979", "0.005479"),
        ("n1-standard-1", 500, 0, "0.074897", "0.027397"),
        ("n1-standard-4", 250, 0, "0.203698", "0.013699"),
        ("n1-standard-4", 250, 1, "0.553698", "0.013699"),
        ("n1-highmem-8", 250, 0, "0.486911", "0.013699"),
        ("n1-standard-16", 250, 0, "0.773695", "0.013699"),
    ],
)
def test_golden_values(machine_type, boot, gpus, running, paused):
    cost = cost_of(machine(machine_type, boot, gpu_type="nvidia-tesla-t4" if gpus else None, gpu_count=gpus), PRICES)
    assert rounded(cost.running) == running
    assert rounded(cost.paused) == paused


@pytest.mark.parametrize(
    ("machine_type", "hour"),
    [
        ("e2-standard-4", "0.134012"),
        ("e2-medium", "0.033503"),
        ("e2-highmem-8", "0.361560"),
        ("n2-standard-4", "0.194236"),
        ("n2-highcpu-8", "0.286784"),
        ("n2d-standard-4", "0.168984"),
        ("c3-standard-4", "0.201608"),
        ("c3-highcpu-8", "0.340208"),
        ("a2-highgpu-1g", "3.673385"),
        ("g2-standard-4", "0.706832276"),
    ],
)
def test_families_of_today(machine_type, hour):
    cost = cost_of(machine(machine_type, 0), PRICES)
    assert cost.running == Decimal(hour)


def test_a_whole_machine_has_its_graphics_cards_in_it():
    with_card = machine("g2-standard-8", 0, gpu_type="nvidia-l4", gpu_count=1)
    assert cost_of(with_card, PRICES).running == Decimal("0.853624312")


def test_what_terra_shows_for_the_first_two():
    small, large = (cost_of(machine("n1-standard-1", boot), PRICES) for boot in (100, 500))
    assert [in_dollars(amount) for amount in (small.running, small.paused)] == ["$0.05", "< $0.01"]
    assert [in_dollars(amount) for amount in (large.running, large.paused)] == ["$0.07", "$0.03"]


def test_the_external_address_is_counted_where_there_is_one():
    without = cost_of(machine("n1-standard-1", 500), PRICES).running
    having = cost_of(machine("n1-standard-1", 500, external_ips=1), PRICES).running
    assert having - without == Decimal("0.004")
    assert in_dollars(having) == "$0.08"


@pytest.mark.parametrize(
    ("disk_type", "size", "month"),
    [
        ("pd-standard", 50, "2.00"),
        ("pd-balanced", 50, "5.00"),
        ("pd-ssd", 50, "8.50"),
        ("pd-standard", 500, "20.00"),
        ("pd-standard", 250, "10.00"),
    ],
)
def test_a_disk_per_month_exactly(disk_type, size, month):
    amount = disk_per_month(disk_type, size, "us-central1", PRICES)
    assert amount == Decimal(month)
    assert in_dollars(amount) == f"${month}"


@pytest.mark.parametrize(
    "change",
    [
        {"machine_type": "m3-ultramem-32"},
        {"machine_type": "n2-custom-4-16384"},
        {"machine_type": "n2-highmem-128"},
        {"machine_type": "n2-standard-4", "region": "europe-west1"},
        {"machine_type": "e2-standard-4", "preemptible": True},
        {"machine_type": "g2-standard-8", "preemptible": True},
        {"machine_type": "g2-standard-24"},
        {"machine_type": "n1-standard-3"},
        {"machine_type": None},
        {"region": "mars-north1"},
        {"region": None},
        {"boot_disk_gb": None},
        {"gpu_type": "nvidia-tesla-a100", "gpu_count": 1},
        {"gpu_type": None, "gpu_count": 1},
        {"region": "europe-north1", "gpu_type": "nvidia-tesla-t4", "gpu_count": 1},
        {"region": "asia-northeast2", "gpu_type": "nvidia-tesla-v100", "gpu_count": 1},
    ],
)
def test_what_is_not_known_makes_the_cost_unknown_and_not_smaller(change):
    cost = cost_of(
        Machine(**{"machine_type": "n1-standard-4", "region": "us-central1", "boot_disk_gb": 250, **change}), PRICES
    )
    assert cost.running is None
    assert in_dollars(cost.running) == "unknown"


def test_an_unknown_card_price_does_not_matter_without_a_card():
    assert cost_of(machine(region="europe-north1"), PRICES).running is not None


def test_a_preemptible_machine_has_its_own_price():
    cost = cost_of(machine(preemptible=True), PRICES)
    expected = 4 * Decimal("0.006655") + 15 * Decimal("0.000892") + Decimal(10) / 730
    assert rounded(cost.running) == rounded(expected)


def test_regions_are_found_in_any_case_and_from_a_zone():
    assert cost_of(machine(region="US-CENTRAL1"), PRICES) == cost_of(machine(), PRICES)
    assert region_of_zone("us-central1-a") == "us-central1"
    assert region_of_zone("NORTHAMERICA-NORTHEAST1-B") == "northamerica-northeast1"


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("0", "$0.00"), ("0.0049", "< $0.01"), ("0.01", "$0.01"), ("0.125", "$0.13"), ("1234.5", "$1,234.50")],
)
def test_dollars(amount, shown):
    assert in_dollars(Decimal(amount)) == shown


def test_the_table_is_whole_and_dated():
    assert len(PRICES.regions) == 24
    assert PRICES.dated
    assert PRICES.price("asia-east2", "cpu") == Decimal("0.044231")
    assert PRICES.price("us-west4", "ram-preemptible") == Decimal("0.000454")
    assert PRICES.price("asia-southeast2", "v100") is None


class TestOverrides:
    def test_newer_prices_replace_older_ones(self):
        table = overridden(
            PRICES,
            {"dated": "2027-01", "regions": {"US-CENTRAL1": {"cpu": "0.05", "t4": None}, "moon1": {"cpu": "1"}}},
            setting="price_table",
        )
        assert table.dated == "2027-01"
        assert table.price("us-central1", "cpu") == Decimal("0.05")
        assert table.price("us-central1", "ram") == Decimal("0.004237")
        assert table.price("us-central1", "t4") is None
        assert table.price("moon1", "cpu") == 1
        assert table.price("moon1", "ram") is None

    def test_whole_machines_are_replaced_and_added(self):
        table = overridden(
            PRICES,
            {"dated": "2027-01", "machines": {"US-CENTRAL1": {"g2-standard-4": "0.5"}, "moon1": {"x": "1"}}},
            setting="price_table",
        )
        assert table.machine("us-central1", "g2-standard-4") == Decimal("0.5")
        assert table.machine("us-central1", "a2-highgpu-1g") == Decimal("3.673385")
        assert table.machine("moon1", "x") == 1

    @pytest.mark.parametrize(
        "record",
        [
            {"dated": "x", "machines": []},
            [],
            {},
            {"dated": 5},
            {"dated": "x", "regions": []},
            {"dated": "x", "regions": {"a": []}},
            {"dated": "x", "regions": {"a": {"cpuu": "1"}}},
            {"dated": "x", "regions": {"a": {"cpu": 0.1}}},
            {"dated": "x", "regions": {"a": {"cpu": "-1"}}},
            {"dated": "x", "regions": {"a": {"cpu": "NaN"}}},
            {"dated": "x", "external-ip": "cheap"},
        ],
    )
    def test_a_wrong_table_ends_the_start(self, record):
        with pytest.raises(SettingsError, match="price_table"):
            overridden(PRICES, record, setting="price_table")
