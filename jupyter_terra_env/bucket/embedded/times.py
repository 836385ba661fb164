"""Moments as the database keeps them (µs since the epoch) and as the API writes them (RFC 3339)."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    """Return an aware moment as µs since the epoch, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def rfc3339(moment_us: int) -> str:
    """Return a moment as the API does: UTC, milliseconds, Z."""
    moment = _EPOCH + timedelta(microseconds=moment_us)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
