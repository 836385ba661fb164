"""How to reach buckets: plain values, so that naming them does not import the client library."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How to reach buckets.

    Attributes:
        embedded_directory: data folder of the embedded bucket, used in this process; None for Cloud Storage.
        concurrency: requests at once, and so connections kept.
        read_timeout_seconds: longest silence of the service within a request.
        retry_deadline_seconds: how long reads are repeated before they fail.
    """

    embedded_directory: Path | None = None
    concurrency: int = 8
    read_timeout_seconds: float = 30.0
    retry_deadline_seconds: float = 8.0
