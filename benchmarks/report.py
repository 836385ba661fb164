"""Results as a Markdown table, with the targets and whether they are met."""

from collections.abc import Iterable, Sequence

from benchmarks.measuring import Result

Pair = dict[str, Result]


def missed_counts(results: Iterable[Pair]) -> list[str]:
    """Operations that sent more requests than their target allows."""
    return [
        pair["ours"].operation.name
        for pair in results
        if pair["ours"].operation.most_requests is not None
        and pair["ours"].requests > pair["ours"].operation.most_requests
    ]


def requests_table(results: Sequence[Pair]) -> str:
    """Requests, bytes and times."""
    head = (
        "operation",
        "requests",
        "target",
        "",
        "KB up",
        "KB down",
        "ms",
        "ms, stock",
        "loop held, ms",
        "loop held, stock",
        "which requests",
    )
    return table(head, [_requests_row(pair) for pair in results])


def large_table(results: Sequence[Pair]) -> str:
    """Times, the event loop and memory."""
    head = (
        "operation",
        "requests",
        "ms",
        "ms, stock",
        "loop held, ms",
        "target",
        "",
        "loop held, stock",
        "peak RSS, MB (growth)",
        "stock",
    )
    return table(head, [_large_row(pair) for pair in results])


def _requests_row(pair: Pair) -> list[str]:
    ours, stock, target = pair["ours"], pair["stock"], pair["ours"].operation.most_requests
    return [
        ours.operation.name,
        str(ours.requests),
        "" if target is None else f"≤ {target}",
        _mark(ours.requests, target),
        f"{ours.p50('bytes_up') / 1000:,.1f}",
        f"{ours.p50('bytes_down') / 1000:,.1f}",
        f"{ours.p50('ms'):.0f}",
        f"{stock.p50('ms'):.0f}",
        f"{ours.longest_gap_ms:.0f}",
        f"{stock.longest_gap_ms:.0f}",
        ", ".join(kind if times == 1 else f"{times} {kind}" for kind, times in ours.kinds.items()),
    ]


def _large_row(pair: Pair) -> list[str]:
    ours, stock, target = pair["ours"], pair["stock"], pair["ours"].operation.longest_gap_ms
    return [
        ours.operation.name,
        str(ours.requests),
        f"{ours.p50('ms'):.0f}",
        f"{stock.p50('ms'):.0f}",
        f"{ours.longest_gap_ms:.0f}",
        "" if target is None else f"≤ {target:.0f}",
        _mark(ours.longest_gap_ms, target),
        f"{stock.longest_gap_ms:.0f}",
        f"{ours.p50('peak_rss_mb'):.0f} ({ours.p50('grown_mb'):+.0f})",
        f"{stock.p50('peak_rss_mb'):.0f} ({stock.p50('grown_mb'):+.0f})",
    ]


def _mark(value: float, target: float | None) -> str:
    if target is None:
        return ""
    return "✓" if value <= target else "✗"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
