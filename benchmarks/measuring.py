"""Measuring operations on several servers in turn, so that what else the machine does falls on all of them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from statistics import median
from time import perf_counter, sleep
from typing import Any

from benchmarks.counting_proxy import CountingProxy, Tally
from benchmarks.operations import Operation
from benchmarks.servers import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One operation, once."""

    ms: float
    requests: int
    kinds: dict[str, int]
    bytes_up: int
    bytes_down: int
    longest_gap_ms: float
    peak_rss_mb: float
    grown_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One operation on one server, over all rounds."""

    operation: Operation
    samples: tuple[Sample, ...]

    @property
    def requests(self) -> int:
        """The most requests of any round."""
        return max(sample.requests for sample in self.samples)

    @property
    def longest_gap_ms(self) -> float:
        """The longest gap of the event loop in the median round."""
        return self.p50("longest_gap_ms")

    @property
    def kinds(self) -> Counter[str]:
        """The requests of the round that had the most."""
        return Counter(max(self.samples, key=lambda sample: sample.requests).kinds)

    def p50(self, field: str) -> float:
        """The median of a field of the samples."""
        return median(getattr(sample, field) for sample in self.samples)

    def as_json(self) -> dict[str, Any]:
        """All samples."""
        return {"operation": self.operation.name, "samples": [asdict(sample) for sample in self.samples]}


def measure(
    operations: Iterable[Operation],
    clients: tuple[Client, ...],
    proxies: Mapping[str, CountingProxy],
    *,
    rounds: int,
    on_result: Callable[[str], None],
) -> Iterator[dict[str, Result]]:
    """Do each operation on each server, round by round.

    Args:
        operations: what to do, in order.
        clients: the servers.
        proxies: what counts the requests to the bucket, by the server's name; those without send none.
        rounds: how often.
        on_result: called with the name of each finished operation.

    Yields:
        For each operation the results by the server's name.
    """
    for operation in operations:
        samples: dict[str, list[Sample]] = {client.name: [] for client in clients}
        for number in range(min(rounds, operation.rounds or rounds)):
            for client in clients:
                samples[client.name].append(_once(operation, client, proxies.get(client.name), number))
        on_result(operation.name)
        yield {name: Result(operation=operation, samples=tuple(taken)) for name, taken in samples.items()}


def _once(operation: Operation, client: Client, proxy: CountingProxy | None, number: int) -> Sample:
    act = operation.prepare(client, number)
    _counted(proxy)
    before = client.loop()
    start = perf_counter()
    act()
    ms = (perf_counter() - start) * 1000
    if operation.notebook is not None:
        client.settle(operation.notebook(number))
    tally = _counted(proxy)
    after = client.loop()
    return Sample(
        ms=ms,
        requests=tally.requests,
        kinds=dict(tally.kinds),
        bytes_up=tally.bytes_up,
        bytes_down=tally.bytes_down,
        longest_gap_ms=after["longest_gap_ms"],
        peak_rss_mb=after["peak_rss_mb"],
        grown_mb=after["peak_rss_mb"] - before["rss_mb"],
    )


def _counted(proxy: CountingProxy | None) -> Tally:
    """What was counted when nothing is under way to the bucket, and nothing follows at once."""
    sleep(0.02)
    if proxy is None:
        return Tally()
    while proxy.in_flight:
        sleep(0.02)
    return proxy.take()
